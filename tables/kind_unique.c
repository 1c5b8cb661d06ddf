/* unique: how many different values there are, from the n least of their hashes (Bar-Yossef,
 * Jayram, Kumar, Sivakumar, Trevisan: "Counting distinct elements in a data stream", 2002; the
 * unbiased form of Beyer, Haas, Reinwald, Sismanis, Gemulla: "On synopses for distinct-value
 * estimation", 2007). Exact up to n; beyond, the error has a standard deviation of 1 / sqrt(n - 2)
 * of the count, and the bound is four of them. */
#include <stdlib.h>

#include "base/bytes.h"
#include "tables/kinds.h"
#include "tables/packed.h"

struct unique {
    uint64_t *slot; /* a hash table of hashes, 0: free; up to half as many again as n of them */
    uint32_t used;
    unsigned bits;
    bool more;      /* there were more than n */
    uint64_t limit; /* once there were: hashes from here on are not among the n least; else 0 */
};

static inline uint64_t *find(const struct unique *unique, uint64_t hash)
{
    size_t mask = ((size_t)1 << unique->bits) - 1;
    size_t at = hash & mask;
    while (unique->slot[at] != 0 && unique->slot[at] != hash)
        at = (at + 1) & mask;
    return &unique->slot[at];
}

static int compare_hashes(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* The hashes in order, and how many of them are among the n least; the caller frees them. */
static uint64_t *sorted(const struct unique *unique, unsigned n, uint32_t *count)
{
    uint64_t *hashes = malloc((unique->used + (size_t)1) * sizeof *hashes);
    size_t found = 0;
    for (size_t i = 0; hashes != NULL && found < unique->used; i++)
        if (unique->slot[i] != 0)
            hashes[found++] = unique->slot[i];
    if (hashes != NULL)
        qsort(hashes, found, sizeof *hashes, compare_hashes);
    *count = unique->used < n ? unique->used : n;
    return hashes;
}

/* Keep the n least alone. */
static int condense(struct unique *unique, unsigned n, struct error *err)
{
    uint32_t count;
    uint64_t *hashes = sorted(unique, n, &count);
    if (hashes == NULL)
        return error_memory(err, "a table");
    memset(unique->slot, 0, sizeof *unique->slot << unique->bits);
    for (uint32_t i = 0; i < count; i++)
        *find(unique, hashes[i]) = hashes[i];
    unique->used = count;
    unique->limit = hashes[count - 1];
    free(hashes);
    return 0;
}

static int grow(struct unique *unique, struct error *err)
{
    struct unique larger = *unique;
    larger.bits = unique->slot == NULL ? 3 : unique->bits + 1;
    larger.slot = calloc((size_t)1 << larger.bits, sizeof *larger.slot);
    if (larger.slot == NULL)
        return error_memory(err, "a table");
    for (size_t i = 0; unique->slot != NULL && i < (size_t)1 << unique->bits; i++)
        if (unique->slot[i] != 0)
            *find(&larger, unique->slot[i]) = unique->slot[i];
    free(unique->slot);
    *unique = larger;
    return 0;
}

/* Room for one more hash: up to n of them a table that is a function of how many there are. */
static int make_room(struct unique *unique, unsigned n, struct error *err)
{
    if (unique->slot == NULL)
        return grow(unique, err);
    size_t slots = (size_t)1 << unique->bits;
    if (unique->used < slots / 2)
        return 0;
    if (slots < 2 * (size_t)n)
        return grow(unique, err);
    return unique->used < slots / 4 * 3 ? 0 : condense(unique, n, err);
}

static int add(struct unique *unique, unsigned n, uint64_t hash, struct error *err)
{
    if (unique->limit != 0 && hash > unique->limit)
        return 0;
    if (unique->slot != NULL && *find(unique, hash) != 0)
        return 0;
    if (make_room(unique, n, err) != 0)
        return -1;
    if (unique->limit != 0 && hash > unique->limit)
        return 0;
    *find(unique, hash) = hash;
    unique->used++;
    unique->more = unique->more || unique->used > n;
    return 0;
}

static int emit(void *cell, const struct kind_shape *shape, const struct emission *emission,
                uint64_t *others, struct error *err)
{
    (void)others;
    uint64_t hash = packed_hash(emission->values, emission->count);
    return add(cell, shape->n, hash == 0 ? 1 : hash, err);
}

static int merge(void *into, const void *from, const struct kind_shape *shape, uint64_t *others,
                 struct error *err)
{
    (void)others;
    struct unique *unique = into;
    const struct unique *other = from;
    for (size_t i = 0; other->slot != NULL && i < (size_t)1 << other->bits; i++)
        if (other->slot[i] != 0 && add(unique, shape->n, other->slot[i], err) != 0)
            return -1;
    unique->more = unique->more || other->more;
    return 0;
}

static void end(void *cell)
{
    free(((struct unique *)cell)->slot);
}

static size_t charge(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    const struct unique *unique = cell;
    return unique->slot != NULL ? sizeof *unique->slot << unique->bits : 0;
}

static size_t most_charge(const struct kind_shape *shape)
{
    size_t slots = 8;
    while (slots < 2 * (size_t)shape->n)
        slots *= 2;
    return slots * sizeof(uint64_t);
}

static int write_hashes(const void *cell, const struct kind_shape *shape, struct buffer *out,
                        struct error *err)
{
    const struct unique *unique = cell;
    uint32_t count;
    uint64_t *hashes = sorted(unique, shape->n, &count);
    if (hashes == NULL)
        return error_memory(err, "a table's bytes");
    int result = buffer_reserve(out, VARINT_LIMIT + count * sizeof *hashes, err);
    if (result == 0) {
        unsigned char *at = varint_put(out->data + out->used, (uint64_t)count << 1 | unique->more);
        for (uint32_t i = 0; i < count; i++, at += sizeof *hashes)
            bytes_put64(at, hashes[i]);
        out->used = (size_t)(at - out->data);
    }
    free(hashes);
    return result;
}

static bool read_hashes(void *cell, const struct kind_shape *shape, const unsigned char **at,
                        const unsigned char *limit, struct error *err)
{
    struct unique *unique = cell;
    uint64_t header, before = 0;
    const unsigned char *here = varint_get(*at, limit, &header);
    uint64_t count = header >> 1;
    if (here == NULL || count == 0 || count > shape->n || ((header & 1) && count < shape->n) ||
        (uint64_t)(limit - here) / sizeof(uint64_t) < count)
        return false;
    for (uint64_t i = 0; i < count; i++, here += sizeof(uint64_t)) {
        uint64_t hash = bytes_get64(here);
        if (hash <= before || add(unique, shape->n, hash, err) != 0)
            return false;
        before = hash;
    }
    unique->more = header & 1;
    unique->limit = unique->more ? before : 0;
    *at = here;
    return true;
}

static cJSON *result(const void *cell, const struct kind_shape *shape)
{
    const struct unique *unique = cell;
    if (!unique->more)
        return cJSON_CreateNumber(unique->used);
    uint32_t count;
    uint64_t *hashes = sorted(unique, shape->n, &count);
    if (hashes == NULL)
        return NULL;
    double share = ((double)hashes[count - 1] + 1) * 0x1p-64;
    free(hashes);
    return cJSON_CreateNumber(rint((shape->n - 1) / share));
}

static double bound(const void *cell, const struct kind_shape *shape)
{
    const struct unique *unique = cell;
    return unique->more ? 4 / sqrt(shape->n - 2.0) : 0;
}

const struct kind kind_unique = {
    .name = "unique",
    .least_n = 16,
    .default_n = 16384,
    .most_n = 262144,
    .least_values = 1,
    .most_values = TABLE_EXPRESSIONS,
    .help = "how many different values; exact up to n of them",
    .cell_bytes = sizeof(struct unique),
    .end = end,
    .emit = emit,
    .merge = merge,
    .charge = charge,
    .most_charge = most_charge,
    .write = write_hashes,
    .read = read_hashes,
    .result = result,
    .bound = bound,
};
