#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/log_journal.h"

static char fields[LOG_FIELDS][LOG_FIELD_BYTES];

static void keys_become_fields(void **state)
{
    (void)state;
    assert_int_equal(
        log_fields("run=2026-1f3a stage=geocode points=12 points_per_s=3.5", fields, LOG_FIELDS),
        4);
    assert_string_equal(fields[0], "REFRESHD_RUN=2026-1f3a");
    assert_string_equal(fields[1], "REFRESHD_STAGE=geocode");
    assert_string_equal(fields[2], "REFRESHD_POINTS=12");
    assert_string_equal(fields[3], "REFRESHD_POINTS_PER_S=3.5");
}

static void quoted_values_lose_their_quotes(void **state)
{
    (void)state;
    assert_int_equal(log_fields("error=\"no \\\"x\\\" in C:\\\\d run=9\" run=7 empty=\"\" none=",
                                fields, LOG_FIELDS),
                     4);
    assert_string_equal(fields[0], "REFRESHD_ERROR=no \"x\" in C:\\d run=9");
    assert_string_equal(fields[1], "REFRESHD_RUN=7");
    assert_string_equal(fields[2], "REFRESHD_EMPTY=");
    assert_string_equal(fields[3], "REFRESHD_NONE=");
}

static void what_is_no_key_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(log_fields("", fields, LOG_FIELDS), 0);
    assert_int_equal(log_fields("words  =x A=1 9=2 a-b=3 ok=4 open=\"end", fields, LOG_FIELDS), 2);
    assert_string_equal(fields[0], "REFRESHD_OK=4");
    assert_string_equal(fields[1], "REFRESHD_OPEN=end");
}

static void what_is_too_much_is_cut(void **state)
{
    (void)state;
    char text[3 * LOG_FIELD_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text, "a=1 b=", 6);
    assert_int_equal(log_fields(text, fields, LOG_FIELDS), 2);
    assert_int_equal(strlen(fields[1]), LOG_FIELD_BYTES - 1);
    assert_int_equal(log_fields("a=1 b=2 c=3", fields, 2), 2);
    memset(text, 'k', 100); /* a name longer than the journal takes */
    text[100] = '=';
    assert_int_equal(log_fields(text, fields, LOG_FIELDS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_become_fields),
        cmocka_unit_test(quoted_values_lose_their_quotes),
        cmocka_unit_test(what_is_no_key_is_passed_over),
        cmocka_unit_test(what_is_too_much_is_cut),
    };
    return cmocka_run_group_tests_name("log_journal", tests, NULL, NULL);
}
