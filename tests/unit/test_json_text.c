#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "cachefmt/json_text.h"
#include "cachefmt/transfer.h"

static void check_and_clear(struct buffer *out, const char *text)
{
    if (out->used != strlen(text) || memcmp(out->data, text, out->used) != 0)
        fail_msg("\"%.*s\" is not \"%s\"", (int)out->used, (const char *)out->data, text);
    buffer_clear(out);
}

static void json_strings(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct error err;
    assert_int_equal(buffer_append_json_string(&out, "", 0, &err), 0);
    check_and_clear(&out, "\"\"");
    assert_int_equal(buffer_append_json_string(&out, NULL, 0, &err), 0);
    check_and_clear(&out, "\"\"");
    assert_int_equal(buffer_append_json_string(&out, "a\"b\\c\n\t\x01\0/", 10, &err), 0);
    check_and_clear(&out, "\"a\\\"b\\\\c\\n\\t\\u0001\\u0000/\"");
    assert_int_equal(buffer_append_json_string(&out, "\xC3\xB6\xFF\"\xE2\x82", 6, &err), 0);
    check_and_clear(&out, "\"\xC3\xB6\xEF\xBF\xBD\\\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    buffer_free(&out);
}

/* Each byte at each place of a word of eight and behind it. */
static void every_byte_everywhere(void **state)
{
    (void)state;
    struct buffer out = {0};
    for (unsigned byte = 0; byte < 256; byte++) {
        bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
        size_t grows = byte >= 0x80 ? 2 : strchr("\"\\\b\f\n\r\t", (int)byte) && byte ? 1 : 5;
        for (size_t at = 0; at < 20; at++) {
            char text[] = "abcdefghijklmnopqrst";
            text[at] = (char)byte;
            assert_int_equal(buffer_append_json_text(&out, text, 20, NULL), 0);
            assert_int_equal(out.used, 20 + (plain ? 0 : grows));
            assert_memory_equal(out.data, text, at);
            assert_memory_equal(out.data + out.used - (19 - at), text + at + 1, 19 - at);
            assert_true(plain ? out.data[at] == byte : out.data[at] == '\\' || byte >= 0x80);
            buffer_clear(&out);
        }
    }
    buffer_free(&out);
}

static void clean_text(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct error err;
    assert_int_equal(buffer_append_utf8(&out, "a\0\xF0\x9F\x98\x80\x80z", 8, &err), 0);
    check_and_clear(&out, "a\xEF\xBF\xBD\xF0\x9F\x98\x80\xEF\xBF\xBDz");
    buffer_free(&out);
}

static void numbers(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct error err;
    assert_int_equal(buffer_append_unsigned(&out, 0, &err), 0);
    check_and_clear(&out, "0");
    assert_int_equal(buffer_append_unsigned(&out, UINT64_MAX, &err), 0);
    check_and_clear(&out, "18446744073709551615");
    assert_int_equal(buffer_append_degrees(&out, -1234567, &err), 0);
    check_and_clear(&out, "-0.1234567");
    buffer_free(&out);
}

static void printed_entries(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct error err;
    struct entry entry = {.point = {521000000, -5000000}, .refreshed_at = 7};
    assert_int_equal(entry_print_json(&entry, 12.3456, &out, &err), 0);
    check_and_clear(&out, "{\"lat\":52.1,\"lon\":-0.5,\"distance_m\":12.346,\"refreshed_at\":7,"
                          "\"outcome\":\"found\",\"address\":{}}");
    entry.outcome = OUTCOME_UNSURE;
    entry.address.field[FIELD_CITY] = (struct slice){"Bath", 4};
    entry.address.field[FIELD_LABEL] = (struct slice){"1 Quay, Bath", 12};
    struct buffer text = {0};
    assert_int_equal(address_fold(&entry.address, &text, &err), 0);
    assert_int_equal(entry_print_json(&entry, -1, &out, &err), 0);
    check_and_clear(&out, "{\"lat\":52.1,\"lon\":-0.5,\"refreshed_at\":7,\"outcome\":\"unsure\","
                          "\"address\":{\"label\":\"1 Quay, Bath\",\"city\":\"Bath\"}}");
    buffer_free(&text);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings),    cmocka_unit_test(every_byte_everywhere),
        cmocka_unit_test(clean_text),      cmocka_unit_test(numbers),
        cmocka_unit_test(printed_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
