/* What flows against the line: the one struct through which an operator's wishes reach the
 * threads. Written by the daemon's thread through line.c, read by everybody; plain atomics, so no
 * lock guards it. */
#ifndef REFRESHD_STAGES_CONTROL_H
#define REFRESHD_STAGES_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>

struct control {
    _Atomic bool stop; /* finish what is in flight, commit it, end the threads: the daemon stops or
                        * the run pauses */
    _Atomic bool abandon; /* the run is cancelled: end the threads, answers may be dropped */
    _Atomic unsigned workers;
    _Atomic unsigned concurrency; /* requests in flight per worker */
    _Atomic unsigned bottleneck;  /* enum station: what the line waits for, as status says it; not a
                                   * wish, but kept for those who note it with what they do */
};

static inline bool control_ending(const struct control *control)
{
    return atomic_load_explicit(&control->stop, memory_order_acquire) ||
           atomic_load_explicit(&control->abandon, memory_order_acquire);
}

#endif
