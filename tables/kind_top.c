/* top: the n most frequent values, or those of most weight. */
#include <stdlib.h>

#include "base/bytes.h"
#include "tables/counters.h"
#include "tables/kinds.h"
#include "tables/packed.h"

#define HEAVIEST 0x1p70

/* Counters of one cell: the more, the smaller the error. So many fit in the memory of a table,
 * whatever the values are; there are ten at least for each that is shown. */
#define COUNTERS 10000
#define COUNTERS_OF_MANY_TEXTS 3500
#define MANY_TEXTS 6

static uint32_t most_counters(const struct kind_shape *shape)
{
    uint32_t most = shape->texts < MANY_TEXTS ? COUNTERS : COUNTERS_OF_MANY_TEXTS;
    return 10 * shape->n > most ? 10 * shape->n : most;
}

static int emit(void *cell, const struct kind_shape *shape, const struct emission *emission,
                uint64_t *others, struct error *err)
{
    (void)others;
    struct counters *counters = cell;
    double more = shape->weighted ? emission->weight : 1;
    struct counter *recent = counters_recent(counters); /* neighbours are often alike */
    if (recent != NULL && packed_equal(recent->value, emission->values, emission->count)) {
        counters_raise(counters, recent, more);
        return 0;
    }
    unsigned char packed[PACKED_BYTES];
    struct counter one = {
        .count = more,
        .hash = packed_hash(emission->values, emission->count),
        .value = packed,
        .bytes = (uint32_t)(packed_put(packed, emission->values, emission->count) - packed),
    };
    return counters_add(counters, most_counters(shape), &one, err);
}

static bool again(void *cell, const struct kind_shape *shape, double number, double weight)
{
    (void)number;
    struct counters *counters = cell;
    struct counter *recent = counters_recent(counters);
    if (recent == NULL)
        return false;
    counters_raise(counters, recent, shape->weighted ? weight : 1);
    return true;
}

static int merge(void *into, const void *from, const struct kind_shape *shape, uint64_t *others,
                 struct error *err)
{
    (void)others;
    return counters_merge(into, from, most_counters(shape), err);
}

static void end(void *cell)
{
    counters_end(cell);
}

static size_t charge(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    return counters_bytes(cell);
}

static size_t most_charge(const struct kind_shape *shape)
{
    return counters_most_bytes(most_counters(shape),
                               shape->texts * PACKED_TEXT_BYTES +
                                   (shape->values - shape->texts) * PACKED_NUMBER_BYTES);
}

static unsigned char *put_double(unsigned char *at, double number)
{
    memcpy(at, &number, sizeof number);
    return at + sizeof number;
}

static int write_counters(const void *cell, const struct kind_shape *shape, struct buffer *out,
                          struct error *err)
{
    (void)shape;
    const struct counters *counters = cell;
    struct counter *sorted = counters_sorted(counters, COUNTERS_BY_VALUE);
    if (sorted == NULL)
        return error_memory(err, "a table's bytes");
    int result = buffer_reserve(out, 2 * VARINT_LIMIT + sizeof(double), err);
    if (result == 0) {
        unsigned char *at = varint_put(out->data + out->used, counters->used);
        at = put_double(varint_put(at, counters->longest), counters->floor);
        out->used = (size_t)(at - out->data);
    }
    for (uint32_t i = 0; i < counters->used && result == 0; i++) {
        result = buffer_reserve(out, 2 * sizeof(double) + sorted[i].bytes, err);
        if (result != 0)
            break;
        unsigned char *at = put_double(out->data + out->used, sorted[i].count);
        at = put_double(at, sorted[i].error);
        memcpy(at, sorted[i].value, sorted[i].bytes);
        out->used = (size_t)(at + sorted[i].bytes - out->data);
    }
    free(sorted);
    return result;
}

static const unsigned char *get_double(const unsigned char *at, const unsigned char *limit,
                                       double *number)
{
    if (at == NULL || limit - at < (ptrdiff_t)sizeof *number)
        return NULL;
    memcpy(number, at, sizeof *number);
    return *number >= 0 && isfinite(*number) && !signbit(*number) ? at + sizeof *number : NULL;
}

/* A counter whose value points into the bytes. */
static const unsigned char *get_counter(const unsigned char *at, const unsigned char *limit,
                                        unsigned count, struct counter *counter)
{
    struct value values[TABLE_EXPRESSIONS];
    at = get_double(at, limit, &counter->count);
    at = get_double(at, limit, &counter->error);
    const unsigned char *behind = at != NULL ? packed_get(at, limit, count, values) : NULL;
    if (behind == NULL)
        return NULL;
    counter->hash = packed_hash(values, count);
    counter->value = (unsigned char *)(uintptr_t)at;
    counter->bytes = (uint32_t)(behind - at);
    return behind;
}

static bool read_counters(void *cell, const struct kind_shape *shape, const unsigned char **at,
                          const unsigned char *limit, struct error *err)
{
    struct counters *counters = cell;
    uint64_t count, longest;
    double floor;
    const unsigned char *here = varint_get(*at, limit, &count);
    here = varint_get(here, limit, &longest);
    here = get_double(here, limit, &floor);
    uint32_t most = most_counters(shape);
    if (here == NULL || count == 0 || count > most || longest > PACKED_BYTES ||
        (floor > 0 && count < most))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        struct counter counter = {0};
        here = get_counter(here, limit, shape->values, &counter);
        if (here == NULL || counter.error > counter.count || counter.bytes > longest ||
            counters_add(counters, most, &counter, err) != 0 || counters->used != i + 1)
            return false;
    }
    counters->longest = (uint32_t)longest;
    counters->floor = floor;
    *at = here;
    return true;
}

static bool add_number(cJSON *object, const char *name, double number)
{
    return cJSON_AddNumberToObject(object, name, number) != NULL;
}

static cJSON *element(const struct counter *counter, unsigned count)
{
    cJSON *object = cJSON_CreateObject(), *value = packed_json(counter->value, count);
    if (object == NULL || value == NULL || !cJSON_AddItemToObject(object, "value", value)) {
        cJSON_Delete(value);
        cJSON_Delete(object);
        return NULL;
    }
    if (!add_number(object, "count", counter->count) ||
        !add_number(object, "error", counter->error)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static cJSON *result(const void *cell, const struct kind_shape *shape)
{
    const struct counters *counters = cell;
    struct counter *sorted = counters_sorted(counters, COUNTERS_BY_COUNT);
    cJSON *list = sorted != NULL ? cJSON_CreateArray() : NULL;
    for (uint32_t i = 0; i < counters->used && i < shape->n && list != NULL; i++) {
        cJSON *item = element(&sorted[i], shape->values);
        if (item == NULL || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            cJSON_Delete(list);
            list = NULL;
        }
    }
    free(sorted);
    return list;
}

static double bound(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    return ((const struct counters *)cell)->floor;
}

const struct kind kind_top = {
    .name = "top",
    .least_n = 1,
    .default_n = 10,
    .most_n = 1000,
    .least_values = 1,
    .most_values = TABLE_EXPRESSIONS,
    .takes_weight = true,
    .limit = HEAVIEST,
    .help = "the n most frequent values, or those of most weight",
    .cell_bytes = sizeof(struct counters),
    .end = end,
    .emit = emit,
    .again = again,
    .merge = merge,
    .charge = charge,
    .most_charge = most_charge,
    .write = write_counters,
    .read = read_counters,
    .result = result,
    .bound = bound,
};
