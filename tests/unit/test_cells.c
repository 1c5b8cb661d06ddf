#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "tables/kinds.h"
#include "tests/unit/kinds_rig.h"
#include "tests/unit/tables_rig.h"

#ifdef RIG_SANITIZED
#define FEW 20000U
#else
#define FEW 100000U
#endif

static const struct rig_table every_kind[] = {
    {&kind_sum, 0, RIG_LATENCY, 1},      {&kind_count, 0, RIG_ONE, 1},
    {&kind_mean, 0, RIG_LATENCY, 1},     {&kind_minimum, 3, RIG_LATENCY, 1},
    {&kind_maximum, 7, RIG_CITY, 1},     {&kind_sample, 20, RIG_CITY, 1},
    {&kind_collection, 20, RIG_CODE, 1}, {&kind_quantile, 11, RIG_LATENCY, 1},
    {&kind_unique, 64, RIG_CODE, 1},     {&kind_top, 10, RIG_CITY, 1},
};
#define EVERY (sizeof every_kind / sizeof every_kind[0])

static struct cells *create(const struct kind *kind, unsigned n, unsigned indexes)
{
    struct cells *cells;
    struct kind_shape shape = {.n = n, .values = 1, .texts = 0};
    assert_int_equal(cells_create(&cells, kind, &shape, indexes, NULL), 0);
    return cells;
}

static void emit(struct cells *cells, const struct value *index, double number)
{
    struct value value = value_number(number);
    struct emission emission = {.values = &value, .count = 1, .weight = number};
    assert_int_equal(cells_emit(cells, index, &emission, NULL), 0);
}

static char *rows(const struct cells *cells, const char *const *names)
{
    cJSON *json = cells_rows(cells, names);
    assert_non_null(json);
    char *text = cJSON_PrintUnformatted(json);
    assert_non_null(text);
    cJSON_Delete(json);
    return text;
}

static void a_cell_for_each_index(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    struct cells *cells = create(&kind_sum, 0, 3);
    struct value index[3] = {value_text(rig_slice("x")), value_number(2), value_truth(true)};
    emit(cells, index, 1);
    index[1] = value_number(-0.0);
    emit(cells, index, 5);
    index[1] = value_number(0);
    emit(cells, index, 6);
    index[2] = value_truth(false);
    emit(cells, index, 1);
    index[0] = value_text(rig_slice("w"));
    emit(cells, index, 1);
    char *text = rows(cells, names);
    assert_string_equal(text, "[{\"index\":{\"a\":\"x\",\"b\":0,\"c\":true},\"value\":11},"
                              "{\"index\":{\"a\":\"w\",\"b\":0,\"c\":false},\"value\":1},"
                              "{\"index\":{\"a\":\"x\",\"b\":0,\"c\":false},\"value\":1},"
                              "{\"index\":{\"a\":\"x\",\"b\":2,\"c\":true},\"value\":1}]");
    free(text);
    assert_int_equal(cells_emitted(cells), 5);
    cells_free(cells);
}

static void lists_are_ordered_by_index(void **state)
{
    (void)state;
    static const char *const names[] = {"i"};
    struct cells *cells = create(&kind_minimum, 1, 1);
    static const double order[] = {3, -1, 20, 0.5};
    for (unsigned i = 0; i < 4; i++)
        emit(cells, &(struct value){.kind = VALUE_NUMBER, .number = order[i]}, order[i]);
    char *text = rows(cells, names);
    assert_string_equal(
        text, "[{\"index\":{\"i\":-1},\"value\":[-1]},{\"index\":{\"i\":0.5},\"value\":[0.5]},"
              "{\"index\":{\"i\":3},\"value\":[3]},{\"index\":{\"i\":20},\"value\":[20]}]");
    free(text);
    cells_free(cells);
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const names[] = {"t"};
    char text[400];
    struct cells *cells = create(&kind_count, 0, 1);
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    text[1 + 3 * 84] = 'x'; /* within what is cut off, or not: 85 characters are 255 bytes */
    memcpy(text, "a\xC3\xA9", 3);
    memset(text + 3, 'b', 251);
    memcpy(text + 254, "\xE2\x82\xAC", 3);
    for (uint32_t length = 257; length < 259; length++) {
        struct value index = value_text((struct slice){text, length});
        text[257] = 'y';
        emit(cells, &index, 1);
    }
    cJSON *json = cells_rows(cells, names);
    assert_int_equal(cJSON_GetArraySize(json), 1);
    const cJSON *index = cJSON_GetObjectItem(json->child, "index");
    assert_int_equal(strlen(cJSON_GetObjectItem(index, "t")->valuestring), 254);
    cJSON_Delete(json);
    cells_free(cells);
}

/* Cells of all kinds, in parts: bytes, charges and emissions of the whole. */
static void parts_of_indexed_tables_are_the_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EVERY; i++) {
        const struct rig_table *table = &every_kind[i];
        struct cells *whole = rig_cells(table), *part[5];
        for (unsigned j = 0; j < 5; j++)
            part[j] = rig_cells(table);
        for (uint64_t number = 0; number < FEW; number++) {
            struct rig_skewed record = rig_skewed(number);
            rig_emit(whole, table, &record);
            rig_emit(part[rig_random(number) % 5], table, &record);
            assert_true(cells_charge(whole) <= CELLS_BYTES);
        }
        struct cells *merged = rig_merged(table, part, 5, i);
        rig_assert_same(whole, merged);
        assert_int_equal(cells_other(whole), cells_other(merged));
        assert_int_equal(cells_emitted(whole), FEW);
        cells_free(merged);
        merged = rig_collapse(part, 5, i);
        rig_assert_same(whole, merged);
        cells_free(merged);
        cells_free(whole);
    }
}

/* More index values than there is room for: whichever stay are the same and exact. */
static void what_does_not_fit_is_other(void **state)
{
    (void)state;
    static const char *const names[] = {"i"};
    unsigned many = 400000;
    struct cells *whole = create(&kind_sum, 0, 1), *part[3];
    for (unsigned i = 0; i < 3; i++)
        part[i] = create(&kind_sum, 0, 1);
    uint64_t emitted = 0;
    for (unsigned i = 0; i < many; i++)
        for (unsigned j = 0; j < 1 + i % 3; j++, emitted++) {
            struct value index = value_number(rig_random(i) % many);
            emit(whole, &index, 1);
            emit(part[rig_random(emitted) % 3], &index, 1);
            if (cells_charge(whole) > CELLS_BYTES)
                fail();
        }
    assert_true(cells_charge(whole) > CELLS_BYTES / 5 * 4);
    assert_true(cells_other(whole) > 0);
    assert_int_equal(cells_emitted(whole), emitted);
    uint32_t *sums = calloc(many, sizeof *sums);
    assert_non_null(sums);
    for (unsigned i = 0; i < many; i++)
        sums[rig_random(i) % many] += 1 + i % 3;
    cJSON *json = cells_rows(whole, names), *row;
    uint64_t shown = 0;
    cJSON_ArrayForEach(row, json)
    {
        const cJSON *index = cJSON_GetObjectItem(cJSON_GetObjectItem(row, "index"), "i");
        double value = cJSON_GetObjectItem(row, "value")->valuedouble;
        assert_true(value == sums[(size_t)index->valuedouble]);
        shown += (uint64_t)value;
    }
    assert_int_equal(shown + cells_other(whole), emitted);
    cJSON_Delete(json);
    free(sums);
    struct cells *merged = create(&kind_sum, 0, 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(cells_merge(merged, part[2 - i], NULL), 0);
    rig_assert_same(whole, merged);
    cells_free(merged);
    merged = rig_collapse(part, 3, 5);
    rig_assert_same(whole, merged);
    cells_free(merged);
    cells_free(whole);
}

/* One part is full, the other far from it. */
static void a_full_part_and_a_small_one_are_the_whole(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        struct cells *whole = create(&kind_count, 0, 1);
        struct cells *part[2] = {create(&kind_count, 0, 1), create(&kind_count, 0, 1)};
        for (unsigned i = 0; i < 200000; i++) {
            struct value index = value_number(i);
            emit(whole, &index, 1);
            emit(part[i % 1000 == 0], &index, 1);
        }
        assert_true(cells_other(part[0]) > 0 && cells_other(part[1]) == 0);
        assert_int_equal(cells_merge(part[turn], part[!turn], NULL), 0);
        rig_assert_same(whole, part[turn]);
        cells_free(part[0]);
        cells_free(part[1]);
        cells_free(whole);
    }
}

/* Few cells that grow: the bound is on their sum. */
static void cells_that_grow_are_bounded_too(void **state)
{
    (void)state;
    struct rig_table table = {&kind_unique, 262144, RIG_CODE, 1};
    struct cells *whole = rig_cells(&table), *part[2] = {rig_cells(&table), rig_cells(&table)};
    for (uint64_t number = 0; number < 10 * FEW; number++) {
        struct rig_skewed record = rig_skewed(number);
        record.city %= 37;
        rig_emit(whole, &table, &record);
        rig_emit(part[number % 2], &table, &record);
        assert_true(cells_charge(whole) <= CELLS_BYTES);
    }
    assert_int_equal(cells_emitted(whole), 10 * FEW);
    assert_true(FEW < 100000 || cells_other(whole) > 0);
    struct cells *merged = rig_collapse(part, 2, 1);
    rig_assert_same(whole, merged);
    cells_free(merged);
    cells_free(whole);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EVERY; i++) {
        const struct rig_table *table = &every_kind[i];
        struct cells *cells = rig_cells(table), *again = rig_cells(table);
        for (uint64_t number = 0; number < FEW / 4; number++) {
            struct rig_skewed record = rig_skewed(number);
            rig_emit(cells, table, &record);
        }
        struct buffer bytes = rig_bytes(cells);
        const unsigned char *at = bytes.data;
        assert_int_equal(cells_read(again, &at, bytes.data + bytes.used, NULL), 0);
        assert_ptr_equal(at, bytes.data + bytes.used);
        rig_assert_same(cells, again);
        /* And goes on as if nothing had been. */
        for (uint64_t number = FEW / 4; number < FEW / 2; number++) {
            struct rig_skewed record = rig_skewed(number);
            rig_emit(cells, table, &record);
            rig_emit(again, table, &record);
        }
        if (table->kind != &kind_top)
            rig_assert_same(cells, again);
        buffer_free(&bytes);
        cells_free(cells);
        cells_free(again);
    }
}

/* Bytes changed or cut off: refused, or cells that can be used. */
static void bytes_that_make_no_sense_do_no_harm(void **state)
{
    (void)state;
    unsigned refused = 0, tried = 0;
    for (unsigned i = 0; i < EVERY; i++) {
        struct rig_table table = every_kind[i];
        struct cells *cells = rig_cells(&table);
        for (uint64_t number = 0; number < 40; number++) {
            struct rig_skewed record = rig_skewed(number);
            record.city %= 3;
            rig_emit(cells, &table, &record);
        }
        struct buffer bytes = rig_bytes(cells);
        for (size_t cut = 0; cut < bytes.used; cut++) {
            struct error err = {0};
            struct cells *broken = rig_cells(&table);
            unsigned char *copy = malloc(cut + 1);
            assert_non_null(copy);
            memcpy(copy, bytes.data, cut);
            const unsigned char *at = copy;
            assert_int_equal(cells_read(broken, &at, copy + cut, &err), -1);
            assert_int_equal(err.code, ERROR_CORRUPT);
            cells_free(broken);
            free(copy);
        }
        for (size_t flip = 0; flip<bytes.used * 8; flip += bytes.used> 4000 ? 3 : 1, tried++) {
            struct error err = {0};
            struct cells *broken = rig_cells(&table);
            const unsigned char *at = bytes.data;
            bytes.data[flip / 8] ^= (unsigned char)(1 << flip % 8);
            int result = cells_read(broken, &at, bytes.data + bytes.used, &err);
            bytes.data[flip / 8] ^= (unsigned char)(1 << flip % 8);
            assert_true(result == 0 || err.code == ERROR_CORRUPT);
            refused += result != 0;
            if (result == 0) {
                static const char *const names[] = {"i"};
                assert_int_equal(cells_merge(broken, cells, NULL), 0);
                free(rows(broken, names));
            }
            cells_free(broken);
        }
        buffer_free(&bytes);
        cells_free(cells);
    }
    print_message("%u of %u flipped bits refused\n", refused, tried);
    assert_true(refused > tried / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_for_each_index),
        cmocka_unit_test(lists_are_ordered_by_index),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(parts_of_indexed_tables_are_the_whole),
        cmocka_unit_test(what_does_not_fit_is_other),
        cmocka_unit_test(a_full_part_and_a_small_one_are_the_whole),
        cmocka_unit_test(cells_that_grow_are_bounded_too),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(bytes_that_make_no_sense_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
