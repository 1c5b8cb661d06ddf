#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "daemon/watchdog.h"

#define LIMIT 10

static bool judge(struct watchdog_view *view, double now, double silent, uint64_t moved, bool due,
                  double patience)
{
    struct line_progress progress = {
        .silent = silent, .thread = "writer", .moved = moved, .due = due, .patience = patience};
    double told;
    bool well = watchdog_judge(view, &progress, now, &told);
    assert_true(told >= silent);
    return well;
}

static void a_silent_thread_is_a_standstill(void **state)
{
    (void)state;
    struct watchdog_view view = {.limit = LIMIT};
    assert_true(judge(&view, 100, 0, 0, false, 0));
    assert_true(judge(&view, 110, 9.9, 0, false, 0));
    assert_false(judge(&view, 111, 10, 0, false, 1000));
    assert_true(judge(&view, 112, 0.1, 0, false, 0));
}

static void a_run_that_is_due_and_does_not_move_is_a_standstill(void **state)
{
    (void)state;
    struct watchdog_view view = {.limit = LIMIT};
    assert_true(judge(&view, 100, 0, 7, true, 5));
    assert_true(judge(&view, 114, 0, 7, true, 5));
    assert_false(judge(&view, 115, 0, 7, true, 5));
    assert_true(judge(&view, 116, 0, 8, true, 5)); /* moved */
    assert_true(judge(&view, 130, 0, 8, true, 5));
    assert_false(judge(&view, 131, 0, 8, true, 5));
}

static void what_is_not_due_may_take_for_ever(void **state)
{
    (void)state;
    struct watchdog_view view = {.limit = LIMIT};
    assert_true(judge(&view, 100, 0, 7, true, 0));
    for (double now = 105; now < 1000; now += 5)
        assert_true(judge(&view, now, 0, 7, false, 0));
    assert_true(judge(&view, 1004, 0, 7, true, 0)); /* the time before does not count */
    assert_false(judge(&view, 1006, 0, 7, true, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_thread_is_a_standstill),
        cmocka_unit_test(a_run_that_is_due_and_does_not_move_is_a_standstill),
        cmocka_unit_test(what_is_not_due_may_take_for_ever),
    };
    return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
