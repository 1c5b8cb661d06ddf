/* Expressions: what they give of a record. The words are parsed as the condition or value of a
 * table. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tables/table.h"
#include "tests/unit/observed_sample.h"

static struct value evaluate(const char *words, const struct observed *observed, char copy[64])
{
    char text[TABLE_SOURCE_BYTES + 1];
    struct table table;
    struct error err;
    struct field_source source = {0};
    (void)snprintf(text, sizeof text, "x = count of %s", words);
    if (table_parse(&table, text, &err) != 0)
        fail_msg("%s: %s", words, err.message);
    field_source_set(&source, observed);
    struct value value = expression_eval(table.values[0], &source);
    assert_true(value.kind == VALUE_MISSING || value.kind == expression_kind(table.values[0]));
    if (value.kind == VALUE_TEXT) {
        assert_true(value.length < 64);
        memcpy(copy, value.data, value.length);
        value.data = copy;
    }
    field_source_free(&source);
    table_clear(&table);
    return value;
}

static void gives(const char *words, struct value expected)
{
    struct observed_sample sample;
    char copy[64];
    observed_sample_full(&sample);
    struct value value = evaluate(words, &sample.observed, copy);
    bool same = value.kind == expected.kind &&
                (value.kind == VALUE_TEXT ? slice_equal(value_slice(value), value_slice(expected))
                                          : value.number == expected.number);
    if (!same)
        fail_msg("%s: kind %d, %g", words, (int)value.kind, value.number);
}

static void number(const char *words, double expected)
{
    gives(words, value_number(expected));
}

static void truth(const char *words, bool expected)
{
    gives(words, value_truth(expected));
}

static void missing(const char *words)
{
    gives(words, value_missing());
}

static void arithmetic(void **state)
{
    (void)state;
    number("1 + 2 * 3", 7);
    number("(1 + 2) * 3", 9);
    number("10 - 4 - 3", 3);
    number("12 / 3 / 2", 2);
    number("2 * -3 + - - 4", -2);
    number("-2 * 3", -6);
    number("1 - -1", 2);
    number("latency_ms * 2 + attempts", 62);
    number("-lon", 2.25);
    missing("1 / 0");
    missing("1 / (attempts - 2)");
    missing("1e308 * 1e308");
    missing("1e308 * 10 - 1e308 * 10");
}

static void comparisons(void **state)
{
    (void)state;
    truth("1 + 1 == 2", true);
    truth("2 != 2", false);
    truth("1 < 2", true);
    truth("2 < 2", false);
    truth("2 <= 2", true);
    truth("3 > 2", true);
    truth("2 >= 3", false);
    truth("-0 == 0", true);
    truth("city == \"Paris\"", true);
    truth("city == \"paris\"", false);
    truth("city != old_city", true);
    truth("city > old_city", true);
    truth("\"a\" < \"aa\"", true);
    truth("\"b\" < \"aa\"", false);
    truth("\"z\" < \"é\"", true);
    truth("changed == true", true);
    truth("changed == lost", false);
    truth("lost != gained", false);
    truth("label == \"1 Rue A, Paris, France\" and old_label == \"2 Calle B, Madrid\"", true);
    gives("\"a \\\"b\\\" \\\\\"", value_text((struct slice){"a \"b\" \\", 7}));
}

static void precedence(void **state)
{
    (void)state;
    truth("true or true and false", true);
    truth("(true or true) and false", false);
    truth("not false and false", false);
    truth("not (false and false)", true);
    truth("not 1 == 2", true);
    truth("not not true", true);
    truth("false and false or true", true);
    truth("not city is missing", true);
}

/* Every pair of true, false and missing. */
static void three_valued_logic(void **state)
{
    (void)state;
    static const char *const words[] = {"false", "true", "cause == \"x\""};
    static const int both[3][3] = {{0, 0, 0}, {0, 1, 2}, {0, 2, 2}};
    static const int either[3][3] = {{0, 1, 2}, {1, 1, 1}, {2, 1, 2}};
    char text[100];
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            const struct value values[] = {value_truth(false), value_truth(true), value_missing()};
            (void)snprintf(text, sizeof text, "%s and %s", words[a], words[b]);
            gives(text, values[both[a][b]]);
            (void)snprintf(text, sizeof text, "%s or %s", words[a], words[b]);
            gives(text, values[either[a][b]]);
        }
    }
    missing("not (cause == \"x\")");
}

static void missing_values(void **state)
{
    (void)state;
    truth("cause is missing", true);
    truth("cause is not missing", false);
    truth("city is missing", false);
    truth("1 / 0 is missing", true);
    truth("(cause == \"x\") is missing", true);
    truth("old_label is not missing", true);
    missing("cause");
    missing("cause == cause");
    missing("cause != \"x\"");
    missing("\"x\" < cause");
    missing("1 + 1 / 0");
    missing("-(1 / 0)");
    missing("1 / 0 > 3");
}

/* As many values wait at once as the grammar allows. */
static void deep_expressions(void **state)
{
    (void)state;
    char text[TABLE_SOURCE_BYTES] = "";
    size_t used = 0;
    for (int i = 0; i < 32; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "false or true and true == (1 < 2 + 3 * 4 and ");
    used += (size_t)snprintf(text + used, sizeof text - used, "false or true and 1 < 2 + 3 * 4");
    for (int i = 0; i < 32; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ")");
    truth(text, true);
    used = (size_t)snprintf(text, sizeof text, "0");
    for (int i = 0; i < 1500; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "+1");
    number(text, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),     cmocka_unit_test(comparisons),
        cmocka_unit_test(precedence),     cmocka_unit_test(three_valued_logic),
        cmocka_unit_test(missing_values), cmocka_unit_test(deep_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
