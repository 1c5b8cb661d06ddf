#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void set_fills_everything(void **state)
{
    (void)state;
    struct error err;
    memset(&err, 0xFF, sizeof err);
    assert_int_equal(error_set(&err, ERROR_VALUE, "line %d: \"%s\"", 12, "x"), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_int_equal(err.os_errno, 0);
    assert_string_equal(err.message, "line 12: \"x\"");
}

static void suffix_keeps_the_code_and_fits(void **state)
{
    (void)state;
    struct error err;
    error_io(&err, EROFS, "open", "/x");
    assert_int_equal(error_suffix(&err, "; do %s", "this"), -1);
    assert_string_equal(err.message, "cannot open /x: Read-only file system; do this");
    assert_int_equal(err.os_errno, EROFS);
    for (int i = 0; i < 200; i++)
        error_suffix(&err, "; again");
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(error_suffix(NULL, "x"), -1);
}

static void null_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_VALUE, "x"), -1);
    assert_int_equal(error_io(NULL, ENOSPC, "write", "/x"), -1);
    assert_int_equal(error_memory(NULL, "x"), -1);
    assert_int_equal(error_prefix(NULL, "x"), -1);
}

static void io_names_the_path(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(error_io(&err, EACCES, "open", "/x/y"), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(err.os_errno, EACCES);
    assert_string_equal(err.message, "cannot open /x/y: Permission denied");
    assert_int_equal(error_io(&err, ENOENT, "open", "/x/y"), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_string_equal(err.message, "cannot open /x/y: No such file or directory");
}

static void full_disk_has_its_own_code(void **state)
{
    (void)state;
    struct error err;
    static const int reasons[] = {ENOSPC, EDQUOT};
    for (size_t i = 0; i < 2; i++) {
        error_io(&err, reasons[i], "write", "/x/y");
        assert_int_equal(err.code, ERROR_DISK_FULL);
        assert_int_equal(err.os_errno, reasons[i]);
        assert_string_equal(err.message, "disk full: /x/y");
    }
}

static void memory_says_for_what(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(error_memory(&err, "a tile"), -1);
    assert_int_equal(err.code, ERROR_MEMORY);
    assert_string_equal(err.message, "out of memory for a tile");
}

static void prefix_keeps_the_code(void **state)
{
    (void)state;
    struct error err;
    error_io(&err, EIO, "read", "/x");
    assert_int_equal(error_prefix(&err, "tile %d", 7), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(err.os_errno, EIO);
    assert_string_equal(err.message, "tile 7: cannot read /x: Input/output error");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    struct error err;
    char text[2000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&err, ERROR_VALUE, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    error_prefix(&err, "line 1");
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_memory_equal(err.message, "line 1: aaa", 11);
    for (size_t length = sizeof err.message - 6; length < sizeof err.message + 3; length++) {
        error_set(&err, ERROR_VALUE, "old");
        error_prefix(&err, "%.*s", (int)length, text);
        assert_in_range(strlen(err.message), 1, sizeof err.message - 1);
        assert_int_equal(err.message[0], 'a');
    }
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    for (int code = ERROR_NONE; code <= ERROR_UNREACHABLE; code++) {
        assert_non_null(error_name((enum error_code)code));
        for (int other = ERROR_NONE; other < code; other++)
            assert_string_not_equal(error_name((enum error_code)code),
                                    error_name((enum error_code)other));
    }
    assert_string_equal(error_name(ERROR_DISK_FULL), "disk_full");
    assert_string_equal(error_name((enum error_code)999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_everything),           cmocka_unit_test(null_is_allowed),
        cmocka_unit_test(suffix_keeps_the_code_and_fits), cmocka_unit_test(io_names_the_path),
        cmocka_unit_test(full_disk_has_its_own_code),     cmocka_unit_test(memory_says_for_what),
        cmocka_unit_test(prefix_keeps_the_code),          cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
