#include "stages/learner.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "stages/learner_internal.h"

const char *const fetch_result_names[FETCH_RESULTS] = {
    [FETCH_LEARNED] = "learned", [FETCH_NONE] = "none",       [FETCH_FAILED] = "failed",
    [FETCH_FULL] = "full",       [FETCH_TIMEOUT] = "timeout", [FETCH_GIVEN_UP] = "given_up",
};

void learner_event(struct learner *learner, int level, const char *name, const char *format, ...)
{
    char text[800];
    va_list arguments;
    if (learner->settings.event == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    learner->settings.event(learner->settings.context, level, name, text);
}

/* --- the loop ------------------------------------------------------------------------------ */

static void look(struct learner *learner);

static void timer_fired(uv_timer_t *timer)
{
    look(timer->data);
}

static void idle_turn(uv_idle_t *idle)
{
    (void)uv_idle_stop(idle);
    look(idle->data);
}

static void woken(uv_async_t *wake)
{
    learner_stir(wake->data);
}

/* What comes in during one turn of the loop is looked at together in the next. */
void learner_stir(struct learner *learner)
{
    (void)uv_idle_start(&learner->idle, idle_turn);
}

static double no_later_than(_Atomic double *moment, double other)
{
    double now = atomic_load(moment);
    while (other < now && !atomic_compare_exchange_weak(moment, &now, other)) {
    }
    return fmin(now, other);
}

/* The moment is forgotten before waiters are looked at: who begins to wait meanwhile is either seen
 * or tells its own. */
static double look_at_waiters(struct learner *learner, double now)
{
    double wake_at = atomic_load(&learner->wake_at);
    if (now < wake_at && !isinf(wake_at))
        return wake_at;
    atomic_store(&learner->wake_at, INFINITY);
    return no_later_than(&learner->wake_at, flights_expire(learner, now));
}

static void look(struct learner *learner)
{
    double now = clock_monotonic();
    if (atomic_load(&learner->closing)) {
        uv_stop(&learner->loop);
        return;
    }
    double next = fmin(look_at_waiters(learner, now), flights_forget(learner, now));
    double wait = learner_ask(learner);
    learner_store(learner);
    if (wait == 0) {
        learner_stir(learner);
        return;
    }
    wait = fmin(wait, next - clock_monotonic());
    if (isinf(wait)) {
        (void)uv_timer_stop(&learner->timer);
        return;
    }
    uv_update_time(&learner->loop);
    (void)uv_timer_start(&learner->timer, timer_fired, (uint64_t)ceil(fmax(wait, 0.001) * 1000), 0);
}

static void forget_requests(struct learner *learner)
{
    learner->transport->cancel(learner->transport);
    for (struct learner_request *made = learner->requests; made != NULL; made = made->next_made)
        if (made->request.probe)
            circuit_drop(learner->circuit);
    learner->in_flight = 0;
}

static void *learn(void *argument)
{
    struct learner *learner = argument;
    (void)uv_run(&learner->loop, UV_RUN_DEFAULT);
    forget_requests(learner);
    /* What was answered is kept. */
    (void)uv_timer_stop(&learner->timer);
    for (;;) {
        learner_store(learner);
        if (!learner->store_running)
            break;
        while (learner->store_running)
            (void)uv_run(&learner->loop, UV_RUN_ONCE);
    }
    flights_give_up(learner);
    return NULL;
}

/* --- any thread ------------------------------------------------------------------------------ */

static void put_into_inbox(struct learner *learner, struct flight *flight)
{
    (void)pthread_mutex_lock(&learner->inbox_lock);
    list_append(&learner->inbox, flight);
    (void)pthread_mutex_unlock(&learner->inbox_lock);
}

void learner_fetch(struct learner *learner, struct learner_waiter *waiter)
{
    double now = clock_monotonic();
    struct flight *fresh = NULL;
    double deadline = now + waiter->timeout;
    waiter->deadline = deadline;
    if (waiter->looked_at == 0)
        waiter->looked_at = now;
    enum fetch_result result = FETCH_FAILED;
    if (atomic_load(&learner->closing))
        result = FETCH_GIVEN_UP;
    else if (now >= atomic_load(&learner->halted_until))
        result = flights_join(learner, waiter, now, &fresh);
    if (result != FETCH_RESULTS) {
        waiter->done(waiter, result);
        return;
    }
    /* From here on the waiter may be gone. Either the thread's end sees it, or this sees the end.
     */
    if (atomic_load(&learner->closing))
        flights_give_up(learner);
    if (fresh != NULL)
        put_into_inbox(learner, fresh);
    bool sooner = deadline < atomic_load(&learner->wake_at);
    if (sooner)
        (void)no_later_than(&learner->wake_at, deadline);
    if (fresh != NULL || sooner)
        (void)uv_async_send(&learner->wake);
}

void learner_set_most(struct learner *learner, uint64_t entries)
{
    atomic_store(&learner->most, entries);
}

uint64_t learner_pending(const struct learner *learner)
{
    return atomic_load(&learner->pending);
}

/* --- open and close ----------------------------------------------------------------------------
 */

static int open_transport(struct learner *learner, struct error *err)
{
    const struct learner_settings *settings = &learner->settings;
    int result = settings->open_geocoder != NULL
                     ? settings->open_geocoder(&learner->geocoder, &settings->geocoder, err)
                     : geocoder_open(&learner->geocoder, &settings->geocoder, err);
    if (result != 0)
        return -1;
    return geocoder_is_local(learner->geocoder->provider)
               ? transport_local_open(&learner->transport, &learner->loop, learner->geocoder,
                                      settings->geocoder.batch, learner_done, learner, err)
               : transport_network_open(&learner->transport, &learner->loop, learner->geocoder,
                                        learner_done, learner, err);
}

static int open_loop(struct learner *learner, struct error *err)
{
    int failure = uv_loop_init(&learner->loop);
    if (failure != 0) {
        learner->loop.data = NULL;
        return error_io(err, -failure, "make an event loop for", "the learner");
    }
    learner->loop.data = learner;
    learner->wake.data = learner->idle.data = learner->timer.data = learner;
    (void)uv_idle_init(&learner->loop, &learner->idle);
    (void)uv_timer_init(&learner->loop, &learner->timer);
    failure = uv_async_init(&learner->loop, &learner->wake, woken);
    return failure == 0 ? 0 : error_io(err, -failure, "make a wake-up for", "the learner");
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* In the mirrored order of opening. */
static void free_learner(struct learner *learner)
{
    learned_reader_close(learner->reader);
    if (learner->transport != NULL)
        learner->transport->close(learner->transport);
    if (learner->loop.data != NULL) {
        uv_walk(&learner->loop, close_handle, NULL);
        (void)uv_run(&learner->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&learner->loop);
    }
    geocoder_close(learner->geocoder);
    circuit_free(learner->circuit);
    learner_requests_free(learner);
    (void)pthread_mutex_destroy(&learner->inbox_lock);
    flights_close(learner);
    free(learner);
}

int learner_open(struct learner **out, const struct learner_settings *settings, struct error *err)
{
    struct learner *learner = calloc(1, sizeof *learner);
    if (learner == NULL)
        return error_memory(err, "the learner");
    learner->settings = *settings;
    learner->random = 0x9E3779B97F4A7C15ULL ^ clock_unix();
    atomic_store(&learner->most, UINT64_MAX);
    atomic_store(&learner->wake_at, INFINITY);
    (void)pthread_mutex_init(&learner->inbox_lock, NULL);
    flights_open(learner);
    learner->circuit = circuit_create();
    if (learner->circuit == NULL) {
        error_memory(err, "the learner");
        goto fail;
    }
    if (open_loop(learner, err) != 0 || open_transport(learner, err) != 0 ||
        learned_reader_open(&learner->reader, settings->learned, err) != 0)
        goto fail;
    learner->settings.geocoder = (struct geocoder_settings){0};
    if (thread_start(&learner->thread, "learner", learn, learner, err) != 0)
        goto fail;
    *out = learner;
    return 0;
fail:
    free_learner(learner);
    return -1;
}

void learner_stop(struct learner *learner)
{
    if (learner == NULL || atomic_exchange(&learner->closing, true))
        return;
    (void)uv_async_send(&learner->wake);
    (void)pthread_join(learner->thread, NULL);
}

void learner_close(struct learner *learner)
{
    if (learner == NULL)
        return;
    learner_stop(learner);
    free_learner(learner);
}
