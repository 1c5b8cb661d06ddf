/* A histogram of durations from a microsecond to a minute, in steps of 1, 2, 5.
 *
 * One that several threads add to takes latency_add; one that a single thread adds to takes
 * latency_add_alone, which costs no locked instruction. Any thread may collect meanwhile: every
 * figure only grows, but those of one duration need not be seen together. */
#ifndef REFRESHD_BASE_LATENCY_H
#define REFRESHD_BASE_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

#define LATENCY_BOUNDS 24
#define LATENCY_BUCKETS (LATENCY_BOUNDS + 1) /* the last has no bound */

/* Upper bounds of the buckets in seconds, inclusive, ascending. */
extern const double latency_bounds[LATENCY_BOUNDS];

struct latency {
    _Atomic uint64_t buckets[LATENCY_BUCKETS];
    _Atomic uint64_t nanoseconds; /* in all */
};

struct latency_sum {
    uint64_t buckets[LATENCY_BUCKETS];
    uint64_t nanoseconds;
};

/* Negative durations count as none. */
void latency_add(struct latency *latency, double seconds);
void latency_add_alone(struct latency *latency, double seconds);

/* latency_collect: add what latency has now to sum. */
void latency_collect(const struct latency *latency, struct latency_sum *sum);

#endif
