#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "geocoder/reply_rows.h"

struct fixture {
    char *text; /* exactly as long as it is */
    struct reply_rows rows;
    struct reply_row row;
};

static void begin(struct fixture *f, const char *text)
{
    size_t bytes = strlen(text);
    f->text = malloc(bytes == 0 ? 1 : bytes);
    assert_non_null(f->text);
    memcpy(f->text, text, bytes);
    reply_rows_begin(&f->rows, f->text, bytes);
}

static void expect_row(struct fixture *f, size_t fields, const char *const *texts)
{
    assert_int_equal(reply_rows_next(&f->rows, &f->row), REPLY_ROW_GOOD);
    assert_int_equal(f->row.fields, fields);
    for (size_t i = 0; i < fields; i++) {
        assert_int_equal(f->row.field[i].length, strlen(texts[i]));
        if (f->row.field[i].length > 0)
            assert_memory_equal(f->row.field[i].data, texts[i], strlen(texts[i]));
    }
}

#define EXPECT(f, ...)                                                                             \
    expect_row(f, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                          \
               (const char *[]){__VA_ARGS__})

static void finish(struct fixture *f)
{
    assert_int_equal(reply_rows_next(&f->rows, &f->row), REPLY_ROW_NONE);
    free(f->text);
}

static void rows_and_fields_are_told_apart(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "\xEF\xBB\xBF"
              "a,b\r\n\r\n\n1,\n,2\n,\n\"\",x");
    EXPECT(&f, "a", "b");
    EXPECT(&f, "1", "");
    EXPECT(&f, "", "2");
    EXPECT(&f, "", "");
    assert_true(f.row.ended);
    EXPECT(&f, "", "x");
    assert_false(f.row.ended);
    finish(&f);
}

static void quotes_keep_separators_and_line_ends(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "\"a,\"\"b\"\"\n\",\"\"\"\",c\r\nd,e");
    EXPECT(&f, "a,\"b\"\n", "\"", "c");
    EXPECT(&f, "d", "e");
    finish(&f);
}

static void the_first_line_tells_the_separator(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "a;b\n1,5;2\n");
    EXPECT(&f, "a", "b");
    EXPECT(&f, "1,5", "2");
    finish(&f);
    begin(&f, "a,b;c\n1;2\n");
    EXPECT(&f, "a", "b;c");
    EXPECT(&f, "1;2");
    finish(&f);
    begin(&f, "a\n1;2,3\n");
    EXPECT(&f, "a");
    EXPECT(&f, "1;2", "3");
    finish(&f);
}

static void broken_rows_cost_one_line(void **state)
{
    (void)state;
    static const char *const broken[] = {"\"a,b\n1,\"\"2\n", "\"a\"b,c\n1,\"\"2\n",
                                         "a\"b\n1,\"\"2\n", "a\rb\n1,\"\"2\n",
                                         "\"a\"\r,c\n1,\"\"2\n"};
    struct fixture f;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        begin(&f, broken[i]);
        assert_int_equal(reply_rows_next(&f.rows, &f.row), REPLY_ROW_BROKEN);
        assert_int_equal(reply_rows_next(&f.rows, &f.row), REPLY_ROW_BROKEN);
        finish(&f);
    }
    begin(&f, "\"\"\"x\nb,\"c\"\"\"\n");
    assert_int_equal(reply_rows_next(&f.rows, &f.row), REPLY_ROW_BROKEN);
    EXPECT(&f, "b", "c\"");
    finish(&f);
    begin(&f, "\"");
    assert_int_equal(reply_rows_next(&f.rows, &f.row), REPLY_ROW_BROKEN);
    finish(&f);
    begin(&f, "");
    finish(&f);
}

static void long_fields_and_rows_are_bounded(void **state)
{
    (void)state;
    struct fixture f;
    for (int quoted = 0; quoted < 2; quoted++) {
        for (size_t over = 0; over < 2; over++) {
            size_t length = FIELD_BYTES_LIMIT + over;
            char *text = malloc(length + 4);
            assert_non_null(text);
            memset(text, 'x', length + 2);
            text[length + 2 * (size_t)quoted] = '\0';
            if (quoted)
                text[0] = text[length + 1] = '"';
            begin(&f, text);
            assert_int_equal(reply_rows_next(&f.rows, &f.row),
                             over ? REPLY_ROW_BROKEN : REPLY_ROW_GOOD);
            finish(&f);
            free(text);
        }
    }
    char commas[REPLY_COLUMNS + 8];
    memset(commas, ',', sizeof commas - 1);
    commas[sizeof commas - 1] = '\0';
    begin(&f, commas);
    assert_int_equal(reply_rows_next(&f.rows, &f.row), REPLY_ROW_GOOD);
    assert_int_equal(f.row.fields, sizeof commas);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_fields_are_told_apart),
        cmocka_unit_test(quotes_keep_separators_and_line_ends),
        cmocka_unit_test(the_first_line_tells_the_separator),
        cmocka_unit_test(broken_rows_cost_one_line),
        cmocka_unit_test(long_fields_and_rows_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
