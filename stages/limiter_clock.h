/* The limiter with the time given from outside, so that hours of it are tested at once. Internal
 * to the limiter and its tests; limiter.h has the contracts. now: clock_monotonic seconds. */
#ifndef REFRESHD_STAGES_LIMITER_CLOCK_H
#define REFRESHD_STAGES_LIMITER_CLOCK_H

#include "stages/limiter.h"

void limiter_set_deadline_at(struct limiter *limiter, double now, double seconds, uint64_t left);
size_t limiter_take_at(struct limiter *limiter, double now, size_t wanted, double *wait);
void limiter_give_back_at(struct limiter *limiter, double now, size_t points);
void limiter_back_off_at(struct limiter *limiter, double now, double asked_at, double retry_after,
                         unsigned status);
void limiter_answered_at(struct limiter *limiter, double now, double asked_at);
struct limiter_view limiter_look_at(struct limiter *limiter, double now);

#endif
