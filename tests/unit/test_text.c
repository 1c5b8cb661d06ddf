#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void unsigned_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "-1",  "+1",  " 1", "1 ",
                                      "0x10", "1.0", "101", "a",  "18446744073709551616"};
    uint64_t value = 7;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(text_parse_unsigned(bad[i], 100, &value));
    assert_int_equal(value, 7);
    assert_true(text_parse_unsigned("100", 100, &value));
    assert_int_equal(value, 100);
    assert_true(text_parse_unsigned("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(text_parse_unsigned("18446744073709551616", UINT64_MAX, &value));
    assert_false(text_parse_unsigned("99999999999999999999999", UINT64_MAX, &value));
}

static void doubles(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "nan", "inf", "-inf",  "0x1p3", "1,5",   " 1",
                                      "1 ",    "1e",  "1e+", "1e400", ".",     "-",     "+-1",
                                      "1.2.3", "e5",  ".e5", "1d",    "-.",    "1e5.0", "١"};
    double value = 7;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(text_parse_double(bad[i], &value));
    assert_true(value == 7);
    assert_true(text_parse_double("-12.5", &value) && value == -12.5);
    assert_true(text_parse_double("1e3", &value) && value == 1000);
    assert_true(text_parse_double("+.5E-1", &value) && value == 0.05);
    assert_true(text_parse_double("5.", &value) && value == 5);
}

static void durations(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "1",  "-1s",  "1 s", "s",  "1S",    "1h30m", "1e3s",
                                      "0x1s", "1w", "nans", ".s",  "00", "1.5.s", "+1s"};
    double value = 7;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(text_parse_duration(bad[i], &value));
    assert_true(value == 7);
    assert_true(text_parse_duration("250ms", &value) && value == 0.25);
    assert_true(text_parse_duration("90s", &value) && value == 90);
    assert_true(text_parse_duration("15m", &value) && value == 900);
    assert_true(text_parse_duration("6h", &value) && value == 21600);
    assert_true(text_parse_duration("30d", &value) && value == 2592000);
    assert_true(text_parse_duration("1.5h", &value) && value == 5400);
    assert_true(text_parse_duration("0", &value) && value == 0);
    assert_true(text_parse_duration("0s", &value) && value == 0);
}

static void sizes(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "K",
                                      "-1K",
                                      "1KB",
                                      "1k",
                                      "1.5G",
                                      "1 K",
                                      "16777216T",
                                      "18446744073709551616",
                                      "00000000000000000000000001",
                                      "1KK"};
    uint64_t value = 7;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(text_parse_size(bad[i], &value));
    assert_int_equal(value, 7);
    assert_true(text_parse_size("64K", &value) && value == 65536);
    assert_true(text_parse_size("10M", &value) && value == 10485760);
    assert_true(text_parse_size("2G", &value) && value == UINT64_C(2147483648));
    assert_true(text_parse_size("1T", &value) && value == UINT64_C(1) << 40);
    assert_true(text_parse_size("123", &value) && value == 123);
    assert_true(text_parse_size("18446744073709551615", &value) && value == UINT64_MAX);
}

static void percentages(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "5", "%", "-1%", "100.1%", "1 %", "1%%", "nan%", "1e1%"};
    double value = 7;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(text_parse_percent(bad[i], &value));
    assert_true(value == 7);
    assert_true(text_parse_percent("0.5%", &value) && value == 0.005);
    assert_true(text_parse_percent("100%", &value) && value == 1);
    assert_true(text_parse_percent("0%", &value) && value == 0);
}

static void distances(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "m", "-1m", "1M", "1mi", "1 km", "inf", "1e3", "0x5"};
    double value = 7;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(text_parse_distance(bad[i], &value));
    assert_true(value == 7);
    assert_true(text_parse_distance("50m", &value) && value == 50);
    assert_true(text_parse_distance("1.5km", &value) && value == 1500);
    assert_true(text_parse_distance("100", &value) && value == 100);
}

static void utf8_valid(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain ascii that is longer than eight bytes",
        "Zürich",
        "東京都千代田区",
        "\xF0\x9F\x98\x80",
        "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF",
        "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
    };
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(text_is_utf8(good[i], strlen(good[i])));
    assert_true(text_is_utf8("a\0b", 3));
}

static void utf8_invalid_at_every_offset(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC3",
        "\xC3(",
        "\xE0\x9F\xBF",
        "\xE2\x82",
        "\xE2(\xA1",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xE2\x82(",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xF0\x9F\x98",
        "\xF0\x9F\x98(",
        "\xF8\x88\x80\x80\x80",
    };
    char text[40];
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t length = strlen(bad[i]);
        for (size_t offset = 0; offset < 20; offset++) {
            for (size_t behind = 0; behind < 10; behind++) {
                memset(text, 'a', sizeof text);
                memcpy(text + offset, bad[i], length);
                assert_false(text_is_utf8(text, offset + length + behind));
            }
        }
    }
}

/* Every character, encoded by the rule of RFC 3629, is valid; each of its proper prefixes is not.
 */
static void utf8_every_character(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c <= 0x10FFFF; c++) {
        char text[4];
        size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = length - 1; i > 0; i--)
            text[i] = (char)(0x80 | ((c >> (6 * (length - 1 - i))) & 0x3F));
        text[0] = (char)((0xF00u >> length & 0xFF) | c >> (6 * (length - 1)));
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        if (text_is_utf8(text, length) == surrogate || text_is_utf8(text, length - 1))
            fail_msg("U+%04X", c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(percentages),
        cmocka_unit_test(distances),
        cmocka_unit_test(utf8_valid),
        cmocka_unit_test(utf8_invalid_at_every_offset),
        cmocka_unit_test(utf8_every_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
