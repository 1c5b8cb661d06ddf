#include <stdlib.h>
#include <string.h>

#include "fleet/shares_internal.h"

struct known_digest {
    bool known;
    struct pair_id digest;
};

/* The mutex guards what is below it. */
struct shares_memory {
    pthread_mutex_t mutex;
    char run[RUN_ID_BYTES];
    uint32_t shares;
    struct known_digest *digest;
    int64_t reopened;
};

int shares_memory_create(struct shares_memory **out, struct error *err)
{
    struct shares_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return error_memory(err, "the digests of point files");
    int failure = pthread_mutex_init(&memory->mutex, NULL);
    if (failure != 0) {
        free(memory);
        return error_memory(err, "the digests of point files");
    }
    *out = memory;
    return 0;
}

void shares_memory_free(struct shares_memory *memory)
{
    if (memory == NULL)
        return;
    (void)pthread_mutex_destroy(&memory->mutex);
    free(memory->digest);
    free(memory);
}

int shares_memory_begin(struct shares_memory *memory, const char *run, uint32_t shares,
                        struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&memory->mutex);
    if (strncmp(memory->run, run, sizeof memory->run) == 0 && memory->shares == shares)
        goto out;
    struct known_digest *digest = calloc((size_t)shares + 1, sizeof *digest);
    if (digest == NULL) {
        result = error_memory(err, "the digests of point files");
        goto out;
    }
    free(memory->digest);
    memory->digest = digest;
    memory->shares = shares;
    memory->reopened = 0;
    memset(memory->run, 0, sizeof memory->run);
    memcpy(memory->run, run, strnlen(run, sizeof memory->run - 1));
out:
    (void)pthread_mutex_unlock(&memory->mutex);
    return result;
}

bool shares_memory_digest(struct shares_memory *memory, uint32_t share, struct pair_id *out)
{
    (void)pthread_mutex_lock(&memory->mutex);
    bool known = share < memory->shares && memory->digest[share].known;
    if (known)
        *out = memory->digest[share].digest;
    (void)pthread_mutex_unlock(&memory->mutex);
    return known;
}

static void set(struct shares_memory *memory, uint32_t share, struct known_digest value)
{
    (void)pthread_mutex_lock(&memory->mutex);
    if (share < memory->shares)
        memory->digest[share] = value;
    (void)pthread_mutex_unlock(&memory->mutex);
}

void shares_memory_keep(struct shares_memory *memory, uint32_t share, const struct pair_id *digest)
{
    set(memory, share, (struct known_digest){true, *digest});
}

void shares_memory_forget(struct shares_memory *memory, uint32_t share)
{
    set(memory, share, (struct known_digest){0});
}

int64_t shares_memory_reopened(struct shares_memory *memory)
{
    (void)pthread_mutex_lock(&memory->mutex);
    int64_t reopened = memory->reopened;
    (void)pthread_mutex_unlock(&memory->mutex);
    return reopened;
}

void shares_memory_agree(struct shares_memory *memory, int64_t reopened)
{
    (void)pthread_mutex_lock(&memory->mutex);
    memory->reopened = reopened;
    (void)pthread_mutex_unlock(&memory->mutex);
}
