#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cachefmt/ndjson.h"

static void check_value(const struct row *row, enum column column, const char *text, size_t bytes)
{
    assert_int_equal(row->value[column].length, bytes);
    if (bytes > 0)
        assert_memory_equal(row->value[column].data, text, bytes);
}

static void values_of_every_kind(void **state)
{
    (void)state;
    static const char text[] =
        " {\"lat\" : 52.1000000,\t\"lon\":-1.5e1 "
        ",\"label\":\"a\\n\\\"b\\\\\\/\\u00e9\\ud83d\\ude00\","
        "\"name\":null,\"city\":\"K\xc3\xb6ln\",\"street\":\"x\\u0000y\",\"c\\u006funty\":\"\"} ";
    struct row row;
    struct buffer texts = {0};
    struct error err;
    assert_int_equal(ndjson_parse(text, sizeof text - 1, &row, &texts, &err), 0);
    check_value(&row, COLUMN_LAT, "52.1000000", 10);
    check_value(&row, COLUMN_LON, "-1.5e1", 6);
    static const char label[] = "a\n\"b\\/\xc3\xa9\xf0\x9f\x98\x80";
    check_value(&row, COLUMN_ADDRESS + FIELD_LABEL, label, sizeof label - 1);
    check_value(&row, COLUMN_ADDRESS + FIELD_NAME, "", 0);
    check_value(&row, COLUMN_ADDRESS + FIELD_CITY, "K\xc3\xb6ln", 5);
    check_value(&row, COLUMN_ADDRESS + FIELD_STREET, "x\0y", 3);
    check_value(&row, COLUMN_ADDRESS + FIELD_COUNTY, "", 0);
    buffer_free(&texts);
}

static void wrong_objects(void **state)
{
    (void)state;
    static const char *const samples[][2] = {
        {"", "one JSON object"},
        {"[1]", "character 1: a row is one JSON object"},
        {"{\"lat\":1,}", "character 10: a key in quotes"},
        {"{\"lat\":1", "a comma or } is missing"},
        {"{\"lat\":1} x", "character 11: text after the object"},
        {"{\"lat\" 1}", "a colon is missing"},
        {"{\"lat\":}", "a value is missing"},
        {"{\"lat\":NaN}", "a value is missing"},
        {"{\"lat\":Infinity}", "a value is missing"},
        {"{\"lat\":-}", "not a number"},
        {"{\"lat\":01}", "not a number"},
        {"{\"lat\":1.}", "not a number"},
        {"{\"lat\":1e}", "not a number"},
        {"{\"lat\":0x1}", "a comma or } is missing"},
        {"{\"lat\":1,\"lat\":2}", "lat: the key occurs twice"},
        {"{\"colour\":1}", "unknown key \"colour\"; the keys are lat"},
        {"{\"lat\":{\"a\":1}}", "lat: a value inside a value"},
        {"{\"lon\":[[[[", "lon: a value inside a value"},
        {"{\"label\":true}", "label: neither text nor"},
        {"{\"label\":\"a", "the string is not closed"},
        {"{\"label\":\"a\tb\"}", "control character"},
        {"{\"label\":\"\\x\"}", "unknown escape"},
        {"{\"label\":\"\\u12g4\"}", "not a Unicode character"},
        {"{\"label\":\"\\ud83d\"}", "not a Unicode character"},
        {"{\"label\":\"\\ude00\"}", "not a Unicode character"},
        {"{\"label\":\"\\ud83d\\u0041\"}", "not a Unicode character"},
        {"{\"label\":\"\\", "unknown escape"},
        {"{\"label\":\"\\u00", "not a Unicode character"},
    };
    struct buffer texts = {0};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct row row;
        struct error err;
        size_t bytes = strlen(samples[i][0]);
        char *exact = malloc(bytes > 0 ? bytes : 1); /* the sanitizer sees an access behind it */
        assert_non_null(exact);
        memcpy(exact, samples[i][0], bytes);
        assert_int_equal(ndjson_parse(exact, bytes, &row, &texts, &err), -1);
        assert_int_equal(err.code, ERROR_VALUE);
        if (strstr(err.message, samples[i][1]) == NULL)
            fail_msg("%s: \"%s\" lacks \"%s\"", samples[i][0], err.message, samples[i][1]);
        free(exact);
    }
    buffer_free(&texts);
}

static void lines(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBF{\"lat\":1}\r\n\n  \n{\"lat\":2\n{\"lat\":3}";
    static const size_t chunks[] = {1, 3, 1000};
    for (size_t i = 0; i < 3; i++) {
        struct input input;
        struct ndjson_reader reader;
        struct row row;
        struct error err;
        assert_int_equal(
            input_open_memory(&input, text, sizeof text - 1, chunks[i], "x.ndjson", &err), 0);
        ndjson_open(&reader, &input);
        assert_int_equal(ndjson_next(&reader, &row, &err), 1);
        assert_int_equal(row.line, 1);
        assert_int_equal(ndjson_next(&reader, &row, &err), -1);
        assert_int_equal(row.line, 4);
        assert_int_equal(row.raw.length, 8);
        assert_memory_equal(row.raw.data, "{\"lat\":2", 8);
        assert_int_equal(ndjson_next(&reader, &row, &err), 1);
        assert_int_equal(row.line, 5);
        check_value(&row, COLUMN_LAT, "3", 1);
        assert_int_equal(ndjson_next(&reader, &row, &err), 0);
        ndjson_close(&reader);
        input_close(&input);
    }
}

static void endless_line(void **state)
{
    (void)state;
    size_t bytes = (size_t)20 << 20;
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, 'x', bytes);
    memcpy(text + bytes - 11, "\n{\"lat\":1}\n", 11);
    struct input input;
    struct ndjson_reader reader;
    struct row row;
    struct error err;
    assert_int_equal(input_open_memory(&input, text, bytes, 1 << 20, "x.ndjson", &err), 0);
    ndjson_open(&reader, &input);
    assert_int_equal(ndjson_next(&reader, &row, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_int_equal(row.line, 1);
    assert_int_equal(row.raw.length, 64 * 1024);
    assert_int_equal(ndjson_next(&reader, &row, &err), 1);
    assert_int_equal(row.line, 2);
    assert_int_equal(ndjson_next(&reader, &row, &err), 0);
    assert_true(input.room <= INPUT_ROW_LIMIT);
    ndjson_close(&reader);
    input_close(&input);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind),
        cmocka_unit_test(wrong_objects),
        cmocka_unit_test(lines),
        cmocka_unit_test(endless_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
