/* The section [report]: its lines are kept as they are. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/config_rig.h"

static void line_is(const struct config *config, size_t i, const char *text, unsigned line)
{
    assert_true(i < config->report.count);
    assert_string_equal(config->report.lines[i].text, text);
    assert_int_equal(config->report.lines[i].line, line);
}

static void lines_are_kept_with_their_numbers(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_rig_load("\xEF\xBB\xBF[report]\n"
                                     "a = sum of 1\n"
                                     "\n"
                                     "# a comment\n"
                                     ";b = count\n"
                                     "\t a: b [c] = d  \r\n"
                                     "[cache]\n"
                                     "grid = 2x2\n"
                                     "[report]\n"
                                     "a =",
                                     &config),
                     0);
    assert_int_equal(config->report.count, 3);
    line_is(config, 0, "a = sum of 1", 2);
    line_is(config, 1, "\t a: b [c] = d", 6);
    line_is(config, 2, "a =", 10);
    assert_int_equal(config->cache.grid.rows, 2);
    config_free(config);
}

/* A ; begins a comment where white space stands before it, but not in a text. */
static void comments_are_cut_outside_texts(void **state)
{
    (void)state;
    static const struct {
        const char *line, *kept;
    } lines[] = {
        {"a = count ; all", "a = count"},
        {"a = count\t;all \"x\"", "a = count"},
        {"a = count;all", "a = count;all"},
        {"a = count when city == \"b ; c\" ; \"d", "a = count when city == \"b ; c\""},
        {"a = count when city == \"b \\\" ; c\" ; d", "a = count when city == \"b \\\" ; c\""},
        {"a = count when city == \"b\\\\\" ; c", "a = count when city == \"b\\\\\""},
        {"a = \"open ; c", "a = \"open ; c"},
        {"a = count when city == \"ends in \\", "a = count when city == \"ends in \\"},
        {"a = count # c", "a = count # c"},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        char text[200];
        struct config *config;
        (void)snprintf(text, sizeof text, "[report]\n%s\n", lines[i].line);
        assert_int_equal(config_rig_load(text, &config), 0);
        line_is(config, 0, lines[i].kept, 2);
        config_free(config);
    }
}

/* section_with: a [report] with one line of that many bytes. The caller frees it. */
static char *section_with(size_t bytes, const char *behind)
{
    char *text = malloc(bytes + 200);
    assert_non_null(text);
    int used = snprintf(text, bytes + 200, "[report]\na = count when city == \"");
    size_t line = (size_t)used - strlen("[report]\n");
    memset(text + used, 'x', bytes - line - 1);
    (void)snprintf(text + used + bytes - line - 1, 100, "\"\n%s", behind);
    return text;
}

static void long_lines_are_kept_up_to_4000_bytes(void **state)
{
    (void)state;
    struct config *config;
    char *text = section_with(4000, "[cache]\ngrid = 3x3\n");
    assert_int_equal(config_rig_load(text, &config), 0);
    assert_int_equal(strlen(config->report.lines[0].text), 4000);
    assert_int_equal(config->cache.grid.rows, 3);
    config_free(config);
    free(text);
    text = section_with(4001, "");
    assert_int_equal(config_rig_load(text, &config), -1);
    assert_string_equal(config_rig_error.message,
                        "x.conf line 2: longer than 4000 bytes; shorten it");
    free(text);
}

static void other_sections_keep_their_rules(void **state)
{
    (void)state;
    REFUSED("[report]\na = count\n[cache]\na = count\n", "x.conf line 4", "[cache] has no key");
    REFUSED("[report] a = count\n", "x.conf line 1", "text behind a section");
    REFUSED("[report]\na = \xFF\n", "x.conf line 2", "not text in UTF-8");
    REFUSED("[reports]\n", "x.conf line 1", "did you mean [report]?");
    REFUSED("[report]\n[report\n", "x.conf line 2", "a section is written [name]");
    REFUSED("[nothing]\n", "peers or report");
}

static void lines_are_printed_and_read_back(void **state)
{
    (void)state;
    struct config *config, *again;
    char *text = NULL;
    size_t bytes;
    assert_int_equal(
        config_rig_load("[report]\n  a = count when city == \"b ; c\" ; d\nb =\n", &config), 0);
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(config_print(config, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\n[report]\na = count when city == \"b ; c\"\nb =\n"));
    assert_int_equal(config_rig_load(text, &again), 0);
    assert_int_equal(again->report.count, 2);
    assert_string_equal(again->report.lines[0].text, "a = count when city == \"b ; c\"");
    config_free(again);
    config_free(config);
    free(text);
}

static void no_key_of_it_is_set(void **state)
{
    (void)state;
    struct config *config;
    struct error err;
    assert_int_equal(config_default(&config, &err), 0);
    assert_int_equal(config->report.count, 0);
    assert_int_equal(config_set(config, "report", "a", "count", &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "its lines are tables"));
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_kept_with_their_numbers),
        cmocka_unit_test(comments_are_cut_outside_texts),
        cmocka_unit_test(long_lines_are_kept_up_to_4000_bytes),
        cmocka_unit_test(other_sections_keep_their_rules),
        cmocka_unit_test(lines_are_printed_and_read_back),
        cmocka_unit_test(no_key_of_it_is_set),
    };
    return cmocka_run_group_tests(tests, config_rig_open, config_rig_close);
}
