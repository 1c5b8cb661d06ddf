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
#include "stages/ledger.h"

#define TILES 576

static char directory[200];
static struct ledger *ledger;

static void remove_files(void)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < 2; i++) {
        char path[240];
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
}

static int open_ledger(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%s/ledger-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    return ledger_open(&ledger, directory, NULL);
}

static int close_ledger(void **state)
{
    (void)state;
    ledger_close(ledger);
    remove_files();
    return rmdir(directory);
}

static void open_again(void)
{
    struct error err = {0};
    ledger_close(ledger);
    ledger = NULL;
    if (ledger_open(&ledger, directory, &err) != 0)
        fail_msg("%s", err.message);
}

static struct run_record make_run(const char *id)
{
    struct run_record run = {.base_generation = 7,
                             .generation = 8,
                             .grid = {24, 24},
                             .started_at = 1700000000,
                             .elapsed = 1.25};
    (void)snprintf(run.id, sizeof run.id, "%s", id);
    (void)snprintf(run.provider, sizeof run.provider, "gazetteer");
    run.parameters.cutoff = UINT32_MAX;
    run.parameters.shares = 4096;
    run.parameters.rate = 2.5;
    run.base_digest.bytes[3] = 9;
    return run;
}

static void begin(const char *id)
{
    struct run_record run = make_run(id);
    struct error err = {0};
    if (ledger_run_begin(ledger, &run, &err) != 0)
        fail_msg("%s", err.message);
}

/* Begin a run of `points` points, all in tile 300. */
static void begin_refresh(const char *id, uint64_t points)
{
    struct run_counts counts = {.total = points + 5, .selected = points, .carried = 5};
    uint64_t by_tile[TILES] = {0};
    by_tile[300] = points;
    begin(id);
    assert_int_equal(ledger_snapshot_done(ledger, &counts, by_tile, NULL, TILES, NULL), 0);
}

static void end_run(const char *id, enum run_result result)
{
    struct run_record run = make_run(id);
    run.result = result;
    run.ended_at = 1700000100;
    struct error err = {0};
    if (ledger_run_end(ledger, &run, &err) != 0)
        fail_msg("%s", err.message);
}

static struct answer_batch *make_batch(uint32_t share, uint32_t first, uint32_t rows,
                                       enum settled settled)
{
    struct answer_batch *batch;
    assert_int_equal(answer_batch_create(&batch, share, NULL), 0);
    for (uint32_t i = 0; i < rows; i++) {
        struct settled_answer answer = {
            .ordinal = first + i,
            .code = morton_encode((struct point){(int32_t)(first + i) * 1000, 10000000}),
            .settled = settled,
            .attempts = 3,
            .cause = CAUSE_TIMEOUT,
            .status = 504,
            .detail = {"no answer", 9},
        };
        assert_int_equal(answer_batch_add(batch, &answer, NULL), 0);
    }
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    return batch;
}

static int commit(struct answer_batch *batch, uint64_t offset, bool share_done, struct error *err)
{
    struct committed_batch committed = {
        batch, {.file = 0, .bytes = 100, .offset = offset}, share_done};
    struct answer_place end = {.file = 0, .offset = offset + 100};
    int result = ledger_commit(ledger, &committed, 1, end, err);
    answer_batch_free(batch);
    return result;
}

static struct run_record active(void)
{
    struct run_record run;
    assert_int_equal(ledger_run(ledger, &run, NULL), 1);
    return run;
}

static void a_new_ledger_is_empty(void **state)
{
    (void)state;
    struct run_record run, *runs;
    size_t count;
    assert_int_equal(ledger_run(ledger, &run, NULL), 0);
    assert_int_equal(ledger_find_run(ledger, "", &run, NULL), 0);
    assert_int_equal(ledger_history(ledger, 10, &runs, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(runs);
    open_again();
    assert_int_equal(ledger_run(ledger, &run, NULL), 0);
}

static void a_run_is_kept_over_a_restart(void **state)
{
    (void)state;
    struct run_record run = make_run("one");
    run.parameters.some_tiles = true;
    run.parameters.tiles[71] = 0x80;
    run.parameters.finish_within = 3600;
    run.stop = STOP_PAUSED;
    (void)snprintf(run.reason, sizeof run.reason, "disk full: /x");
    assert_int_equal(ledger_run_begin(ledger, &run, NULL), 0);
    open_again();
    struct run_record got = active();
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
    struct run_record run = make_run("two");
    begin("one");
    assert_int_equal(ledger_run_begin(ledger, &run, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(ledger_run_update(ledger, &run, &err), -1);
    assert_int_equal(ledger_run_end(ledger, &run, &err), -1);
    assert_string_equal(active().id, "one");
}

static void commits_need_a_run_in_refresh(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(commit(make_batch(0, 0, 1, SETTLED_NONE), 0, false, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    begin("one");
    assert_int_equal(commit(make_batch(0, 0, 1, SETTLED_NONE), 0, false, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    struct run_counts wrong = {.total = 3, .selected = 3};
    uint64_t by_tile[TILES] = {0};
    assert_int_equal(ledger_snapshot_done(ledger, &wrong, by_tile, NULL, TILES, &err), -1);
}

static void the_snapshot_is_recorded(void **state)
{
    (void)state;
    uint64_t by_tile[TILES];
    assert_int_equal(ledger_selected_by_tile(ledger, by_tile, TILES, NULL), -1);
    begin_refresh("one", 1000);
    open_again();
    assert_int_equal(ledger_selected_by_tile(ledger, by_tile, TILES, NULL), 0);
    assert_int_equal(by_tile[300], 1000);
    assert_int_equal(by_tile[299], 0);
    assert_int_equal(ledger_selected_by_tile(ledger, by_tile, TILES - 1, NULL), -1);
    assert_int_equal(active().phase, PHASE_REFRESH);
    assert_int_equal(active().counts.carried, 5);
}

static void commits_add_up(void **state)
{
    (void)state;
    begin_refresh("one", 1000);
    assert_int_equal(commit(make_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL), 0);
    assert_int_equal(commit(make_batch(2, 14, 6, SETTLED_FAILED), 100, true, NULL), 0);
    assert_int_equal(commit(make_batch(3, 0, 9, SETTLED_UNSURE), 200, false, NULL), 0);
    open_again();
    struct run_record run = active();
    assert_int_equal(run.counts.settled[SETTLED_FOUND], 4);
    assert_int_equal(run.counts.settled[SETTLED_FAILED], 6);
    assert_int_equal(run.counts.settled[SETTLED_UNSURE], 9);
    assert_int_equal(run.counts.causes[CAUSE_TIMEOUT], 6);
    assert_int_equal(run.counts.retried, 38);
    assert_int_equal(run.counts.shares_done, 1);
    assert_int_equal(run.log_end.offset, 300);
    uint32_t answered[4096];
    assert_int_equal(ledger_answered_by_share(ledger, answered, 4096, NULL), 0);
    assert_int_equal(answered[2], 10);
    assert_int_equal(answered[3], 9);
    assert_int_equal(answered[4], 0);
}

static void an_update_leaves_what_commits_count(void **state)
{
    (void)state;
    begin_refresh("one", 1000);
    assert_int_equal(commit(make_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL), 0);
    struct run_record run = make_run("one");
    run.phase = PHASE_REFRESH;
    run.stop = STOP_HELD;
    assert_int_equal(ledger_run_update(ledger, &run, NULL), 0);
    assert_int_equal(active().stop, STOP_HELD);
    assert_int_equal(active().counts.settled[SETTLED_FOUND], 4);
    assert_int_equal(active().log_end.offset, 100);
}

static void a_shares_batches_and_points_are_found_again(void **state)
{
    (void)state;
    struct answer_place *places;
    size_t count;
    uint32_t answered;
    uint8_t bitmap[5] = {0};
    begin_refresh("one", 1000);
    assert_int_equal(commit(make_batch(2, 30, 7, SETTLED_FOUND), 0, false, NULL), 0);
    assert_int_equal(commit(make_batch(3, 0, 1, SETTLED_FOUND), 100, false, NULL), 0);
    assert_int_equal(commit(make_batch(2, 0, 2, SETTLED_FOUND), 200, false, NULL), 0);
    assert_int_equal(ledger_share_batches(ledger, 2, &places, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(places[0].offset, 0);
    assert_int_equal(places[1].offset, 200);
    assert_int_equal(places[1].bytes, 100);
    free(places);
    assert_int_equal(ledger_share_answered(ledger, 2, bitmap, 37, &answered, NULL), 0);
    assert_int_equal(answered, 9);
    static const uint8_t expected[5] = {3, 0, 0, 0xc0, 0x1f};
    assert_memory_equal(bitmap, expected, 5);
    struct error err;
    memset(bitmap, 0, sizeof bitmap);
    assert_int_equal(ledger_share_answered(ledger, 2, bitmap, 36, &answered, &err), -1);
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
    struct country_count countries[] = {{"de", 6}, {"fr", 4}};
    begin_refresh("one", 1000);
    assert_int_equal(ledger_tile(ledger, 300, &got, NULL), 0);
    assert_int_equal(ledger_tile_rebuilt(ledger, &tile, countries, 2, NULL), 0);
    tile.changed = 7;
    countries[0].count = 3;
    assert_int_equal(ledger_tile_rebuilt(ledger, &tile, countries, 2, NULL), 0);
    struct tile_record other = make_tile(301, 1);
    struct country_count one = {"de", 1};
    assert_int_equal(ledger_tile_rebuilt(ledger, &other, &one, 1, NULL), 0);
    assert_int_equal(active().counts.changed, 8);
    assert_int_equal(active().counts.tiles_rebuilt, 2);
    assert_int_equal(ledger_tile(ledger, 300, &got, NULL), 1);
    assert_memory_equal(&got.row.info.id, &tile.row.info.id, sizeof tile.row.info.id);
    assert_int_equal(got.row.built, 8);
    assert_int_equal(got.lost, 2);
    for (int ended = 0; ended < 2; ended++) {
        struct country_count *rows;
        size_t count;
        assert_int_equal(ledger_changed_by_country(ledger, "one", &rows, &count, NULL), 0);
        assert_int_equal(count, 2);
        assert_string_equal(rows[0].code, "de");
        assert_int_equal(rows[0].count, 4);
        assert_int_equal(rows[1].count, 4);
        free(rows);
        if (ended == 0)
            end_run("one", RESULT_PUBLISHED);
    }
    assert_int_equal(ledger_tile(ledger, 300, &got, NULL), 0);
}

static void ended_runs_are_history(void **state)
{
    (void)state;
    struct run_record run, *runs;
    size_t count;
    begin_refresh("one", 1000);
    assert_int_equal(commit(make_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL), 0);
    end_run("one", RESULT_PUBLISHED);
    assert_int_equal(ledger_run(ledger, &run, NULL), 0);
    begin_refresh("two", 1000);
    uint32_t answered[4096];
    assert_int_equal(ledger_answered_by_share(ledger, answered, 4096, NULL), 0);
    assert_int_equal(answered[2], 0);
    end_run("two", RESULT_CANCELLED);
    begin("three");
    assert_int_equal(ledger_history(ledger, 10, &runs, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(runs[0].id, "two");
    assert_string_equal(runs[1].id, "one");
    assert_int_equal(runs[1].counts.settled[SETTLED_FOUND], 4);
    assert_int_equal(runs[1].result, RESULT_PUBLISHED);
    free(runs);
    assert_int_equal(ledger_history(ledger, 1, &runs, &count, NULL), 0);
    assert_int_equal(count, 1);
    free(runs);
    assert_int_equal(ledger_find_run(ledger, "", &run, NULL), 1);
    assert_string_equal(run.id, "three");
    assert_int_equal(ledger_find_run(ledger, "one", &run, NULL), 1);
    assert_int_equal(run.ended_at, 1700000100);
    assert_int_equal(ledger_find_run(ledger, "four", &run, NULL), 0);
}

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
    assert_int_equal(ledger_failures(ledger, id, list, &listed, NULL), 0);
    return listed.count;
}

static void failures_are_listed_in_order(void **state)
{
    (void)state;
    struct listed listed = {0};
    begin_refresh("one", 3000);
    assert_int_equal(commit(make_batch(2, 100, 50, SETTLED_FAILED), 0, false, NULL), 0);
    assert_int_equal(commit(make_batch(1, 0, 100, SETTLED_FAILED), 100, false, NULL), 0);
    assert_int_equal(ledger_failures(ledger, "one", list, &listed, NULL), 0);
    assert_int_equal(listed.count, 150);
    assert_int_equal(listed.last.lat, 149000);
    assert_int_equal(listed.attempts, 3);
    assert_string_equal(listed.detail, "no answer");
    assert_int_equal(commit(make_batch(3, 150, 900, SETTLED_FAILED), 200, false, NULL), 0);
    listed.count = 0;
    assert_int_equal(ledger_failures(ledger, "one", list, &listed, NULL), 77);
    struct error err;
    assert_int_equal(ledger_failures(ledger, "nine", list, &listed, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
}

static void failures_stay_for_ten_runs(void **state)
{
    (void)state;
    char id[16];
    for (unsigned i = 1; i <= 25; i++) {
        (void)snprintf(id, sizeof id, "run%u", i);
        begin_refresh(id, 100);
        assert_int_equal(commit(make_batch(1, 0, i, SETTLED_FAILED), 0, false, NULL), 0);
        assert_int_equal(count_failures(id), i);
        end_run(id, RESULT_PUBLISHED);
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
    begin_refresh("one", 3000);
    assert_int_equal(commit(make_batch(1, 10, 5, SETTLED_FAILED), 0, false, NULL), 0);
    assert_int_equal(commit(make_batch(2, 100, 1, SETTLED_FAILED), 100, false, NULL), 0);
    end_run("one", RESULT_PUBLISHED);
    begin("two");
    struct grid grid = {24, 24};
    struct point point = {0, 10000000};
    uint32_t tile = grid_tile(grid, point);
    assert_int_equal(failure_walk_open(&walk, ledger, "one", NULL), 0);
    assert_int_equal(failure_walk_has(walk, tile - 1, UINT64_MAX, NULL), 0);
    for (int32_t i = 0; i < 200; i++) {
        point.lat = i * 1000;
        bool failed = (i >= 10 && i < 15) || i == 100;
        assert_int_equal(failure_walk_has(walk, tile, morton_encode(point), NULL), failed);
    }
    assert_int_equal(failure_walk_has(walk, tile + 1, 0, NULL), 0);
    failure_walk_close(walk);
    assert_int_equal(failure_walk_open(&walk, ledger, "one", NULL), 0);
    point.lat = 100000;
    assert_int_equal(failure_walk_has(walk, tile, morton_encode(point), NULL), 1);
    failure_walk_close(walk);
    assert_int_equal(failure_walk_open(&walk, ledger, "never", NULL), -1);
    failure_walk_close(NULL);
}

static void damaged_files_are_errors(void **state)
{
    (void)state;
    char path[240];
    begin_refresh("one", 3000);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(commit(make_batch(i, 0, 100, SETTLED_FAILED), i * 100, false, NULL), 0);
    ledger_close(ledger);
    ledger = NULL;
    (void)snprintf(path, sizeof path, "%s/data.mdb", directory);
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
        if (ledger_open(&ledger, directory, &err) != 0 || ledger_run(ledger, &run, &err) < 0 ||
            ledger_answered_by_share(ledger, answered, 4096, &err) != 0) {
            assert_int_not_equal(err.code, ERROR_NONE);
            assert_non_null(strstr(err.message, "data.mdb"));
        } else {
            /* LMDB repairs a damaged newest meta page by going one commit back. */
            assert_true(run.counts.settled[SETTLED_FAILED] == 2000 ||
                        run.counts.settled[SETTLED_FAILED] == 1900);
        }
        ledger_close(ledger);
        ledger = NULL;
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, whole, (size_t)size, 0), size);
    }
    assert_int_equal(ftruncate(fd, size / 2), 0);
    struct error err;
    assert_int_equal(ledger_open(&ledger, directory, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(pwrite(fd, whole, (size_t)size, 0), size);
    open_again();
    assert_int_equal(active().counts.settled[SETTLED_FAILED], 2000);
    free(whole);
    (void)close(fd);
}

static void a_failed_commit_changes_nothing(void **state)
{
    (void)state;
    struct error err;
    begin_refresh("one", 1000);
    assert_int_equal(commit(make_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL), 0);
    struct answer_batch *good = make_batch(3, 0, 4, SETTLED_FAILED);
    struct answer_batch *unsealed;
    assert_int_equal(answer_batch_create(&unsealed, 4, NULL), 0);
    struct settled_answer answer = {.settled = SETTLED_FAILED};
    assert_int_equal(answer_batch_add(unsealed, &answer, NULL), 0);
    struct committed_batch batches[2] = {{good, {0, 100, 100}, true},
                                         {unsealed, {0, 1, 200}, true}};
    assert_int_equal(ledger_commit(ledger, batches, 2, (struct answer_place){0, 0, 300}, &err), -1);
    assert_int_equal(active().counts.settled[SETTLED_FAILED], 0);
    assert_int_equal(active().counts.shares_done, 0);
    assert_int_equal(active().log_end.offset, 100);
    assert_int_equal(count_failures("one"), 0);
    answer_batch_free(good);
    answer_batch_free(unsealed);
}

static void a_failed_write_leaves_the_ledger_usable(void **state)
{
    (void)state;
    struct error err;
    struct rlimit old, limit;
    begin_refresh("one", 1000);
    assert_int_equal(commit(make_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int result = commit(make_batch(3, 0, 900, SETTLED_FAILED), 100, true, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "data.mdb"));
    assert_int_equal(active().log_end.offset, 100);
    assert_int_equal(active().counts.shares_done, 0);
    assert_int_equal(count_failures("one"), 0);
    assert_int_equal(commit(make_batch(3, 0, 900, SETTLED_FAILED), 100, true, NULL), 0);
    assert_int_equal(count_failures("one"), 900);
    open_again();
    assert_int_equal(active().counts.settled[SETTLED_FAILED], 900);
}

/* Readers never see half a group: answers and log end move together. */
static void *read_counts(void *argument)
{
    _Atomic bool *done = argument;
    while (!atomic_load(done)) {
        struct run_record run;
        uint32_t answered[64];
        if (ledger_run(ledger, &run, NULL) != 1 ||
            run.counts.settled[SETTLED_NONE] * 100 != run.log_end.offset * 10 ||
            ledger_answered_by_share(ledger, answered, 64, NULL) != 0)
            return (void *)run_result_names;
    }
    return NULL;
}

static void readers_see_whole_groups(void **state)
{
    (void)state;
    pthread_t threads[3];
    _Atomic bool done = false;
    begin_refresh("one", 1000);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_counts, &done), 0);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_equal(commit(make_batch(i, 0, 10, SETTLED_NONE), i * 100, false, NULL), 0);
    atomic_store(&done, true);
    for (size_t i = 0; i < 3; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_ledger, close_ledger)
    const struct CMUnitTest tests[] = {
        TEST(a_new_ledger_is_empty),
        TEST(a_run_is_kept_over_a_restart),
        TEST(only_one_run_is_active),
        TEST(commits_need_a_run_in_refresh),
        TEST(the_snapshot_is_recorded),
        TEST(commits_add_up),
        TEST(an_update_leaves_what_commits_count),
        TEST(a_shares_batches_and_points_are_found_again),
        TEST(a_rebuilt_tile_counts_once),
        TEST(ended_runs_are_history),
        TEST(failures_are_listed_in_order),
        TEST(failures_stay_for_ten_runs),
        TEST(a_walk_tells_what_failed),
        TEST(damaged_files_are_errors),
        TEST(a_failed_commit_changes_nothing),
        TEST(a_failed_write_leaves_the_ledger_usable),
        TEST(readers_see_whole_groups),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
