#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct sample {
    const char *text;
    int32_t value;
};

static void exact_values(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.0", 0},
        {"52.1", 521000000},
        {"-0.1234567", -1234567},
        {"+8", 80000000},
        {"8.", 80000000},
        {".5", 5000000},
        {"-.5", -5000000},
        {"0000052.1000000000", 521000000},
        {"180", 1800000000},
        {"-180", -1800000000},
        {"180.00000000000000000000", 1800000000},
        {"179.9999999", 1799999999},
        {"1.00000005", 10000001},
        {"-1.00000005", -10000001},
        {"1.000000049999999999999", 10000000},
        {"1.00000004", 10000000},
        {"1.00000009", 10000001},
        {"179.99999995", 1800000000},
        {"0.00000005", 1},
        {"0.00000004999", 0},
        {"1e0", 10000000},
        {"1E2", 1000000000},
        {"1e+2", 1000000000},
        {"18e1", 1800000000},
        {"1800e-1", 1800000000},
        {"123456789e-7", 123456789},
        {"1234567895e-8", 123456790},
        {"1234567894e-8", 123456789},
        {"5e-8", 1},
        {"4.9e-8", 0},
        {"49e-9", 0},
        {"5e-9", 0},
        {"-5.2517e1", -525170000},
        {"0.00000000000000000000521e22", 521000000},
        {"52100000000000000000000000000e-27", 521000000},
        {"1e-99999999999999999999999", 0},
        {"0e99999999999999999999999", 0},
        {"0.0e5", 0},
        {"000000000000001e0", 10000000},
        {".5e1", 50000000},
        {"5.e1", 500000000},
    };
    for (size_t i = 0; i < COUNT(samples); i++) {
        int32_t value = INT32_MIN;
        if (!text_parse_degrees(samples[i].text, 180, &value) || value != samples[i].value)
            fail_msg("%s gave %" PRId32, samples[i].text, value);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-",
        "+",
        ".",
        "-.",
        "nan",
        "inf",
        "-inf",
        "0x10",
        "1,5",
        " 1",
        "1 ",
        "1\n",
        "1e",
        "1e+",
        "1e-",
        "e1",
        ".e1",
        "1.2.3",
        "1-",
        "--1",
        "+-1",
        "1e5.0",
        "1e1e1",
        "1f",
        "1d",
        "1_0",
        "١",
        "180.1",
        "-180.1",
        "181",
        "1e400",
        "1e3",
        "1801e-1",
        "180.00000001",
        "-180.00000000000000000001",
        "18000000001e-8",
        "1.8000000001e2",
        "99999999999999999999999999",
        "99999999999999999999999999.5",
        "18446744073709551616",
        "4294967297",
        "1e99999999999999999999",
        "1a",
        "1.a",
    };
    int32_t value = 77;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_parse_degrees(bad[i], 180, &value))
            fail_msg("\"%s\" gave %" PRId32, bad[i], value);
    }
    assert_int_equal(value, 77);
}

static void latitude_limit(void **state)
{
    (void)state;
    int32_t value;
    assert_true(text_parse_degrees("90", 90, &value));
    assert_int_equal(value, 900000000);
    assert_true(text_parse_degrees("-90.0", 90, &value));
    assert_int_equal(value, -900000000);
    assert_false(text_parse_degrees("90.0000001", 90, &value));
    assert_false(text_parse_degrees("-90.00000001", 90, &value));
    assert_false(text_parse_degrees("91", 90, &value));
}

/* What is formatted reads back the same, and so does every other spelling of it. */
static void round_trip(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (int i = 0; i < 200000; i++) {
        random = random * 1664525u + 1013904223u;
        int32_t value = (int32_t)((int64_t)(random % 3600000001u) - 1800000000);
        if (i % 3 == 0)
            value = value / 100000 * 100000;
        char text[16];
        char other[40];
        int32_t back = 1;
        size_t length = text_format_degrees(value, text);
        assert_int_equal(length, strlen(text));
        assert_true(text_parse_degrees(text, 180, &back));
        assert_int_equal(back, value);
        (void)snprintf(other, sizeof other, "%" PRId32 "e-7", value);
        assert_true(text_parse_degrees(other, 180, &back));
        assert_int_equal(back, value);
        (void)snprintf(other, sizeof other, "%.7f", value / 1e7);
        assert_true(text_parse_degrees(other, 180, &back));
        assert_int_equal(back, value);
    }
}

static void formats_shortest(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"0", 0},
        {"-0.1234567", -1234567},
        {"52.1", 521000000},
        {"8", 80000000},
        {"-180", -1800000000},
        {"179.9999999", 1799999999},
        {"0.0000001", 1},
        {"-0.00001", -100},
        {"100.0000001", 1000000001},
        {"10.5", 105000000},
        {"-214.7483648", INT32_MIN},
    };
    for (size_t i = 0; i < COUNT(samples); i++) {
        char text[16];
        size_t length = text_format_degrees(samples[i].value, text);
        assert_int_equal(length, strlen(samples[i].text));
        assert_string_equal(text, samples[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_values),     cmocka_unit_test(refused),
        cmocka_unit_test(latitude_limit),   cmocka_unit_test(round_trip),
        cmocka_unit_test(formats_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
