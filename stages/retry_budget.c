#include "stages/retry_budget.h"

static uint64_t allowed(struct retry_budget *budget)
{
    uint64_t part = atomic_load_explicit(&budget->asked, memory_order_relaxed) / RETRIES_PART;
    return part > RETRIES_FREE ? part : RETRIES_FREE;
}

uint64_t retry_budget_left(struct retry_budget *budget)
{
    uint64_t retried = atomic_load_explicit(&budget->retried, memory_order_relaxed);
    uint64_t most = allowed(budget);
    return most > retried ? most - retried : 0;
}

size_t retry_budget_take(struct retry_budget *budget, size_t wanted)
{
    uint64_t retried = atomic_load_explicit(&budget->retried, memory_order_relaxed);
    for (;;) {
        uint64_t most = allowed(budget);
        uint64_t left = most > retried ? most - retried : 0;
        size_t taken = wanted < left ? wanted : (size_t)left;
        if (taken == 0 ||
            atomic_compare_exchange_weak_explicit(&budget->retried, &retried, retried + taken,
                                                  memory_order_relaxed, memory_order_relaxed))
            return taken;
    }
}
