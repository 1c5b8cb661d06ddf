/* Counting: each thread has a shard that it alone writes; whoever prints adds them up. */
#include "daemon/metrics.h"

#include <stdlib.h>

#include "base/clock.h"

#define CACHE_LINE 64

/* Aligned and padded to whole cache lines: threads that look up share none. */
struct metrics_shard {
    _Alignas(CACHE_LINE) _Atomic uint64_t lookups[METRICS_RESULTS];
    _Atomic uint64_t http[METRICS_STATUS_CLASSES];
    struct latency duration;
    struct metrics_shard *next; /* written before the shard is in the list */
};

struct metrics {
    _Atomic(struct metrics_shard *) shards; /* the newest first; only ever grows */
    _Atomic uint64_t switches, switch_failures;
    uint32_t started;
};

int metrics_create(struct metrics **out, struct error *err)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL)
        return error_memory(err, "the metrics");
    metrics->started = clock_unix();
    *out = metrics;
    return 0;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (struct metrics_shard *shard = atomic_load(&metrics->shards), *next; shard != NULL;
         shard = next) {
        next = shard->next;
        free(shard);
    }
    free(metrics);
}

struct metrics_shard *metrics_shard(struct metrics *metrics, struct error *err)
{
    struct metrics_shard *shard = aligned_alloc(CACHE_LINE, sizeof *shard);
    if (shard == NULL) {
        error_memory(err, "the metrics of a thread");
        return NULL;
    }
    *shard = (struct metrics_shard){.next = atomic_load(&metrics->shards)};
    while (!atomic_compare_exchange_weak(&metrics->shards, &shard->next, shard))
        ;
    return shard;
}

/* One thread writes, so no locked instruction is needed; readers see whole numbers. */
static void count_alone(_Atomic uint64_t *figure)
{
    uint64_t old = atomic_load_explicit(figure, memory_order_relaxed);
    atomic_store_explicit(figure, old + 1, memory_order_relaxed);
}

void metrics_lookup(struct metrics_shard *shard, enum metrics_result result, double seconds)
{
    count_alone(&shard->lookups[result]);
    latency_add_alone(&shard->duration, seconds);
}

void metrics_http(struct metrics_shard *shard, unsigned status)
{
    unsigned class = status / 100;
    if (class >= 1 && class <= METRICS_STATUS_CLASSES)
        count_alone(&shard->http[class - 1]);
}

void metrics_switch(struct metrics *metrics, bool succeeded)
{
    atomic_fetch_add_explicit(succeeded ? &metrics->switches : &metrics->switch_failures, 1,
                              memory_order_relaxed);
}

void metrics_collect(const struct metrics *metrics, struct metrics_sum *out)
{
    *out = (struct metrics_sum){
        .started = metrics->started,
        .switches = atomic_load_explicit(&metrics->switches, memory_order_relaxed),
        .switch_failures = atomic_load_explicit(&metrics->switch_failures, memory_order_relaxed),
    };
    for (const struct metrics_shard *shard = atomic_load(&metrics->shards); shard != NULL;
         shard = shard->next) {
        for (unsigned i = 0; i < METRICS_RESULTS; i++)
            out->lookups[i] += atomic_load_explicit(&shard->lookups[i], memory_order_relaxed);
        for (unsigned i = 0; i < METRICS_STATUS_CLASSES; i++)
            out->http[i] += atomic_load_explicit(&shard->http[i], memory_order_relaxed);
        latency_collect(&shard->duration, &out->duration);
    }
}

uint64_t metrics_lookups(const struct metrics *metrics)
{
    struct metrics_sum sum;
    uint64_t lookups = 0;
    metrics_collect(metrics, &sum);
    for (unsigned i = 0; i < METRICS_RESULTS; i++)
        lookups += sum.lookups[i];
    return lookups;
}
