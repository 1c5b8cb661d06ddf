#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>

#include "stages/retry_budget.h"

static void the_first_ones_are_free(void **state)
{
    (void)state;
    struct retry_budget budget = {0};
    assert_int_equal(retry_budget_left(&budget), RETRIES_FREE);
    assert_int_equal(retry_budget_take(&budget, 60), 60);
    assert_int_equal(retry_budget_take(&budget, 60), RETRIES_FREE - 60);
    assert_int_equal(retry_budget_take(&budget, 1), 0);
    assert_int_equal(retry_budget_left(&budget), 0);
}

static void a_fifth_of_all_points_asked_is_earned(void **state)
{
    (void)state;
    struct retry_budget budget = {0};
    retry_budget_asked(&budget, 500);
    assert_int_equal(retry_budget_left(&budget), 100);
    retry_budget_asked(&budget, 500);
    assert_int_equal(retry_budget_take(&budget, 1000), 200);
    retry_budget_asked(&budget, 4);
    assert_int_equal(retry_budget_left(&budget), 0);
    retry_budget_asked(&budget, 1);
    assert_int_equal(retry_budget_take(&budget, 5), 1);
}

static struct retry_budget shared;

static void *spend(void *taken)
{
    size_t *sum = taken;
    for (int i = 0; i < 20000; i++) {
        retry_budget_asked(&shared, 1);
        *sum += retry_budget_take(&shared, 3);
    }
    return NULL;
}

static void many_threads_never_take_more(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t taken[4] = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, spend, &taken[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    size_t sum = taken[0] + taken[1] + taken[2] + taken[3];
    assert_int_equal(shared.retried, sum);
    assert_true(sum <= 80000 / RETRIES_PART && sum > 80000 / RETRIES_PART - 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_ones_are_free),
        cmocka_unit_test(a_fifth_of_all_points_asked_is_earned),
        cmocka_unit_test(many_threads_never_take_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
