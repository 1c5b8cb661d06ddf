/* The pulse of a thread: a sign of life each time it gets on, so that somebody else can see that it
 * stands still. A thread that waits for another one rests; one that does not work has no pulse.
 * The thread beats, anybody may look. */
#ifndef REFRESHD_STAGES_PULSE_H
#define REFRESHD_STAGES_PULSE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"

struct pulse {
    _Atomic double heard; /* clock_monotonic of the last beat; 0 = at rest */
};

/* pulse_beat, pulse_rest: pulse may be NULL: nobody listens. */
static inline void pulse_beat(struct pulse *pulse)
{
    if (pulse != NULL)
        atomic_store_explicit(&pulse->heard, clock_monotonic(), memory_order_relaxed);
}

static inline void pulse_rest(struct pulse *pulse)
{
    if (pulse != NULL)
        atomic_store_explicit(&pulse->heard, 0, memory_order_relaxed);
}

/* pulse_silence: seconds since the last beat; 0 at rest. */
static inline double pulse_silence(const struct pulse *pulse, double now)
{
    double heard = atomic_load_explicit(&pulse->heard, memory_order_relaxed);
    return heard > 0 && now > heard ? now - heard : 0;
}

#endif
