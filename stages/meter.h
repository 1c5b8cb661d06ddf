/* Busy meters: which share of the time a station's threads work rather than wait. Threads add the
 * time they were busy; whoever shows status samples. */
#ifndef REFRESHD_STAGES_METER_H
#define REFRESHD_STAGES_METER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"

struct meter {
    _Atomic uint64_t busy_ns; /* total over all threads */
    _Atomic unsigned threads; /* running now */
};

/* meter_add: a thread was busy since `from` (clock_monotonic). */
static inline void meter_add(struct meter *meter, double from)
{
    double spent = clock_monotonic() - from;
    if (spent > 0)
        atomic_fetch_add_explicit(&meter->busy_ns, (uint64_t)(spent * 1e9), memory_order_relaxed);
}

#endif
