#include "stages/limiter.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "stages/backoff.h"
#include "stages/recent.h"

/* Points are granted in chunks of about 1/CHUNKS of a second's worth, or of a request's worth if
 * that is more, spaced evenly (the virtual scheduling form of the generic cell rate algorithm,
 * ITU-T I.371). Somebody who comes late may catch up by TOLERANCE seconds, so that late timers cost
 * no throughput, and RATE_USED of the rate is used, so that catching up stays within it. What the
 * chunks leave open is closed by counting what the last second holds. */
#define CHUNKS 200.0
#define TOLERANCE 0.02
#define RATE_USED 0.965
#define DEADLINE_USED 0.95
#define SHORTEST_WAIT 1e-4
#define HELD_WAIT 0.1
#define KEPT_LATE 0.02 /* seconds that something is kept for somebody who comes late */

struct limiter {
    pthread_mutex_t mutex; /* guards everything */
    double rate;           /* points per second; 0 = unlimited */
    bool held;
    unsigned batch;
    struct backoff backoff;
    struct recent recent;
    double target; /* when to be done; 0 = no deadline */
    uint64_t left;
    double pace;         /* of the deadline, kept for when more is asked than was left */
    double mark;         /* moment of the last chunk on an even schedule */
    double debt;         /* its points, to be waited for */
    double kept_until;   /* nothing is granted but urgent points */
    double others_until; /* nothing urgent is granted while owed */
    double owed;         /* points granted so while others waited: their turn is next */
};

struct limiter *limiter_create(void)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);
    if (limiter == NULL || pthread_mutex_init(&limiter->mutex, NULL) != 0) {
        free(limiter);
        return NULL;
    }
    limiter->mark = -INFINITY;
    limiter->batch = 1;
    backoff_reset(&limiter->backoff);
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    if (limiter == NULL)
        return;
    (void)pthread_mutex_destroy(&limiter->mutex);
    free(limiter);
}

/* The deadline's points per second as seen from a moment; INFINITY = no limit. */
static double deadline_pace(const struct limiter *limiter, double moment)
{
    if (limiter->target == 0 || moment >= limiter->target)
        return INFINITY;
    if (limiter->left == 0)
        return limiter->pace;
    return (double)limiter->left / (limiter->target - moment);
}

/* Points per second at most, whatever the deadline says; INFINITY = no limit. */
static double most(const struct limiter *limiter)
{
    return fmin(limiter->rate > 0 ? limiter->rate : INFINITY, limiter->backoff.ceiling);
}

/* Points granted at a time at such a pace. */
static double chunk_of(const struct limiter *limiter, double pace)
{
    double chunk = floor(pace / CHUNKS);
    if (chunk < limiter->batch) {
        double whole = fmin(limiter->batch, floor(pace));
        chunk = whole < 1 ? 1 : floor(pace / ceil(pace / whole));
    }
    return chunk < 1 ? 1 : chunk;
}

/* A chunk of a fast past is not waited for at a slow pace. */
static void shrink_debt(struct limiter *limiter, double pace)
{
    if (!isinf(pace))
        limiter->debt = fmin(limiter->debt, chunk_of(limiter, pace));
}

void limiter_set_rate(struct limiter *limiter, double points_per_second)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->rate = points_per_second > 0 ? points_per_second : 0;
    shrink_debt(limiter, most(limiter));
    (void)pthread_mutex_unlock(&limiter->mutex);
}

void limiter_hold(struct limiter *limiter, bool held)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->held = held;
    (void)pthread_mutex_unlock(&limiter->mutex);
}

void limiter_set_batch(struct limiter *limiter, unsigned points)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->batch = points > 0 ? points : 1;
    (void)pthread_mutex_unlock(&limiter->mutex);
}

void limiter_set_deadline(struct limiter *limiter, double now, double seconds, uint64_t left)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->target = seconds > 0 ? now + seconds * DEADLINE_USED : 0;
    limiter->left = left;
    limiter->pace = seconds > 0 ? fmax((double)left, 1) / (seconds * DEADLINE_USED) : INFINITY;
    shrink_debt(limiter, fmin(most(limiter), limiter->pace));
    (void)pthread_mutex_unlock(&limiter->mutex);
}

/* When the next chunk may go. */
static double next_moment(const struct limiter *limiter, double now)
{
    if (isinf(limiter->mark))
        return now;
    double next = limiter->mark + limiter->debt / (most(limiter) * RATE_USED);
    if (limiter->target != 0 && now < limiter->target) {
        double even = limiter->mark + limiter->debt / deadline_pace(limiter, limiter->mark);
        next = fmax(next, fmin(even, limiter->target));
    }
    return next;
}

/* Seconds until so many points may be granted; 0 = now. */
static double wait_for(struct limiter *limiter, double now, double points)
{
    if (now < limiter->backoff.quiet_until)
        return limiter->backoff.quiet_until - now;
    double limit = most(limiter);
    if (isinf(fmin(limit, deadline_pace(limiter, now))))
        return 0;
    double next = next_moment(limiter, now);
    if (now < next)
        return next - now;
    return isinf(limit) ? 0 : recent_wait(&limiter->recent, now, points, fmax(limit, points));
}

/* How long nothing is granted to those who aren't urgent; 0 = not at all. While they are owed their
 * turn, they are waited for. */
static double wait_unless_urgent(struct limiter *limiter, double now, double points)
{
    double until = fmax(wait_for(limiter, now, points), limiter->kept_until - now);
    if (until <= 0)
        return 0;
    until = fmax(until, SHORTEST_WAIT);
    if (limiter->owed > 0 && most(limiter) <= deadline_pace(limiter, now))
        limiter->others_until = now + until + KEPT_LATE;
    return until;
}

static size_t take(struct limiter *limiter, double now, size_t wanted, double *wait)
{
    double deadline = deadline_pace(limiter, now);
    double pace = fmin(most(limiter), deadline);
    size_t granted = wanted;
    if (!isinf(pace) && (double)wanted > chunk_of(limiter, pace))
        granted = (size_t)chunk_of(limiter, pace);
    double until = wait_unless_urgent(limiter, now, (double)granted);
    if (until > 0) {
        *wait = until;
        return 0;
    }
    if (!isinf(deadline))
        limiter->pace = deadline;
    limiter->left -= granted < limiter->left ? granted : limiter->left;
    limiter->mark = isinf(pace) ? now : fmax(next_moment(limiter, now), now - TOLERANCE);
    limiter->debt = isinf(pace) ? 0 : (double)granted;
    recent_add(&limiter->recent, now, (double)granted);
    limiter->owed = fmax(limiter->owed - (double)granted, 0);
    return granted;
}

/* How long nothing urgent is granted. */
static double wait_if_urgent(struct limiter *limiter, double now, double limit)
{
    double until = limiter->backoff.quiet_until - now;
    if (isinf(limit))
        return until;
    until = fmax(until, recent_wait(&limiter->recent, now, 1, fmax(limit, 1)));
    if (limit < 1) /* less than one in the second that is counted: as spaced as all others */
        until = fmax(until, limiter->mark + limiter->debt / (limit * RATE_USED) - now);
    return limiter->owed > 0 ? fmax(until, limiter->others_until - now) : until;
}

static size_t take_urgent(struct limiter *limiter, double now, size_t wanted, double *wait)
{
    double limit = most(limiter);
    size_t granted = (double)wanted <= limit ? wanted : (size_t)fmax(floor(limit), 1);
    double until = wait_if_urgent(limiter, now, limit);
    if (until > 0) {
        *wait = fmax(until, SHORTEST_WAIT);
        if (limiter->owed == 0)
            limiter->kept_until = fmax(limiter->kept_until, now + *wait + KEPT_LATE);
        return 0;
    }
    while (granted > 1 && !isinf(limit) &&
           recent_wait(&limiter->recent, now, (double)granted, limit) > 0)
        granted /= 2;
    if (now < limiter->kept_until)
        limiter->owed = (double)granted;
    limiter->kept_until = 0;
    if (limit < 1) {
        limiter->mark = now;
        limiter->debt = (double)granted;
    }
    recent_add(&limiter->recent, now, (double)granted);
    return granted;
}

static size_t wait_held(double *wait)
{
    *wait = HELD_WAIT;
    return 0;
}

size_t limiter_take(struct limiter *limiter, double now, size_t wanted, double *wait)
{
    if (wanted == 0)
        wanted = 1;
    (void)pthread_mutex_lock(&limiter->mutex);
    size_t granted = limiter->held ? wait_held(wait) : take(limiter, now, wanted, wait);
    (void)pthread_mutex_unlock(&limiter->mutex);
    return granted;
}

size_t limiter_take_urgent(struct limiter *limiter, double now, size_t wanted, double *wait)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    if (wanted == 0)
        wanted = 1;
    size_t granted = limiter->held ? wait_held(wait) : take_urgent(limiter, now, wanted, wait);
    (void)pthread_mutex_unlock(&limiter->mutex);
    return granted;
}

void limiter_give_back(struct limiter *limiter, double now, size_t points)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->left += points;
    /* What was not asked long ago can't be asked on top of what is asked now. */
    if (now <= limiter->mark + TOLERANCE) {
        limiter->debt = fmax(limiter->debt - (double)points, 0);
        recent_add(&limiter->recent, now, -(double)points);
    }
    (void)pthread_mutex_unlock(&limiter->mutex);
}

/* The pace that was refused. What was measured lately counts only as long as nothing held it up:
 * once a refusal is remembered, its ceiling is what was tried. */
static double refused_pace(struct limiter *limiter, double now)
{
    double pace = most(limiter);
    double lately = recent_pace(&limiter->recent, now);
    return isinf(limiter->backoff.ceiling) ? fmin(pace, fmax(lately, BACKOFF_LEAST)) : pace;
}

void limiter_back_off(struct limiter *limiter, double now, double asked_at, double retry_after,
                      unsigned status)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    backoff_refused(&limiter->backoff, now, asked_at, retry_after, status,
                    refused_pace(limiter, now));
    shrink_debt(limiter, most(limiter));
    (void)pthread_mutex_unlock(&limiter->mutex);
}

void limiter_answered(struct limiter *limiter, double now, double asked_at)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    backoff_answered(&limiter->backoff, now, asked_at,
                     limiter->rate > 0 ? limiter->rate : INFINITY);
    (void)pthread_mutex_unlock(&limiter->mutex);
}

struct limiter_view limiter_look(struct limiter *limiter, double now)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    const struct backoff *backoff = &limiter->backoff;
    double pace = fmin(most(limiter), deadline_pace(limiter, now));
    struct limiter_view view = {
        .pace = isinf(pace) ? 0 : pace,
        .quiet_left = fmax(backoff->quiet_until - now, 0),
        .lowered = !isinf(backoff->ceiling) && pace >= backoff->ceiling,
        .quiet = backoff->quiet,
        .asked_for = backoff->asked_for,
        .status = backoff->status,
        .held = limiter->held,
    };
    (void)pthread_mutex_unlock(&limiter->mutex);
    return view;
}
