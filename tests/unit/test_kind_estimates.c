/* quantile, top, unique on small numbers of records, where they are exact, and at their edges.
 * Large numbers are in test_kind_split.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tables/kinds.h"
#include "tests/unit/kinds_rig.h"
#include "tests/unit/tables_rig.h"

static void emit(struct cells *cells, struct value value, double weight)
{
    struct emission emission = {.values = &value, .count = 1, .weight = weight};
    assert_int_equal(cells_emit(cells, NULL, &emission, NULL), 0);
}

static struct cells *create(const struct kind *kind, unsigned n, bool weighted)
{
    struct cells *cells;
    struct kind_shape shape = {.n = n, .values = 1, .texts = 1, .weighted = weighted};
    assert_int_equal(cells_create(&cells, kind, &shape, 0, NULL), 0);
    return cells;
}

static void shows(const struct cells *cells, const char *expected)
{
    cJSON *value = rig_value(cells);
    char *text = cJSON_PrintUnformatted(value);
    assert_string_equal(text, expected);
    free(text);
    cJSON_Delete(value);
}

static void quantiles_of_few_values_are_exact(void **state)
{
    (void)state;
    struct cells *cells = create(&kind_quantile, 5, false);
    emit(cells, value_number(2), 1);
    shows(cells, "[2,2,2,2,2]");
    emit(cells, value_number(-2), 1);
    shows(cells, "[-2,-1,0,1,2]");
    emit(cells, value_number(0), 1);
    shows(cells, "[-2,-1,0,1,2]");
    emit(cells, value_number(-0.0), 1);
    emit(cells, value_number(1e-30), 1);
    shows(cells, "[-2,0,0,0,2]");
    assert_true(cells_bound(cells) == 0);
    cells_free(cells);
}

static void whole_numbers_to_512_are_exact(void **state)
{
    (void)state;
    struct cells *cells = create(&kind_quantile, 513, false);
    for (unsigned i = 0; i <= 512; i++)
        for (unsigned times = 0; times < 3; times++)
            emit(cells, value_number(i * 188 % 513), 1);
    cJSON *value = rig_value(cells);
    assert_int_equal(cells_emitted(cells), 1539);
    assert_true(cells_bound(cells) == 0);
    for (int i = 0; i <= 512; i++) {
        double rank = 1538.0 * i / 512;
        double below = floor(floor(rank) / 3), above = floor(ceil(rank) / 3);
        double right = below + (above - below) * (rank - floor(rank));
        assert_true(fabs(cJSON_GetArrayItem(value, i)->valuedouble - right) < 1e-9);
    }
    cJSON_Delete(value);
    cells_free(cells);
}

static void quantiles_of_either_sign_and_any_size(void **state)
{
    (void)state;
    struct cells *cells = create(&kind_quantile, 3, false);
    for (int exponent = -63; exponent < 64; exponent++)
        for (unsigned i = 0; i < 8; i++) {
            emit(cells, value_number(ldexp(1 + i / 5000.0, exponent)), 1);
            emit(cells, value_number(-ldexp(1 + i / 5000.0, exponent)), 1);
        }
    cJSON *value = rig_value(cells);
    assert_true(value->child->valuedouble == -ldexp(1 + 7 / 5000.0, 63));
    assert_true(value->child->next->valuedouble == 0);
    assert_true(value->child->next->next->valuedouble == ldexp(1 + 7 / 5000.0, 63));
    assert_true(cells_bound(cells) == 1.0 / 256);
    cJSON_Delete(value);
    cells_free(cells);
}

/* The counters of a top of few texts. */
#define COUNTERS 10000U

static void top_is_exact_while_there_are_counters(void **state)
{
    (void)state;
    struct cells *cells = create(&kind_top, 3, false);
    char name[16];
    for (unsigned i = 0; i < COUNTERS; i++)
        for (unsigned times = 0; times < 1U + (i == 500) * 9U + (i == 7) * 4U + (i == 999);
             times++) {
            (void)snprintf(name, sizeof name, "v%u", i);
            emit(cells, value_text(rig_slice(name)), 1);
        }
    shows(cells, "[{\"value\":\"v500\",\"count\":10,\"error\":0},"
                 "{\"value\":\"v7\",\"count\":5,\"error\":0},"
                 "{\"value\":\"v999\",\"count\":2,\"error\":0}]");
    assert_true(cells_bound(cells) == 0);
    emit(cells, value_text(rig_slice("one too many")), 1);
    emit(cells, value_text(rig_slice("one too many")), 1);
    assert_true(cells_bound(cells) == 1);
    shows(cells, "[{\"value\":\"v500\",\"count\":10,\"error\":0},"
                 "{\"value\":\"v7\",\"count\":5,\"error\":0},"
                 "{\"value\":\"one too many\",\"count\":3,\"error\":1}]");
    cells_free(cells);
}

static void any_values_fit_into_as_many_counters(void **state)
{
    (void)state;
    struct kind_shape shape = {.n = 350};
    for (shape.values = 1; shape.values <= TABLE_EXPRESSIONS; shape.values++)
        for (shape.texts = 0; shape.texts <= shape.values; shape.texts++)
            assert_true(kind_fits(&kind_top, &shape));
    shape = (struct kind_shape){.n = 1000, .values = 16, .texts = 16};
    assert_false(kind_fits(&kind_top, &shape));
}

static void top_by_weight(void **state)
{
    (void)state;
    struct cells *cells = create(&kind_top, 2, true);
    emit(cells, value_text(rig_slice("often")), 1);
    emit(cells, value_text(rig_slice("often")), 1.5);
    emit(cells, value_text(rig_slice("heavy")), 40);
    emit(cells, value_text(rig_slice("nothing")), 0);
    shows(cells, "[{\"value\":\"heavy\",\"count\":40,\"error\":0},"
                 "{\"value\":\"often\",\"count\":2.5,\"error\":0}]");
    cells_free(cells);
}

/* One value that is a tenth of all, among ever new ones: always found, whatever the parts. */
static void what_is_frequent_is_found_among_ever_new_values(void **state)
{
    (void)state;
    struct cells *part[8];
    for (unsigned i = 0; i < 8; i++)
        part[i] = create(&kind_top, 1, false);
    unsigned many = 80000, often = 0;
    for (unsigned i = 0; i < many; i++) {
        bool this_one = rig_random(i) % 10 == 0;
        often += this_one;
        emit(part[rig_random(i + 1) % 8], value_number(this_one ? -1.0 : i), 1);
    }
    struct cells *all = rig_collapse(part, 8, 3);
    cJSON *value = rig_value(all);
    const cJSON *first = value->child;
    assert_true(cJSON_GetObjectItem(first, "value")->valuedouble == -1);
    double count = cJSON_GetObjectItem(first, "count")->valuedouble;
    double error = cJSON_GetObjectItem(first, "error")->valuedouble;
    assert_true(count >= often && count - error <= often);
    assert_true(cells_bound(all) <= many / (double)COUNTERS + 8);
    cJSON_Delete(value);
    cells_free(all);
}

static void check_count(const cJSON *element, double truth, double bound)
{
    double count = cJSON_GetObjectItem(element, "count")->valuedouble;
    double error = cJSON_GetObjectItem(element, "error")->valuedouble;
    assert_true(count >= truth && count - error <= truth && error <= bound);
}

/* A value that one part knows well and the other has forgotten: its count is still no less than
 * what is true, and what may be too much of it is told. Either part may be the first. */
static void what_one_part_forgot_is_in_the_error(void **state)
{
    (void)state;
    struct value known = value_text(rig_slice("known"));
    struct value once = value_text(rig_slice("a text that is longer than all the others are here"));
    for (unsigned turn = 0; turn < 2; turn++) {
        struct cells *exact = create(&kind_top, 1, false), *full = create(&kind_top, 1, false);
        emit(full, once, 1);
        for (unsigned i = 0; i < 500; i++)
            emit(exact, known, 1);
        for (unsigned i = 0; i < 20; i++)
            emit(full, known, 1);
        for (unsigned i = 0; i < 40 * COUNTERS; i++)
            emit(full, value_number(i), 1);
        size_t charge = cells_charge(full);
        struct cells *into = turn ? full : exact, *from = turn ? exact : full;
        assert_int_equal(cells_merge(into, from, NULL), 0);
        cJSON *value = rig_value(into);
        check_count(value->child, 520, cells_bound(into));
        cJSON_Delete(value);
        assert_int_equal(cells_charge(into), charge);
        cells_free(exact);
        cells_free(full);
    }
}

static void unique_knows_that_a_part_was_full(void **state)
{
    (void)state;
    struct cells *full = create(&kind_unique, 16, false), *all = create(&kind_unique, 16, false);
    for (unsigned i = 0; i < 1000; i++)
        emit(full, value_number(i), 1);
    struct buffer bytes = rig_bytes(full); /* of the 16 least alone */
    const unsigned char *at = bytes.data;
    struct cells *least = create(&kind_unique, 16, false);
    assert_int_equal(cells_read(least, &at, bytes.data + bytes.used, NULL), 0);
    assert_int_equal(cells_merge(all, least, NULL), 0);
    assert_true(cells_bound(all) > 0);
    rig_assert_same(all, full);
    buffer_free(&bytes);
    cells_free(least);
    cells_free(all);
    cells_free(full);
}

static void unique_is_exact_up_to_n(void **state)
{
    (void)state;
    struct cells *cells = create(&kind_unique, 100, false);
    for (unsigned i = 0; i < 100; i++)
        for (unsigned times = 0; times < 3; times++)
            emit(cells, value_number(i), 1);
    emit(cells, value_number(-0.0), 1);
    shows(cells, "100");
    assert_true(cells_bound(cells) == 0);
    emit(cells, value_truth(false), 1);
    assert_true(cells_bound(cells) == 4 / sqrt(98));
    cJSON *value = rig_value(cells);
    assert_true(fabs(value->valuedouble - 101) < 101 * cells_bound(cells));
    cJSON_Delete(value);
    cells_free(cells);
}

/* The estimate is right on average: 200 of them, of 5,000 values each. */
static void unique_is_not_biased(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    for (unsigned lot = 0; lot < 200; lot++) {
        struct cells *cells = create(&kind_unique, 256, false);
        for (unsigned i = 0; i < 5000; i++)
            emit(cells, value_number(lot * 5000.0 + i), 1);
        cJSON *value = rig_value(cells);
        double error = value->valuedouble / 5000 - 1;
        assert_true(fabs(error) < cells_bound(cells));
        sum += error;
        squares += error * error;
        cJSON_Delete(value);
        cells_free(cells);
    }
    double deviation = sqrt(squares / 200);
    assert_true(fabs(sum / 200) < 3.3 * deviation / sqrt(200));
    assert_true(deviation < 1.2 / sqrt(254) && deviation > 0.8 / sqrt(254));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_few_values_are_exact),
        cmocka_unit_test(whole_numbers_to_512_are_exact),
        cmocka_unit_test(quantiles_of_either_sign_and_any_size),
        cmocka_unit_test(top_is_exact_while_there_are_counters),
        cmocka_unit_test(any_values_fit_into_as_many_counters),
        cmocka_unit_test(top_by_weight),
        cmocka_unit_test(what_is_frequent_is_found_among_ever_new_values),
        cmocka_unit_test(what_one_part_forgot_is_in_the_error),
        cmocka_unit_test(unique_knows_that_a_part_was_full),
        cmocka_unit_test(unique_is_exact_up_to_n),
        cmocka_unit_test(unique_is_not_biased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
