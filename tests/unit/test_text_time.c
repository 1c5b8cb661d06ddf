#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void moments(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t seconds;
    } samples[] = {
        {"0", 0},
        {"4294967295", UINT32_MAX},
        {"1970-01-01", 0},
        {"2026-11-21", 1795219200},
        {"2026-11-21T02:00:00Z", 1795226400},
        {"2026-11-21 02:00:00", 1795226400},
        {"2026-11-21T02:00", 1795226400},
        {"2026-11-21t02:00:00z", 1795226400},
        {"2026-11-21T03:00:00+01:00", 1795226400},
        {"2026-11-21T03:00:00+01", 1795226400},
        {"2026-11-20T20:30:00-0530", 1795226400},
        {"2026-11-21T02:00:00.999999999Z", 1795226400},
        {"2000-02-29", 951782400},
        {"2106-02-07T06:28:15Z", UINT32_MAX},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:00:00-01:00", 0},
    };
    for (size_t i = 0; i < COUNT(samples); i++) {
        uint32_t seconds = 5;
        if (!text_parse_time(samples[i].text, &seconds) || seconds != samples[i].seconds)
            fail_msg("%s gave %u", samples[i].text, seconds);
    }
}

static void not_moments(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-1",
        "4294967296",
        "1.5",
        " 1",
        "yesterday",
        "2026-11",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "2026-02-29",
        "1900-02-29",
        "26-11-21",
        "2026/11/21",
        "2026-11-21T",
        "2026-11-21T02",
        "2026-11-21T24:00:00",
        "2026-11-21T02:60:00",
        "2026-11-21T02:00:60",
        "2026-11-21T02:00:00.",
        "2026-11-21T02:00:00,5",
        "2026-11-21T02:00:00 Z",
        "2026-11-21T02:00:00+1",
        "2026-11-21T02:00:00+24:00",
        "2026-11-21T02:00:00+01:60",
        "2026-11-21T02:00:00+01:",
        "2026-11-21T02:00:00+01:000",
        "2026-11-21T02:00:00Zx",
        "2026-11-21 ",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "2106-02-07T06:28:16Z",
        "2026-1-1",
    };
    uint32_t seconds = 5;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_parse_time(bad[i], &seconds))
            fail_msg("\"%s\" gave %u", bad[i], seconds);
    }
    assert_int_equal(seconds, 5);
}

static void agrees_with_libc(void **state)
{
    (void)state;
    for (uint64_t moment = 0; moment <= UINT32_MAX; moment += 86399 * 3) {
        time_t clock = (time_t)moment;
        struct tm parts;
        char text[40];
        assert_non_null(gmtime_r(&clock, &parts));
        assert_true(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0);
        uint32_t seconds;
        assert_true(text_parse_time(text, &seconds));
        assert_int_equal(seconds, moment);
    }
}

static void durations_for_people(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } samples[] = {
        {0, "0s"},         {0.4, "0.4s"},     {0.94, "0.9s"},     {0.96, "1s"},
        {42, "42s"},       {59.4, "59s"},     {59.6, "1m 00s"},   {125, "2m 05s"},
        {3599.7, "1h 0m"}, {18720, "5h 12m"}, {86399.9, "1d 0h"}, {273600, "3d 4h"},
        {-5, "0s"},        {INFINITY, "-"},   {NAN, "-"},         {1e300, "11574074d 1h"},
    };
    for (size_t i = 0; i < COUNT(samples); i++) {
        char out[32];
        assert_ptr_equal(text_format_duration(samples[i].seconds, out), out);
        assert_string_equal(out, samples[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),
        cmocka_unit_test(not_moments),
        cmocka_unit_test(agrees_with_libc),
        cmocka_unit_test(durations_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
