#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tables/fixed.h"
#include "tables/kinds.h"
#include "tests/unit/kinds_rig.h"
#include "tests/unit/tables_rig.h"

static struct fixed sum_of(const double *numbers, size_t count)
{
    struct fixed sum = {0};
    for (size_t i = 0; i < count; i++)
        assert_false(fixed_add_number(&sum, numbers[i]));
    return sum;
}

static void sums_in_any_order_are_the_same(void **state)
{
    (void)state;
    static const double numbers[] = {0x1p69, 1, -0x1p69, 0x1p-50, 3, -4, 0x1.8p60, -0x1.8p60, -7};
    size_t count = sizeof numbers / sizeof numbers[0];
    struct fixed first = sum_of(numbers, count);
    assert_true(fixed_value(&first) == -7 + 0x1p-50);
    for (size_t shift = 1; shift < count; shift++) {
        double turned[16];
        for (size_t i = 0; i < count; i++)
            turned[i] = numbers[(i * 2 + shift) % count];
        struct fixed sum = sum_of(turned, count);
        assert_true(sum.low == first.low && sum.high == first.high);
    }
}

static void values_are_the_nearest_doubles(void **state)
{
    (void)state;
    static const double numbers[] = {0,   1,       -1,     0x1p-50, -0x1p-50, 0x1.fffffffffffffp52,
                                     1e9, -0x1p69, 0x1p69, 0.5,     -1234.5,  0x1.fffffffffffffp68};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct fixed sum = sum_of(&numbers[i], 1);
        assert_true(fixed_value(&sum) == numbers[i]);
    }
    /* Just above and below the middle between two doubles, and the middle, which goes to even. */
    struct fixed sum = sum_of((double[]){0x1p53, 1, 0x1p-50}, 3);
    assert_true(fixed_value(&sum) == 0x1p53 + 2);
    sum = sum_of((double[]){0x1p53, 1, -0x1p-50}, 3);
    assert_true(fixed_value(&sum) == 0x1p53);
    sum = sum_of((double[]){0x1p53, 1}, 2);
    assert_true(fixed_value(&sum) == 0x1p53);
    sum = sum_of((double[]){0x1p53, 2, 1}, 3);
    assert_true(fixed_value(&sum) == 0x1p53 + 4);
    sum = sum_of((double[]){-0x1p69, -0x1p16, -0x1p-50}, 3);
    assert_true(fixed_value(&sum) == -0x1p69 - 0x1p17);
}

static void many_of_the_largest_fit(void **state)
{
    (void)state;
    struct fixed sum = {0}, twice;
    double largest = 0x1.fffffffffffffp69;
    (void)fixed_add_number(&sum, largest);
    for (unsigned i = 0; i < 64; i++) {
        assert_true(fixed_value(&sum) == ldexp(largest, (int)i));
        twice = sum;
        fixed_add(&sum, &twice);
    }
}

static void what_is_finer_than_the_unit_is_rounded(void **state)
{
    (void)state;
    struct fixed sum = {0};
    assert_true(fixed_add_number(&sum, 0x1.8p-50));
    assert_true(fixed_value(&sum) == 0x1p-49);
    assert_true(fixed_add_number(&sum, 0.1));
    assert_true(fabs(fixed_value(&sum) - 0.1 - 0x1p-49) <= FIXED_UNIT / 2);
}

static void bytes_are_few_and_read_back(void **state)
{
    (void)state;
    for (int exponent = -50; exponent < 70; exponent++)
        for (int which = 0; which < 4; which++) {
            double number = ldexp(which & 1 ? -1 : 1, exponent);
            struct fixed sum = sum_of(&number, 1), again = {1, 1};
            if (which & 2)
                (void)fixed_add_number(&sum, -FIXED_UNIT);
            unsigned char bytes[FIXED_BYTES + 1];
            unsigned char *end = fixed_put(bytes, &sum);
            assert_true(end - bytes <= 2 + (exponent + 51) / 8);
            assert_ptr_equal(fixed_get(bytes, end, &again), end);
            assert_true(again.low == sum.low && again.high == sum.high);
            for (const unsigned char *cut = bytes; cut < end; cut++)
                assert_null(fixed_get(bytes, cut, &again));
        }
}

static void emit(struct cells *cells, double number)
{
    struct value value = value_number(number);
    struct emission emission = {.values = &value, .count = 1, .weight = 1};
    assert_int_equal(cells_emit(cells, NULL, &emission, NULL), 0);
}

static double result_of(const struct cells *cells)
{
    cJSON *value = rig_value(cells);
    double number = value->valuedouble;
    cJSON_Delete(value);
    return number;
}

static void sum_count_and_mean(void **state)
{
    (void)state;
    const struct kind *const used[] = {&kind_sum, &kind_count, &kind_mean};
    static const double expected[] = {10, 4, 2.5};
    for (unsigned i = 0; i < 3; i++) {
        struct cells *cells = rig_cells(&(struct rig_table){used[i], 0, RIG_ONE, 0});
        for (unsigned j = 1; j < 5; j++)
            emit(cells, j);
        assert_true(result_of(cells) == expected[i]);
        assert_true(cells_bound(cells) == 0);
        cells_free(cells);
    }
}

static void the_bound_counts_what_was_rounded(void **state)
{
    (void)state;
    struct cells *cells = rig_cells(&(struct rig_table){&kind_sum, 0, RIG_ONE, 0});
    emit(cells, 0.1);
    emit(cells, 17);
    assert_true(cells_bound(cells) == FIXED_UNIT / 2);
    emit(cells, 0.3);
    assert_true(cells_bound(cells) == FIXED_UNIT);
    cells_free(cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_in_any_order_are_the_same),
        cmocka_unit_test(values_are_the_nearest_doubles),
        cmocka_unit_test(many_of_the_largest_fit),
        cmocka_unit_test(what_is_finer_than_the_unit_is_rounded),
        cmocka_unit_test(bytes_are_few_and_read_back),
        cmocka_unit_test(sum_count_and_mean),
        cmocka_unit_test(the_bound_counts_what_was_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
