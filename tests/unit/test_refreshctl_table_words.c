/* Tables as words of a command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/refreshctl_table_words.h"

static void words_become_tables(void **state)
{
    (void)state;
    const char *const words[] = {"a = count", "b = sum of lat", "a = mean of lat", "c ="};
    struct tables *tables;
    char *text;
    struct error err;
    assert_int_equal(table_words_parse(words, 4, &tables, &text, &err), 0);
    assert_int_equal(tables->count, 2);
    assert_string_equal(tables->table[0].text, "a = mean of lat");
    assert_string_equal(text, "a = count\nb = sum of lat\na = mean of lat\nc =\n");
    tables_free(tables);
    free(text);
    assert_int_equal(table_words_parse(words, 1, &tables, NULL, &err), 0);
    tables_free(tables);
    assert_int_equal(table_words_parse(words, 0, &tables, NULL, &err), 0);
    assert_int_equal(tables->count, 0);
    tables_free(tables);
}

/* The second word is wrong: its column counts from its own beginning. */
static void expect_wrong(const char *word, const char *beginning)
{
    const char *const words[] = {"a = count", word};
    struct tables *tables;
    struct error err;
    assert_int_equal(table_words_parse(words, 2, &tables, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    err.message[strlen(beginning)] = '\0';
    assert_string_equal(err.message, beginning);
}

static void what_is_wrong_is_told_with_its_column(void **state)
{
    (void)state;
    expect_wrong("b = cuont", "column 5");
    expect_wrong("b = count[lat", "column 14");
    expect_wrong("b", "column 2");
    expect_wrong("b = count\nc = cuont", "line 2: column 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_tables),
        cmocka_unit_test(what_is_wrong_is_told_with_its_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
