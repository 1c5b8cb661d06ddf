/* The calls of the daemon: they look, and they wish. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void line_sleep(struct line *line, double seconds)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    until.tv_nsec += (long)((seconds - floor(seconds)) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&line->changed, &line->lock, &until);
}

unsigned line_batch(const struct line *line)
{
    const struct geocoder_settings *settings = &line->settings.geocoder;
    const struct geocoder_provider *provider =
        settings->provider != NULL ? geocoder_find(settings->provider) : NULL;
    return provider != NULL ? geocoder_batch(provider, settings->batch) : 1;
}

/* Put a wish to the conductor; the last one is that it ends. The lock is held. */
static void wish(struct line *line, enum wish what)
{
    if (line->wish == WISH_CLOSE)
        return;
    line->wish = what;
    if (what != WISH_WORK)
        atomic_store(&line->control.stop, true);
    if (what == WISH_CANCEL || what == WISH_FAIL)
        atomic_store(&line->control.abandon, true);
    (void)pthread_cond_broadcast(&line->changed);
}

static int no_run(struct error *err)
{
    return error_set(err, ERROR_STATE, "no run is active");
}

/* Is the run about to end, because somebody wished so? The lock is held. */
static bool is_doomed(const struct line *line)
{
    return line->wish == WISH_CANCEL || line->wish == WISH_FAIL;
}

void run_set_going(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    if (line->active && line->run.stop == STOP_NONE && line->wish == WISH_REST)
        wish(line, WISH_WORK);
    (void)pthread_mutex_unlock(&line->lock);
}

int line_continue(struct line *line, struct error *err)
{
    (void)err;
    (void)pthread_mutex_lock(&line->lock);
    bool goes_on = line->active && line->run.stop == STOP_NONE && line->wish == WISH_REST;
    uint64_t answered = settled_points(&line->run.counts);
    (void)pthread_mutex_unlock(&line->lock);
    if (!goes_on)
        return 0;
    line_event(line, 2, "run_continued", "answered=%" PRIu64, answered);
    run_set_going(line);
    return 0;
}

int line_pause(struct line *line, const char *reason, struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&line->lock);
    if (!line->active || is_doomed(line)) {
        result = no_run(err);
    } else if (line->run.stop == STOP_HELD && line->wish != WISH_WORK) {
        result = error_set(err, ERROR_STATE, "run %s is held at the gate: publish or cancel it",
                           line->run.id);
    } else if (line->run.stop != STOP_PAUSED || line->wish == WISH_WORK) {
        (void)snprintf(line->pause_reason, sizeof line->pause_reason, "%s",
                       reason != NULL ? reason : "");
        wish(line, WISH_PAUSE);
    }
    (void)pthread_mutex_unlock(&line->lock);
    return result;
}

int line_resume(struct line *line, struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&line->lock);
    if (!line->active || is_doomed(line))
        result = no_run(err);
    else if (line->run.stop == STOP_HELD && line->wish != WISH_WORK)
        result =
            error_set(err, ERROR_STATE, "run %s is held at the gate: publish --force or cancel it",
                      line->run.id);
    else
        wish(line, WISH_WORK);
    (void)pthread_mutex_unlock(&line->lock);
    return result;
}

int line_cancel(struct line *line, struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&line->lock);
    if (!line->active)
        result = no_run(err);
    else if (!is_doomed(line))
        wish(line, WISH_CANCEL);
    (void)pthread_mutex_unlock(&line->lock);
    return result;
}

int line_fail(struct line *line, const char *reason, struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&line->lock);
    if (!line->active) {
        result = no_run(err);
    } else if (!is_doomed(line)) {
        (void)snprintf(line->fail_reason, sizeof line->fail_reason, "%s", reason);
        wish(line, WISH_FAIL);
    }
    (void)pthread_mutex_unlock(&line->lock);
    return result;
}

void line_repace(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    line->pace_changed = true;
    (void)pthread_cond_broadcast(&line->changed);
    (void)pthread_mutex_unlock(&line->lock);
}

/* The lock is held. */
static bool is_held(const struct line *line)
{
    return line->active && line->run.stop == STOP_HELD && line->wish == WISH_REST;
}

/* Would the gate still hold the run? 0, 1 with the reason, -1. */
static int ask_gate(struct line *line, char reason[600], struct error *err)
{
    struct run_record run;
    int known = ledger_run(line->ledger, &run, err);
    if (known <= 0)
        return known < 0 ? -1 : no_run(err);
    struct gate_limits limits = run_limits(line, &run);
    return gate_check(line->ledger, &run, &limits, reason, err);
}

int line_publish(struct line *line, bool force, bool *held, struct error *err)
{
    char reason[600];
    (void)pthread_mutex_lock(&line->lock);
    bool waits = is_held(line);
    (void)pthread_mutex_unlock(&line->lock);
    int shut = waits && !force ? ask_gate(line, reason, err) : 0;
    if (shut < 0)
        return -1;
    (void)pthread_mutex_lock(&line->lock);
    waits = waits && is_held(line);
    if (!waits) {
        error_set(err, ERROR_STATE, "no run is held at the gate");
    } else if (shut > 0) {
        (void)snprintf(line->run.reason, sizeof line->run.reason, "%s", reason);
    } else {
        line->run.forced = line->run.forced || force;
        wish(line, WISH_WORK);
    }
    (void)pthread_mutex_unlock(&line->lock);
    if (!waits)
        return -1;
    *held = shut > 0;
    return 0;
}

int line_set(struct line *line, const struct line_change *change, struct error *err)
{
    int result = 0;
    if (change->workers == 0 || change->concurrency == 0)
        return error_set(err, ERROR_VALUE, "workers and concurrency must be at least 1");
    (void)pthread_mutex_lock(&line->lock);
    if (!line->active) {
        result = no_run(err);
    } else {
        struct run_parameters *parameters = &line->run.parameters;
        if (change->rate >= 0)
            parameters->rate = change->rate;
        if (change->finish_within >= 0)
            parameters->finish_within = change->finish_within;
        if (change->workers > 0)
            parameters->workers = (unsigned)change->workers;
        if (change->concurrency > 0)
            parameters->concurrency = (unsigned)change->concurrency;
        line->parameters_changed = true;
        (void)pthread_cond_broadcast(&line->changed);
    }
    (void)pthread_mutex_unlock(&line->lock);
    return result;
}

bool line_is_active(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    bool active = line->active;
    (void)pthread_mutex_unlock(&line->lock);
    return active;
}

struct ledger *line_ledger(struct line *line)
{
    return line->ledger;
}

struct limiter *line_limiter(struct line *line)
{
    return line->limiter;
}

void line_set_rate_at_rest(struct line *line, double rate)
{
    (void)pthread_mutex_lock(&line->lock);
    line->settings.rate = rate;
    if (line->refresh == NULL)
        limiter_set_rate(line->limiter, rate);
    (void)pthread_mutex_unlock(&line->lock);
}

struct geocode_figures *line_figures(struct line *line)
{
    return &line->figures;
}

void line_cache_changed(struct line *line)
{
    line_look(line);
}
