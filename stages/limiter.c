#include "stages/limiter_clock.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

/* Points are granted in chunks of about 1/CHUNKS of a second's worth, spaced evenly (the virtual
 * scheduling form of the generic cell rate algorithm, ITU-T I.371). Somebody who comes late may
 * catch up by TOLERANCE seconds, so that late timers cost no throughput; and RATE_USED of the
 * rate is used, so that no second holds more than the rate: with r = RATE_USED x rate, at most
 * r x (1 + TOLERANCE) + one chunk fall into any second, and a chunk is 1 point below 2 x CHUNKS a
 * second, where counting whole points gives the room for it. */
#define CHUNKS 200.0
#define TOLERANCE 0.02
#define RATE_USED 0.965
#define DEADLINE_USED 0.95
#define SHORTEST_WAIT 1e-4

struct limiter {
    pthread_mutex_t mutex; /* guards everything */
    double rate;           /* points per second; 0 = unlimited */
    double target;         /* when to be done; 0 = no deadline */
    uint64_t left;
    double pace; /* of the deadline, kept for when more is asked than was left */
    double mark; /* moment of the last chunk on an even schedule */
    double debt; /* its points, to be waited for */
};

struct limiter *limiter_create(void)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);
    if (limiter == NULL || pthread_mutex_init(&limiter->mutex, NULL) != 0) {
        free(limiter);
        return NULL;
    }
    limiter->mark = -INFINITY;
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

static double rate_pace(const struct limiter *limiter)
{
    return limiter->rate > 0 ? limiter->rate * RATE_USED : INFINITY;
}

static double chunk_of(double pace)
{
    double chunk = floor(pace / CHUNKS);
    return chunk < 1 ? 1 : chunk;
}

void limiter_set_rate(struct limiter *limiter, double points_per_second)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->rate = points_per_second > 0 ? points_per_second : 0;
    /* A chunk of a fast past is not waited for at a slow pace. */
    limiter->debt = fmin(limiter->debt, chunk_of(rate_pace(limiter)));
    (void)pthread_mutex_unlock(&limiter->mutex);
}

void limiter_set_deadline_at(struct limiter *limiter, double now, double seconds, uint64_t left)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->target = seconds > 0 ? now + seconds * DEADLINE_USED : 0;
    limiter->left = left;
    limiter->pace = seconds > 0 ? fmax((double)left, 1) / (seconds * DEADLINE_USED) : INFINITY;
    limiter->debt = fmin(limiter->debt, chunk_of(fmin(rate_pace(limiter), limiter->pace)));
    (void)pthread_mutex_unlock(&limiter->mutex);
}

/* When the next chunk may go. */
static double next_moment(const struct limiter *limiter, double now)
{
    if (isinf(limiter->mark))
        return now;
    double next = limiter->mark + limiter->debt / rate_pace(limiter);
    if (limiter->target != 0 && now < limiter->target) {
        double even = limiter->mark + limiter->debt / deadline_pace(limiter, limiter->mark);
        next = fmax(next, fmin(even, limiter->target));
    }
    return next;
}

static size_t take(struct limiter *limiter, double now, size_t wanted, double *wait)
{
    double pace = fmin(rate_pace(limiter), deadline_pace(limiter, now));
    double next = next_moment(limiter, now);
    if (!isinf(pace) && now < next) {
        *wait = fmax(next - now, SHORTEST_WAIT);
        return 0;
    }
    size_t granted = wanted;
    if (!isinf(pace) && (double)wanted > chunk_of(pace))
        granted = (size_t)chunk_of(pace);
    if (!isinf(deadline_pace(limiter, now)))
        limiter->pace = deadline_pace(limiter, now);
    limiter->left -= granted < limiter->left ? granted : limiter->left;
    limiter->mark = isinf(pace) ? now : fmax(next, now - TOLERANCE);
    limiter->debt = isinf(pace) ? 0 : (double)granted;
    return granted;
}

size_t limiter_take_at(struct limiter *limiter, double now, size_t wanted, double *wait)
{
    if (wanted == 0)
        wanted = 1;
    (void)pthread_mutex_lock(&limiter->mutex);
    size_t granted = take(limiter, now, wanted, wait);
    (void)pthread_mutex_unlock(&limiter->mutex);
    return granted;
}

void limiter_give_back_at(struct limiter *limiter, double now, size_t points)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->left += points;
    /* What was not asked long ago can't be asked on top of what is asked now. */
    if (now <= limiter->mark + TOLERANCE)
        limiter->debt = fmax(limiter->debt - (double)points, 0);
    (void)pthread_mutex_unlock(&limiter->mutex);
}

double limiter_rate_at(struct limiter *limiter, double now)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    double rate = limiter->rate > 0 ? limiter->rate : INFINITY;
    double pace = fmin(rate, deadline_pace(limiter, now));
    (void)pthread_mutex_unlock(&limiter->mutex);
    return isinf(pace) ? 0 : pace;
}

void limiter_set_deadline(struct limiter *limiter, double seconds, uint64_t left)
{
    limiter_set_deadline_at(limiter, clock_monotonic(), seconds, left);
}

void limiter_give_back(struct limiter *limiter, size_t points)
{
    limiter_give_back_at(limiter, clock_monotonic(), points);
}

size_t limiter_take(struct limiter *limiter, size_t wanted, double *wait)
{
    return limiter_take_at(limiter, clock_monotonic(), wanted, wait);
}

double limiter_rate(struct limiter *limiter)
{
    return limiter_rate_at(limiter, clock_monotonic());
}
