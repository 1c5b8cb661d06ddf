#include "base/latency.h"

const double latency_bounds[LATENCY_BOUNDS] = {
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3,
    1e-2, 2e-2, 5e-2, 0.1,  0.2,  0.5,  1,    2,    5,    10,   20,   60,
};

static unsigned bucket_of(double seconds)
{
    unsigned low = 0;
    unsigned high = LATENCY_BOUNDS;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (seconds <= latency_bounds[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint64_t nanoseconds_of(double seconds)
{
    return seconds > 0 ? (uint64_t)(seconds * 1e9) : 0;
}

void latency_add(struct latency *latency, double seconds)
{
    atomic_fetch_add_explicit(&latency->buckets[bucket_of(seconds)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&latency->nanoseconds, nanoseconds_of(seconds), memory_order_relaxed);
}

static void add_alone(_Atomic uint64_t *figure, uint64_t more)
{
    uint64_t old = atomic_load_explicit(figure, memory_order_relaxed);
    atomic_store_explicit(figure, old + more, memory_order_relaxed);
}

void latency_add_alone(struct latency *latency, double seconds)
{
    add_alone(&latency->buckets[bucket_of(seconds)], 1);
    add_alone(&latency->nanoseconds, nanoseconds_of(seconds));
}

void latency_collect(const struct latency *latency, struct latency_sum *sum)
{
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        sum->buckets[i] += atomic_load_explicit(&latency->buckets[i], memory_order_relaxed);
    sum->nanoseconds += atomic_load_explicit(&latency->nanoseconds, memory_order_relaxed);
}
