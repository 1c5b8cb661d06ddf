/* minimum, maximum, sample and collection: the n least by a key, ties by place, then by what is
 * kept. The n least of all are among the n least of each part, so merging is exact.
 *
 * minimum, maximum   the weight, and the weight turned round
 * sample             the priority: a random number that depends on the place alone, so every record
 *                    is as likely as any other to be among the n least
 * collection         nothing: the first n in the order of places */
#include <stdlib.h>

#include "base/bytes.h"
#include "tables/kinds.h"
#include "tables/packed.h"

#define ALLOCATION_BYTES ((size_t)32) /* what malloc adds at most to a small block */

struct item {
    uint64_t key, code;
    uint32_t tile, bytes;
    unsigned char *values; /* packed */
};

struct least {
    struct item *item; /* a heap, the greatest first, when there are n of them */
    uint32_t count, room;
};

static int compare_places(const struct item *a, const struct item *b)
{
    if (a->tile != b->tile)
        return a->tile < b->tile ? -1 : 1;
    return (a->code > b->code) - (a->code < b->code);
}

static int compare_bytes(const struct item *a, const struct item *b)
{
    uint32_t both = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->values, b->values, both);
    return order != 0 ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static int compare_keys(const struct item *a, const struct item *b)
{
    return a->key != b->key ? (a->key < b->key ? -1 : 1) : compare_places(a, b);
}

static int compare_items(const void *left, const void *right)
{
    int order = compare_keys(left, right);
    return order != 0 ? order : compare_bytes(left, right);
}

static int compare_by_place(const void *left, const void *right)
{
    int order = compare_places(left, right);
    return order != 0 ? order : compare_items(left, right);
}

static void sink(struct least *least, uint32_t at)
{
    struct item moved = least->item[at];
    for (uint32_t child; (child = 2 * at + 1) < least->count; at = child) {
        if (child + 1 < least->count &&
            compare_items(&least->item[child], &least->item[child + 1]) < 0)
            child++;
        if (compare_items(&moved, &least->item[child]) >= 0)
            break;
        least->item[at] = least->item[child];
    }
    least->item[at] = moved;
}

static int make_room(struct least *least, unsigned n, struct error *err)
{
    if (least->count < least->room)
        return 0;
    uint32_t room = least->room == 0 ? 4 : 2 * least->room;
    room = room < n ? room : n;
    struct item *larger = realloc(least->item, room * sizeof *larger);
    if (larger == NULL)
        return error_memory(err, "a table");
    least->item = larger;
    least->room = room;
    return 0;
}

/* keep: the item's values are the cell's from here on. There is room, or it is less than the
 * greatest of n. */
static void keep(struct least *least, unsigned n, const struct item *item)
{
    if (least->count == n) {
        free(least->item[0].values);
        least->item[0] = *item;
        sink(least, 0);
        return;
    }
    least->item[least->count++] = *item;
    if (least->count == n)
        for (uint32_t at = n / 2 + 1; at-- > 0;)
            sink(least, at);
}

/* take: keep the item if it is among the n least; its values are copied. */
static int take(struct least *least, unsigned n, const struct item *item, struct error *err)
{
    if (least->count == n && compare_items(item, &least->item[0]) >= 0)
        return 0;
    if (least->count < n && make_room(least, n, err) != 0)
        return -1;
    struct item kept = *item;
    kept.values = malloc(item->bytes);
    if (kept.values == NULL)
        return error_memory(err, "a table");
    memcpy(kept.values, item->values, item->bytes);
    keep(least, n, &kept);
    return 0;
}

static int emit_key(struct least *least, const struct kind_shape *shape,
                    const struct emission *emission, uint64_t key, struct error *err)
{
    struct item item = {.key = key, .code = emission->code, .tile = emission->tile};
    if (least->count == shape->n && compare_keys(&item, &least->item[0]) > 0)
        return 0;
    unsigned char packed[PACKED_BYTES];
    item.values = packed;
    item.bytes = (uint32_t)(packed_put(packed, emission->values, emission->count) - packed);
    return take(least, shape->n, &item, err);
}

/* Integers in the order of the numbers. */
static uint64_t key_of_weight(double weight)
{
    double plain = weight + 0.0; /* -0 is 0 */
    uint64_t bits;
    memcpy(&bits, &plain, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static int emit_minimum(void *cell, const struct kind_shape *shape, const struct emission *emission,
                        uint64_t *others, struct error *err)
{
    (void)others;
    return emit_key(cell, shape, emission, key_of_weight(emission->weight), err);
}

static int emit_maximum(void *cell, const struct kind_shape *shape, const struct emission *emission,
                        uint64_t *others, struct error *err)
{
    (void)others;
    return emit_key(cell, shape, emission, ~key_of_weight(emission->weight), err);
}

static int emit_sample(void *cell, const struct kind_shape *shape, const struct emission *emission,
                       uint64_t *others, struct error *err)
{
    (void)others;
    return emit_key(cell, shape, emission, emission->priority, err);
}

static bool sample_passes(const void *cell, const struct kind_shape *shape, uint64_t priority)
{
    const struct least *least = cell;
    return least->count == shape->n && priority > least->item[0].key;
}

static int emit_collection(void *cell, const struct kind_shape *shape,
                           const struct emission *emission, uint64_t *others, struct error *err)
{
    struct least *least = cell;
    bool full = least->count == shape->n;
    if (emit_key(least, shape, emission, 0, err) != 0)
        return -1;
    *others += full;
    return 0;
}

static int merge(void *into, const void *from, const struct kind_shape *shape, uint64_t *others,
                 struct error *err)
{
    (void)others;
    const struct least *more = from;
    for (uint32_t i = 0; i < more->count; i++)
        if (take(into, shape->n, &more->item[i], err) != 0)
            return -1;
    return 0;
}

static int merge_collection(void *into, const void *from, const struct kind_shape *shape,
                            uint64_t *others, struct error *err)
{
    struct least *least = into;
    uint64_t both = (uint64_t)least->count + ((const struct least *)from)->count;
    if (merge(into, from, shape, others, err) != 0)
        return -1;
    *others += both - least->count;
    return 0;
}

static void end(void *cell)
{
    struct least *least = cell;
    for (uint32_t i = 0; i < least->count; i++)
        free(least->item[i].values);
    free(least->item);
}

static size_t item_bytes(const struct kind_shape *shape)
{
    return ALLOCATION_BYTES + shape->texts * PACKED_TEXT_BYTES +
           (shape->values - shape->texts) * PACKED_NUMBER_BYTES;
}

static size_t charge(const void *cell, const struct kind_shape *shape)
{
    const struct least *least = cell;
    return least->room * sizeof(struct item) + least->count * item_bytes(shape);
}

static size_t most_charge(const struct kind_shape *shape)
{
    return shape->n * (sizeof(struct item) + item_bytes(shape));
}

/* A copy of the items in order; the caller frees it. They keep their values. */
static struct item *sorted(const struct least *least, int (*order)(const void *, const void *))
{
    struct item *items = malloc((least->count + (size_t)1) * sizeof *items);
    if (items == NULL)
        return NULL;
    if (least->count > 0)
        memcpy(items, least->item, least->count * sizeof *items);
    qsort(items, least->count, sizeof *items, order);
    return items;
}

static int write_items(const void *cell, const struct kind_shape *shape, struct buffer *out,
                       struct error *err)
{
    (void)shape;
    const struct least *least = cell;
    struct item *items = sorted(least, compare_items);
    if (items == NULL)
        return error_memory(err, "a table's bytes");
    int result = buffer_reserve(out, VARINT_LIMIT, err);
    if (result == 0)
        out->used = (size_t)(varint_put(out->data + out->used, least->count) - out->data);
    for (uint32_t i = 0; i < least->count && result == 0; i++) {
        const struct item *item = &items[i];
        result = buffer_reserve(out, 16 + VARINT_LIMIT + item->bytes, err);
        if (result != 0)
            break;
        unsigned char *at = out->data + out->used;
        bytes_put64(at, item->key);
        bytes_put64(at + 8, item->code);
        at = varint_put(at + 16, item->tile);
        memcpy(at, item->values, item->bytes);
        out->used = (size_t)(at + item->bytes - out->data);
    }
    free(items);
    return result;
}

/* An item whose values point into the bytes. */
static bool read_item(struct item *item, const struct kind_shape *shape, const unsigned char **at,
                      const unsigned char *limit)
{
    struct value values[TABLE_EXPRESSIONS];
    uint64_t tile;
    if (limit - *at < 16)
        return false;
    item->key = bytes_get64(*at);
    item->code = bytes_get64(*at + 8);
    const unsigned char *start = varint_get(*at + 16, limit, &tile);
    if (start == NULL || tile > UINT32_MAX)
        return false;
    const unsigned char *behind = packed_get(start, limit, shape->values, values);
    if (behind == NULL)
        return false;
    unsigned texts = 0;
    for (unsigned i = 0; i < shape->values; i++)
        texts += values[i].kind == VALUE_TEXT;
    item->tile = (uint32_t)tile;
    item->bytes = (uint32_t)(behind - start);
    item->values = (unsigned char *)(uintptr_t)start;
    *at = behind;
    return texts <= shape->texts;
}

static bool read_items(void *cell, const struct kind_shape *shape, const unsigned char **at,
                       const unsigned char *limit, struct error *err)
{
    struct least *least = cell;
    uint64_t count;
    const unsigned char *here = varint_get(*at, limit, &count);
    if (here == NULL || count > shape->n)
        return false;
    struct item before = {0}, item;
    for (uint64_t i = 0; i < count; i++, before = item)
        if (!read_item(&item, shape, &here, limit) ||
            (i > 0 && compare_items(&before, &item) > 0) || take(least, shape->n, &item, err) != 0)
            return false;
    *at = here;
    return true;
}

static cJSON *list(const struct least *least, const struct kind_shape *shape,
                   int (*order)(const void *, const void *))
{
    struct item *items = sorted(least, order);
    cJSON *json = items != NULL ? cJSON_CreateArray() : NULL;
    for (uint32_t i = 0; i < least->count && json != NULL; i++) {
        cJSON *element = packed_json(items[i].values, shape->values);
        if (element == NULL || !cJSON_AddItemToArray(json, element)) {
            cJSON_Delete(element);
            cJSON_Delete(json);
            json = NULL;
        }
    }
    free(items);
    return json;
}

static cJSON *best_first(const void *cell, const struct kind_shape *shape)
{
    return list(cell, shape, compare_items);
}

static cJSON *by_place(const void *cell, const struct kind_shape *shape)
{
    return list(cell, shape, compare_by_place);
}

#define LEAST                                                                                      \
    .least_n = 1, .most_n = 10000, .least_values = 1, .most_values = TABLE_EXPRESSIONS,            \
    .cell_bytes = sizeof(struct least), .end = end, .charge = charge, .most_charge = most_charge,  \
    .write = write_items, .read = read_items

const struct kind kind_minimum = {
    .name = "minimum",
    .default_n = 1,
    .takes_weight = true,
    .help = "the n records with the least weight, or value where there is no weight",
    .emit = emit_minimum,
    .merge = merge,
    .result = best_first,
    LEAST,
};

const struct kind kind_maximum = {
    .name = "maximum",
    .default_n = 1,
    .takes_weight = true,
    .help = "the n records with the greatest weight, or value where there is no weight",
    .emit = emit_maximum,
    .merge = merge,
    .result = best_first,
    LEAST,
};

const struct kind kind_sample = {
    .name = "sample",
    .default_n = 100,
    .samples = true,
    .passes = sample_passes,
    .help = "n records, all equally likely to be among them",
    .emit = emit_sample,
    .merge = merge,
    .result = by_place,
    LEAST,
};

const struct kind kind_collection = {
    .name = "collection",
    .default_n = 1000,
    .help = "the first n records in the order of places; the rest counts as other",
    .emit = emit_collection,
    .merge = merge_collection,
    .result = by_place,
    LEAST,
};
