#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables/tables.h"

static struct tables *parse(const char *text)
{
    struct tables *tables;
    struct error err;
    if (tables_parse(&tables, text, &err) != 0)
        fail_msg("%s", err.message);
    return tables;
}

static void becomes(const char *text, const char *expected)
{
    struct tables *tables = parse(text);
    char *printed = tables_text(tables);
    assert_string_equal(printed, expected);
    free(printed);
    tables_free(tables);
}

static void refused(const char *text, const char *message)
{
    struct tables *tables = NULL;
    struct error err;
    assert_int_equal(tables_parse(&tables, text, &err), -1);
    assert_null(tables);
    assert_int_equal(err.code, ERROR_VALUE);
    if (strncmp(err.message, message, strlen(message)) != 0)
        fail_msg("%s", err.message);
}

static void lines_are_tables(void **state)
{
    (void)state;
    becomes("", "");
    becomes("\n \t\r\n\n", "");
    becomes("a = count", "a = count\n");
    becomes(" a = count \r\n\nb=sum of 1\n", "a = count\nb=sum of 1\n");
}

static void later_ones_take_the_place_of_earlier_ones(void **state)
{
    (void)state;
    becomes("a = count\nb = count\na = sum of 1\n", "a = sum of 1\nb = count\n");
    becomes("a = count\nb = count\na =\n", "b = count\n");
    becomes("a = count\n a\t= \r\n", "");
    becomes("a =\n", "");
    becomes("a = count\nb =\naa =\n", "a = count\n");
    becomes("a = count\nb = count\nc = count\nb =\nb = sum of 1",
            "a = count\nc = count\nb = sum of 1\n");
}

static void wrong_lines_are_named(void **state)
{
    (void)state;
    refused("a = smu of 1", "column 5: found \"smu\"");
    refused("a = smu of 1\n", "column 5: found \"smu\"");
    refused("a = count\n\nb = smu of 1", "line 3: column 5: found \"smu\"");
    refused("a-b =\n", "column 2: a table begins with NAME =");
    refused("=", "column 1: a table begins with NAME =");
}

static void there_is_a_limit(void **state)
{
    (void)state;
    char text[20 * (TABLES_LIMIT + 2)] = "";
    size_t used = 0;
    for (int i = 0; i < TABLES_LIMIT; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "a%d = count\n", i);
    struct tables *tables = parse(text);
    assert_int_equal(tables->count, TABLES_LIMIT);
    struct error err;
    assert_int_equal(tables_add(tables, "a63 = sum of 1", &err), 0);
    assert_int_equal(tables_add(tables, "b = count", &err), -1);
    assert_string_equal(err.message, "column 1: more than 64 tables");
    assert_int_equal(tables_add(tables, "a0 =", &err), 0);
    assert_int_equal(tables_add_lines(tables, "b = count\n", &err), 0);
    assert_int_equal(tables->count, TABLES_LIMIT);
    assert_string_equal(tables->table[TABLES_LIMIT - 1].name, "b");
    tables_free(tables);
}

static void the_usual_ones_are_right(void **state)
{
    (void)state;
    becomes(tables_of_a_run, tables_of_a_run);
    becomes(tables_of_a_query, tables_of_a_query);
    tables_free(NULL);
    struct tables *tables = parse(tables_of_a_query);
    for (size_t t = 0; t < tables->count; t++) {
        for (unsigned i = 0; i < tables->table[t].indexes; i++)
            assert_true(tables->table[t].index[i]->in_query);
    }
    tables_free(tables);
}

/* The fields of an address that a walk over entries must decode for the tables. */
static void what_tables_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned fields;
    } reads[] = {
        {"x = count[tile] when lat > 3 and changed", 0},
        {"x = count[old_city] when old_label is missing", 0},
        {"x = sum[countrycode] of 1", 1u << FIELD_COUNTRYCODE},
        {"x = sum of lat when city == street", 1u << FIELD_CITY | 1u << FIELD_STREET},
        {"x = top of name weight postcode is missing", 1u << FIELD_NAME | 1u << FIELD_POSTCODE},
        {"x = top of label", (1u << FIELD_COUNT) - 1},
        {"x = count[city]\ny = count[state]", 1u << FIELD_CITY | 1u << FIELD_STATE},
    };
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        struct tables *tables = parse(reads[i].text);
        assert_int_equal(tables_reads(tables), reads[i].fields);
        tables_free(tables);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_tables),
        cmocka_unit_test(later_ones_take_the_place_of_earlier_ones),
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(the_usual_ones_are_right),
        cmocka_unit_test(what_tables_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
