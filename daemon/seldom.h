/* What clients can bring about at will must not fill the log: say it now and then. */
#ifndef REFRESHD_DAEMON_SELDOM_H
#define REFRESHD_DAEMON_SELDOM_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"

struct seldom {
    _Atomic double next; /* not before; zero to begin with */
};

/* seldom_now: true once in so many seconds. Any thread. */
static inline bool seldom_now(struct seldom *seldom, double seconds)
{
    double now = clock_monotonic();
    double next = atomic_load_explicit(&seldom->next, memory_order_relaxed);
    return now >= next && atomic_compare_exchange_strong(&seldom->next, &next, now + seconds);
}

#endif
