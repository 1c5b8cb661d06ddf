/* Options, settings and plain words of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/refreshctl_session.h"

struct given {
    const char *rate, *format;
    bool wait;
    struct option_words tables;
};

#define AT(member) offsetof(struct given, member)

static const struct command_option options[] = {
    {"--rate", "N", AT(rate), "A value"},
    {"--wait", NULL, AT(wait), "A flag"},
    {"--table", "TABLE", AT(tables) | OPTION_REPEATS, "Again and again"},
    {"format=", "csv", AT(format), "A setting"},
    {NULL, NULL, 0, NULL}};

/* Words end in NULL. Returns the status; *count is how many plain words there were. */
static int sort_words(const char *const *typed, struct given *given, const char **plain, int *count,
                      bool *json)
{
    char *argv[2 * OPTION_WORDS + 4];
    int argc = 0;
    struct session session = {0};
    for (; typed[argc] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)typed[argc];
    *given = (struct given){.rate = NULL};
    int status = session_words(&session, argc, argv, options, given, plain, 0, 2, count);
    *json = session.json;
    return status;
}

#define SORT(...) sort_words((const char *const[]){__VA_ARGS__, NULL}, &given, plain, &count, &json)

static void all_kinds_are_told_apart(void **state)
{
    (void)state;
    struct given given;
    const char *plain[2];
    int count = 0;
    bool json;
    assert_int_equal(SORT("-51.5", "--rate", "5", "format=csv", "--json", "-.25", "--wait"), 0);
    assert_int_equal(count, 2);
    assert_string_equal(plain[0], "-51.5");
    assert_string_equal(plain[1], "-.25");
    assert_string_equal(given.rate, "5");
    assert_string_equal(given.format, "csv");
    assert_true(given.wait);
    assert_true(json);
}

static void the_last_of_two_values_counts(void **state)
{
    (void)state;
    struct given given;
    const char *plain[2];
    int count = 0;
    bool json;
    assert_int_equal(SORT("--rate=5", "--rate=", "format=a", "format="), 0);
    assert_string_equal(given.rate, "");
    assert_string_equal(given.format, "");
}

static void a_repeated_option_keeps_all(void **state)
{
    (void)state;
    struct given given;
    const char *plain[2];
    const char *many[2 * OPTION_WORDS + 3] = {NULL};
    int count = 0;
    bool json;
    assert_int_equal(SORT("--table", "a = 1", "x", "--table=b = 2", "--wait"), 0);
    assert_int_equal(count, 1);
    assert_int_equal(given.tables.count, 2);
    assert_string_equal(given.tables.words[0], "a = 1");
    assert_string_equal(given.tables.words[1], "b = 2");
    for (int i = 0; i <= 2 * OPTION_WORDS; i += 2) {
        many[i] = "--table";
        many[i + 1] = "t";
        int wanted = i < 2 * OPTION_WORDS ? 0 : EXIT_USAGE;
        assert_int_equal(sort_words(many, &given, plain, &count, &json), wanted);
    }
    assert_int_equal(SORT("--table"), EXIT_USAGE);
}

static void behind_two_dashes_all_is_plain(void **state)
{
    (void)state;
    struct given given;
    const char *plain[2];
    int count = 0;
    bool json;
    assert_int_equal(SORT("--", "--wait", "format=csv"), 0);
    assert_int_equal(count, 2);
    assert_false(given.wait);
    assert_null(given.format);
    assert_int_equal(SORT("-"), 0);
    assert_string_equal(plain[0], "-");
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct given given;
    const char *plain[2];
    int count = 0;
    bool json;
    assert_int_equal(SORT("--rate"), EXIT_USAGE);
    assert_int_equal(SORT("--wait=1"), EXIT_USAGE);
    assert_int_equal(SORT("--rates", "5"), EXIT_USAGE);
    assert_int_equal(SORT("--config", "x"), EXIT_USAGE);
    assert_int_equal(SORT("one", "two", "three"), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_are_told_apart),
        cmocka_unit_test(the_last_of_two_values_counts),
        cmocka_unit_test(a_repeated_option_keeps_all),
        cmocka_unit_test(behind_two_dashes_all_is_plain),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
