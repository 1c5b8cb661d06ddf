/* The limiter: one pace for all workers together, in points per second, from `rate` and from the
 * deadline (`finish_within`: points left over time left). Never more than the rate in any second,
 * whatever the batch size. Its mutex guards everything in it; any thread may call. */
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

/* limiter_set_deadline: aim to be done `seconds` from now (0 = no deadline) with `left` points to
 * go. The pace then follows points left and time left, evenly, and aims at 0.95 of the time. */
void limiter_set_deadline(struct limiter *limiter, double seconds, uint64_t left);

/* limiter_take: may up to `wanted` points be asked now? Returns how many (at least 1 or 0); when 0,
 * *wait is how many seconds to wait before asking again. */
size_t limiter_take(struct limiter *limiter, size_t wanted, double *wait);

/* limiter_give_back: points taken but not asked. */
void limiter_give_back(struct limiter *limiter, size_t points);

/* limiter_rate: the pace in force now, points per second; 0 = unlimited. */
double limiter_rate(struct limiter *limiter);

#endif
