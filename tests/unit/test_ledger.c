#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stages/ledger_store.h"
#include "tests/unit/ledger_rig.h"

static void a_new_ledger_is_empty(void **state)
{
    (void)state;
    struct run_record run, *runs;
    size_t count;
    assert_int_equal(ledger_run(ledger_rig, &run, NULL), 0);
    assert_int_equal(ledger_find_run(ledger_rig, "", &run, NULL), 0);
    assert_int_equal(ledger_history(ledger_rig, 10, &runs, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(runs);
    ledger_rig_reopen();
    assert_int_equal(ledger_run(ledger_rig, &run, NULL), 0);
}

static void a_run_is_kept_over_a_restart(void **state)
{
    (void)state;
    struct run_record run = ledger_rig_run("one");
    run.parameters.some_tiles = true;
    run.parameters.tiles[71] = 0x80;
    run.parameters.finish_within = 3600;
    run.stop = STOP_PAUSED;
    (void)snprintf(run.reason, sizeof run.reason, "disk full: /x");
    assert_int_equal(ledger_run_begin(ledger_rig, &run, NULL), 0);
    ledger_rig_reopen();
    struct run_record got = ledger_rig_active();
    assert_string_equal(got.id, "one");
    assert_string_equal(got.reason, run.reason);
    assert_string_equal(got.provider, "gazetteer");
    assert_memory_equal(&got.parameters.tiles, &run.parameters.tiles, sizeof run.parameters.tiles);
    assert_memory_equal(&got.base_digest, &run.base_digest, sizeof run.base_digest);
    assert_true(got.parameters.rate == 2.5 && got.parameters.finish_within == 3600);
    assert_true(got.elapsed == 1.25 && got.stop == STOP_PAUSED && got.grid.rows == 24);
    assert_int_equal(got.parameters.cutoff, UINT32_MAX);
    assert_int_equal(got.generation, 8);
}

static void only_one_run_is_active(void **state)
{
    (void)state;
    struct error err;
    struct run_record run = ledger_rig_run("two");
    ledger_rig_begin("one");
    assert_int_equal(ledger_run_begin(ledger_rig, &run, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(ledger_run_update(ledger_rig, &run, &err), -1);
    assert_int_equal(ledger_run_end(ledger_rig, &run, NULL, &err), -1);
    assert_string_equal(ledger_rig_active().id, "one");
}

static void commits_need_a_run_in_refresh(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(0, 0, 1, SETTLED_NONE), 0, false, &err),
                     -1);
    assert_int_equal(err.code, ERROR_STATE);
    ledger_rig_begin("one");
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(0, 0, 1, SETTLED_NONE), 0, false, &err),
                     -1);
    assert_int_equal(err.code, ERROR_STATE);
    struct run_counts wrong = {.total = 3, .selected = 3};
    uint64_t by_tile[LEDGER_RIG_TILES] = {0};
    assert_int_equal(
        ledger_snapshot_done(ledger_rig, &wrong, by_tile, NULL, LEDGER_RIG_TILES, &err), -1);
}

static void the_snapshot_is_recorded(void **state)
{
    (void)state;
    uint64_t by_tile[LEDGER_RIG_TILES];
    assert_int_equal(ledger_selected_by_tile(ledger_rig, by_tile, LEDGER_RIG_TILES, NULL), -1);
    ledger_rig_refresh("one", 1000);
    ledger_rig_reopen();
    assert_int_equal(ledger_selected_by_tile(ledger_rig, by_tile, LEDGER_RIG_TILES, NULL), 0);
    assert_int_equal(by_tile[300], 1000);
    assert_int_equal(by_tile[299], 0);
    assert_int_equal(ledger_selected_by_tile(ledger_rig, by_tile, LEDGER_RIG_TILES - 1, NULL), -1);
    assert_int_equal(ledger_rig_active().phase, PHASE_REFRESH);
    assert_int_equal(ledger_rig_active().counts.carried, 5);
}

static void commits_add_up(void **state)
{
    (void)state;
    ledger_rig_refresh("one", 1000);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL),
                     0);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 14, 6, SETTLED_FAILED), 100, true, NULL),
                     0);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(3, 0, 9, SETTLED_UNSURE), 200, false, NULL),
                     0);
    ledger_rig_reopen();
    struct run_record run = ledger_rig_active();
    assert_int_equal(run.counts.settled[SETTLED_FOUND], 4);
    assert_int_equal(run.counts.settled[SETTLED_FAILED], 6);
    assert_int_equal(run.counts.settled[SETTLED_UNSURE], 9);
    assert_int_equal(run.counts.causes[CAUSE_TIMEOUT], 6);
    assert_int_equal(run.counts.retried, 38);
    assert_int_equal(run.counts.shares_done, 1);
    assert_int_equal(run.log_end.offset, 300);
    uint32_t answered[4096];
    assert_int_equal(ledger_answered_by_share(ledger_rig, answered, 4096, NULL), 0);
    assert_int_equal(answered[2], 10);
    assert_int_equal(answered[3], 9);
    assert_int_equal(answered[4], 0);
}

static void an_update_leaves_what_commits_count(void **state)
{
    (void)state;
    ledger_rig_refresh("one", 1000);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL),
                     0);
    struct run_record run = ledger_rig_run("one");
    run.phase = PHASE_REFRESH;
    run.stop = STOP_HELD;
    assert_int_equal(ledger_run_update(ledger_rig, &run, NULL), 0);
    assert_int_equal(ledger_rig_active().stop, STOP_HELD);
    assert_int_equal(ledger_rig_active().counts.settled[SETTLED_FOUND], 4);
    assert_int_equal(ledger_rig_active().log_end.offset, 100);
}

static void a_shares_batches_and_points_are_found_again(void **state)
{
    (void)state;
    struct placed_batch *batches;
    size_t count;
    uint32_t answered;
    uint8_t bitmap[5] = {0};
    uint64_t before = clock_unix_ms();
    ledger_rig_refresh("one", 1000);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 30, 7, SETTLED_FOUND), 0, false, NULL),
                     0);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(3, 0, 1, SETTLED_FOUND), 100, false, NULL),
                     0);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 0, 2, SETTLED_FOUND), 200, false, NULL),
                     0);
    assert_int_equal(ledger_share_batches(ledger_rig, 2, &batches, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(batches[0].place.offset, 0);
    assert_int_equal(batches[1].place.offset, 200);
    assert_int_equal(batches[1].place.bytes, 100);
    assert_in_range(batches[0].committed_at, before, clock_unix_ms());
    assert_in_range(batches[1].committed_at, batches[0].committed_at, clock_unix_ms());
    free(batches);
    assert_int_equal(ledger_share_answered(ledger_rig, 2, bitmap, 37, &answered, NULL), 0);
    assert_int_equal(answered, 9);
    static const uint8_t expected[5] = {3, 0, 0, 0xc0, 0x1f};
    assert_memory_equal(bitmap, expected, 5);
    struct error err;
    memset(bitmap, 0, sizeof bitmap);
    assert_int_equal(ledger_share_answered(ledger_rig, 2, bitmap, 36, &answered, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "data.mdb"));
}

static struct tile_record make_tile(uint32_t tile, uint64_t changed)
{
    struct tile_record record = {.tile = tile, .changed = changed, .compared = 50, .lost = 2};
    record.row.built = 8;
    record.row.info.tile = tile;
    record.row.info.grid = (struct grid){24, 24};
    record.row.info.entries = 55;
    record.row.info.id.bytes[0] = 0xab;
    return record;
}

static void a_rebuilt_tile_counts_once(void **state)
{
    (void)state;
    struct tile_record got;
    struct tile_record tile = make_tile(300, 10);
    ledger_rig_refresh("one", 1000);
    assert_int_equal(ledger_tile(ledger_rig, 300, &got, NULL), 0);
    assert_int_equal(ledger_tile_rebuilt(ledger_rig, &tile, NULL, NULL), 0);
    tile.changed = 7;
    assert_int_equal(ledger_tile_rebuilt(ledger_rig, &tile, NULL, NULL), 0);
    struct tile_record other = make_tile(301, 1);
    assert_int_equal(ledger_tile_rebuilt(ledger_rig, &other, NULL, NULL), 0);
    assert_int_equal(ledger_rig_active().counts.changed, 8);
    assert_int_equal(ledger_rig_active().counts.tiles_rebuilt, 2);
    assert_int_equal(ledger_tile(ledger_rig, 300, &got, NULL), 1);
    assert_memory_equal(&got.row.info.id, &tile.row.info.id, sizeof tile.row.info.id);
    assert_int_equal(got.row.built, 8);
    assert_int_equal(got.lost, 2);
    ledger_rig_end("one", RESULT_PUBLISHED);
    assert_int_equal(ledger_tile(ledger_rig, 300, &got, NULL), 0);
}

static void ended_runs_are_history(void **state)
{
    (void)state;
    struct run_record run, *runs;
    size_t count;
    ledger_rig_refresh("one", 1000);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL),
                     0);
    ledger_rig_end("one", RESULT_PUBLISHED);
    assert_int_equal(ledger_run(ledger_rig, &run, NULL), 0);
    ledger_rig_refresh("two", 1000);
    uint32_t answered[4096];
    assert_int_equal(ledger_answered_by_share(ledger_rig, answered, 4096, NULL), 0);
    assert_int_equal(answered[2], 0);
    ledger_rig_end("two", RESULT_CANCELLED);
    ledger_rig_begin("three");
    assert_int_equal(ledger_history(ledger_rig, 10, &runs, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(runs[0].id, "two");
    assert_string_equal(runs[1].id, "one");
    assert_int_equal(runs[1].counts.settled[SETTLED_FOUND], 4);
    assert_int_equal(runs[1].result, RESULT_PUBLISHED);
    free(runs);
    assert_int_equal(ledger_history(ledger_rig, 1, &runs, &count, NULL), 0);
    assert_int_equal(count, 1);
    free(runs);
    assert_int_equal(ledger_find_run(ledger_rig, "", &run, NULL), 1);
    assert_string_equal(run.id, "three");
    assert_int_equal(ledger_find_run(ledger_rig, "one", &run, NULL), 1);
    assert_int_equal(run.ended_at, 1700000100);
    assert_int_equal(ledger_find_run(ledger_rig, "four", &run, NULL), 0);
}

/* Versions of the ledger itself and of its batches. */
static void assert_versions(unsigned ledger, unsigned batch)
{
    struct work work;
    struct view view;
    struct store_walk walk;
    assert_int_equal(work_begin(&work, ledger_rig, false, NULL), 0);
    assert_int_equal(store_get(&work, TABLE_META, "version", 7, 9, &view, NULL), 1);
    assert_int_equal(view.version, ledger);
    assert_int_equal(store_walk_open(&walk, &work, TABLE_BATCHES, NULL), 0);
    assert_int_equal(store_walk_move(&walk, MDB_NEXT, NULL, 16, NULL), 1);
    assert_true(store_walk_value(&walk, 9, &view, NULL) >= 0);
    assert_int_equal(view.version, batch);
    store_walk_close(&walk);
    assert_int_equal(work_end(&work, 0, NULL), 0);
}

/* What refreshd 0.1.0 wrote: answers of ordinals 30 to 36 of share 2. */
static void put_version_1(void)
{
    struct work work;
    struct record record;
    unsigned char key[16] = {0, 0, 0, 2};
    static const uint64_t numbers[] = {100, 7, 1, 30, 7};
    assert_int_equal(work_begin(&work, ledger_rig, true, NULL), 0);
    record_begin(&record, 1);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        record_number(&record, numbers[i]);
    assert_int_equal(store_put(&work, TABLE_BATCHES, key, sizeof key, &record, NULL), 0);
    record_begin(&record, 1);
    assert_int_equal(store_put(&work, TABLE_META, "version", 7, &record, NULL), 0);
    assert_int_equal(work_end(&work, 0, NULL), 0);
}

static void batches_of_version_1_are_read(void **state)
{
    (void)state;
    struct placed_batch *batches;
    size_t count;
    uint32_t answered;
    uint8_t bitmap[5] = {0};
    ledger_rig_refresh("one", 1000);
    put_version_1();
    ledger_rig_reopen();
    assert_versions(1, 1); /* looking changes nothing */
    assert_int_equal(ledger_share_batches(ledger_rig, 2, &batches, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(batches[0].place.bytes, 100);
    assert_int_equal(batches[0].committed_at, 0);
    free(batches);
    assert_int_equal(ledger_share_answered(ledger_rig, 2, bitmap, 37, &answered, NULL), 0);
    assert_int_equal(answered, 7);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 0, 2, SETTLED_FOUND), 200, false, NULL),
                     0);
    assert_versions(2, 1);
    assert_int_equal(ledger_share_batches(ledger_rig, 2, &batches, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_true(batches[0].committed_at == 0 && batches[1].committed_at > 0);
    free(batches);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, ledger_rig_open, ledger_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(a_new_ledger_is_empty),
        TEST(a_run_is_kept_over_a_restart),
        TEST(only_one_run_is_active),
        TEST(commits_need_a_run_in_refresh),
        TEST(the_snapshot_is_recorded),
        TEST(commits_add_up),
        TEST(an_update_leaves_what_commits_count),
        TEST(a_shares_batches_and_points_are_found_again),
        TEST(batches_of_version_1_are_read),
        TEST(a_rebuilt_tile_counts_once),
        TEST(ended_runs_are_history),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
