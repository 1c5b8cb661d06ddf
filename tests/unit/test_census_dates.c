#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "daemon/census_dates.h"

#define NOW 1800000000u
#define DAY 86400u

static struct date_bins bins;

struct told {
    uint64_t by_age[CENSUS_BUCKETS];
    double age_sum;
    size_t count;
};

static struct told tell(uint32_t later)
{
    struct told told = {0};
    struct dated *dates;
    assert_int_equal(date_bins_take(&bins, &dates, &told.count, NULL), 0);
    dates_by_age(dates, told.count, later, told.by_age, &told.age_sum);
    free(dates);
    return told;
}

static void test_nothing(void **state)
{
    (void)state;
    date_bins_begin(&bins, NOW);
    struct told told = tell(NOW);
    assert_int_equal(told.count, 0);
    assert_true(told.age_sum == 0);
    assert_int_equal(bins.oldest, 0);
    assert_int_equal(dates_mean(NULL, 0), 0);
}

static void test_one_date_is_exact(void **state)
{
    (void)state;
    struct dated *dates;
    size_t count;
    date_bins_begin(&bins, NOW);
    for (unsigned i = 0; i < 1000; i++)
        date_bins_add(&bins, NOW - 40 * DAY - 7);
    date_bins_add(&bins, 0);
    assert_int_equal(date_bins_take(&bins, &dates, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(dates[0].date, NOW - 40 * DAY - 7);
    assert_int_equal(dates[0].count, 1000);
    assert_int_equal(dates_mean(dates, count), NOW - 40 * DAY - 7);
    assert_int_equal(bins.undated, 1);
    assert_int_equal(bins.oldest, NOW - 40 * DAY - 7);
    assert_int_equal(bins.newest, NOW - 40 * DAY - 7);
    free(dates);
}

/* Each age far enough from the bounds is told right, now and later. */
static void test_ages_at_any_later_time(void **state)
{
    (void)state;
    static const uint32_t waits[] = {0, DAY / 2, 5 * DAY, 100 * DAY, 1000 * DAY};
    for (size_t w = 0; w < sizeof waits / sizeof *waits; w++) {
        uint64_t expected[CENSUS_BUCKETS] = {0};
        double age_sum = 0;
        date_bins_begin(&bins, NOW);
        for (uint32_t days = 0; days < 2000; days++) {
            uint32_t later_age = days * DAY + waits[w];
            bool near = false;
            unsigned bucket = 0;
            for (unsigned b = 0; b < CENSUS_BUCKETS - 1; b++) {
                double bound = census_bucket_days[b] * DAY;
                near = near || (later_age > bound * 31 / 32 && later_age < bound * 33 / 32);
                bucket += later_age > bound;
            }
            if (near)
                continue;
            date_bins_add(&bins, NOW - days * DAY);
            expected[bucket]++;
            age_sum += later_age;
        }
        struct told told = tell(NOW + waits[w]);
        assert_memory_equal(told.by_age, expected, sizeof expected);
        assert_true(told.age_sum > age_sum * 0.999 && told.age_sum < age_sum * 1.001);
    }
}

static void test_bounded(void **state)
{
    (void)state;
    struct told told;
    date_bins_begin(&bins, UINT32_MAX);
    for (uint32_t date = UINT32_MAX; date > 5000; date -= 5000)
        date_bins_add(&bins, date);
    date_bins_add(&bins, 1);
    told = tell(UINT32_MAX);
    assert_true(told.count <= DATE_BINS);
    assert_int_equal(bins.oldest, 1);
    assert_int_equal(bins.newest, UINT32_MAX);
}

/* Clocks differ: an entry from the future is as good as new. */
static void test_future(void **state)
{
    (void)state;
    date_bins_begin(&bins, NOW);
    date_bins_add(&bins, NOW + 50 * DAY);
    struct told told = tell(NOW);
    assert_int_equal(told.by_age[0], 1);
    assert_true(told.age_sum == 0);
    told = tell(NOW + 52 * DAY);
    assert_int_equal(told.by_age[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_one_date_is_exact),
        cmocka_unit_test(test_ages_at_any_later_time),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
