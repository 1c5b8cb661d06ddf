/* minimum, maximum, sample, collection: order, ties, what is kept. Large numbers of records are in
 * test_kind_split.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tables/kinds.h"
#include "tests/unit/kinds_rig.h"
#include "tests/unit/tables_rig.h"

static struct cells *create(const struct kind *kind, unsigned n, unsigned values, unsigned texts)
{
    struct cells *cells;
    struct kind_shape shape = {.n = n, .values = values, .texts = texts};
    assert_int_equal(cells_create(&cells, kind, &shape, 0, NULL), 0);
    return cells;
}

static void emit(struct cells *cells, struct value value, double weight, uint64_t code)
{
    struct emission emission = {&value, 1, weight, (uint32_t)(code / 10), code, rig_random(code)};
    assert_int_equal(cells_emit(cells, NULL, &emission, NULL), 0);
}

static void shows(const struct cells *cells, const char *expected)
{
    cJSON *value = rig_value(cells);
    char *text = cJSON_PrintUnformatted(value);
    assert_string_equal(text, expected);
    free(text);
    cJSON_Delete(value);
}

static void best_first_by_weight(void **state)
{
    (void)state;
    static const double weights[] = {3, -0.0, -5, 1e300, 0, -1e-300, 7};
    struct cells *least = create(&kind_minimum, 4, 1, 1), *most = create(&kind_maximum, 4, 1, 1);
    for (unsigned i = 0; i < 7; i++) {
        char name[2] = {(char)('a' + i), 0};
        emit(least, value_text(rig_slice(name)), weights[i], i);
        emit(most, value_text(rig_slice(name)), weights[i], i);
    }
    shows(least, "[\"c\",\"f\",\"b\",\"e\"]");
    shows(most, "[\"d\",\"g\",\"a\",\"b\"]");
    cells_free(least);
    cells_free(most);
}

static void ties_go_by_place_then_by_value(void **state)
{
    (void)state;
    static const uint64_t codes[] = {70, 20, 50, 20, 90, 20};
    for (unsigned turn = 0; turn < 6; turn++) {
        struct cells *least = create(&kind_minimum, 3, 1, 0);
        for (unsigned i = 0; i < 6; i++) {
            unsigned which = (i + turn) % 6;
            emit(least, value_number(which), 1, codes[which]);
        }
        /* The same place thrice: by the bytes of the numbers 1, 3 and 5. */
        cJSON *value = rig_value(least);
        double sum = 0;
        for (const cJSON *item = value->child; item != NULL; item = item->next)
            sum += item->valuedouble;
        assert_true(sum == 9);
        cJSON_Delete(value);
        cells_free(least);
    }
}

static void fewer_than_n_are_all_kept(void **state)
{
    (void)state;
    const struct kind *const all[] = {&kind_minimum, &kind_maximum, &kind_sample, &kind_collection};
    for (unsigned i = 0; i < 4; i++) {
        struct cells *cells = create(all[i], 5, 1, 0);
        emit(cells, value_truth(true), 1, 3);
        emit(cells, value_number(2.5), 2, 3);
        cJSON *value = rig_value(cells);
        assert_int_equal(cJSON_GetArraySize(value), 2);
        cJSON_Delete(value);
        assert_int_equal(cells_other(cells), 0);
        cells_free(cells);
    }
}

static void samples_and_collections_are_in_the_order_of_places(void **state)
{
    (void)state;
    struct cells *sample = create(&kind_sample, 50, 1, 0);
    struct cells *first = create(&kind_collection, 3, 1, 0);
    for (unsigned i = 0; i < 40; i++) {
        uint64_t code = i * 7 % 40;
        emit(sample, value_number((double)code), 1, code);
        emit(first, value_number((double)code), 1, code);
    }
    shows(first, "[0,1,2]");
    assert_int_equal(cells_other(first), 37);
    cJSON *value = rig_value(sample);
    double before = -1;
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        assert_true(item->valuedouble == before + 1);
        before = item->valuedouble;
    }
    assert_true(before == 39);
    cJSON_Delete(value);
    cells_free(sample);
    cells_free(first);
}

static void several_values_are_a_list(void **state)
{
    (void)state;
    struct cells *cells = create(&kind_maximum, 2, 3, 1);
    struct value values[] = {value_text(rig_slice("caf\xC3\xA9 \"x\"")), value_number(0.1),
                             value_truth(false)};
    struct emission emission = {.values = values, .count = 3, .weight = 1};
    assert_int_equal(cells_emit(cells, NULL, &emission, NULL), 0);
    shows(cells, "[[\"caf\xC3\xA9 \\\"x\\\"\",0.1,false]]");
    cells_free(cells);
}

/* A sample passes over what it would not keep, and nothing else. */
static void passing_over_changes_nothing(void **state)
{
    (void)state;
    struct rig_table table = {&kind_sample, 30, RIG_CITY, 1};
    struct cells *plain = rig_cells(&table), *quick = rig_cells(&table);
    unsigned passed = 0;
    for (uint64_t number = 0; number < 20000; number++) {
        struct rig_skewed record = rig_skewed(number);
        struct value index = rig_city(record.city % 9);
        record.city %= 9;
        rig_emit(plain, &table, &record);
        if (cells_pass(quick, &index, record.priority))
            passed++;
        else
            rig_emit(quick, &table, &record);
    }
    rig_assert_same(plain, quick);
    assert_true(passed > 15000);
    cells_free(plain);
    cells_free(quick);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_first_by_weight),
        cmocka_unit_test(ties_go_by_place_then_by_value),
        cmocka_unit_test(fewer_than_n_are_all_kept),
        cmocka_unit_test(samples_and_collections_are_in_the_order_of_places),
        cmocka_unit_test(several_values_are_a_list),
        cmocka_unit_test(passing_over_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
