/* Tables for people, and as CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/refreshctl_tables.h"

static char *printed(const char *json, int (*print)(const cJSON *, struct buffer *, struct error *))
{
    struct buffer text = {0};
    struct error err;
    cJSON *tables = cJSON_Parse(json);
    assert_non_null(tables);
    assert_int_equal(print(tables, &text, &err), 0);
    assert_int_equal(buffer_append(&text, "", 1, &err), 0);
    cJSON_Delete(tables);
    return (char *)text.data;
}

static void expect(const char *json, const char *text)
{
    char *got = printed(json, print_tables);
    assert_string_equal(got, text);
    free(got);
}

static void expect_csv(const char *json, const char *text)
{
    char *got = printed(json, print_tables_csv);
    assert_string_equal(got, text);
    free(got);
}

#define TABLE(text, kind, rows)                                                                    \
    "{\"name\":\"t\",\"text\":\"" text "\",\"kind\":\"" kind "\",\"emitted\":9,\"skipped\":0,"     \
    "\"other\":0,\"error_bound\":0,\"rows\":" rows "}"

#define BY_COUNTRY                                                                                 \
    TABLE("t = sum[countrycode] of 1", "sum",                                                      \
          "[{\"index\":{\"countrycode\":\"fr\"},\"value\":1234567},"                               \
          "{\"index\":{\"countrycode\":\"de\"},\"value\":12.5}]")

static void sums_by_an_index(void **state)
{
    (void)state;
    expect("[" BY_COUNTRY "]", "t = sum[countrycode] of 1\n"
                               "  countrycode\n"
                               "  fr           1,234,567\n"
                               "  de                12.5\n");
    expect_csv("[" BY_COUNTRY "]", "table,countrycode,position,value,count,error\n"
                                   "t,fr,,1234567,,\n"
                                   "t,de,,12.5,,\n");
}

static void a_single_figure(void **state)
{
    (void)state;
    expect("[{\"text\":\"t = sum of lat\",\"kind\":\"sum\",\"error_bound\":8.8818e-13,"
           "\"rows\":[{\"index\":{},\"value\":-1234.5678}]}]",
           "t = sum of lat\n  -1,234.6\n  (off by at most 8.9e-13)\n");
    expect("[" TABLE("t = mean of age_days", "mean", "[{\"index\":{},\"value\":31.41592}]") "]",
           "t = mean of age_days\n  31.42\n");
    expect_csv("[" TABLE("t = mean of x", "mean", "[{\"index\":{},\"value\":31.41592}]") "]",
               "table,position,value,count,error\nt,,31.41592,,\n");
}

static void nothing_is_said(void **state)
{
    (void)state;
    expect("[" TABLE("t = sum of 1", "sum", "[]") "," TABLE("t = top(3) of city", "top",
                                                            "[{\"index\":{},\"value\":[]}]") "]",
           "t = sum of 1\n  nothing\n\nt = top(3) of city\n  nothing\n");
    expect("[]", "no tables\n");
    expect_csv("[]", "table,position,value,count,error\n");
}

#define CITIES                                                                                     \
    TABLE("t = top(3) of city", "top",                                                             \
          "[{\"index\":{},\"value\":[{\"value\":\"Paris\",\"count\":12345,\"error\":0},"           \
          "{\"value\":\"A, \\\"B\\\"\",\"count\":45,\"error\":12}]}]")

static void top_counts_and_errors(void **state)
{
    (void)state;
    expect("[" CITIES "]", "t = top(3) of city\n"
                           "  Paris   12,345\n"
                           "  A, \"B\"      45  (± 12)\n");
    expect_csv("[" CITIES "]", "table,position,value,count,error\n"
                               "t,1,Paris,12345,0\n"
                               "t,2,\"A, \"\"B\"\"\",45,12\n");
}

#define MOVED                                                                                      \
    TABLE("t = sample(2) of old_label, label, lat when changed", "sample",                         \
          "[{\"index\":{},\"value\":[[\"Old Street 1\",\"New 2\",48.8566123],"                     \
          "[\"Here\",\"There\",-1]]}]")

static void a_sample_goes_from_old_to_new(void **state)
{
    (void)state;
    expect("[" MOVED "]", "t = sample(2) of old_label, label, lat when changed\n"
                          "  Old Street 1  ->  New 2  48.8566123\n"
                          "  Here          ->  There          -1\n");
    expect_csv("[" MOVED "," BY_COUNTRY "]",
               "table,countrycode,position,value,count,error,value2,value3\n"
               "t,,1,Old Street 1,,,New 2,48.8566123\n"
               "t,,2,Here,,,There,-1\n"
               "t,fr,,1234567,,,,\n"
               "t,de,,12.5,,,,\n");
}

/* count values from 0 up in steps. */
static char *quantiles(int count, double step)
{
    static char json[8192];
    int used = snprintf(json, sizeof json,
                        "[{\"name\":\"t\",\"text\":\"t\",\"kind\":\"quantile\","
                        "\"error_bound\":0.00390625,\"skipped\":1200,"
                        "\"rows\":[{\"index\":{\"provider\":\"here\"},"
                        "\"value\":[");
    for (int i = 0; i < count; i++)
        used +=
            snprintf(json + used, sizeof json - (size_t)used, "%s%g", i > 0 ? "," : "", i * step);
    (void)snprintf(json + used, sizeof json - (size_t)used, "]}]}]");
    return json;
}

static void quantiles_are_few_figures(void **state)
{
    (void)state;
    expect(quantiles(101, 12.5), "t\n"
                                 "  provider  min    p1    p25  p50    p75    p90      p99    max\n"
                                 "  here        0  12.5  312.5  625  937.5  1,125  1,237.5  1,250\n"
                                 "  (1,200 skipped: something is missing; exact to 0.39%)\n");
    expect(quantiles(5, 1), "t\n"
                            "  provider  min  p25  p50  p75  max\n"
                            "  here        0    1    2    3    4\n"
                            "  (1,200 skipped: something is missing; exact to 0.39%)\n");
    expect(quantiles(12, 11), "t\n"
                              "  provider  min    p25   p50    p75    p90  max\n"
                              "  here        0  30.25  60.5  90.75  108.9  121\n"
                              "  (1,200 skipped: something is missing; exact to 0.39%)\n");
}

/* One table with `rows` rows whose index is a number, the largest first. */
static char *numbered(int rows)
{
    static char json[8192];
    int used = snprintf(json, sizeof json,
                        "[{\"name\":\"t\",\"text\":\"t\",\"kind\":\"sum\","
                        "\"other\":3,\"rows\":[");
    for (int i = 0; i < rows; i++)
        used += snprintf(json + used, sizeof json - (size_t)used,
                         "%s{\"index\":{\"hour\":%d},\"value\":%d}", i > 0 ? "," : "", rows - i,
                         1000 - i);
    (void)snprintf(json + used, sizeof json - (size_t)used, "]}]");
    return json;
}

static void long_tables_end_early(void **state)
{
    (void)state;
    char *got = printed(numbered(33), print_tables);
    assert_non_null(strstr(got, "t\n  hour\n     1  968\n     2  969\n")); /* in order */
    assert_non_null(strstr(got, "    20  987\n  and 13 more; --json has all\n"
                                "  (3 counted as other)\n"));
    free(got);
    got = printed(numbered(TABLE_LINES), print_tables);
    assert_null(strstr(got, "more"));
    free(got);
    got = printed(numbered(33), print_tables_csv);
    assert_non_null(strstr(got, "\nt,33,,1000,,\n"));
    assert_non_null(strstr(got, "\nt,1,,968,,\n"));
    free(got);
}

static void lists_share_the_lines(void **state)
{
    (void)state;
    expect("[{\"text\":\"t = top(9)[provider] of city\",\"kind\":\"top\",\"rows\":["
           "{\"index\":{\"provider\":\"here\",\"tile\":4},\"value\":["
           "{\"value\":\"a\",\"count\":3,\"error\":0},{\"value\":\"b\",\"count\":2,\"error\":1}]},"
           "{\"index\":{\"provider\":\"addok\",\"tile\":3},\"value\":["
           "{\"value\":[\"c\",true],\"count\":1,\"error\":0}]}],\"error_bound\":1}]",
           "t = top(9)[provider] of city\n"
           "  provider  tile\n"
           "  addok        3  c  true  1\n"
           "  here         4  a  3\n"
           "  here         4  b  2     (± 1)\n"
           "  (counts at most 1 too large)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_by_an_index),
        cmocka_unit_test(a_single_figure),
        cmocka_unit_test(nothing_is_said),
        cmocka_unit_test(top_counts_and_errors),
        cmocka_unit_test(a_sample_goes_from_old_to_new),
        cmocka_unit_test(quantiles_are_few_figures),
        cmocka_unit_test(long_tables_end_early),
        cmocka_unit_test(lists_share_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
