/* The pool of workers: their threads, and the unfinished shares that change hands. */
#include "stages/geocode_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

static unsigned wanted_workers(const struct geocode_pool *pool)
{
    unsigned wanted = atomic_load(&pool->parts.control->workers);
    return wanted > GEOCODE_WORKERS_LIMIT ? GEOCODE_WORKERS_LIMIT : wanted;
}

/* Start the thread of one worker, which isn't running. The pool's lock is held. */
static int start_worker(struct geocode_pool *pool, unsigned index, struct error *err)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return error_memory(err, "a worker");
    worker->pool = pool;
    worker->index = index;
    if (worker_open(worker, err) != 0) {
        free(worker);
        return -1;
    }
    worker->state = WORKER_RUNNING;
    pulse_beat(&worker->pulse);
    if (thread_start(&worker->thread, "geocode", worker_thread, worker, err) != 0) {
        worker_close(worker);
        free(worker);
        return -1;
    }
    pool->workers[index] = worker;
    atomic_fetch_add(&pool->parts.meter->threads, 1);
    return 0;
}

static void join_worker(const struct worker *worker)
{
    if (worker != NULL)
        (void)pthread_join(worker->thread, NULL);
}

static void free_worker(struct geocode_pool *pool, unsigned index)
{
    struct worker *worker = pool->workers[index];
    if (worker == NULL)
        return;
    worker_close(worker);
    free(worker);
    pool->workers[index] = NULL;
}

/* The pool's lock is held. */
static int start_missing(struct geocode_pool *pool, struct error *err)
{
    unsigned wanted = wanted_workers(pool);
    for (unsigned i = 0; i < wanted; i++) {
        struct worker *worker = pool->workers[i];
        if (worker != NULL && (worker->state == WORKER_RUNNING || worker->failed))
            continue;
        join_worker(worker);
        free_worker(pool, i);
        if (start_worker(pool, i, err) != 0)
            return -1;
    }
    return 0;
}

/* Points in one request as the limiter is to see it: a provider in this process that answers at
 * once is asked for many at a time only because calls cost, so its points are spread evenly. */
static unsigned request_points(const struct geocode_pool *pool)
{
    const struct geocoder_provider *provider = pool->parts.geocoder->provider;
    bool immediate = geocoder_is_local(provider) && provider->latency == NULL;
    return immediate ? 1 : geocoder_batch(provider, pool->settings.batch);
}

int geocode_start(struct geocode_pool **out, const struct geocode_settings *settings,
                  const struct geocode_parts *parts, geocode_failed *failed, void *context,
                  struct error *err)
{
    struct geocode_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return error_memory(err, "the workers");
    pool->settings = *settings;
    pool->parts = *parts;
    pool->failed = failed;
    pool->context = context;
    pool->circuit = circuit_create();
    if (pool->circuit == NULL) {
        free(pool);
        return error_memory(err, "the workers");
    }
    limiter_set_batch(parts->limiter, request_points(pool));
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_mutex_lock(&pool->lock);
    int result = start_missing(pool, err);
    (void)pthread_mutex_unlock(&pool->lock);
    if (result != 0) {
        atomic_store(&parts->control->stop, true);
        geocode_join(pool);
        return -1;
    }
    *out = pool;
    return 0;
}

bool pool_is_over(const struct geocode_pool *pool)
{
    struct claims *claims = pool->parts.claims;
    return claims_over(claims) && claims_active(claims) == 0;
}

void pool_wake_all(struct geocode_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    for (unsigned i = 0; i < GEOCODE_WORKERS_LIMIT; i++) {
        struct worker *worker = pool->workers[i];
        if (worker != NULL && worker->state == WORKER_RUNNING)
            (void)uv_async_send(&worker->wake);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

void geocode_wake(struct geocode_pool *pool)
{
    struct error err;
    int result = 0;
    if (!control_ending(pool->parts.control) && !atomic_load(&pool->halted) &&
        !pool_is_over(pool)) {
        (void)pthread_mutex_lock(&pool->lock);
        result = start_missing(pool, &err);
        (void)pthread_mutex_unlock(&pool->lock);
    }
    pool_wake_all(pool);
    if (result != 0)
        pool->failed(pool->context, &err);
}

bool geocode_idle(struct geocode_pool *pool)
{
    bool idle = true;
    (void)pthread_mutex_lock(&pool->lock);
    for (unsigned i = 0; i < GEOCODE_WORKERS_LIMIT; i++)
        idle = idle && (pool->workers[i] == NULL || pool->workers[i]->state != WORKER_RUNNING);
    (void)pthread_mutex_unlock(&pool->lock);
    return idle;
}

static void return_shares(struct geocode_pool *pool, struct share_work *shares)
{
    for (struct share_work *share = shares, *next; share != NULL; share = next) {
        next = share->next;
        claims_return(pool->parts.claims, share->file.share);
        share_free(share);
    }
}

void geocode_join(struct geocode_pool *pool)
{
    if (pool == NULL)
        return;
    pool_wake_all(pool);
    for (unsigned i = 0; i < GEOCODE_WORKERS_LIMIT; i++)
        join_worker(pool->workers[i]);
    for (unsigned i = 0; i < GEOCODE_WORKERS_LIMIT; i++)
        free_worker(pool, i);
    return_shares(pool, pool->orphans);
    return_shares(pool, pool->dropped);
    circuit_free(pool->circuit);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

struct share_work *pool_adopt(struct geocode_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    struct share_work *share = pool->orphans;
    if (share != NULL) {
        pool->orphans = share->next;
        share->next = NULL;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return share;
}

void pool_leave(struct geocode_pool *pool, struct share_work *shares, bool dropped)
{
    (void)pthread_mutex_lock(&pool->lock);
    struct share_work **list = dropped ? &pool->dropped : &pool->orphans;
    while (shares != NULL) {
        struct share_work *next = shares->next;
        shares->next = *list;
        *list = shares;
        shares = next;
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

bool pool_retire(struct worker *worker)
{
    struct geocode_pool *pool = worker->pool;
    (void)pthread_mutex_lock(&pool->lock);
    bool wanted = !worker->failed && !control_ending(pool->parts.control) &&
                  !atomic_load(&pool->halted) && worker->index < wanted_workers(pool) &&
                  (pool->orphans != NULL || !pool_is_over(pool));
    if (!wanted)
        worker->state = WORKER_ENDED;
    (void)pthread_mutex_unlock(&pool->lock);
    if (!wanted)
        atomic_fetch_sub(&pool->parts.meter->threads, 1);
    return !wanted;
}

void pool_halt(struct geocode_pool *pool, const struct answer *answer)
{
    struct error err;
    char status[32] = "";
    bool quota = answer->cause == CAUSE_QUOTA;
    const char *detail = (const char *)answer->detail.data;
    int length = (int)answer->detail.length;
    if (atomic_exchange(&pool->halted, true))
        return;
    if (length == 0) {
        detail = quota ? "nothing is left of it" : "no reason is given";
        length = (int)strlen(detail);
    }
    if (answer->status != 0)
        (void)snprintf(status, sizeof status, " (HTTP %u)", answer->status);
    if (quota)
        error_set(&err, ERROR_STATE, "quota: the geocoder says: %.*s%s; resume when it is renewed",
                  length, detail, status);
    else
        error_set(&err, ERROR_STATE,
                  "denied: the geocoder says: %.*s%s; check [geocoder] key_file, then resume",
                  length, detail, status);
    pool_wake_all(pool);
    pool->failed(pool->context, &err);
}

double geocode_silence(struct geocode_pool *pool, double now)
{
    double longest = 0;
    (void)pthread_mutex_lock(&pool->lock);
    for (unsigned i = 0; i < GEOCODE_WORKERS_LIMIT; i++) {
        const struct worker *worker = pool->workers[i];
        if (worker == NULL || worker->state != WORKER_RUNNING)
            continue;
        double silence = pulse_silence(&worker->pulse, now);
        longest = silence > longest ? silence : longest;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return longest;
}

struct circuit_view geocode_circuit(struct geocode_pool *pool)
{
    return circuit_look(pool->circuit);
}
