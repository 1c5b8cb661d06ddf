/* The limiter: one pace for all workers together, in points per second: the least of `rate`, of
 * what the deadline needs (`finish_within`: points left over time left) and of what a geocoder that
 * refuses still bears (backoff.h). Never more than the rate in any second, whatever the batch size.
 * Its mutex guards everything in it; any thread may call. now: clock_monotonic seconds. */
#ifndef REFRESHD_STAGES_LIMITER_H
#define REFRESHD_STAGES_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limiter;

struct limiter *limiter_create(void); /* unlimited; NULL when out of memory */
void limiter_free(struct limiter *limiter);

/* limiter_set_rate: points per second, 0 = unlimited. Acts on the next take. */
void limiter_set_rate(struct limiter *limiter, double points_per_second);

/* limiter_hold: while held nobody is granted anything: there is no share of the rate for us. */
void limiter_hold(struct limiter *limiter, bool held);

/* limiter_set_deadline: aim to be done `seconds` from now (0 = no deadline) with `left` points to
 * go. The pace then follows points left and time left, evenly, and aims at 0.95 of the time. */
void limiter_set_deadline(struct limiter *limiter, double now, double seconds, uint64_t left);

/* limiter_set_batch: points that one request may carry. Where the pace allows for whole requests,
 * points are granted by so many and not in crumbs; 1 to begin with. */
void limiter_set_batch(struct limiter *limiter, unsigned points);

/* limiter_take: may up to `wanted` points be asked now? Returns how many (at least 1 or 0); when 0,
 * *wait is how many seconds to wait before asking again. */
size_t limiter_take(struct limiter *limiter, double now, size_t wanted, double *wait);

/* limiter_take_urgent: limiter_take for questions that somebody waits for: neither for the pace of
 * a deadline nor for the turn of those who call limiter_take. The rate and what refusals left of it
 * hold for both together: when they use all of it, the next point that the rate allows is kept for
 * the urgent one, and the one after it for the others. */
size_t limiter_take_urgent(struct limiter *limiter, double now, size_t wanted, double *wait);

/* limiter_give_back: points taken by limiter_take but not asked. */
void limiter_give_back(struct limiter *limiter, double now, size_t points);

/* limiter_back_off: the geocoder refused a request that was asked at `asked_at` (clock_monotonic):
 * nobody is granted anything for retry_after seconds (0 = it did not say), and then at a lower pace
 * (backoff.h). Outlives a change of the rate and the end of a run. status: HTTP, 0 = unknown. */
void limiter_back_off(struct limiter *limiter, double now, double asked_at, double retry_after,
                      unsigned status);

/* limiter_answered: a request that was asked at `asked_at` got a good reply. */
void limiter_answered(struct limiter *limiter, double now, double asked_at);

struct limiter_view {
    double pace;       /* in force now, points per second; 0 = unlimited */
    double quiet_left; /* seconds in which nothing is granted; 0 = none */
    bool lowered;      /* the pace is what refusals left of it; the rest is about them */
    double quiet;      /* how long the quiet is, in all */
    bool asked_for;    /* by Retry-After */
    unsigned status;   /* HTTP; 0 = unknown */
    bool held;         /* nothing is granted until limiter_hold says otherwise */
};
struct limiter_view limiter_look(struct limiter *limiter, double now);

#endif
