#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "fleet/shares_ahead.h"

static void at_rest_two_are_enough(void **state)
{
    (void)state;
    struct shares_ahead ahead;
    shares_ahead_begin(&ahead, 100);
    for (double now = 100; now < 110; now += 0.1)
        assert_int_equal(shares_ahead_wanted(&ahead, now), 2);
}

static void a_second_of_work_is_claimed_ahead(void **state)
{
    (void)state;
    struct shares_ahead ahead;
    uint32_t wanted = 0;
    shares_ahead_begin(&ahead, 0);
    for (int tick = 1; tick <= 100; tick++) {
        for (int i = 0; i < 2; i++)
            shares_ahead_taken(&ahead);
        wanted = shares_ahead_wanted(&ahead, tick * 0.1);
    }
    assert_in_range(wanted, 18, 22);
    for (int i = 0; i < 10000; i++)
        shares_ahead_taken(&ahead);
    assert_int_equal(shares_ahead_wanted(&ahead, 10.5), SHARES_AHEAD_MOST);
    for (int tick = 0; tick < 100; tick++)
        wanted = shares_ahead_wanted(&ahead, 11 + tick * 0.1);
    assert_int_equal(wanted, 2);
}

static void who_starves_gets_twice_as_many_each_time(void **state)
{
    (void)state;
    struct shares_ahead ahead;
    static const uint32_t expected[] = {4, 8, 16, 32, 60, 60};
    shares_ahead_begin(&ahead, 0);
    for (int i = 0; i < 6; i++) {
        shares_ahead_starved(&ahead);
        shares_ahead_starved(&ahead);
        shares_ahead_more(&ahead);
        assert_int_equal(shares_ahead_wanted(&ahead, 0.01 * i), expected[i]);
    }
    shares_ahead_more(&ahead);
    assert_int_equal(shares_ahead_wanted(&ahead, 0.1), 60);
    for (int i = 1; i <= 8; i++)
        (void)shares_ahead_wanted(&ahead, i);
    assert_int_equal(shares_ahead_wanted(&ahead, 9), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_rest_two_are_enough),
        cmocka_unit_test(a_second_of_work_is_claimed_ahead),
        cmocka_unit_test(who_starves_gets_twice_as_many_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
