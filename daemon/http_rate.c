#include "daemon/http_rate.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SETS 4096
#define WAYS 4
#define LOCKS 64

struct bucket {
    uint64_t client;
    double tokens;
    double at; /* when `tokens` was right; 0 = free */
};

struct rate {
    double per_second, depth;
    uint64_t seed; /* so that clients can't choose to meet in one set */
    pthread_mutex_t locks[LOCKS];
    struct bucket buckets[SETS][WAYS];
};

int rate_open(struct rate **out, double per_second, struct error *err)
{
    struct rate *rate = calloc(1, sizeof *rate);
    if (rate == NULL)
        return error_memory(err, "the table of clients");
    rate->per_second = per_second;
    rate->depth = per_second > 1 ? per_second : 1;
    if (getrandom(&rate->seed, sizeof rate->seed, GRND_NONBLOCK) != sizeof rate->seed)
        rate->seed = (uint64_t)(uintptr_t)rate;
    for (unsigned i = 0; i < LOCKS; i++)
        (void)pthread_mutex_init(&rate->locks[i], NULL);
    *out = rate;
    return 0;
}

void rate_close(struct rate *rate)
{
    if (rate == NULL)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&rate->locks[i]);
    free(rate);
}

static uint64_t client_of_ipv4(uint32_t address)
{
    return (uint64_t)1 << 63 | address;
}

uint64_t rate_client(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return client_of_ipv4(in->sin_addr.s_addr);
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            uint32_t ipv4;
            memcpy(&ipv4, &in6->sin6_addr.s6_addr[12], sizeof ipv4);
            return client_of_ipv4(ipv4);
        }
        uint64_t prefix;
        memcpy(&prefix, in6->sin6_addr.s6_addr, sizeof prefix);
        return prefix;
    }
    return 0;
}

static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdU;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53U;
    return value ^ value >> 33;
}

static void refill(const struct rate *rate, struct bucket *bucket, double now)
{
    if (now > bucket->at) {
        bucket->tokens += (now - bucket->at) * rate->per_second;
        if (bucket->tokens > rate->depth)
            bucket->tokens = rate->depth;
        bucket->at = now;
    }
}

static struct bucket *find(const struct rate *rate, struct bucket set[WAYS], uint64_t client,
                           double now)
{
    struct bucket *fullest = NULL;
    for (unsigned i = 0; i < WAYS; i++) {
        struct bucket *bucket = &set[i];
        if (bucket->at == 0) {
            bucket->tokens = rate->depth;
        } else {
            refill(rate, bucket, now);
            if (bucket->client == client)
                return bucket;
        }
        if (fullest == NULL || bucket->tokens > fullest->tokens)
            fullest = bucket;
    }
    *fullest = (struct bucket){.client = client, .tokens = rate->depth, .at = now};
    return fullest;
}

bool rate_take(struct rate *rate, uint64_t client, double now, double *wait)
{
    uint64_t set = mix(client ^ rate->seed) % SETS;
    pthread_mutex_t *lock = &rate->locks[set % LOCKS];
    (void)pthread_mutex_lock(lock);
    struct bucket *bucket = find(rate, rate->buckets[set], client, now);
    bool may = bucket->tokens >= 1;
    if (may)
        bucket->tokens -= 1;
    else
        *wait = (1 - bucket->tokens) / rate->per_second;
    (void)pthread_mutex_unlock(lock);
    return may;
}
