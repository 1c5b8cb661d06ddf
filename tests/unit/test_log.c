#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"

static int kept = -1, from = -1;

/* Standard error is a pipe from now on. */
static int catch (void **state)
{
    (void)state;
    int ends[2];
    (void)unsetenv("JOURNAL_STREAM");
    kept = dup(STDERR_FILENO);
    if (kept < 0 || pipe2(ends, O_NONBLOCK) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        return -1;
    (void)close(ends[1]);
    from = ends[0];
    return 0;
}

static int release(void **state)
{
    (void)state;
    (void)unsetenv("JOURNAL_STREAM");
    log_begin();
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    return close(from);
}

static const char *written(void)
{
    static char text[8192];
    ssize_t got = read(from, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void elsewhere_a_line_begins_with_the_time(void **state)
{
    (void)state;
    log_begin();
    log_event(LOG_LEVEL_INFO, "started", "version=%d", 7);
    const char *text = written();
    unsigned year, milliseconds;
    char rest[64];
    assert_int_equal(
        sscanf(text, "%4u-%*2u-%*2uT%*2u:%*2u:%*2u.%3uZ %63[^\n]", &year, &milliseconds, rest), 3);
    assert_string_equal(rest, "info started version=7");
    assert_true(year >= 2024);
}

/* Say that the journal is behind standard error, when `more` is 0. */
static void name_stream(unsigned more)
{
    struct stat st;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev + more,
                   (unsigned long long)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_begin();
}

static void the_journal_gets_the_priority(void **state)
{
    (void)state;
    name_stream(0);
    log_event(LOG_LEVEL_WARNING, "run_paused", "reason=\"by hand\"");
    assert_string_equal(written(), "<4>warning run_paused reason=\"by hand\"\n");
    log_event(LOG_LEVEL_INFO, "stopped", "%s", "");
    assert_string_equal(written(), "<6>info stopped\n");
    name_stream(1); /* somebody else's */
    log_event(LOG_LEVEL_INFO, "stopped", "%s", "");
    assert_null(strchr(written(), '<'));
}

static void without_a_journal_lines_with_fields_go_to_standard_error(void **state)
{
    (void)state;
    if (access("/run/systemd/journal/socket", F_OK) == 0)
        skip();
    name_stream(0);
    log_use_fields();
    log_event(LOG_LEVEL_INFO, "run_started", "run=x");
    assert_string_equal(written(), "<6>info run_started run=x\n");
    log_begin();
}

static void a_fault_is_told_once_a_minute_but_a_run_always(void **state)
{
    (void)state;
    struct error err;
    log_begin();
    error_set(&err, ERROR_IO, "no \"luck\"\nat all");
    for (unsigned i = 0; i < 100; i++)
        log_failure(LOG_LEVEL_ERROR, "lookup_failed", &err);
    const char *text = written();
    assert_non_null(strstr(text, "error lookup_failed error=\"no \\\"luck\\\" at all\"\n"));
    assert_string_equal(strchr(text, '\n'), "\n");
    for (unsigned i = 0; i < 3; i++) {
        log_event(LOG_LEVEL_WARNING, "run_paused", "run=a reason=b");
        assert_non_null(strstr(written(), "run_paused run=a reason=b"));
        log_event(LOG_LEVEL_INFO, "serving_generation", "generation=2");
        assert_non_null(strstr(written(), "serving_generation"));
    }
}

static void a_line_that_is_too_long_is_cut(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_begin();
    log_event(LOG_LEVEL_ERROR, "long", "error=%s", text);
    const char *line = written();
    assert_true(strlen(line) > 1500 && strlen(line) < 2300);
    assert_string_equal(strchr(line, '\n'), "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(elsewhere_a_line_begins_with_the_time, catch, release),
        cmocka_unit_test_setup_teardown(the_journal_gets_the_priority, catch, release),
        cmocka_unit_test_setup_teardown(without_a_journal_lines_with_fields_go_to_standard_error,
                                        catch, release),
        cmocka_unit_test_setup_teardown(a_fault_is_told_once_a_minute_but_a_run_always, catch,
                                        release),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_cut, catch, release),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
