/* sum, count and mean: exact sums (fixed.h), so neither parts nor order show in a single bit. */
#include "base/bytes.h"
#include "tables/fixed.h"
#include "tables/kinds.h"

struct sum {
    struct fixed total;
    uint64_t count;
    uint64_t rounded; /* of them: values finer than the sum's unit */
};

static int emit_number(void *cell, const struct kind_shape *shape, const struct emission *emission,
                       uint64_t *others, struct error *err)
{
    (void)shape;
    (void)others;
    (void)err;
    struct sum *sum = cell;
    sum->rounded += fixed_add_number(&sum->total, emission->values[0].number);
    sum->count++;
    return 0;
}

static int emit_one(void *cell, const struct kind_shape *shape, const struct emission *emission,
                    uint64_t *others, struct error *err)
{
    (void)shape;
    (void)emission;
    (void)others;
    (void)err;
    struct sum *sum = cell;
    sum->count++;
    return 0;
}

static bool number_again(void *cell, const struct kind_shape *shape, double number, double weight)
{
    (void)shape;
    (void)weight;
    struct sum *sum = cell;
    sum->rounded += fixed_add_number(&sum->total, number);
    sum->count++;
    return true;
}

static bool one_again(void *cell, const struct kind_shape *shape, double number, double weight)
{
    (void)shape;
    (void)number;
    (void)weight;
    struct sum *sum = cell;
    sum->count++;
    return true;
}

static int merge(void *into, const void *from, const struct kind_shape *shape, uint64_t *others,
                 struct error *err)
{
    (void)shape;
    (void)others;
    (void)err;
    struct sum *sum = into;
    const struct sum *more = from;
    fixed_add(&sum->total, &more->total);
    sum->count += more->count;
    sum->rounded += more->rounded;
    return 0;
}

static int write_sum(const void *cell, const struct kind_shape *shape, struct buffer *out,
                     struct error *err)
{
    (void)shape;
    const struct sum *sum = cell;
    if (buffer_reserve(out, 2 * VARINT_LIMIT + FIXED_BYTES + 1, err) != 0)
        return -1;
    unsigned char *at = varint_put(out->data + out->used, sum->count);
    at = fixed_put(varint_put(at, sum->rounded), &sum->total);
    out->used = (size_t)(at - out->data);
    return 0;
}

static bool read_sum(void *cell, const struct kind_shape *shape, const unsigned char **at,
                     const unsigned char *limit, struct error *err)
{
    (void)shape;
    (void)err;
    struct sum *sum = cell;
    const unsigned char *here = varint_get(*at, limit, &sum->count);
    here = varint_get(here, limit, &sum->rounded);
    here = fixed_get(here, limit, &sum->total);
    if (here == NULL || sum->count == 0 || sum->rounded > sum->count)
        return false;
    *at = here;
    return true;
}

static cJSON *sum_result(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    const struct sum *sum = cell;
    return cJSON_CreateNumber(fixed_value(&sum->total));
}

static cJSON *count_result(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    const struct sum *sum = cell;
    return cJSON_CreateNumber((double)sum->count);
}

static cJSON *mean_result(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    const struct sum *sum = cell;
    return cJSON_CreateNumber(fixed_value(&sum->total) / (double)sum->count);
}

static double sum_bound(const void *cell, const struct kind_shape *shape)
{
    (void)shape;
    const struct sum *sum = cell;
    return (double)sum->rounded * (FIXED_UNIT / 2);
}

static double mean_bound(const void *cell, const struct kind_shape *shape)
{
    const struct sum *sum = cell;
    return sum_bound(cell, shape) / (double)sum->count;
}

const struct kind kind_sum = {
    .name = "sum",
    .least_values = 1,
    .most_values = 1,
    .numbers = true,
    .limit = FIXED_LIMIT,
    .help = "the values added up, exactly",
    .cell_bytes = sizeof(struct sum),
    .emit = emit_number,
    .again = number_again,
    .merge = merge,
    .write = write_sum,
    .read = read_sum,
    .result = sum_result,
    .bound = sum_bound,
};

const struct kind kind_count = {
    .name = "count",
    .most_values = TABLE_EXPRESSIONS,
    .help = "how many records; `of` may be left out",
    .cell_bytes = sizeof(struct sum),
    .emit = emit_one,
    .again = one_again,
    .merge = merge,
    .write = write_sum,
    .read = read_sum,
    .result = count_result,
    .bound = sum_bound,
};

const struct kind kind_mean = {
    .name = "mean",
    .least_values = 1,
    .most_values = 1,
    .numbers = true,
    .limit = FIXED_LIMIT,
    .help = "the mean of the values",
    .cell_bytes = sizeof(struct sum),
    .emit = emit_number,
    .again = number_again,
    .merge = merge,
    .write = write_sum,
    .read = read_sum,
    .result = mean_result,
    .bound = mean_bound,
};
