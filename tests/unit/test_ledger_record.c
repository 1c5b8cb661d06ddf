#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/ledger_store.h"

enum { TILES = 576 };

static char directory[200];
static struct ledger *ledger;

static int open_ledger(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%s/record-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    return ledger_open(&ledger, directory, NULL);
}

static int close_ledger(void **state)
{
    (void)state;
    char command[240];
    ledger_close(ledger);
    (void)snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

static struct run_record make_run(void)
{
    struct run_record run = {.id = "20261121T020000Z-1f3a",
                             .base_generation = 7,
                             .generation = 8,
                             .grid = {24, 24},
                             .provider = "gazetteer",
                             .counts = {.total = 900, .selected = 800, .carried = 100}};
    run.parameters.shares = 64;
    run.folded.entries = 300;
    run.folded.digest.bytes[5] = 0xab;
    run.counts.folded = 299;
    return run;
}

/* A record as a refreshd before folding wrote it: without the last three values. */
static struct record old_record(uint64_t number, const struct run_record *run)
{
    struct record record;
    struct run_record plain = *run;
    plain.folded.entries = 0;
    plain.counts.folded = 0;
    run_record_write(&record, number, &plain);
    assert_int_equal(record.bytes.data[0], RUN_RECORD_VERSION);
    record.bytes.data[0] = 1;
    record.bytes.used -= 1 + (1 + PAIR_ID_BYTES) + 1;
    return record;
}

static void what_is_folded_is_recorded(void **state)
{
    (void)state;
    struct run_record run = make_run();
    struct run_record got;
    assert_int_equal(ledger_run_begin(ledger, &run, NULL), 0);
    assert_int_equal(ledger_run(ledger, &got, NULL), 1);
    assert_int_equal(got.folded.entries, 300);
    assert_memory_equal(&got.folded.digest, &run.folded.digest, sizeof got.folded.digest);
    assert_int_equal(got.counts.folded, 299);
    run.folded.entries = 301;
    assert_int_equal(ledger_run_update(ledger, &run, NULL), 0);
    assert_int_equal(ledger_run(ledger, &got, NULL), 1);
    assert_int_equal(got.folded.entries, 301);
}

/* A run that an older refreshd began goes on, and its history stays. */
static void records_of_the_version_before_are_read(void **state)
{
    (void)state;
    struct error err = {0};
    struct work work;
    struct run_record run = make_run();
    struct run_record got;
    struct run_record *ended;
    size_t count;
    static const unsigned char first[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct record active = old_record(2, &run);
    struct record history = old_record(1, &run);
    assert_int_equal(work_begin(&work, ledger, true, &err), 0);
    assert_int_equal(store_put(&work, TABLE_RUN, "active", 6, &active, &err), 0);
    assert_int_equal(store_put(&work, TABLE_HISTORY, first, sizeof first, &history, &err), 0);
    assert_int_equal(work_end(&work, 0, &err), 0);
    if (ledger_run(ledger, &got, &err) != 1)
        fail_msg("%s", err.message);
    assert_string_equal(got.provider, "gazetteer");
    assert_int_equal(got.counts.total, 900);
    assert_int_equal(got.folded.entries, 0);
    assert_int_equal(got.counts.folded, 0);
    assert_int_equal(ledger_history(ledger, 10, &ended, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(ended[0].id, run.id);
    free(ended);
}

static void a_record_that_is_too_long_or_short_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    struct run_record run = make_run();
    struct run_record got;
    for (int change = -1; change <= 1; change += 2) {
        struct work work;
        struct record record;
        run_record_write(&record, 1, &run);
        record_number(&record, 0);
        record.bytes.used += (size_t)(change - 1);
        assert_int_equal(work_begin(&work, ledger, true, &err), 0);
        assert_int_equal(store_put(&work, TABLE_RUN, "active", 6, &record, &err), 0);
        assert_int_equal(work_end(&work, 0, &err), 0);
        assert_int_equal(ledger_run(ledger, &got, &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
    }
}

static void folded_points_are_kept_by_tile(void **state)
{
    (void)state;
    struct error err = {0};
    struct run_record run = make_run();
    struct run_counts counts = {.total = 20, .selected = 12, .carried = 8, .folded = 5};
    uint64_t selected[TILES] = {[3] = 12};
    uint64_t folded[TILES] = {[4] = 2, [575] = 3};
    uint64_t got[TILES];
    assert_int_equal(ledger_folded_by_tile(ledger, got, TILES, &err), 0);
    assert_int_equal(got[575], 0);
    assert_int_equal(ledger_run_begin(ledger, &run, &err), 0);
    folded[4]++;
    assert_int_equal(ledger_snapshot_done(ledger, &counts, selected, folded, TILES, &err), -1);
    folded[4]--;
    assert_int_equal(ledger_snapshot_done(ledger, &counts, selected, NULL, TILES, &err), -1);
    assert_int_equal(ledger_snapshot_done(ledger, &counts, selected, folded, TILES, &err), 0);
    assert_int_equal(ledger_folded_by_tile(ledger, got, TILES, &err), 0);
    assert_memory_equal(got, folded, sizeof got);
    assert_int_equal(ledger_folded_by_tile(ledger, got, TILES - 1, &err), -1);
    assert_int_equal(ledger_run_end(ledger, &run, NULL, &err), 0);
    assert_int_equal(ledger_folded_by_tile(ledger, got, TILES, &err), 0);
    assert_int_equal(got[575], 0);
    counts.folded = 0;
    assert_int_equal(ledger_run_begin(ledger, &run, &err), 0);
    assert_int_equal(ledger_snapshot_done(ledger, &counts, selected, NULL, TILES, &err), 0);
    assert_int_equal(ledger_folded_by_tile(ledger, got, TILES, &err), 0);
    assert_int_equal(got[575], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_folded_is_recorded, open_ledger, close_ledger),
        cmocka_unit_test_setup_teardown(records_of_the_version_before_are_read, open_ledger,
                                        close_ledger),
        cmocka_unit_test_setup_teardown(a_record_that_is_too_long_or_short_is_refused, open_ledger,
                                        close_ledger),
        cmocka_unit_test_setup_teardown(folded_points_are_kept_by_tile, open_ledger, close_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
