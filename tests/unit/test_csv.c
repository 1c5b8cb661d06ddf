#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cachefmt/csv.h"

/* A reader over text that arrives chunk bytes at a time. */
struct fixture {
    struct input input;
    struct csv_reader *csv;
    struct row row;
    struct error err;
};

static int begin(struct fixture *f, const char *text, size_t bytes, size_t chunk)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(input_open_memory(&f->input, text, bytes, chunk, "x.csv", &f->err), 0);
    return csv_open(&f->csv, &f->input, &f->err);
}

static void finish(struct fixture *f)
{
    csv_close(f->csv);
    input_close(&f->input);
}

static void check_value(const struct fixture *f, enum column column, const char *text)
{
    struct slice value = f->row.value[column];
    assert_int_equal(value.length, strlen(text));
    if (value.length > 0)
        assert_memory_equal(value.data, text, value.length);
}

static void next_row(struct fixture *f, uint64_t line)
{
    int got = csv_next(f->csv, &f->row, &f->err);
    if (got != 1)
        print_message("%d: %s\n", got, f->err.message);
    assert_int_equal(got, 1);
    assert_int_equal(f->row.line, line);
}

static void next_bad(struct fixture *f, uint64_t line, const char *part, const char *raw)
{
    assert_int_equal(csv_next(f->csv, &f->row, &f->err), -1);
    assert_int_equal(f->err.code, ERROR_VALUE);
    if (strstr(f->err.message, part) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", f->err.message, part);
    assert_int_equal(f->row.line, line);
    assert_int_equal(f->row.raw.length, strlen(raw));
    assert_memory_equal(f->row.raw.data, raw, strlen(raw));
}

static void next_end(struct fixture *f)
{
    assert_int_equal(csv_next(f->csv, &f->row, &f->err), 0);
    assert_int_equal(csv_next(f->csv, &f->row, &f->err), 0);
}

static const size_t chunks[] = {1, 2, 3, 7, 64, 1 << 20};
#define CHUNKS (sizeof chunks / sizeof chunks[0])

static void fields_of_every_kind(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBFlon,\"label\",lat\r\n"
                               "1,\"a \"\"b\"\", c\nd\",2\r\n"
                               "\r\n\n"
                               "3,\"\"\"\",\"4\"\n"
                               "5, x y ,6\n"
                               "7,\"\",";
    for (size_t i = 0; i < CHUNKS; i++) {
        struct fixture f;
        assert_int_equal(begin(&f, text, sizeof text - 1, chunks[i]), 0);
        next_row(&f, 2);
        check_value(&f, COLUMN_LON, "1");
        check_value(&f, COLUMN_ADDRESS, "a \"b\", c\nd");
        check_value(&f, COLUMN_LAT, "2");
        assert_int_equal(f.row.place[COLUMN_LAT], 3);
        assert_int_equal(f.row.place[COLUMN_OUTCOME], 0);
        next_row(&f, 6);
        check_value(&f, COLUMN_ADDRESS, "\"");
        check_value(&f, COLUMN_LAT, "4");
        next_row(&f, 7);
        check_value(&f, COLUMN_ADDRESS, " x y ");
        next_row(&f, 8);
        check_value(&f, COLUMN_ADDRESS, "");
        check_value(&f, COLUMN_LAT, "");
        next_end(&f);
        finish(&f);
    }
}

static void malformed_rows(void **state)
{
    (void)state;
    static const char text[] = "lat,lon,label\n"
                               "1,2,a\"b\n"
                               "1,2\n"
                               "1,2,3,4\n"
                               "1,2,\"a\"b\n"
                               "1,2,a\rb\n"
                               "1,2,good\n"
                               "1,2,\"never closed\n"
                               "1,2,after\r\n"
                               "1,2,\"never closed\n"
                               "1,2,\"quoted\"\n";
    for (size_t i = 0; i < CHUNKS; i++) {
        struct fixture f;
        assert_int_equal(begin(&f, text, sizeof text - 1, chunks[i]), 0);
        next_bad(&f, 2, "column 3 (label): a quote inside", "1,2,a\"b");
        next_bad(&f, 3, "column 3 (label): missing", "1,2");
        next_bad(&f, 4, "column 4: 4 fields", "1,2,3,4");
        next_bad(&f, 5, "column 3 (label): text after", "1,2,\"a\"b");
        next_bad(&f, 6, "column 3 (label): a carriage return", "1,2,a\rb");
        next_row(&f, 7);
        check_value(&f, COLUMN_ADDRESS, "good");
        next_bad(&f, 8, "column 3 (label): text after", "1,2,\"never closed");
        next_row(&f, 9);
        check_value(&f, COLUMN_ADDRESS, "after");
        next_bad(&f, 10, "column 3 (label): text after", "1,2,\"never closed");
        next_row(&f, 11);
        check_value(&f, COLUMN_ADDRESS, "quoted");
        next_end(&f);
        finish(&f);
    }
}

static void quote_open_to_the_end(void **state)
{
    (void)state;
    static const char text[] = "lat,lon,label\n1,2,\"open\n3,4,fine\n";
    struct fixture f;
    assert_int_equal(begin(&f, text, sizeof text - 1, 5), 0);
    next_bad(&f, 2, "column 3 (label): the quote that opens the field is never closed",
             "1,2,\"open");
    next_row(&f, 3);
    next_end(&f);
    finish(&f);
}

/* A field at the limit is right, one byte more is not, and a huge one is never kept. */
static void long_fields(void **state)
{
    (void)state;
    for (int quoted = 0; quoted < 2; quoted++) {
        size_t lengths[] = {FIELD_BYTES_LIMIT, FIELD_BYTES_LIMIT + 1, (size_t)40 << 20};
        for (size_t i = 0; i < 3; i++) {
            size_t used = 0;
            char *text = malloc(lengths[i] + 100);
            assert_non_null(text);
            used += (size_t)snprintf(text, 100, "lat,lon,label\n1,2,%s", quoted ? "\"" : "");
            memset(text + used, 'x', lengths[i]);
            used += lengths[i];
            used += (size_t)snprintf(text + used, 50, "%s\n3,4,z\n", quoted ? "\"" : "");
            struct fixture f;
            assert_int_equal(begin(&f, text, used, 1 << 20), 0);
            if (i == 0) {
                next_row(&f, 2);
                assert_int_equal(f.row.value[COLUMN_ADDRESS].length, FIELD_BYTES_LIMIT);
            } else {
                assert_int_equal(csv_next(f.csv, &f.row, &f.err), -1);
                assert_string_equal(f.err.message,
                                    "column 3 (label): the field is longer than 65536 bytes");
                assert_int_equal(f.row.line, 2);
                assert_true(f.row.raw.length <= 64 * 1024);
            }
            next_row(&f, 3);
            next_end(&f);
            assert_true(f.input.room <= INPUT_ROW_LIMIT);
            finish(&f);
            free(text);
        }
    }
}

static void endless_row_of_commas(void **state)
{
    (void)state;
    static const char head[] = "lat,lon\n";
    size_t bytes = (size_t)20 << 20;
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, ',', bytes);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + bytes - 5, "\n3,4\n", 5);
    struct fixture f;
    assert_int_equal(begin(&f, text, bytes, 1 << 20), 0);
    assert_int_equal(csv_next(f.csv, &f.row, &f.err), -1);
    assert_int_equal(f.err.code, ERROR_VALUE);
    next_row(&f, 3);
    next_end(&f);
    finish(&f);
    free(text);
}

static void wrong_headers(void **state)
{
    (void)state;
    static const char *const headers[][2] = {
        {"", "x.csv is empty"},
        {"\n\n", "x.csv is empty"},
        {"lat,lon,colour\n",
         "x.csv line 1 column 3: unknown column \"colour\"; the columns are lat"},
        {"\nlat,lon,lat\n", "x.csv line 2 column 3: column lat occurs twice"},
        {"lat,label\n", "column lon is missing"},
        {"lon\n", "column lat is missing"},
        {"lat,lon,\n", "unknown column \"\""},
        {"lat, lon\n", "unknown column \" lon\""},
        {"lat,\"lon\n", "x.csv line 1 column 2: the quote that opens"},
        {"lat,\xff\n", "unknown column \"?\""},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct fixture f;
        assert_int_equal(begin(&f, headers[i][0], strlen(headers[i][0]), 4), -1);
        assert_int_equal(f.err.code, ERROR_VALUE);
        if (strstr(f.err.message, headers[i][1]) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", f.err.message, headers[i][1]);
        finish(&f);
    }
}

static void too_many_columns(void **state)
{
    (void)state;
    char text[400];
    int used = snprintf(text, sizeof text,
                        "lat,lon,label,name,housenumber,street,district,city,"
                        "county,state,postcode,country,countrycode,outcome,"
                        "refreshed_at,lat\n");
    struct fixture f;
    assert_int_equal(begin(&f, text, (size_t)used, 100), -1);
    assert_non_null(strstr(f.err.message, "16 columns"));
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_kind),  cmocka_unit_test(malformed_rows),
        cmocka_unit_test(quote_open_to_the_end), cmocka_unit_test(long_fields),
        cmocka_unit_test(endless_row_of_commas), cmocka_unit_test(wrong_headers),
        cmocka_unit_test(too_many_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
