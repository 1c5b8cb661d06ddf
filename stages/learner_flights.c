/* The points being asked: a map split by hash, so that those who miss rarely meet, and those who
 * wait for them. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "quadtree/morton.h"
#include "stages/learner_internal.h"

void list_append(struct flight_list *list, struct flight *flight)
{
    flight->next = NULL;
    if (list->last != NULL)
        list->last->next = flight;
    else
        list->first = flight;
    list->last = flight;
    list->count++;
}

struct flight *list_take(struct flight_list *list)
{
    struct flight *flight = list->first;
    if (flight == NULL)
        return NULL;
    list->first = flight->next;
    if (list->first == NULL)
        list->last = NULL;
    list->count--;
    return flight;
}

/* --- the map ------------------------------------------------------------------------------ */

/* The finalizer of SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t hash(uint64_t code)
{
    code = (code ^ code >> 30) * 0xBF58476D1CE4E5B9ULL;
    code = (code ^ code >> 27) * 0x94D049BB133111EBULL;
    return code ^ code >> 31;
}

static struct flight_shard *shard_of(struct learner *learner, uint64_t code)
{
    return &learner->shards[hash(code) % FLIGHT_SHARDS];
}

/* Where the flight's pointer is in its chain, or where it would be added. */
static struct flight **find(struct flight_shard *shard, uint64_t code)
{
    struct flight **link = &shard->chains[hash(code) / FLIGHT_SHARDS % FLIGHT_CHAINS];
    while (*link != NULL && (*link)->code != code)
        link = &(*link)->next_in_chain;
    return link;
}

void flights_open(struct learner *learner)
{
    for (int i = 0; i < FLIGHT_SHARDS; i++)
        (void)pthread_mutex_init(&learner->shards[i].lock, NULL);
}

static void free_flight(struct flight *flight)
{
    free(flight->text);
    free(flight);
}

void flights_close(struct learner *learner)
{
    for (struct flight *flight = learner->resting, *next; flight != NULL; flight = next) {
        next = flight->next_resting;
        if (flight->gone)
            free_flight(flight);
    }
    for (int i = 0; i < FLIGHT_SHARDS; i++) {
        for (int chain = 0; chain < FLIGHT_CHAINS; chain++) {
            struct flight *next, *flight = learner->shards[i].chains[chain];
            for (; flight != NULL; flight = next) {
                next = flight->next_in_chain;
                free_flight(flight);
            }
        }
        (void)pthread_mutex_destroy(&learner->shards[i].lock);
    }
}

/* --- joining ------------------------------------------------------------------------------ */

/* May one more point be asked for? */
static bool admit(struct learner *learner)
{
    uint64_t pending = atomic_fetch_add(&learner->pending, 1) + 1;
    if (learned_count(learner->settings.learned) + pending <= atomic_load(&learner->most))
        return true;
    atomic_fetch_sub(&learner->pending, 1);
    return false;
}

/* What a point that has ended is to a waiter: FETCH_RESULTS = it is to be asked again. A first
 * empty answer is news only to those who looked before it came. */
static enum fetch_result ended_as(const struct flight *flight, const struct learner_waiter *waiter,
                                  double now)
{
    bool rested = now - flight->ended_at >= REST_SECONDS;
    if (flight->result == FETCH_NONE)
        return waiter->looked_at <= flight->ended_at ? FETCH_NONE : FETCH_RESULTS;
    return rested ? FETCH_RESULTS : flight->result;
}

static struct flight *make_flight(struct learner *learner, uint64_t code, struct point point)
{
    if (atomic_fetch_add(&learner->flights, 1) >= FLIGHTS_LIMIT)
        goto fail;
    struct flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL)
        goto fail;
    flight->code = code;
    flight->point = point;
    return flight;
fail:
    atomic_fetch_sub(&learner->flights, 1);
    return NULL;
}

static void add_waiter(struct flight *flight, struct learner_waiter *waiter)
{
    waiter->next = flight->waiters;
    flight->waiters = waiter;
}

/* The shard's lock is held. */
static enum fetch_result join(struct learner *learner, struct flight_shard *shard, uint64_t code,
                              struct learner_waiter *waiter, double now, struct flight **fresh)
{
    struct flight **link = find(shard, code);
    struct flight *flight = *link;
    *fresh = NULL;
    if (atomic_load(&learner->closing))
        return FETCH_GIVEN_UP;
    if (flight != NULL && !flight->rests) {
        add_waiter(flight, waiter);
        return FETCH_RESULTS;
    }
    if (flight != NULL) {
        enum fetch_result ended = ended_as(flight, waiter, now);
        if (ended != FETCH_RESULTS)
            return ended;
    }
    if (!admit(learner))
        return FETCH_FULL;
    if (flight == NULL) {
        flight = make_flight(learner, code, waiter->point);
        if (flight == NULL) {
            atomic_fetch_sub(&learner->pending, 1);
            return FETCH_FAILED;
        }
        *link = flight;
        shard->count++;
    }
    flight->rests = false;
    add_waiter(flight, waiter);
    *fresh = flight;
    return FETCH_RESULTS;
}

enum fetch_result flights_join(struct learner *learner, struct learner_waiter *waiter, double now,
                               struct flight **fresh)
{
    uint64_t code = morton_encode(waiter->point);
    struct flight_shard *shard = shard_of(learner, code);
    (void)pthread_mutex_lock(&shard->lock);
    enum fetch_result result = join(learner, shard, code, waiter, now, fresh);
    (void)pthread_mutex_unlock(&shard->lock);
    return result;
}

bool flight_is_awaited(struct learner *learner, struct flight *flight)
{
    struct flight_shard *shard = shard_of(learner, flight->code);
    (void)pthread_mutex_lock(&shard->lock);
    bool awaited = flight->waiters != NULL;
    (void)pthread_mutex_unlock(&shard->lock);
    return awaited;
}

/* --- ending ------------------------------------------------------------------------------- */

static void tell(struct learner_waiter *waiters, enum fetch_result result)
{
    for (struct learner_waiter *waiter = waiters, *next; waiter != NULL; waiter = next) {
        next = waiter->next;
        waiter->done(waiter, result);
    }
}

static void append_resting(struct learner *learner, struct flight *flight, double until)
{
    flight->in_resting = true;
    flight->rest_until = until;
    flight->next_resting = NULL;
    if (learner->resting_last != NULL)
        learner->resting_last->next_resting = flight;
    else
        learner->resting = flight;
    learner->resting_last = flight;
}

/* Take it out of the map. The shard's lock is held. */
static void unlink_flight(struct learner *learner, struct flight_shard *shard,
                          struct flight *flight)
{
    *find(shard, flight->code) = flight->next_in_chain;
    shard->count--;
    flight->gone = true;
    atomic_fetch_sub(&learner->flights, 1);
}

void flight_end(struct learner *learner, struct flight *flight, enum fetch_result result,
                bool rests)
{
    struct flight_shard *shard = shard_of(learner, flight->code);
    free(flight->text);
    flight->text = NULL;
    flight->tries = 0;
    flight->unwaited = false;
    double now = clock_monotonic();
    if (rests && !flight->in_resting)
        append_resting(learner, flight, now + REST_SECONDS);
    bool in_resting = flight->in_resting;
    (void)pthread_mutex_lock(&shard->lock);
    struct learner_waiter *waiters = flight->waiters;
    flight->waiters = NULL;
    flight->rests = rests;
    flight->result = result;
    flight->ended_at = now;
    if (!rests)
        unlink_flight(learner, shard, flight);
    (void)pthread_mutex_unlock(&shard->lock);
    atomic_fetch_sub(&learner->pending, 1);
    if (!rests && !in_resting)
        free_flight(flight);
    tell(waiters, result);
}

/* The flight came out of the resting list. When it is asked for again it may come back later. */
static void stop_resting(struct learner *learner, struct flight *flight, double now)
{
    struct flight_shard *shard = shard_of(learner, flight->code);
    flight->in_resting = false;
    if (flight->gone) {
        free_flight(flight);
        return;
    }
    (void)pthread_mutex_lock(&shard->lock);
    bool rests = flight->rests;
    bool again = rests && now - flight->ended_at < REST_SECONDS;
    if (rests && !again)
        unlink_flight(learner, shard, flight);
    (void)pthread_mutex_unlock(&shard->lock);
    if (again)
        append_resting(learner, flight, now + REST_SECONDS);
    else if (rests)
        free_flight(flight);
}

double flights_forget(struct learner *learner, double now)
{
    while (learner->resting != NULL) {
        struct flight *flight = learner->resting;
        /* Those behind it began to rest later. */
        if (!flight->gone && now < flight->rest_until)
            return flight->rest_until;
        learner->resting = flight->next_resting;
        if (learner->resting == NULL)
            learner->resting_last = NULL;
        stop_resting(learner, flight, now);
    }
    return INFINITY;
}

/* --- waiters ------------------------------------------------------------------------------ */

/* Move waiters whose time is up to *late. The shard's lock is held. */
static void collect_late(struct flight *flight, double now, struct learner_waiter **late,
                         double *next)
{
    struct learner_waiter **link = &flight->waiters;
    while (*link != NULL) {
        struct learner_waiter *waiter = *link;
        if (waiter->deadline > now) {
            *next = fmin(*next, waiter->deadline);
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        waiter->next = *late;
        *late = waiter;
    }
}

double flights_expire(struct learner *learner, double now)
{
    struct learner_waiter *late = NULL;
    double next = INFINITY;
    for (int i = 0; i < FLIGHT_SHARDS; i++) {
        struct flight_shard *shard = &learner->shards[i];
        (void)pthread_mutex_lock(&shard->lock);
        for (int chain = 0; chain < FLIGHT_CHAINS && shard->count > 0; chain++)
            for (struct flight *flight = shard->chains[chain]; flight != NULL;
                 flight = flight->next_in_chain)
                collect_late(flight, now, &late, &next);
        (void)pthread_mutex_unlock(&shard->lock);
    }
    tell(late, FETCH_TIMEOUT);
    return next;
}

void flights_give_up(struct learner *learner)
{
    for (int i = 0; i < FLIGHT_SHARDS; i++) {
        struct flight_shard *shard = &learner->shards[i];
        struct learner_waiter *waiters = NULL;
        double next = INFINITY;
        (void)pthread_mutex_lock(&shard->lock);
        for (int chain = 0; chain < FLIGHT_CHAINS; chain++)
            for (struct flight *flight = shard->chains[chain]; flight != NULL;
                 flight = flight->next_in_chain)
                collect_late(flight, INFINITY, &waiters, &next);
        (void)pthread_mutex_unlock(&shard->lock);
        tell(waiters, FETCH_GIVEN_UP);
    }
}
