/* Failures as the ledger lists them, and what the ledger does when it fails itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "quadtree/morton.h"
#include "tests/unit/ledger_rig.h"

struct listed {
    size_t count;
    struct point last;
    char detail[256];
    unsigned attempts;
};

static int list(void *context, const struct failure *failure)
{
    struct listed *listed = context;
    listed->count++;
    listed->last = failure->point;
    listed->attempts = failure->attempts;
    (void)snprintf(listed->detail, sizeof listed->detail, "%s", failure->detail);
    return listed->count == 1000 ? 77 : 0;
}

static size_t count_failures(const char *id)
{
    struct listed listed = {0};
    assert_int_equal(ledger_failures(ledger_rig, id, list, &listed, NULL), 0);
    return listed.count;
}

static void failures_are_listed_in_order(void **state)
{
    (void)state;
    struct listed listed = {0};
    ledger_rig_refresh("one", 3000);
    assert_int_equal(
        ledger_rig_commit(ledger_rig_batch(2, 100, 50, SETTLED_FAILED), 0, false, NULL), 0);
    assert_int_equal(
        ledger_rig_commit(ledger_rig_batch(1, 0, 100, SETTLED_FAILED), 100, false, NULL), 0);
    assert_int_equal(ledger_failures(ledger_rig, "one", list, &listed, NULL), 0);
    assert_int_equal(listed.count, 150);
    assert_int_equal(listed.last.lat, 149000);
    assert_int_equal(listed.attempts, 3);
    assert_string_equal(listed.detail, "no answer");
    assert_int_equal(
        ledger_rig_commit(ledger_rig_batch(3, 150, 900, SETTLED_FAILED), 200, false, NULL), 0);
    listed.count = 0;
    assert_int_equal(ledger_failures(ledger_rig, "one", list, &listed, NULL), 77);
    struct error err;
    assert_int_equal(ledger_failures(ledger_rig, "nine", list, &listed, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
}

static void failures_stay_for_ten_runs(void **state)
{
    (void)state;
    char id[16];
    for (unsigned i = 1; i <= 25; i++) {
        (void)snprintf(id, sizeof id, "run%u", i);
        ledger_rig_refresh(id, 100);
        assert_int_equal(
            ledger_rig_commit(ledger_rig_batch(1, 0, i, SETTLED_FAILED), 0, false, NULL), 0);
        assert_int_equal(count_failures(id), i);
        ledger_rig_end(id, RESULT_PUBLISHED);
        for (unsigned old = 1; old <= i; old++) {
            (void)snprintf(id, sizeof id, "run%u", old);
            assert_int_equal(count_failures(id), old + 10 > i ? old : 0);
        }
    }
}

static void a_walk_tells_what_failed(void **state)
{
    (void)state;
    struct failure_walk *walk;
    ledger_rig_refresh("one", 3000);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(1, 10, 5, SETTLED_FAILED), 0, false, NULL),
                     0);
    assert_int_equal(
        ledger_rig_commit(ledger_rig_batch(2, 100, 1, SETTLED_FAILED), 100, false, NULL), 0);
    ledger_rig_end("one", RESULT_PUBLISHED);
    ledger_rig_begin("two");
    struct grid grid = {24, 24};
    struct point point = {0, 10000000};
    uint32_t tile = grid_tile(grid, point);
    assert_int_equal(failure_walk_open(&walk, ledger_rig, "one", NULL), 0);
    assert_int_equal(failure_walk_has(walk, tile - 1, UINT64_MAX, NULL), 0);
    for (int32_t i = 0; i < 200; i++) {
        point.lat = i * 1000;
        bool failed = (i >= 10 && i < 15) || i == 100;
        assert_int_equal(failure_walk_has(walk, tile, morton_encode(point), NULL), failed);
    }
    assert_int_equal(failure_walk_has(walk, tile + 1, 0, NULL), 0);
    failure_walk_close(walk);
    assert_int_equal(failure_walk_open(&walk, ledger_rig, "one", NULL), 0);
    point.lat = 100000;
    assert_int_equal(failure_walk_has(walk, tile, morton_encode(point), NULL), 1);
    failure_walk_close(walk);
    assert_int_equal(failure_walk_open(&walk, ledger_rig, "never", NULL), -1);
    failure_walk_close(NULL);
}

static void damaged_files_are_errors(void **state)
{
    (void)state;
    char path[240];
    ledger_rig_refresh("one", 3000);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(
            ledger_rig_commit(ledger_rig_batch(i, 0, 100, SETTLED_FAILED), i * 100, false, NULL),
            0);
    ledger_close(ledger_rig);
    ledger_rig = NULL;
    (void)snprintf(path, sizeof path, "%s/data.mdb", ledger_rig_directory);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    unsigned char *whole = malloc((size_t)size);
    assert_non_null(whole);
    assert_int_equal(pread(fd, whole, (size_t)size, 0), size);
    for (int round = 0; round < 60; round++) {
        unsigned char noise[64];
        memset(noise, round * 37 + 1, sizeof noise);
        off_t at = (off_t)round * size / 60;
        at = round < 20 ? round * 16 : at - at % 4096;
        assert_int_equal(pwrite(fd, noise, sizeof noise, at), sizeof noise);
        struct error err = {0};
        struct run_record run;
        uint32_t answered[4096];
        if (ledger_open(&ledger_rig, ledger_rig_directory, &err) != 0 ||
            ledger_run(ledger_rig, &run, &err) < 0 ||
            ledger_answered_by_share(ledger_rig, answered, 4096, &err) != 0) {
            assert_int_not_equal(err.code, ERROR_NONE);
            assert_non_null(strstr(err.message, "data.mdb"));
        } else {
            /* LMDB repairs a damaged newest meta page by going one ledger_rig_commit back. */
            assert_true(run.counts.settled[SETTLED_FAILED] == 2000 ||
                        run.counts.settled[SETTLED_FAILED] == 1900);
        }
        ledger_close(ledger_rig);
        ledger_rig = NULL;
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, whole, (size_t)size, 0), size);
    }
    assert_int_equal(ftruncate(fd, size / 2), 0);
    struct error err;
    assert_int_equal(ledger_open(&ledger_rig, ledger_rig_directory, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(pwrite(fd, whole, (size_t)size, 0), size);
    ledger_rig_reopen();
    assert_int_equal(ledger_rig_active().counts.settled[SETTLED_FAILED], 2000);
    free(whole);
    (void)close(fd);
}

static void a_failed_commit_changes_nothing(void **state)
{
    (void)state;
    struct error err;
    ledger_rig_refresh("one", 1000);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL),
                     0);
    struct answer_batch *good = ledger_rig_batch(3, 0, 4, SETTLED_FAILED);
    struct answer_batch *unsealed;
    assert_int_equal(answer_batch_create(&unsealed, 4, NULL), 0);
    struct settled_answer answer = {.settled = SETTLED_FAILED};
    assert_int_equal(answer_batch_add(unsealed, &answer, NULL), 0);
    struct committed_batch batches[2] = {{good, {0, 100, 100}, true},
                                         {unsealed, {0, 1, 200}, true}};
    assert_int_equal(ledger_commit(ledger_rig, batches, 2, (struct answer_place){0, 0, 300}, &err),
                     -1);
    assert_int_equal(ledger_rig_active().counts.settled[SETTLED_FAILED], 0);
    assert_int_equal(ledger_rig_active().counts.shares_done, 0);
    assert_int_equal(ledger_rig_active().log_end.offset, 100);
    assert_int_equal(count_failures("one"), 0);
    answer_batch_free(good);
    answer_batch_free(unsealed);
}

static void a_failed_write_leaves_the_ledger_usable(void **state)
{
    (void)state;
    struct error err;
    struct rlimit old, limit;
    ledger_rig_refresh("one", 1000);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL),
                     0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int result = ledger_rig_commit(ledger_rig_batch(3, 0, 900, SETTLED_FAILED), 100, true, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "data.mdb"));
    assert_int_equal(ledger_rig_active().log_end.offset, 100);
    assert_int_equal(ledger_rig_active().counts.shares_done, 0);
    assert_int_equal(count_failures("one"), 0);
    assert_int_equal(
        ledger_rig_commit(ledger_rig_batch(3, 0, 900, SETTLED_FAILED), 100, true, NULL), 0);
    assert_int_equal(count_failures("one"), 900);
    ledger_rig_reopen();
    assert_int_equal(ledger_rig_active().counts.settled[SETTLED_FAILED], 900);
}

/* Readers never see half a group: answers and log end move together. */
static void *read_counts(void *argument)
{
    _Atomic bool *done = argument;
    while (!atomic_load(done)) {
        struct run_record run;
        uint32_t answered[64];
        if (ledger_run(ledger_rig, &run, NULL) != 1 ||
            run.counts.settled[SETTLED_NONE] * 100 != run.log_end.offset * 10 ||
            ledger_answered_by_share(ledger_rig, answered, 64, NULL) != 0)
            return (void *)run_result_names;
    }
    return NULL;
}

static void readers_see_whole_groups(void **state)
{
    (void)state;
    pthread_t threads[3];
    _Atomic bool done = false;
    ledger_rig_refresh("one", 1000);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_counts, &done), 0);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_equal(
            ledger_rig_commit(ledger_rig_batch(i, 0, 10, SETTLED_NONE), i * 100, false, NULL), 0);
    atomic_store(&done, true);
    for (size_t i = 0; i < 3; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, ledger_rig_open, ledger_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(failures_are_listed_in_order),    TEST(failures_stay_for_ten_runs),
        TEST(a_walk_tells_what_failed),        TEST(damaged_files_are_errors),
        TEST(a_failed_commit_changes_nothing), TEST(a_failed_write_leaves_the_ledger_usable),
        TEST(readers_see_whole_groups),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
