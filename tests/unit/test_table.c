/* Tables as they are written, and what is said of those that are wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tables/table.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct table parse(const char *text)
{
    struct table table;
    struct error err;
    if (table_parse(&table, text, &err) != 0)
        fail_msg("%s: %s", text, err.message);
    return table;
}

static void refused(const char *text, const char *begins)
{
    struct table table = {.indexes = 7};
    struct error err = {0};
    assert_int_equal(table_parse(&table, text, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_int_equal(table.indexes, 7);
    if (strncmp(err.message, begins, strlen(begins)) != 0)
        fail_msg("%s: %s", text, err.message);
    assert_null(strchr(err.message, '\n'));
    assert_int_equal(table_parse(&table, text, NULL), -1);
}

static void every_part_of_a_table(void **state)
{
    (void)state;
    struct table table = parse(" \tmost_2 =top ( 7 ) [ city,tile ]of label ,lat weight bytes "
                               "when changed and not lost\t\r");
    assert_string_equal(table.name, "most_2");
    assert_string_equal(table.text, "most_2 =top ( 7 ) [ city,tile ]of label ,lat weight bytes "
                                    "when changed and not lost");
    assert_string_equal(table.kind->name, "top");
    assert_int_equal(table.shape.n, 7);
    assert_int_equal(table.shape.values, 2);
    assert_true(table.shape.weighted);
    assert_int_equal(table.indexes, 2);
    assert_string_equal(table.index[0]->name, "city");
    assert_string_equal(table.index[1]->name, "tile");
    assert_int_equal(expression_kind(table.values[0]), VALUE_TEXT);
    assert_int_equal(expression_kind(table.values[1]), VALUE_NUMBER);
    assert_int_equal(expression_kind(table.weight), VALUE_NUMBER);
    assert_int_equal(expression_kind(table.condition), VALUE_TRUTH);
    table_clear(&table);
    assert_null(table.name);
    table_clear(&table);
}

static void what_may_be_left_out(void **state)
{
    (void)state;
    struct table table = parse("1=count");
    assert_string_equal(table.name, "1");
    assert_int_equal(table.shape.values, 0);
    assert_int_equal(table.indexes, 0);
    assert_null(table.condition);
    assert_null(table.weight);
    assert_false(table.shape.weighted);
    table_clear(&table);
    table = parse("x = top of city");
    assert_int_equal(table.shape.n, kind_find("top", 3)->default_n);
    table_clear(&table);
}

/* Where a number is wanted, a condition counts as 0 or 1. */
static void conditions_as_numbers(void **state)
{
    (void)state;
    struct table table = parse("x = mean[countrycode] of changed");
    assert_int_equal(expression_kind(table.values[0]), VALUE_NUMBER);
    table_clear(&table);
    table = parse("x = top of city weight changed");
    assert_int_equal(expression_kind(table.weight), VALUE_NUMBER);
    table_clear(&table);
    table = parse("x = top of changed");
    assert_int_equal(expression_kind(table.values[0]), VALUE_TRUTH);
    table_clear(&table);
}

static void wrong_beginnings(void **state)
{
    (void)state;
    refused("", "column 1: a table begins with NAME =");
    refused("   ", "column 4: a table begins with NAME =");
    refused("= sum of 1", "column 1: a table begins with NAME =");
    refused("sum[countrycode] of 1", "column 4: a table begins with NAME =");
    refused("x-y = count", "column 2: a table begins with NAME =");
    refused("é = count", "column 1: a table begins with NAME =");
    refused("x == count", "column 3: a table begins with NAME =");
    refused("x = ", "column 5: found the end; here stands a kind: sum count");
    refused("x = smu of 1", "column 5: found \"smu\", did you mean \"sum\"? here stands a kind:");
    refused("x = Sum of 1", "column 5: found \"Sum\"");
    refused("x = 3", "column 5: found \"3\"; here stands a kind:");
    refused("x = \"sum\" of 1", "column 5: found \"sum\"; here stands a kind:");
    refused("a23456789012345678901234567890123456789012345678901234567890123 = smu", "column 67:");
    refused("a234567890123456789012345678901234567890123456789012345678901234 = sum of 1",
            "column 64: the name of a table has 63 letters at most");
}

static void wrong_numbers_and_indexes(void **state)
{
    (void)state;
    refused("x = sum(3) of 1", "column 8: sum takes no number in parentheses");
    refused("x = top(0) of city", "column 9: top takes a whole number from 1 to ");
    refused("x = top(-1) of city", "column 9: top takes a whole number");
    refused("x = top(2.5) of city", "column 9: top takes a whole number");
    refused("x = top(1e30) of city", "column 9: top takes a whole number");
    refused("x = top() of city", "column 9: top takes a whole number");
    refused("x = top(x) of city", "column 9: top takes a whole number");
    refused("x = top(3 of city", "column 11: found \"of\"; here stands )");
    refused("x = quantile(1) of lat", "column 14: quantile takes a whole number from 2 to ");
    refused(
        "x = count[contrycode]",
        "column 11: there is no field \"contrycode\", did you mean \"countrycode\"? Fields: lat ");
    refused("x = count[", "column 11: found the end; here stands a field");
    refused("x = count[]", "column 11: found \"]\"; here stands a field");
    refused("x = count[\"city\"]", "column 11: found \"city\"; here stands a field");
    refused("x = count[city, ]", "column 17: found \"]\"; here stands a field");
    refused("x = count[city street]", "column 16: found \"street\"; here stands , or ]");
    refused("x = count[city, city]", "column 17: city is in the index already");
    refused("x = count[lat,lon,tile,outcome,label,name,street,district,city,county,state,postcode,"
            "country,countrycode,old_name,old_city,old_state]",
            "column 124: more than 16 fields in the index");
}

static void wrong_values(void **state)
{
    (void)state;
    refused("x = sum", "column 8: found the end; here stands (N), [FIELD, ...] or of");
    refused("x = sum off 1", "column 9: found \"off\", did you mean \"of\"?");
    refused("x = sum of", "column 11: found the end; here stands a field, a number");
    refused("x = sum of 1,", "column 14: sum takes no more than 1 expression");
    refused("x = sum of city", "column 12: sum wants numbers, not a text");
    refused("x = sum of latency",
            "column 12: there is no field \"latency\", did you mean \"latency_ms\"?");
    refused("x = sum of when", "column 12: found \"when\"; here stands a field");
    refused("x = top of city,", "column 17: found the end; here stands a field");
    refused("x = top of 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
            "column 44: top takes no more than 16 expressions");
    refused("x = sum of 1 whn changed", "column 14: found \"whn\", did you mean \"when\"?");
    refused("x = sum of 1 2", "column 14: found \"2\"; here stands an operator");
    refused("x = sum of 1 weight 2", "column 14: sum takes no weight");
    refused("x = top of city weight city", "column 24: weight wants numbers, not a text");
    refused("x = count when", "column 15: found the end; here stands a field");
    refused("x = count when bytes", "column 16: when wants a condition, not a number");
    refused("x = count when changed when lost",
            "column 24: found \"when\"; here stands an operator");
    refused("x = top of city when lost weight 2",
            "column 27: found \"weight\"; here stands an operator");
}

/* What one cell could come to must fit into the memory of a table. */
static void too_much_to_keep(void **state)
{
    (void)state;
    unsigned most = 0;
    char text[100];
    struct error err;
    struct table table;
    assert_int_equal(
        table_parse(&table, "x = sample(10000) of label,name,street,city,state,country,old_label",
                    &err),
        -1);
    assert_int_equal(
        sscanf(err.message,
               "column 5: sample(10000) of so many expressions takes too much memory; (%u)", &most),
        1);
    (void)snprintf(text, sizeof text,
                   "x = sample(%u) of label,name,street,city,state,country,old_label", most);
    table = parse(text);
    assert_int_equal(table.shape.texts, 7);
    table_clear(&table);
    (void)snprintf(text, sizeof text,
                   "x = sample(%u) of label,name,street,city,state,country,old_label", most + 1);
    assert_int_equal(table_parse(&table, text, &err), -1);
    table = parse("x = sample(10000) of lat, lon");
    assert_int_equal(table.shape.texts, 0);
    table_clear(&table);
}

static void wrong_expressions(void **state)
{
    (void)state;
    refused("x = count when city < 3", "column 21: \"<\" compares a text with a number");
    refused("x = count when changed < lost", "column 24: \"<\" wants numbers or texts");
    refused("x = count when 1 < 2 < 3", "column 22: found \"<\"; here stands an operator");
    refused("x = count when changed and bytes",
            "column 24: \"and\" wants conditions on both sides");
    refused("x = count when city or lost",
            "column 21: \"or\" wants conditions on both sides, not a text");
    refused("x = count when bytes + city > 3",
            "column 22: \"+\" wants numbers on both sides, not a text");
    refused("x = count when not city",
            "column 16: \"not\" wants a condition behind it, not a text");
    refused("x = count when - city > 2", "column 16: \"-\" wants a number behind it, not a text");
    refused("x = count when city is mising",
            "column 24: found \"mising\", did you mean \"missing\"?");
    refused("x = count when city == \"\"",
            "column 24: no value is an empty text; write `is missing`");
    refused("x = count when (lost", "column 21: found the end; here stands an operator or )");
    refused("x = count when lost)", "column 20: found \")\"; here stands an operator");
    refused("x = count when city = \"é\"", "column 21: found \"=\"; equal is written ==");
    refused("x = count when city == \"é\" & lost", "column 28: found \"&\"; both is written and");
    refused("x = count when city == 'a'", "column 24: found \"'\"; a text stands in double quotes");
    refused("x = count when city == \"a", "column 24: a text without its closing");
    refused("x = count when 12x > 3", "column 16: \"12x\" is no number");
}

static void what_no_table_may_hold(void **state)
{
    (void)state;
    refused("x = count when city == \"\xC3\x28\"", "column 25: not text in UTF-8");
    refused("x = count when city == \"é\xFF\"", "column 26: not text in UTF-8");
    refused("x = count\x01", "column 10: a control character");
    refused("x = count when city == \"a\nb\"", "column 26: a control character");
    refused("x = count\x7F", "column 10: a control character");
    char text[TABLE_SOURCE_BYTES + 2];
    (void)snprintf(text, sizeof text, "x = count when city == \"");
    memset(text + strlen(text), 'a', TABLE_SOURCE_BYTES - strlen(text));
    text[TABLE_SOURCE_BYTES - 1] = '"';
    text[TABLE_SOURCE_BYTES] = '\0';
    struct table table = parse(text);
    assert_int_equal(strlen(table.text), TABLE_SOURCE_BYTES);
    table_clear(&table);
    text[TABLE_SOURCE_BYTES] = ' ';
    text[TABLE_SOURCE_BYTES + 1] = '\0';
    refused(text, "column 4001: a table is longer than 4000 bytes");
}

static char *nested(char *text, size_t room, const char *opens, int times, const char *behind)
{
    size_t used = (size_t)snprintf(text, room, "x = count when ");
    for (int i = 0; i < times; i++)
        used += (size_t)snprintf(text + used, room - used, "%s", opens);
    (void)snprintf(text + used, room - used, "%s", behind);
    return text;
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    char text[TABLE_SOURCE_BYTES + 1];
    struct table table = parse(nested(text, sizeof text, "not ", 32, "lost"));
    table_clear(&table);
    refused(nested(text, sizeof text, "not ", 33, "lost"), "column 144: nested more than 32 deep");
    refused(nested(text, sizeof text, "(", 3900, "lost"), "column 48: nested more than 32 deep");
    refused(nested(text, sizeof text, "- ", 33, "1 > 2"), "column 80: nested more than 32 deep");
    refused(nested(text, sizeof text, "(not -", 20, "1"), "column ");
    table = parse(nested(text, sizeof text, "(lost) or ", 300, "lost"));
    table_clear(&table);
}

/* The longest that can be said fits, names are cut between characters. */
static void messages_are_whole(void **state)
{
    (void)state;
    struct table table;
    struct error err;
    char text[TABLE_SOURCE_BYTES + 1];
    nested(text, sizeof text, "countrycodf", 1, "");
    assert_int_equal(table_parse(&table, text, &err), -1);
    assert_non_null(strstr(err.message, "rebuild_ms; old_ and the name of one"));
    assert_true(strlen(err.message) + 100 < sizeof err.message);
    nested(text, sizeof text, "y", 3000, "");
    assert_int_equal(table_parse(&table, text, &err), -1);
    assert_non_null(strstr(err.message, "rebuild_ms; old_ and the name of one"));
    refused("x = count \"aéééééééééééééééééééééééééééééééééééééé\"",
            "column 11: found \"aéééééééééééééééééééééé; here stands");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_of_a_table),     cmocka_unit_test(what_may_be_left_out),
        cmocka_unit_test(conditions_as_numbers),     cmocka_unit_test(wrong_beginnings),
        cmocka_unit_test(wrong_numbers_and_indexes), cmocka_unit_test(wrong_values),
        cmocka_unit_test(too_much_to_keep),          cmocka_unit_test(wrong_expressions),
        cmocka_unit_test(what_no_table_may_hold),    cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(messages_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
