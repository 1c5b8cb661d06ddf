/* quantile: a histogram whose buckets are 1/256 of their values wide (the sign, the exponent and
 * the first 8 bits of the mantissa of the double), each with its count, least and greatest value.
 * So merging adds up, whatever is alone in its bucket is exact, and everything else is off by at
 * most 1/256 of itself. */
#include <stdlib.h>

#include "base/bytes.h"
#include "tables/kinds.h"

#define FINE_BITS 44                        /* of the double: what a bucket does not tell apart */
#define LARGEST 0x1p64                      /* values of this magnitude are skipped; */
#define SMALLEST 0x1p-64                    /* those below are taken for 0 */
#define BUCKETS ((size_t)2 * 128 * 256 + 1) /* most there can be */
#define FINE_BYTES ((size_t)6)
#define MOST_COUNT ((uint64_t)1 << 48) /* in bytes that are read: sums of them can't overflow */

struct bucket {
    int64_t id;     /* in the order of the values; that of 0 is 0 */
    uint64_t count; /* 0: the slot is free */
    double least, greatest;
};

struct quantile {
    struct bucket *slot; /* a hash table, at most half full, 2^bits slots */
    uint32_t used;
    unsigned bits;
};

static inline int64_t id_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int64_t id = (int64_t)(bits << 1 >> (FINE_BITS + 1));
    return bits >> 63 ? -id : id;
}

/* find: the bucket with that id, or the free slot where it would be. */
static inline struct bucket *find(const struct quantile *quantile, int64_t id)
{
    uint32_t mask = (UINT32_C(1) << quantile->bits) - 1;
    uint32_t at = (uint32_t)(((uint64_t)id * 0x9e3779b97f4a7c15ULL) >> (64 - quantile->bits));
    while (quantile->slot[at].count != 0 && quantile->slot[at].id != id)
        at = (at + 1) & mask;
    return &quantile->slot[at];
}

/* Room for one more bucket: a function of how many there are. */
static int make_room(struct quantile *quantile, struct error *err)
{
    struct quantile larger = {.used = quantile->used, .bits = quantile->bits + 1};
    if (quantile->slot == NULL)
        larger.bits = 3;
    else if (quantile->used < UINT32_C(1) << (quantile->bits - 1))
        return 0;
    larger.slot = calloc((size_t)1 << larger.bits, sizeof *larger.slot);
    if (larger.slot == NULL)
        return error_memory(err, "a table");
    for (size_t i = 0; quantile->slot != NULL && i < (size_t)1 << quantile->bits; i++)
        if (quantile->slot[i].count != 0)
            *find(&larger, quantile->slot[i].id) = quantile->slot[i];
    free(quantile->slot);
    *quantile = larger;
    return 0;
}

static int add(struct quantile *quantile, const struct bucket *more, struct error *err)
{
    struct bucket *bucket = quantile->slot != NULL ? find(quantile, more->id) : NULL;
    if (bucket != NULL && bucket->count != 0) {
        bucket->count += more->count;
        bucket->least = more->least < bucket->least ? more->least : bucket->least;
        bucket->greatest = more->greatest > bucket->greatest ? more->greatest : bucket->greatest;
        return 0;
    }
    if (make_room(quantile, err) != 0)
        return -1;
    *find(quantile, more->id) = *more;
    quantile->used++;
    return 0;
}

static int emit(void *cell, const struct kind_shape *shape, const struct emission *emission,
                uint64_t *others, struct error *err)
{
    (void)shape;
    (void)others;
    double value = emission->values[0].number;
    if (fabs(value) < SMALLEST)
        value = 0;
    struct bucket one = {id_of(value), 1, value, value};
    return add(cell, &one, err);
}

static int merge(void *into, const void *from, const struct kind_shape *shape, uint64_t *others,
                 struct error *err)
{
    (void)shape;
    (void)others;
    const struct quantile *more = from;
    size_t mask = more->slot != NULL ? ((size_t)1 << more->bits) - 1 : 0;
    for (size_t i = 0; more->slot != NULL && i <= mask; i++) {
        /* Not in the order of the slots, which would crowd the front of a smaller table. */
        const struct bucket *bucket = &more->slot[i * 40503 & mask];
        if (bucket->count != 0 && add(into, bucket, err) != 0)
            return -1;
    }
    return 0;
}

static void end(void *cell)
{
    free(((struct quantile *)cell)->slot);
}

static size_t charge(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    const struct quantile *quantile = cell;
    return quantile->slot != NULL ? sizeof(struct bucket) << quantile->bits : 0;
}

static size_t most_charge(const struct kind_shape *shape)
{
    (void)shape;
    return 4 * BUCKETS * sizeof(struct bucket);
}

static int compare_buckets(const void *left, const void *right)
{
    const struct bucket *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* The buckets in order of their values; the caller frees them. */
static struct bucket *sorted(const struct quantile *quantile)
{
    struct bucket *buckets = malloc((quantile->used + (size_t)1) * sizeof *buckets);
    size_t count = 0;
    for (size_t i = 0; buckets != NULL && count < quantile->used; i++)
        if (quantile->slot[i].count != 0)
            buckets[count++] = quantile->slot[i];
    if (buckets != NULL)
        qsort(buckets, count, sizeof *buckets, compare_buckets);
    return buckets;
}

/* What id does not say of a value. */
static unsigned char *put_fine(unsigned char *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= ((uint64_t)1 << FINE_BITS) - 1;
    memcpy(at, &bits, FINE_BYTES);
    return at + FINE_BYTES;
}

static int write_buckets(const void *cell, const struct kind_shape *shape, struct buffer *out,
                         struct error *err)
{
    (void)shape;
    const struct quantile *quantile = cell;
    size_t most = VARINT_LIMIT + quantile->used * (2 * VARINT_LIMIT + 2 * FINE_BYTES);
    if (buffer_reserve(out, most, err) != 0)
        return -1;
    struct bucket *buckets = sorted(quantile);
    if (buckets == NULL)
        return error_memory(err, "a table's bytes");
    unsigned char *at = varint_put(out->data + out->used, quantile->used);
    int64_t before = 0;
    for (uint32_t i = 0; i < quantile->used; i++) {
        const struct bucket *bucket = &buckets[i];
        bool spread = bucket->least < bucket->greatest;
        at = varint_put(at, zigzag(bucket->id - before));
        at = varint_put(at, bucket->count << 1 | spread);
        at = put_fine(at, bucket->least);
        if (spread)
            at = put_fine(at, bucket->greatest);
        before = bucket->id;
    }
    out->used = (size_t)(at - out->data);
    free(buckets);
    return 0;
}

static const unsigned char *get_fine(const unsigned char *at, const unsigned char *limit,
                                     int64_t id, double *value)
{
    if (at == NULL || (size_t)(limit - at) < FINE_BYTES)
        return NULL;
    uint64_t bits = 0;
    memcpy(&bits, at, FINE_BYTES);
    if (bits >> FINE_BITS != 0)
        return NULL;
    bits |= (uint64_t)(id < 0 ? -id : id) << FINE_BITS | (uint64_t)(id < 0) << 63;
    memcpy(value, &bits, sizeof bits);
    return at + FINE_BYTES;
}

static const unsigned char *get_bucket(const unsigned char *at, const unsigned char *limit,
                                       int64_t before, struct bucket *bucket)
{
    uint64_t step, count;
    at = varint_get(at, limit, &step);
    at = varint_get(at, limit, &count);
    if (at == NULL || count >> 1 == 0 || count >> 1 > MOST_COUNT)
        return NULL;
    bucket->id = (int64_t)((uint64_t)before + (uint64_t)unzigzag(step));
    bucket->count = count >> 1;
    int64_t last = id_of(LARGEST);
    if (bucket->id <= -last || bucket->id >= last)
        return NULL;
    at = get_fine(at, limit, bucket->id, &bucket->least);
    bucket->greatest = bucket->least;
    if (at != NULL && (count & 1))
        at = get_fine(at, limit, bucket->id, &bucket->greatest);
    if (at == NULL || ((count & 1) && (count >> 1 < 2 || bucket->least >= bucket->greatest)))
        return NULL;
    bool fits = bucket->id == 0
                    ? bucket->least == 0 && bucket->greatest == 0
                    : fabs(bucket->least) >= SMALLEST && fabs(bucket->greatest) >= SMALLEST;
    return fits ? at : NULL;
}

static bool read_buckets(void *cell, const struct kind_shape *shape, const unsigned char **at,
                         const unsigned char *limit, struct error *err)
{
    (void)shape;
    uint64_t count;
    const unsigned char *here = varint_get(*at, limit, &count);
    if (here == NULL || count == 0 || count > BUCKETS)
        return false;
    struct bucket bucket = {0};
    for (uint64_t i = 0; i < count; i++) {
        int64_t before = bucket.id;
        here = get_bucket(here, limit, before, &bucket);
        if (here == NULL || (i > 0 && bucket.id <= before) || add(cell, &bucket, err) != 0)
            return false;
    }
    *at = here;
    return true;
}

/* The value of rank `rank` (0 is the least), where buckets from *at on begin at rank *first, both
 * of which are moved on. */
static double value_at(const struct bucket *buckets, uint64_t rank, size_t *at, uint64_t *first)
{
    while (rank - *first >= buckets[*at].count) {
        *first += buckets[*at].count;
        ++*at;
    }
    const struct bucket *bucket = &buckets[*at];
    if (rank == *first)
        return bucket->least;
    double share = (double)(rank - *first) / (double)(bucket->count - 1);
    return bucket->least + (bucket->greatest - bucket->least) * share;
}

/* n values at equal distances of rank; between two ranks, the line from one value to the other. */
static cJSON *result(const void *cell, const struct kind_shape *shape)
{
    const struct quantile *quantile = cell;
    double *values = malloc(shape->n * sizeof *values);
    struct bucket *buckets = sorted(quantile);
    cJSON *json = NULL;
    uint64_t total = 0, first = 0;
    size_t at = 0;
    if (values == NULL || buckets == NULL)
        goto out;
    for (uint32_t i = 0; i < quantile->used; i++)
        total += buckets[i].count;
    for (unsigned i = 0; i < shape->n; i++) {
        unsigned __int128 scaled = (unsigned __int128)(total - 1) * i;
        uint64_t rank = (uint64_t)(scaled / (shape->n - 1));
        double share = (double)(uint64_t)(scaled % (shape->n - 1)) / (shape->n - 1);
        values[i] = value_at(buckets, rank, &at, &first);
        if (share > 0) {
            size_t behind = at;
            uint64_t behind_first = first;
            double next = value_at(buckets, rank + 1, &behind, &behind_first);
            values[i] += (next - values[i]) * share;
        }
    }
    json = cJSON_CreateDoubleArray(values, (int)shape->n);
out:
    free(values);
    free(buckets);
    return json;
}

/* Two values are the ends of their bucket; more than that may be anywhere between them. */
static double bound(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    const struct quantile *quantile = cell;
    for (size_t i = 0; quantile->slot != NULL && i < (size_t)1 << quantile->bits; i++)
        if (quantile->slot[i].count > 2 && quantile->slot[i].least < quantile->slot[i].greatest)
            return 1.0 / 256;
    return 0;
}

const struct kind kind_quantile = {
    .name = "quantile",
    .least_n = 2,
    .default_n = 101,
    .most_n = 10001,
    .least_values = 1,
    .most_values = 1,
    .numbers = true,
    .limit = LARGEST,
    .help = "n values from the least to the greatest with equally many records between them",
    .cell_bytes = sizeof(struct quantile),
    .end = end,
    .emit = emit,
    .merge = merge,
    .charge = charge,
    .most_charge = most_charge,
    .write = write_buckets,
    .read = read_buckets,
    .result = result,
    .bound = bound,
};
