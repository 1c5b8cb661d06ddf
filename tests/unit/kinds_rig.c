#include "tests/unit/kinds_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tables_rig.h"

#define TABLE 65536U

static uint32_t city_table[TABLE];
static double latency_table[TABLE];
static char (*city_names)[16];
static struct value *city_values;

/* Zipf by its inverse, coarse in the tail; a normal deviate as the sum of twelve uniform ones. */
static void fill_tables(void)
{
    city_names = calloc(RIG_CITIES, sizeof *city_names);
    city_values = calloc(RIG_CITIES, sizeof *city_values);
    assert_true(city_names != NULL && city_values != NULL);
    for (uint32_t i = 0; i < RIG_CITIES; i++) {
        (void)snprintf(city_names[i], sizeof city_names[i], "Ort %x", i * 2654435761U);
        city_values[i] = value_text(rig_slice(city_names[i]));
    }
    for (uint32_t i = 0; i < TABLE; i++) {
        double share = (i + 0.5) / TABLE, normal = -6;
        city_table[i] = (uint32_t)(pow(RIG_CITIES, share) - 1);
        for (uint64_t j = 0; j < 12; j++)
            normal += (double)(rig_random(i * 12ULL + j) >> 11) * 0x1p-53;
        latency_table[i] = exp(4 + normal);
    }
}

struct rig_skewed rig_skewed(uint64_t number)
{
    if (city_names == NULL)
        fill_tables();
    uint64_t random = rig_random(number);
    double jitter = 1 + (double)(random >> 32) * 0x1p-36;
    return (struct rig_skewed){
        .city = city_table[random % TABLE],
        .latency = latency_table[random >> 16 & 0xFFFF] * jitter,
        .tile = (uint32_t)(number / RIG_TILE),
        .code = random,
        .priority = rig_random(random ^ 0x5555),
    };
}

struct value rig_city(uint32_t city)
{
    return city_values[city];
}

struct cells *rig_cells(const struct rig_table *table)
{
    struct cells *cells;
    struct kind_shape shape = {.n = table->n, .values = 1, .texts = table->what == RIG_CITY};
    assert_true(kind_fits(table->kind, &shape));
    assert_int_equal(cells_create(&cells, table->kind, &shape, table->indexes, NULL), 0);
    return cells;
}

void rig_emit(struct cells *cells, const struct rig_table *table, const struct rig_skewed *record)
{
    struct value value, index = table->indexes > 0 ? rig_city(record->city) : value_missing();
    switch (table->what) {
    case RIG_LATENCY:
        value = value_number(record->latency);
        break;
    case RIG_CITY:
        value = rig_city(record->city);
        break;
    case RIG_CODE:
        value = value_number((double)(record->code >> 11));
        break;
    default:
        value = value_number(1);
    }
    struct emission emission = {
        .values = &value,
        .count = 1,
        .weight = value.kind == VALUE_NUMBER ? value.number : 1,
        .tile = record->tile,
        .code = record->code,
        .priority = record->priority,
    };
    assert_int_equal(cells_emit(cells, &index, &emission, NULL), 0);
}

struct cells *rig_merged(const struct rig_table *table, struct cells *const *parts, unsigned count,
                         uint64_t seed)
{
    unsigned order[RIG_PARTS];
    for (unsigned i = 0; i < count; i++) {
        unsigned other = (unsigned)(rig_random(seed + i) % (i + 1));
        order[i] = order[other];
        order[other] = i;
    }
    struct cells *all = rig_cells(table);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(cells_merge(all, parts[order[i]], NULL), 0);
    return all;
}

struct cells *rig_collapse(struct cells **parts, unsigned count, uint64_t seed)
{
    for (; count > 1; count--) {
        unsigned from = (unsigned)(rig_random(seed + count) % count);
        struct cells *gone = parts[from];
        parts[from] = parts[count - 1];
        unsigned into = (unsigned)(rig_random(seed - count) % (count - 1));
        assert_int_equal(cells_merge(parts[into], gone, NULL), 0);
        cells_free(gone);
    }
    return parts[0];
}

struct buffer rig_bytes(const struct cells *cells)
{
    struct buffer bytes = {0};
    assert_int_equal(cells_write(cells, &bytes, NULL), 0);
    return bytes;
}

void rig_assert_same(const struct cells *a, const struct cells *b)
{
    struct buffer left = rig_bytes(a), right = rig_bytes(b);
    assert_int_equal(left.used, right.used);
    assert_true(memcmp(left.data, right.data, left.used) == 0);
    assert_int_equal(cells_charge(a), cells_charge(b));
    buffer_free(&left);
    buffer_free(&right);
}

cJSON *rig_value(const struct cells *cells)
{
    cJSON *rows = cells_rows(cells, NULL);
    assert_int_equal(cJSON_GetArraySize(rows), 1);
    cJSON *value = cJSON_DetachItemFromObject(cJSON_GetArrayItem(rows, 0), "value");
    cJSON_Delete(rows);
    assert_non_null(value);
    return value;
}
