#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/latency.h"

static unsigned only_bucket(double seconds)
{
    struct latency latency = {0};
    struct latency_sum sum = {0};
    unsigned found = LATENCY_BUCKETS;
    latency_add(&latency, seconds);
    latency_collect(&latency, &sum);
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        if (sum.buckets[i] == 0)
            continue;
        assert_int_equal(sum.buckets[i], 1);
        assert_int_equal(found, LATENCY_BUCKETS);
        found = i;
    }
    return found;
}

static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(only_bucket(-1), 0);
    assert_int_equal(only_bucket(0), 0);
    assert_int_equal(only_bucket(1e6), LATENCY_BOUNDS);
    for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
        if (i > 0)
            assert_true(latency_bounds[i] > latency_bounds[i - 1]);
        assert_int_equal(only_bucket(latency_bounds[i]), i);
        assert_int_equal(only_bucket(latency_bounds[i] * 1.0001), i + 1);
    }
}

static void test_sum(void **state)
{
    (void)state;
    struct latency one = {0};
    struct latency other = {0};
    struct latency_sum sum = {0};
    latency_add(&one, 0.25);
    latency_add(&one, -3);
    latency_add_alone(&other, 0.5);
    latency_add_alone(&other, 0.5);
    latency_collect(&one, &sum);
    latency_collect(&other, &sum);
    assert_int_equal(sum.nanoseconds, 1250000000);
    assert_int_equal(sum.buckets[0], 1);
    assert_int_equal(sum.buckets[17], 3); /* up to 0.5 s */
}

#define ADDED 20000

static void *add_many(void *latency)
{
    for (unsigned i = 0; i < ADDED; i++)
        latency_add(latency, 3e-6);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static struct latency latency;
    struct latency_sum sum = {0};
    pthread_t threads[3];
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &latency), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    latency_collect(&latency, &sum);
    assert_int_equal(sum.buckets[2], 3 * ADDED);
    assert_in_range(sum.nanoseconds, 3u * ADDED * 2999, 3u * ADDED * 3001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
