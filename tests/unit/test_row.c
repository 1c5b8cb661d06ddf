#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cachefmt/row.h"

#define VALUE(text)                                                                                \
    (struct slice)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static struct row good_row(void)
{
    struct row row = {.line = 12};
    row.value[COLUMN_LAT] = VALUE("52.1");
    row.value[COLUMN_LON] = VALUE("-0.5");
    for (int column = 0; column < COLUMN_COUNT; column++)
        row.place[column] = (unsigned char)(column + 1);
    return row;
}

static void entries(void **state)
{
    (void)state;
    struct row row = good_row();
    struct entry entry;
    struct buffer text = {0};
    struct error err;
    assert_int_equal(row_entry(&row, &entry, &text, &err), 0);
    assert_int_equal(entry.point.lat, 521000000);
    assert_int_equal(entry.point.lon, -5000000);
    assert_int_equal(entry.outcome, OUTCOME_UNSURE);
    assert_int_equal(entry.refreshed_at, 0);
    row.value[COLUMN_LON] = VALUE("180");
    row.value[COLUMN_REFRESHED_AT] = VALUE("2026-11-21T02:00:00Z");
    row.value[COLUMN_ADDRESS + FIELD_LABEL] = VALUE("1 High Street, Bath");
    row.value[COLUMN_ADDRESS + FIELD_CITY] = VALUE("Bath");
    assert_int_equal(row_entry(&row, &entry, &text, &err), 0);
    assert_int_equal(entry.point.lon, -1800000000);
    assert_int_equal(entry.refreshed_at, 1795226400);
    assert_int_equal(entry.outcome, OUTCOME_FOUND);
    struct buffer label = {0};
    assert_int_equal(entry.address.field[FIELD_LABEL].length, 16);
    assert_int_equal(address_unfold(&entry.address, &label, &err), 0);
    assert_int_equal(label.used, 19);
    assert_memory_equal(label.data, "1 High Street, Bath", 19);
    row.value[COLUMN_OUTCOME] = VALUE("unsure");
    row.value[COLUMN_REFRESHED_AT] = VALUE("1.7e9");
    assert_int_equal(row_entry(&row, &entry, &text, &err), 0);
    assert_int_equal(entry.outcome, OUTCOME_UNSURE);
    assert_int_equal(entry.refreshed_at, 1700000000);
    buffer_free(&label);
    buffer_free(&text);
}

struct wrong {
    enum column column;
    struct slice value;
    const char *message;
};

static void wrong_values(void **state)
{
    (void)state;
    static const struct wrong samples[] = {
        {COLUMN_LAT, {"91", 2}, "column 1 (lat): 91 is beyond 90"},
        {COLUMN_LAT, {"-90.0000001", 11}, "column 1 (lat): -90.0000001 is beyond -90"},
        {COLUMN_LON, {"181", 3}, "column 2 (lon): 181 is beyond 180"},
        {COLUMN_LAT, {"nan", 3}, "column 1 (lat): \"nan\" is not a number of degrees"},
        {COLUMN_LAT, {"inf", 3}, "column 1 (lat): \"inf\" is not a number of degrees"},
        {COLUMN_LAT, {"1e400", 5}, "column 1 (lat): \"1e400\" is not a number of degrees"},
        {COLUMN_LAT, {"0x10", 4}, "column 1 (lat): \"0x10\" is not a number of degrees"},
        {COLUMN_LAT, {"52,1", 4}, "column 1 (lat): \"52,1\" is not a number of degrees"},
        {COLUMN_LAT, {" 52", 3}, "column 1 (lat): \" 52\" is not a number of degrees"},
        {COLUMN_LON, {NULL, 0}, "column 2 (lon): the coordinate is missing"},
        {COLUMN_LAT, {"5\0", 2}, "column 1 (lat): the field has a NUL byte"},
        {COLUMN_ADDRESS, {"a\0b", 3}, "column 3 (label): the field has a NUL byte"},
        {COLUMN_ADDRESS, {"\xC0\x80", 2}, "column 3 (label): the field is not valid UTF-8"},
        {COLUMN_ADDRESS, {"\xF5x", 2}, "column 3 (label): the field is not valid UTF-8"},
        {COLUMN_OUTCOME, {"maybe", 5}, "column 14 (outcome): \"maybe\" is none of found, none"},
        {COLUMN_REFRESHED_AT,
         {"yesterday", 9},
         "column 15 (refreshed_at): \"yesterday\" is neither"},
        {COLUMN_REFRESHED_AT, {"4294967296", 10}, "column 15 (refreshed_at): "},
        {COLUMN_REFRESHED_AT, {"-1", 2}, "column 15 (refreshed_at): "},
    };
    struct buffer text = {0};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct row row = good_row();
        struct entry entry;
        struct error err;
        row.value[samples[i].column] = samples[i].value;
        assert_int_equal(row_entry(&row, &entry, &text, &err), -1);
        assert_int_equal(err.code, ERROR_VALUE);
        if (strncmp(err.message, samples[i].message, strlen(samples[i].message)) != 0)
            fail_msg("\"%s\" is not \"%s\"", err.message, samples[i].message);
    }
    buffer_free(&text);
}

static void none_with_an_address(void **state)
{
    (void)state;
    struct row row = good_row();
    struct entry entry;
    struct error err;
    struct buffer text = {0};
    row.value[COLUMN_OUTCOME] = VALUE("none");
    assert_int_equal(row_entry(&row, &entry, &text, &err), 0);
    assert_int_equal(entry.outcome, OUTCOME_NONE);
    row.value[COLUMN_ADDRESS + FIELD_CITY] = VALUE("Bath");
    assert_int_equal(row_entry(&row, &entry, &text, &err), -1);
    assert_non_null(strstr(err.message, "(outcome): none means"));
    buffer_free(&text);
}

static void field_limit(void **state)
{
    (void)state;
    struct row row = good_row();
    struct entry entry;
    struct error err;
    struct buffer text = {0};
    char *long_text = malloc(FIELD_BYTES_LIMIT + 1);
    assert_non_null(long_text);
    memset(long_text, 'x', FIELD_BYTES_LIMIT + 1);
    row.value[COLUMN_ADDRESS + FIELD_CITY] = (struct slice){long_text, FIELD_BYTES_LIMIT};
    assert_int_equal(row_entry(&row, &entry, &text, &err), 0);
    row.value[COLUMN_ADDRESS + FIELD_CITY].length++;
    assert_int_equal(row_entry(&row, &entry, &text, &err), -1);
    assert_string_equal(err.message, "column 8 (city): the field is longer than 65536 bytes");
    free(long_text);
    buffer_free(&text);
}

static void excerpts(void **state)
{
    (void)state;
    char out[EXCERPT_BYTES];
    assert_string_equal(text_excerpt(VALUE(""), out), "\"\"");
    assert_string_equal(text_excerpt(VALUE("a\nb\x7f"), out), "\"a?b?\"");
    assert_string_equal(text_excerpt(VALUE("\xFFz"), out), "\"?z\"");
    assert_string_equal(text_excerpt(VALUE("K\xC3\xB6ln"), out), "\"K\xC3\xB6ln\"");
    char euros[300];
    for (size_t i = 0; i < sizeof euros; i += 3)
        memcpy(euros + i, "\xE2\x82\xAC", 3);
    struct slice text = {euros, sizeof euros};
    text_excerpt(text, out);
    assert_true(strlen(out) < EXCERPT_BYTES);
    assert_string_equal(out + strlen(out) - 7, "\xE2\x82\xAC\"...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),     cmocka_unit_test(wrong_values),
        cmocka_unit_test(field_limit), cmocka_unit_test(none_with_an_address),
        cmocka_unit_test(excerpts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
