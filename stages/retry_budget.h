/* The retry budget: points asked again are at most 20% of all points asked, so that faults are not
 * answered by a storm of questions; the first RETRIES_FREE are free, so that small runs are retried
 * in full. One for all workers of a pool; atomics, any thread. */
#ifndef REFRESHD_STAGES_RETRY_BUDGET_H
#define REFRESHD_STAGES_RETRY_BUDGET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RETRIES_FREE 100
#define RETRIES_PART 5 /* one of so many */

struct retry_budget {
    _Atomic uint64_t asked;   /* points, retries included */
    _Atomic uint64_t retried; /* of them */
};

static inline void retry_budget_asked(struct retry_budget *budget, size_t points)
{
    atomic_fetch_add_explicit(&budget->asked, points, memory_order_relaxed);
}

/* retry_budget_left: how many points may be asked again now. */
uint64_t retry_budget_left(struct retry_budget *budget);

/* retry_budget_take: take up to `wanted` retries out of the budget; returns how many. */
size_t retry_budget_take(struct retry_budget *budget, size_t wanted);

#endif
