/* Counters of the most frequent values: space-saving (Metwally, Agrawal, El Abbadi: "Efficient
 * computation of frequent and top-k elements in data streams", 2005), which merges (Agarwal,
 * Cormode, Huang, Phillips, Wei, Yi: "Mergeable summaries", 2012).
 *
 * While no more values come than there are counters, every count is exact. After that a new value
 * takes the smallest counter over with its count, which is then the value's error: a value came at
 * least count - error and at most count times, and one without a counter at most floor times. */
#ifndef REFRESHD_TABLES_COUNTERS_H
#define REFRESHD_TABLES_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct counter {
    double count, error;
    uint64_t hash;
    unsigned char *value; /* packed */
    uint32_t bytes;
    uint32_t rank; /* its place in the heap */
};

struct counters {
    struct counter *counter;
    uint32_t *slot; /* a hash table of them: number + 1, 0 = free; at most half full */
    uint32_t *heap; /* the smallest first, once all counters are taken; else NULL */
    uint32_t used, room, slots;
    uint32_t recent;  /* that was counted last */
    uint32_t longest; /* bytes of the longest value that ever came, kept or not */
    double floor;
};

/* counters_add: count `more` for a value (its bytes are copied) that came with `error` of it in
 * doubt; most: how many counters there may be. -1: out of memory, nothing changed. */
int counters_add(struct counters *counters, uint32_t most, const struct counter *more,
                 struct error *err);

/* counters_recent: the one that was counted last, if any; counters_raise: count more for it. */
static inline struct counter *counters_recent(const struct counters *counters)
{
    return counters->used > 0 ? &counters->counter[counters->recent] : NULL;
}
void counters_raise(struct counters *counters, struct counter *counter, double more);

int counters_merge(struct counters *into, const struct counters *from, uint32_t most,
                   struct error *err);

/* counters_bytes: what they take at most, a function of the values that came and of no order.
 * counters_most_bytes: when all are taken by values of `longest` bytes. */
size_t counters_bytes(const struct counters *counters);
size_t counters_most_bytes(uint32_t most, size_t longest);

void counters_end(struct counters *counters);

/* counters_sorted: a copy, ordered by value, or by count, the largest first; the caller frees it,
 * not the values. NULL: no memory. */
enum counters_order { COUNTERS_BY_VALUE, COUNTERS_BY_COUNT };
struct counter *counters_sorted(const struct counters *counters, enum counters_order order);

#endif
