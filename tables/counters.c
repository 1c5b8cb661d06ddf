#include "tables/counters.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tables/packed.h"

#define FEWEST 8U

/* Bytes to ask for, of the sizes that malloc has anyhow, less its 8; so values that are about as
 * long can take each other's place. */
static size_t room_of(uint32_t bytes)
{
    return bytes <= 24 ? 24 : ((bytes + (size_t)23) & ~(size_t)15) - 8;
}

static bool same_value(const struct counter *a, const struct counter *b)
{
    return a->hash == b->hash && a->bytes == b->bytes && packed_same(a->value, b->value, a->bytes);
}

/* The slot of that value, or the free one where it would be. */
static uint32_t *find(const struct counters *counters, const struct counter *wanted)
{
    uint32_t mask = counters->slots - 1, at = (uint32_t)wanted->hash & mask;
    while (counters->slot[at] != 0 &&
           !same_value(&counters->counter[counters->slot[at] - 1], wanted))
        at = (at + 1) & mask;
    return &counters->slot[at];
}

static struct counter *lookup(const struct counters *counters, const struct counter *wanted)
{
    uint32_t number = counters->slots > 0 ? *find(counters, wanted) : 0;
    return number > 0 ? &counters->counter[number - 1] : NULL;
}

/* Free a slot, and let those behind it that were pushed on move up. */
static void clear_slot(struct counters *counters, uint32_t *slot)
{
    uint32_t mask = counters->slots - 1, hole = (uint32_t)(slot - counters->slot);
    for (uint32_t at = (hole + 1) & mask; counters->slot[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)counters->counter[counters->slot[at] - 1].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            counters->slot[hole] = counters->slot[at];
            hole = at;
        }
    }
    counters->slot[hole] = 0;
}

static uint32_t slots_for(uint32_t room)
{
    uint32_t slots = 2 * FEWEST;
    while (slots < 2 * room)
        slots *= 2;
    return slots;
}

/* Room for exactly so many, the counters in their slots; heap: none. */
static int set_room(struct counters *counters, uint32_t room, struct error *err)
{
    uint32_t *slot = calloc(slots_for(room), sizeof *slot);
    struct counter *moved = realloc(counters->counter, room * sizeof *moved);
    if (moved != NULL)
        counters->counter = moved;
    if (slot == NULL || moved == NULL) {
        free(slot);
        return error_memory(err, "a table");
    }
    free(counters->slot);
    free(counters->heap);
    counters->heap = NULL;
    counters->slot = slot;
    counters->slots = slots_for(room);
    counters->room = room;
    for (uint32_t i = 0; i < counters->used; i++)
        *find(counters, &counters->counter[i]) = i + 1;
    return 0;
}

/* The room that so many counters have when they come one by one. */
static uint32_t usual_room(uint32_t used, uint32_t most)
{
    uint32_t room = FEWEST;
    while (room < used)
        room *= 2;
    return room < most ? room : most;
}

static int make_room(struct counters *counters, uint32_t most, struct error *err)
{
    return counters->used < counters->room
               ? 0
               : set_room(counters, usual_room(counters->used + 1, most), err);
}

static double count_at(const struct counters *counters, uint32_t place)
{
    return counters->counter[counters->heap[place]].count;
}

/* The counter at that place of the heap has grown. */
static void sink(struct counters *counters, uint32_t at)
{
    uint32_t moved = counters->heap[at];
    double count = counters->counter[moved].count;
    for (uint32_t child; (child = 2 * at + 1) < counters->used; at = child) {
        if (child + 1 < counters->used && count_at(counters, child + 1) < count_at(counters, child))
            child++;
        if (count <= count_at(counters, child))
            break;
        counters->heap[at] = counters->heap[child];
        counters->counter[counters->heap[at]].rank = at;
    }
    counters->heap[at] = moved;
    counters->counter[moved].rank = at;
}

static int make_heap(struct counters *counters, struct error *err)
{
    counters->heap = malloc(counters->used * sizeof *counters->heap);
    if (counters->heap == NULL)
        return error_memory(err, "a table");
    for (uint32_t i = 0; i < counters->used; i++) {
        counters->heap[i] = i;
        counters->counter[i].rank = i;
    }
    for (uint32_t at = counters->used; at-- > 0;)
        sink(counters, at);
    return 0;
}

static unsigned char *copy_value(const struct counter *counter)
{
    unsigned char *copy = malloc(room_of(counter->bytes));
    if (copy != NULL)
        memcpy(copy, counter->value, counter->bytes);
    return copy;
}

static int append(struct counters *counters, uint32_t most, const struct counter *more,
                  struct error *err)
{
    if (make_room(counters, most, err) != 0)
        return -1;
    struct counter new = *more;
    new.value = copy_value(more);
    if (new.value == NULL)
        return error_memory(err, "a table");
    counters->counter[counters->used++] = new;
    *find(counters, more) = counters->used;
    counters->recent = counters->used - 1;
    return 0;
}

/* Give the smallest counter to a new value. */
static int take_over(struct counters *counters, const struct counter *more, struct error *err)
{
    if (counters->heap == NULL && make_heap(counters, err) != 0)
        return -1;
    struct counter *smallest = &counters->counter[counters->heap[0]];
    bool fits = room_of(smallest->bytes) == room_of(more->bytes);
    unsigned char *value = fits ? smallest->value : copy_value(more);
    if (value == NULL)
        return error_memory(err, "a table");
    clear_slot(counters, find(counters, smallest));
    if (fits)
        memcpy(value, more->value, more->bytes);
    else
        free(smallest->value);
    counters->floor = smallest->count;
    *smallest = (struct counter){.count = counters->floor + more->count,
                                 .error = counters->floor + more->error,
                                 .hash = more->hash,
                                 .value = value,
                                 .bytes = more->bytes};
    *find(counters, smallest) = counters->heap[0] + 1;
    counters->recent = counters->heap[0];
    sink(counters, 0);
    return 0;
}

void counters_raise(struct counters *counters, struct counter *counter, double more)
{
    counter->count += more;
    counters->recent = (uint32_t)(counter - counters->counter);
    if (counters->heap != NULL)
        sink(counters, counter->rank);
}

int counters_add(struct counters *counters, uint32_t most, const struct counter *more,
                 struct error *err)
{
    struct counter *counter = lookup(counters, more);
    if (counter != NULL) {
        counter->error += more->error;
        counters_raise(counters, counter, more->count);
        return 0;
    }
    if ((counters->used < most ? append(counters, most, more, err)
                               : take_over(counters, more, err)) != 0)
        return -1;
    if (more->bytes > counters->longest)
        counters->longest = more->bytes;
    return 0;
}

static int by_value(const void *left, const void *right)
{
    const struct counter *a = left, *b = right;
    uint32_t both = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->value, b->value, both);
    return order != 0 ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static int by_count(const void *left, const void *right)
{
    const struct counter *a = left, *b = right;
    return a->count != b->count ? (a->count > b->count ? -1 : 1) : by_value(left, right);
}

/* --- merging ---------------------------------------------------------------------------- */

/* What `from` has no counter for may have come floor times in it. */
static void doubt(struct counters *into, const struct counters *from)
{
    for (uint32_t i = 0; i < into->used && from->floor > 0; i++) {
        struct counter *counter = &into->counter[i];
        if (lookup(from, counter) == NULL) {
            counter->count += from->floor;
            counter->error += from->floor;
        }
    }
}

/* There is room for all. */
static int take_in(struct counters *into, const struct counters *from, double floor,
                   struct error *err)
{
    for (uint32_t i = 0; i < from->used; i++) {
        struct counter more = from->counter[i];
        struct counter *counter = lookup(into, &more);
        if (counter != NULL) {
            counter->count += more.count;
            counter->error += more.error;
            continue;
        }
        more.count += floor;
        more.error += floor;
        if (append(into, UINT32_MAX, &more, err) != 0)
            return -1;
    }
    return 0;
}

static void swap(struct counter *a, struct counter *b)
{
    struct counter kept = *a;
    *a = *b;
    *b = kept;
}

/* Put the counters that are among the `first` largest first (Hoare's quickselect); no two are the
 * same to by_count. */
static void select_largest(struct counter *counter, uint32_t count, uint32_t first)
{
    int64_t low = 0, high = (int64_t)count - 1, wanted = (int64_t)first - 1;
    while (low < high) {
        struct counter pivot = counter[low + (high - low) / 2];
        int64_t left = low - 1, right = high + 1;
        for (;;) {
            do
                left++;
            while (by_count(&counter[left], &pivot) < 0);
            do
                right--;
            while (by_count(&counter[right], &pivot) > 0);
            if (left >= right)
                break;
            swap(&counter[left], &counter[right]);
        }
        if (wanted <= right)
            high = right;
        else
            low = right + 1;
    }
}

/* Keep the `most` largest; the largest of the others becomes the floor, if that is more. */
static void forget_smallest(struct counters *counters, uint32_t most)
{
    if (counters->used <= most)
        return;
    select_largest(counters->counter, counters->used, most);
    for (uint32_t i = most; i < counters->used; i++) {
        if (counters->counter[i].count > counters->floor)
            counters->floor = counters->counter[i].count;
        free(counters->counter[i].value);
    }
    counters->used = most;
}

int counters_merge(struct counters *into, const struct counters *from, uint32_t most,
                   struct error *err)
{
    double floor = into->floor;
    if (from->used == 0)
        return 0;
    if (into->used + from->used > into->room && set_room(into, into->used + from->used, err) != 0)
        return -1;
    doubt(into, from);
    if (take_in(into, from, floor, err) != 0)
        return -1;
    into->floor += from->floor;
    into->longest = into->longest > from->longest ? into->longest : from->longest;
    uint32_t all = into->used;
    forget_smallest(into, most);
    into->recent = 0;
    free(into->heap);
    into->heap = NULL;
    uint32_t room = usual_room(into->used, most);
    return all == into->used && room == into->room ? 0 : set_room(into, room, err);
}

static size_t table_bytes(uint32_t room)
{
    return room * (sizeof(struct counter) + sizeof(uint32_t)) + slots_for(room) * sizeof(uint32_t);
}

size_t counters_bytes(const struct counters *counters)
{
    return counters->room == 0
               ? 0
               : table_bytes(counters->room) + counters->used * (room_of(counters->longest) + 8);
}

size_t counters_most_bytes(uint32_t most, size_t longest)
{
    return table_bytes(most) + most * (room_of((uint32_t)longest) + 8);
}

void counters_end(struct counters *counters)
{
    for (uint32_t i = 0; i < counters->used; i++)
        free(counters->counter[i].value);
    free(counters->counter);
    free(counters->slot);
    free(counters->heap);
}

struct counter *counters_sorted(const struct counters *counters, enum counters_order order)
{
    struct counter *sorted = malloc((counters->used + (size_t)1) * sizeof *sorted);
    if (sorted == NULL)
        return NULL;
    if (counters->used > 0)
        memcpy(sorted, counters->counter, counters->used * sizeof *sorted);
    qsort(sorted, counters->used, sizeof *sorted, order == COUNTERS_BY_VALUE ? by_value : by_count);
    return sorted;
}
