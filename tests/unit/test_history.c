#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/history.h"

static struct history_sample taken[HISTORY_SAMPLES];

static void test_samples_in_order(void **state)
{
    (void)state;
    struct history *history = history_create();
    const struct line_status status = {.points_per_second = 12.5, .requests_per_second = 3};
    assert_non_null(history);
    assert_int_equal(history_take(history, taken), 0);
    history_add(history, 1000, &status, 7);
    history_add(history, 1005, &status, 7);
    assert_int_equal(history_take(history, taken), 2);
    assert_int_equal(taken[0].time, 1000);
    assert_int_equal(taken[1].time, 1005);
    assert_true(taken[0].points_per_second == 12.5f);
    assert_true(taken[0].requests_per_second == 3.0f);
    history_free(history);
}

static void test_forgets_the_oldest(void **state)
{
    (void)state;
    struct history *history = history_create();
    const struct line_status status = {0};
    for (uint32_t i = 0; i < HISTORY_SAMPLES + 10; i++)
        history_add(history, i, &status, 0);
    assert_int_equal(history_take(history, taken), HISTORY_SAMPLES);
    for (uint32_t i = 0; i < HISTORY_SAMPLES; i++)
        assert_int_equal(taken[i].time, i + 10);
    history_free(history);
}

static void test_lookups_per_second(void **state)
{
    (void)state;
    struct history *history = history_create();
    const struct line_status status = {0};
    const struct timespec pause = {.tv_nsec = 20000000};
    double before = clock_monotonic();
    history_add(history, 1, &status, 5000);
    double after = clock_monotonic();
    (void)nanosleep(&pause, NULL);
    double shortest = clock_monotonic() - after;
    history_add(history, 6, &status, 6000);
    double longest = clock_monotonic() - before;
    history_add(history, 11, &status, 10); /* counted anew */
    assert_int_equal(history_take(history, taken), 3);
    assert_true(taken[0].lookups_per_second == 0); /* since when isn't known */
    assert_true(taken[1].lookups_per_second <= 1000.1 / shortest);
    assert_true(taken[1].lookups_per_second >= 999.9 / longest);
    assert_true(taken[2].lookups_per_second == 0);
    history_free(history);
}

static void *take_often(void *history)
{
    static struct history_sample own[HISTORY_SAMPLES];
    for (unsigned i = 0; i < 200; i++) {
        size_t count = history_take(history, own);
        for (size_t k = 1; k < count; k++)
            assert_int_equal(own[k].time, own[k - 1].time + 1);
    }
    return NULL;
}

static void test_taken_while_added(void **state)
{
    (void)state;
    struct history *history = history_create();
    const struct line_status status = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_often, history), 0);
    for (uint32_t i = 0; i < 5000; i++)
        history_add(history, i, &status, i);
    assert_int_equal(pthread_join(thread, NULL), 0);
    history_free(history);
    history_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_in_order),
        cmocka_unit_test(test_forgets_the_oldest),
        cmocka_unit_test(test_lookups_per_second),
        cmocka_unit_test(test_taken_while_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
