/* One worker: a thread with a loop that keeps requests in flight and hands on their answers. */
#include "stages/geocode_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quadtree/morton.h"

#define TICK_MS 50
#define STARVED_WAIT 0.25 /* seconds until a worker without shares looks again */
#define TURN_POINTS 16384 /* most points asked in one turn of the loop */
#define DRAIN_SECONDS                                                                              \
    6.0 /* then what is in flight is forgotten: a stop takes no longer than 10 s */

static void work(struct worker *worker);

void worker_fail(struct worker *worker, const struct error *err)
{
    if (!worker->failed) {
        worker->failed = true;
        worker->error = *err;
    }
}

/* --- requests ------------------------------------------------------------------ */

static void free_request(struct request *request)
{
    free(request->points);
    free(request->questions);
    free(request);
}

static struct request *new_request(struct worker *worker)
{
    struct request *request = worker->spare;
    if (request != NULL) {
        worker->spare = request->next;
        return request;
    }
    size_t points = worker->transport->points;
    request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->points = calloc(points, sizeof *request->points);
    request->questions = calloc(points, sizeof *request->questions);
    if (request->points == NULL || request->questions == NULL) {
        free_request(request);
        return NULL;
    }
    request->next_made = worker->requests;
    worker->requests = request;
    return request;
}

static void spare_request(struct worker *worker, struct request *request)
{
    request->probe = false;
    request->next = worker->spare;
    worker->spare = request;
}

static void request_done(void *context, struct request *request, const struct answer *answers,
                         const struct error *failure)
{
    struct worker *worker = context;
    struct error err;
    bool outside = !worker->asking;
    if (outside)
        worker_begin_busy(worker);
    worker->in_flight--;
    worker->points_in_flight -= request->count;
    atomic_fetch_sub_explicit(&worker->pool->parts.figures->in_flight, request->count,
                              memory_order_relaxed);
    if (answers == NULL)
        worker_fail(worker, failure);
    else if (!worker->failed && take_answers(worker, request, answers, &err) != 0)
        worker_fail(worker, &err);
    spare_request(worker, request);
    if (outside) {
        work(worker);
        worker_end_busy(worker);
    }
}

/* Fill the request with points that wait to be asked again, then with new ones, `count` at most. */
static void fill_request(struct worker *worker, struct request *request, size_t count)
{
    size_t used = retry_take(worker, request->questions, count);
    size_t again = used;
    for (struct share_work *share = worker->shares; share != NULL; share = share->next) {
        while (used < count && share->unasked > 0)
            request->questions[used++] =
                (struct question){.share = share, .index = share_ask(share)};
    }
    worker->unasked -= used - again;
    atomic_fetch_sub(&worker->pool->unasked, (int64_t)(used - again));
    for (size_t i = 0; i < used; i++) {
        const struct question *question = &request->questions[i];
        request->points[i] = morton_decode(question->share->file.codes[question->index]);
    }
    request->count = used;
}

static int start_request(struct worker *worker, struct request *request, struct error *err)
{
    struct geocode_figures *figures = worker->pool->parts.figures;
    retry_budget_asked(&worker->pool->budget, request->count);
    atomic_fetch_add_explicit(&figures->sent, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&figures->asked, request->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&figures->in_flight, request->count, memory_order_relaxed);
    worker->in_flight++;
    worker->points_in_flight += request->count;
    request->asked_at = clock_monotonic();
    for (size_t i = 0; i < request->count; i++) {
        if (request->questions[i].asked_first == 0)
            request->questions[i].asked_first = request->asked_at;
    }
    return worker->transport->start(worker->transport, request, err);
}

/* Ask up to `count` points, which the circuit and the limiter allow. Others may have used up the
 * budget for retries meanwhile, so that fewer are left. */
static int ask_points(struct worker *worker, size_t count, bool probe, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    struct request *request = new_request(worker);
    if (request == NULL)
        return error_memory(err, "a request");
    fill_request(worker, request, count);
    request->probe = probe;
    if (request->count < count)
        limiter_give_back(pool->parts.limiter, clock_monotonic(), count - request->count);
    if (request->count > 0)
        return start_request(worker, request, err);
    if (probe)
        circuit_drop(pool->circuit);
    spare_request(worker, request);
    return 0;
}

/* Are all points of the run asked, so that nothing earns a budget for retries any more? */
static bool nothing_earns(const struct worker *worker)
{
    const struct geocode_pool *pool = worker->pool;
    return worker->retries.count > 0 && retry_is_unaffordable(worker) &&
           atomic_load(&pool->unasked) <= 0;
}

/* Points that could be asked now, up to a request's worth; more shares are claimed as needed. */
static int points_ready(struct worker *worker, size_t *ready, struct error *err)
{
    size_t most = worker->transport->points;
    size_t count = retry_ready(worker, most);
    bool may_ask = !retry_is_full(worker);
    while (may_ask && count + worker->unasked < most) {
        int taken = worker_take_share(worker, err);
        if (taken < 0)
            return -1;
        if (taken > 0)
            continue;
        if (nothing_earns(worker) && retry_give_up(worker, err) != 0)
            return -1;
        break;
    }
    if (may_ask)
        count += worker->unasked;
    *ready = count < most ? count : most;
    return 0;
}

/* --- the loop ------------------------------------------------------------------ */

static bool is_ending(const struct worker *worker)
{
    return control_ending(worker->pool->parts.control) || atomic_load(&worker->pool->halted);
}

static bool is_draining(const struct worker *worker)
{
    return is_ending(worker) || worker->index >= atomic_load(&worker->pool->parts.control->workers);
}

/* Has the end waited long enough for what is in flight? It isn't waited for at all when the
 * geocoder can't be reached. */
static bool has_drained(struct worker *worker)
{
    if (!is_ending(worker)) {
        worker->draining_since = 0;
        return false;
    }
    double now = clock_monotonic();
    if (worker->draining_since == 0)
        worker->draining_since = now;
    return now - worker->draining_since >= DRAIN_SECONDS ||
           circuit_look(worker->pool->circuit).open;
}

static void timer_fired(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    worker_begin_busy(worker);
    work(worker);
    worker_end_busy(worker);
}

static void idle_turn(uv_idle_t *idle)
{
    struct worker *worker = idle->data;
    worker_begin_busy(worker);
    work(worker);
    worker_end_busy(worker);
}

static void woken(uv_async_t *wake)
{
    struct worker *worker = wake->data;
    worker_begin_busy(worker);
    work(worker);
    worker_end_busy(worker);
}

static void ticked(uv_timer_t *tick)
{
    struct worker *worker = tick->data;
    struct error err;
    worker_begin_busy(worker);
    if (!worker->failed && worker_push_batches(worker, GEOCODE_BATCH_AGE, &err) != 0) {
        worker_fail(worker, &err);
        uv_stop(&worker->loop);
    } else if (worker->held.count > 0 || is_ending(worker)) {
        work(worker);
    }
    worker_end_busy(worker);
}

static void look_again_in(struct worker *worker, double seconds)
{
    if (seconds < 0.001)
        seconds = 0.001;
    uv_update_time(&worker->loop);
    (void)uv_timer_start(&worker->timer, timer_fired, (uint64_t)ceil(seconds * 1000), 0);
}

/* How many of the points that are ready may be asked now: 0 = none, and *wait is how long not. */
static size_t allowed_points(struct worker *worker, size_t ready, bool *probe, double *wait)
{
    struct geocode_pool *pool = worker->pool;
    double now = clock_monotonic();
    enum circuit_leave leave = circuit_ask(pool->circuit, now, wait);
    *probe = leave == CIRCUIT_PROBE;
    if (leave == CIRCUIT_WAIT)
        return 0;
    size_t allowed = limiter_take(pool->parts.limiter, now, ready, wait);
    if (allowed == 0 && *probe)
        circuit_drop(pool->circuit);
    return allowed;
}

/* Ask as much as may be asked now. *wait becomes the seconds after which more may be asked:
 * 0 = at once, INFINITY = when something happens. */
static int ask(struct worker *worker, double *wait, struct error *err)
{
    struct geocode_parts *parts = &worker->pool->parts;
    unsigned concurrency = atomic_load(&parts->control->concurrency);
    size_t asked = 0;
    *wait = INFINITY;
    while (worker->in_flight < concurrency || worker->in_flight == 0) {
        size_t ready;
        bool probe;
        if (asked >= TURN_POINTS || is_ending(worker)) {
            *wait = 0;
            return 0;
        }
        if (points_ready(worker, &ready, err) != 0)
            return -1;
        if (ready == 0) {
            *wait = retry_wait(worker);
            return 0;
        }
        size_t allowed = allowed_points(worker, ready, &probe, wait);
        if (allowed == 0)
            return 0;
        *wait = INFINITY;
        if (ask_points(worker, allowed, probe, err) != 0)
            return -1;
        if (worker->failed)
            return 0;
        asked += allowed;
    }
    return 0;
}

/* Is there nothing left to do for this worker, in flight or at rest? */
static bool is_done(struct worker *worker)
{
    if (worker->failed || atomic_load(&worker->pool->parts.control->abandon))
        return true;
    if (worker->in_flight > 0)
        return has_drained(worker);
    return is_draining(worker) || (worker->shares == NULL && pool_is_over(worker->pool));
}

static void work(struct worker *worker)
{
    struct error err;
    double wait = INFINITY;
    worker->asking = true;
    if (!worker->failed && !is_draining(worker) &&
        (retry_judge(worker, &err) != 0 || ask(worker, &wait, &err) != 0))
        worker_fail(worker, &err);
    worker->asking = false;
    if (is_done(worker)) {
        uv_stop(&worker->loop);
        return;
    }
    if (wait == 0)
        (void)uv_idle_start(&worker->idle, idle_turn);
    else
        (void)uv_idle_stop(&worker->idle);
    if (wait > STARVED_WAIT && worker->in_flight == 0)
        wait = STARVED_WAIT;
    if (wait > 0 && wait < INFINITY)
        look_again_in(worker, wait);
}

/* --- beginning and end --------------------------------------------------------- */

int worker_open(struct worker *worker, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    int failure = uv_loop_init(&worker->loop);
    if (failure != 0)
        return error_io(err, -failure, "make an event loop for", "a worker");
    worker->random = 0x9E3779B97F4A7C15ULL * (worker->index + 1) ^ clock_unix();
    worker->wake.data = worker->idle.data = worker->timer.data = worker->tick.data = worker;
    (void)uv_idle_init(&worker->loop, &worker->idle);
    (void)uv_timer_init(&worker->loop, &worker->timer);
    (void)uv_timer_init(&worker->loop, &worker->tick);
    failure = uv_async_init(&worker->loop, &worker->wake, woken);
    if (failure != 0) {
        error_io(err, -failure, "make a wake-up for", "a worker");
        worker_close(worker);
        return -1;
    }
    const struct geocoder *geocoder = pool->parts.geocoder;
    int result = geocoder_is_local(geocoder->provider)
                     ? transport_local_open(&worker->transport, &worker->loop, geocoder,
                                            pool->settings.batch, request_done, worker, err)
                     : transport_network_open(&worker->transport, &worker->loop, geocoder,
                                              request_done, worker, err);
    if (result != 0)
        worker_close(worker);
    return result;
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void worker_close(struct worker *worker)
{
    if (worker->transport != NULL)
        worker->transport->close(worker->transport);
    uv_walk(&worker->loop, close_handle, NULL);
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&worker->loop);
    for (struct request *request = worker->requests, *next; request != NULL; request = next) {
        next = request->next_made;
        free_request(request);
    }
    retry_forget(worker);
}

static void forget_requests(struct worker *worker)
{
    worker->transport->cancel(worker->transport);
    atomic_fetch_sub_explicit(&worker->pool->parts.figures->in_flight, worker->points_in_flight,
                              memory_order_relaxed);
    worker->in_flight = 0;
    worker->points_in_flight = 0;
    worker->spare = NULL;
    for (struct request *request = worker->requests; request != NULL;
         request = request->next_made) {
        if (request->probe)
            circuit_drop(worker->pool->circuit);
        spare_request(worker, request);
    }
}

/* Nothing is to be asked any more: hand on what is answered and give the shares back. */
static void leave(struct worker *worker)
{
    struct geocode_pool *pool = worker->pool;
    struct error err;
    if (worker->in_flight > 0)
        forget_requests(worker);
    worker_begin_busy(worker);
    if (!worker->failed && !atomic_load(&pool->parts.control->abandon) &&
        worker_push_batches(worker, 0, &err) != 0)
        worker_fail(worker, &err);
    worker_end_busy(worker);
    retry_forget(worker);
    for (struct share_work *share = worker->shares; share != NULL; share = share->next)
        share_forget(share);
    pool_leave(pool, worker->shares, worker->failed);
    worker->shares = NULL;
    atomic_fetch_sub(&pool->unasked, (int64_t)worker->unasked);
    worker->unasked = 0;
    pool_wake_all(pool);
}

void *worker_thread(void *argument)
{
    struct worker *worker = argument;
    struct geocode_pool *pool = worker->pool;
    (void)uv_timer_start(&worker->tick, ticked, TICK_MS, TICK_MS);
    do {
        (void)uv_idle_start(&worker->idle, idle_turn);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        leave(worker);
    } while (!pool_retire(worker));
    if (worker->failed && worker->error.code != ERROR_CANCELED)
        pool->failed(pool->context, &worker->error);
    return NULL;
}
