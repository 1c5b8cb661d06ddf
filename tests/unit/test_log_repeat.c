#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "daemon/log_repeat.h"

static struct log_repeat repeat;
static unsigned left_out;

static int forget(void **state)
{
    (void)state;
    repeat = (struct log_repeat){0};
    return 0;
}

static bool allows(const char *event, const char *text, double now)
{
    return log_repeat_allows(&repeat, event, text, now, &left_out);
}

static void a_line_is_told_once_a_minute(void **state)
{
    (void)state;
    assert_true(allows("lookup_failed", "error=a", 0));
    for (double now = 1; now < 60; now++)
        assert_false(allows("lookup_failed", "error=a", now));
    assert_true(allows("lookup_failed", "error=a", 60));
    assert_int_equal(left_out, 59);
    assert_false(allows("lookup_failed", "error=a", 61));
    assert_true(allows("lookup_failed", "error=a", 1000));
    assert_int_equal(left_out, 1);
}

static void other_lines_and_other_events_are_told(void **state)
{
    (void)state;
    assert_true(allows("lookup_failed", "error=a", 0));
    assert_true(allows("lookup_failed", "error=b", 0));
    assert_true(allows("census_failed", "error=a", 0));
    assert_int_equal(left_out, 0);
}

static void an_event_with_many_texts_is_no_flood(void **state)
{
    (void)state;
    char text[32];
    unsigned told = 0;
    for (unsigned i = 0; i < 576; i++) {
        (void)snprintf(text, sizeof text, "tile=%u", i);
        told += allows("tile_held", text, 1 + i * 0.01);
    }
    assert_int_equal(told, LOG_REPEAT_LINES);
    assert_true(allows("tile_held", "tile=0", 62));
    assert_int_equal(left_out, 576 - LOG_REPEAT_LINES);
}

static void more_events_than_are_known_are_told(void **state)
{
    (void)state;
    char name[32];
    for (unsigned i = 0; i < 3 * LOG_REPEAT_EVENTS; i++) {
        (void)snprintf(name, sizeof name, "event_%u", i);
        assert_true(allows(name, "", i * 0.01));
        assert_false(allows(name, "", i * 0.01));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_is_told_once_a_minute, forget),
        cmocka_unit_test_setup(other_lines_and_other_events_are_told, forget),
        cmocka_unit_test_setup(an_event_with_many_texts_is_no_flood, forget),
        cmocka_unit_test_setup(more_events_than_are_known_are_told, forget),
    };
    return cmocka_run_group_tests_name("log_repeat", tests, NULL, NULL);
}
