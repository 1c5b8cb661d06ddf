#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/generation.h"
#include "tests/unit/cache_rig.h"

static bool exists(const char *name)
{
    return access(cache_rig_path(name), F_OK) == 0;
}

static uint64_t current(void)
{
    struct manifest *manifest;
    assert_int_equal(generation_current(cache_rig_directory, &manifest, NULL), 0);
    uint64_t generation = manifest->generation;
    manifest_free(manifest);
    return generation;
}

static struct generation_prepared *prepare(uint64_t generation)
{
    struct manifest *manifest;
    struct generation_prepared *prepared;
    struct error err;
    assert_int_equal(generation_current(cache_rig_directory, &manifest, &err), 0);
    manifest->generation = generation;
    if (generation_prepare(&prepared, cache_rig_directory, manifest, &err) != 0)
        fail_msg("%s", err.message);
    manifest_free(manifest);
    return prepared;
}

static void crash_after_preparing(uint64_t generation)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prepare(generation);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(exists("MANIFEST.tmp"));
}

static size_t listed(void)
{
    struct generation_row *rows;
    size_t count;
    assert_int_equal(generation_list(cache_rig_directory, &rows, &count, NULL), 0);
    free(rows);
    return count;
}

static void what_is_prepared_is_switched_by_a_rename(void **state)
{
    (void)state;
    struct error err;
    double at = 0;
    cache_rig_must_publish(1, 15);
    struct generation_prepared *prepared = prepare(2);
    assert_true(exists("MANIFEST.2.tmp") && exists("MANIFEST.tmp"));
    assert_int_equal(current(), 1);
    assert_int_equal(listed(), 1);
    assert_int_equal(generation_arm(prepared, &err), 0);
    assert_int_equal(generation_arm(prepared, &err), 0);
    assert_true(exists("MANIFEST.2"));
    assert_int_equal(current(), 1);
    double from = clock_wall();
    assert_int_equal(generation_switch(prepared, &at, &err), 0);
    assert_true(at >= from && at <= clock_wall());
    assert_int_equal(current(), 2);
    assert_false(exists("MANIFEST.2.tmp") || exists("MANIFEST.tmp"));
    assert_int_equal(generation_switch(prepare(3), NULL, &err), 0); /* not armed */
    assert_int_equal(current(), 3);
    assert_int_equal(listed(), 3);
}

static void what_is_withdrawn_was_never_there(void **state)
{
    (void)state;
    struct error err;
    cache_rig_must_publish(1, 15);
    for (int armed = 0; armed < 2; armed++) {
        struct generation_prepared *prepared = prepare(2);
        if (armed)
            assert_int_equal(generation_arm(prepared, &err), 0);
        generation_withdraw(prepared);
        assert_false(exists("MANIFEST.2.tmp") || exists("MANIFEST.tmp") || exists("MANIFEST.2"));
        assert_int_equal(current(), 1);
    }
    generation_withdraw(NULL);
    /* Another preparation goes on where a crash left one. */
    crash_after_preparing(2);
    assert_int_equal(generation_switch(prepare(2), NULL, &err), 0);
    assert_int_equal(current(), 2);
    crash_after_preparing(3);
    assert_int_equal(generation_prune(cache_rig_directory, 5, 0, &err), 0);
    assert_false(exists("MANIFEST.3.tmp") || exists("MANIFEST.tmp") || exists("MANIFEST.3"));
    assert_int_equal(listed(), 2);
}

static void a_switch_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct error err;
    cache_rig_must_publish(1, 15);
    struct generation_prepared *prepared = prepare(2);
    assert_int_equal(unlink(cache_rig_path("MANIFEST.tmp")), 0);
    assert_int_equal(generation_switch(prepared, NULL, &err), -1);
    assert_int_equal(current(), 1);
    assert_false(exists("MANIFEST.2"));
    prepared = prepare(2);
    assert_int_equal(unlink(cache_rig_path("MANIFEST.2.tmp")), 0);
    assert_int_equal(generation_arm(prepared, &err), -1);
    generation_withdraw(prepared);
    assert_int_equal(current(), 1);
    assert_false(exists("MANIFEST.2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_prepared_is_switched_by_a_rename, cache_rig_open,
                                        cache_rig_close),
        cmocka_unit_test_setup_teardown(what_is_withdrawn_was_never_there, cache_rig_open,
                                        cache_rig_close),
        cmocka_unit_test_setup_teardown(a_switch_that_fails_changes_nothing, cache_rig_open,
                                        cache_rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
