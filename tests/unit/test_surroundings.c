#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/surroundings.h"

static void a_machine_with_room_is_good_enough(void **state)
{
    (void)state;
    struct error err = {0};
    for (int i = 0; i < 3; i++) { /* and what was tried is given back */
        if (surroundings_check(&err) != 0)
            fail_msg("%s", err.message);
    }
}

static void too_few_files_are_told(void **state)
{
    (void)state;
    struct rlimit before, few;
    struct error err = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){20, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int result = surroundings_check(&err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, -1);
    assert_non_null(strstr(err.message, "LimitNOFILE"));
}

static void advice_fits_the_reason(void **state)
{
    (void)state;
    static const struct {
        int reason;
        const char *advice;
    } known[] = {{EROFS, "ReadWritePaths"}, {EACCES, "chown"},       {EPERM, "chown"},
                 {ENOTDIR, "in the way"},   {EMFILE, "LimitNOFILE"}, {EAGAIN, "TasksMax"}};
    struct error err;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        error_io(&err, known[i].reason, "open", "/x");
        assert_int_equal(surroundings_advise(&err), -1);
        assert_non_null(strstr(err.message, "cannot open /x: "));
        assert_non_null(strstr(err.message, known[i].advice));
    }
    error_set(&err, ERROR_STATE, "no system call");
    surroundings_advise(&err);
    assert_string_equal(err.message, "no system call");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_with_room_is_good_enough),
        cmocka_unit_test(too_few_files_are_told),
        cmocka_unit_test(advice_fits_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
