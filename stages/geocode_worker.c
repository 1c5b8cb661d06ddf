/* One worker: a thread with a loop that keeps requests in flight and hands on their answers. */
#include "stages/geocode_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quadtree/morton.h"

#define TICK_MS 50
#define STARVED_WAIT 0.25   /* seconds until a worker without shares looks again */
#define TURN_POINTS 16384   /* most points asked in one turn of the loop */
#define RETRIES_WAITING 256 /* beyond this many (and four requests' worth) nothing new is asked */

static void work(struct worker *worker);

/* --- the time a worker works, as the meter counts it --------------------------- */

static void begin_busy(struct worker *worker)
{
    worker->busy_from = clock_monotonic();
}

static void end_busy(struct worker *worker)
{
    meter_add(worker->pool->parts.meter, worker->busy_from);
}

static void fail(struct worker *worker, const struct error *err)
{
    if (!worker->failed) {
        worker->failed = true;
        worker->error = *err;
    }
}

/* --- shares -------------------------------------------------------------------- */

/* Hand on the share's answers so far. */
static int push_batch(struct worker *worker, struct share_work *share, struct error *err)
{
    if (share->batch == NULL)
        return 0;
    if (answer_batch_seal(share->batch, err) != 0)
        return -1;
    end_busy(worker);
    int result = channel_push(worker->pool->parts.channel, share->batch, err);
    begin_busy(worker);
    if (result == 0)
        share->batch = NULL;
    return result;
}

static void unlink_share(struct worker *worker, const struct share_work *share)
{
    struct share_work **link = &worker->shares;
    while (*link != share)
        link = &(*link)->next;
    *link = share->next;
}

/* The share's last point has its answer. */
static int finish_share(struct worker *worker, struct share_work *share, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    if (push_batch(worker, share, err) != 0)
        return -1;
    claims_finish(pool->parts.claims, share->file.share);
    unlink_share(worker, share);
    share_free(share);
    if (claims_active(pool->parts.claims) == 0)
        pool_wake_all(pool);
    return 0;
}

/* Get one more share to ask: 1, 0 = there is none now, -1. */
static int take_share(struct worker *worker, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    struct share_work *share = pool_adopt(pool);
    uint32_t number;
    if (share == NULL) {
        if (!claims_next(pool->parts.claims, &number))
            return 0;
        if (share_open(&share, pool, number, err) != 0) {
            claims_return(pool->parts.claims, number);
            return -1;
        }
    }
    struct share_work **end = &worker->shares;
    while (*end != NULL)
        end = &(*end)->next;
    *end = share;
    worker->unasked += share->unasked;
    return share->left == 0 && finish_share(worker, share, err) != 0 ? -1 : 1;
}

static int push_old_batches(struct worker *worker, double age, struct error *err)
{
    double now = clock_monotonic();
    for (struct share_work *share = worker->shares; share != NULL; share = share->next) {
        if (share->batch != NULL && now - share->batch_since >= age &&
            push_batch(worker, share, err) != 0)
            return -1;
    }
    return 0;
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

static int take_answer(struct worker *worker, const struct question *question,
                       const struct answer *answer, uint32_t now, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    struct share_work *share = question->share;
    if (answer->kind == ANSWER_FAILED && answer->transient &&
        question->tries < pool->settings.retries)
        return retry_push(worker, *question, err);
    if (share_settle(share, question, answer, now, err) != 0)
        return -1;
    if (share->left == 0)
        return finish_share(worker, share, err);
    return answer_batch_rows(share->batch) >= GEOCODE_BATCH_ROWS ? push_batch(worker, share, err)
                                                                 : 0;
}

static void request_done(void *context, struct request *request, const struct answer *answers,
                         const struct error *failure)
{
    struct worker *worker = context;
    struct error err;
    uint32_t now = clock_unix();
    bool outside = !worker->asking;
    if (outside)
        begin_busy(worker);
    worker->in_flight--;
    worker->points_in_flight -= request->count;
    atomic_fetch_sub_explicit(&worker->pool->parts.figures->in_flight, request->count,
                              memory_order_relaxed);
    if (answers == NULL)
        fail(worker, failure);
    for (size_t i = 0; i < request->count && !worker->failed; i++) {
        if (take_answer(worker, &request->questions[i], &answers[i], now, &err) != 0)
            fail(worker, &err);
    }
    request->next = worker->spare;
    worker->spare = request;
    if (outside) {
        work(worker);
        end_busy(worker);
    }
}

/* Fill the request with points due again, then with new ones; `count` of them are there. */
static uint64_t fill_request(struct worker *worker, struct request *request, size_t count)
{
    size_t again = retry_due(worker, count);
    size_t used = 0;
    while (used < again)
        request->questions[used++] = retry_pop(worker);
    for (struct share_work *share = worker->shares; used < count; share = share->next) {
        while (used < count && share->unasked > 0) {
            request->questions[used++] =
                (struct question){.share = share, .index = share_ask(share)};
            worker->unasked--;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct question *question = &request->questions[i];
        request->points[i] = morton_decode(question->share->file.codes[question->index]);
    }
    request->count = count;
    return again;
}

static int start_request(struct worker *worker, size_t count, struct error *err)
{
    struct geocode_figures *figures = worker->pool->parts.figures;
    struct request *request = new_request(worker);
    if (request == NULL)
        return error_memory(err, "a request");
    uint64_t again = fill_request(worker, request, count);
    atomic_fetch_add_explicit(&figures->sent, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&figures->asked, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&figures->retried, again, memory_order_relaxed);
    atomic_fetch_add_explicit(&figures->in_flight, count, memory_order_relaxed);
    worker->in_flight++;
    worker->points_in_flight += count;
    return worker->transport->start(worker->transport, request, err);
}

/* Points that could be asked now, up to a request's worth; more shares are claimed as needed. */
static int points_ready(struct worker *worker, size_t *ready, struct error *err)
{
    size_t most = worker->transport->points;
    size_t count = retry_due(worker, most);
    bool may_ask = worker->waiting < RETRIES_WAITING + 4 * most;
    while (may_ask && count + worker->unasked < most) {
        int taken = take_share(worker, err);
        if (taken < 0)
            return -1;
        if (taken == 0)
            break;
    }
    if (may_ask)
        count += worker->unasked;
    *ready = count < most ? count : most;
    return 0;
}

/* --- the loop ------------------------------------------------------------------ */

static bool is_draining(const struct worker *worker)
{
    const struct control *control = worker->pool->parts.control;
    return control_ending(control) || worker->index >= atomic_load(&control->workers);
}

static void timer_fired(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    begin_busy(worker);
    work(worker);
    end_busy(worker);
}

static void idle_turn(uv_idle_t *idle)
{
    struct worker *worker = idle->data;
    begin_busy(worker);
    work(worker);
    end_busy(worker);
}

static void woken(uv_async_t *wake)
{
    struct worker *worker = wake->data;
    begin_busy(worker);
    work(worker);
    end_busy(worker);
}

static void ticked(uv_timer_t *tick)
{
    struct worker *worker = tick->data;
    struct error err;
    begin_busy(worker);
    if (!worker->failed && push_old_batches(worker, GEOCODE_BATCH_AGE, &err) != 0) {
        fail(worker, &err);
        uv_stop(&worker->loop);
    }
    end_busy(worker);
}

static void look_again_in(struct worker *worker, double seconds)
{
    if (seconds < 0.001)
        seconds = 0.001;
    uv_update_time(&worker->loop);
    (void)uv_timer_start(&worker->timer, timer_fired, (uint64_t)ceil(seconds * 1000), 0);
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
        if (asked >= TURN_POINTS || control_ending(parts->control)) {
            *wait = 0;
            return 0;
        }
        if (points_ready(worker, &ready, err) != 0)
            return -1;
        if (ready == 0) {
            *wait = retry_wait(worker);
            return 0;
        }
        size_t allowed = limiter_take(parts->limiter, ready, wait);
        if (allowed == 0)
            return 0;
        *wait = INFINITY;
        if (start_request(worker, allowed, err) != 0)
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
        return false;
    return is_draining(worker) ||
           (worker->shares == NULL && claims_active(worker->pool->parts.claims) == 0);
}

static void work(struct worker *worker)
{
    struct error err;
    double wait = INFINITY;
    worker->asking = true;
    if (!worker->failed && !is_draining(worker) && ask(worker, &wait, &err) != 0)
        fail(worker, &err);
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
    free(worker->retries);
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
        request->next = worker->spare;
        worker->spare = request;
    }
}

/* Nothing is to be asked any more: hand on what is answered and give the shares back. */
static void leave(struct worker *worker)
{
    struct geocode_pool *pool = worker->pool;
    struct error err;
    if (worker->in_flight > 0)
        forget_requests(worker);
    begin_busy(worker);
    if (!worker->failed && !atomic_load(&pool->parts.control->abandon) &&
        push_old_batches(worker, 0, &err) != 0)
        fail(worker, &err);
    end_busy(worker);
    worker->waiting = 0;
    for (struct share_work *share = worker->shares; share != NULL; share = share->next)
        share_forget(share);
    pool_leave(pool, worker->shares, worker->failed);
    worker->shares = NULL;
    worker->unasked = 0;
    pool_wake_all(pool);
}

void *worker_thread(void *argument)
{
    struct worker *worker = argument;
    struct geocode_pool *pool = worker->pool;
    (void)pthread_setname_np(pthread_self(), "geocode");
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
