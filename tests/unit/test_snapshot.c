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

#include "base/durable.h"
#include "cachefmt/transfer.h"
#include "quadtree/morton.h"
#include "stages/pointfile.h"
#include "stages/snapshot.h"

enum { ENTRIES = 3000, SHARES = 64, OLD = 1000, NEW = 2000, CUTOFF = 1500 };

static const char run[RUN_ID_BYTES] = "20261121T020000Z-1f3a";
static char root[200];
static char cache_directory[240], state_directory[240], points_directory[260];
static struct cache *cache;
static struct merged merged;
static struct ledger *ledger;
static struct pair_id digest; /* of the point files written last */
static struct run_parameters everything = {.cutoff = UINT32_MAX, .shares = SHARES};

/* What is selected, by a plain walk over the cache. */
struct expected {
    uint64_t codes[ENTRIES];
    uint8_t outcomes[ENTRIES];
    size_t count;
};
static struct expected expected;

static uint64_t next_random(void)
{
    static uint64_t seed = 88172645463325252u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Half of the points lie in one tile with dates old and new; the others are new, but those of the
 * southern half, which are old. */
static void write_rows(FILE *file)
{
    (void)fputs("lat,lon,city,outcome,refreshed_at\n", file);
    for (int i = 0; i < ENTRIES; i++) {
        double lat = (double)(next_random() % 1600000) / 10000 - 80;
        double lon = (double)(next_random() % 3500000) / 10000 - 175;
        int date = lat < 0 ? OLD : NEW;
        if (i % 2 == 0) {
            lat = 48 + (double)(i % 97) / 100 + i * 1e-6;
            lon = 8 + (double)(i % 89) / 100;
            date = i % 3 == 0 ? OLD : NEW;
        }
        bool mixed = lon > 0;
        (void)fprintf(file, "%.7f,%.7f,%s,%s,%d\n", lat, lon, mixed && i % 5 == 1 ? "" : "Town",
                      mixed && i % 5 == 1   ? "none"
                      : mixed && i % 5 == 2 ? "unsure"
                                            : "found",
                      date);
    }
}

static int import_rows(void)
{
    char path[240];
    struct error err;
    (void)snprintf(path, sizeof path, "%s/rows.csv", root);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return -1;
    write_rows(file);
    if (fclose(file) != 0)
        return -1;
    struct import_options options = {.directory = cache_directory,
                                     .grid = {24, 24},
                                     .format = FORMAT_CSV,
                                     .name = path,
                                     .keep = 3};
    struct import_result result;
    int fd = open(path, O_RDONLY);
    int imported = cache_import(&options, fd, &result, &err);
    (void)close(fd);
    (void)unlink(path);
    if (imported != 0)
        print_error("%s\n", err.message);
    return imported;
}

static int open_all(void **state)
{
    (void)state;
    char path[260];
    const char *parent = getenv("TMPDIR");
    (void)snprintf(root, sizeof root, "%s/snapshot-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(root) == NULL)
        return -1;
    (void)snprintf(cache_directory, sizeof cache_directory, "%s/cache", root);
    (void)snprintf(state_directory, sizeof state_directory, "%s/state", root);
    (void)snprintf(points_directory, sizeof points_directory, "%s/points", state_directory);
    (void)snprintf(path, sizeof path, "%s/ledger", state_directory);
    if (durable_make_directory(cache_directory, NULL) != 0 || import_rows() != 0 ||
        cache_open(&cache, cache_directory, NULL, NULL) != 0 ||
        ledger_open(&ledger, path, NULL) != 0)
        return -1;
    merged.base = cache;
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    char command[260];
    ledger_close(ledger);
    cache_close(cache);
    (void)snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

static bool is_wanted(const struct run_parameters *parameters, uint32_t tile,
                      const struct entry *entry)
{
    if (parameters->some_tiles && (parameters->tiles[tile / 8] >> tile % 8 & 1) == 0)
        return false;
    return parameters->cutoff == UINT32_MAX || entry->refreshed_at < parameters->cutoff;
}

static void expect(const struct run_parameters *parameters)
{
    expected.count = 0;
    for (uint32_t tile = 0; tile < 576; tile++) {
        const struct pair *pair = cache_pair(cache, tile);
        struct pair_cursor cursor;
        struct entry entry;
        if (pair == NULL)
            continue;
        pair_walk(&cursor, pair, 0);
        while (pair_next(&cursor, &entry, NULL) == 1)
            if (is_wanted(parameters, tile, &entry)) {
                expected.codes[expected.count] = morton_encode(entry.point);
                expected.outcomes[expected.count++] = (uint8_t)entry.outcome;
            }
    }
}

static struct snapshot_plan make_plan(const struct run_parameters *parameters, const char *retry_of,
                                      struct snapshot_progress *progress)
{
    struct snapshot_plan plan;
    struct error err = {0};
    if (snapshot_plan(&plan, &merged, parameters, ledger, retry_of, NULL, progress, &err) != 0)
        fail_msg("%s", err.message);
    uint64_t sum = 0;
    for (uint32_t tile = 0; tile < 576; tile++)
        sum += plan.selected_by_tile[tile];
    assert_int_equal(sum, plan.selected);
    assert_int_equal(plan.total, cache_manifest(cache)->tiles == NULL
                                     ? 0
                                     : manifest_figures(cache_manifest(cache)).entries);
    return plan;
}

static int write_plan(const struct snapshot_plan *plan, const struct run_parameters *parameters,
                      const char *retry_of, const struct control *control, struct error *err)
{
    return snapshot_write(plan, &merged, parameters, ledger, retry_of, points_directory, run,
                          &digest, control, NULL, err);
}

/* Read all point files back and compare with what is expected. */
static void assert_files(const struct run_parameters *parameters)
{
    size_t at = 0;
    for (uint32_t share = 0; share < parameters->shares; share++) {
        struct point_file file;
        struct stat status;
        uint64_t first = point_file_first(expected.count, parameters->shares, share);
        if (point_file_first(expected.count, parameters->shares, share + 1) == first) {
            char *path = point_file_path(points_directory, share);
            assert_int_equal(stat(path, &status), -1);
            free(path);
            continue;
        }
        assert_int_equal(point_file_read(points_directory, run, expected.count, parameters->shares,
                                         share, &file, NULL),
                         0);
        assert_int_equal(file.first_ordinal, at);
        assert_memory_equal(file.codes, expected.codes + at, file.count * sizeof *file.codes);
        assert_memory_equal(file.old_outcomes, expected.outcomes + at, file.count);
        at += file.count;
        point_file_free(&file);
    }
    assert_int_equal(at, expected.count);
}

static void check_selection(const struct run_parameters *parameters)
{
    struct error err = {0};
    expect(parameters);
    assert_true(expected.count > 0);
    struct snapshot_plan plan = make_plan(parameters, NULL, NULL);
    assert_int_equal(plan.selected, expected.count);
    if (write_plan(&plan, parameters, NULL, NULL, &err) != 0)
        fail_msg("%s", err.message);
    assert_files(parameters);
    char temporary[280];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", points_directory);
    assert_int_equal(access(temporary, F_OK), -1);
    snapshot_plan_free(&plan);
}

static void everything_is_selected_without_a_walk(void **state)
{
    (void)state;
    struct snapshot_progress progress = {.walked = 77};
    struct snapshot_plan plan = make_plan(&everything, NULL, &progress);
    assert_int_equal(plan.selected, plan.total);
    assert_true(plan.selected > ENTRIES - 10);
    assert_int_equal(progress.walked, 0);
    assert_true(plan.disk_bytes == plan.state_bytes + plan.cache_bytes);
    assert_true(plan.state_bytes > plan.selected * 9 && plan.cache_bytes > 0);
    snapshot_plan_free(&plan);
    check_selection(&everything);
}

static void old_entries_are_selected_by_date(void **state)
{
    (void)state;
    struct run_parameters parameters = everything;
    parameters.cutoff = CUTOFF;
    check_selection(&parameters);
    assert_true(expected.count < ENTRIES - 100);
    parameters.cutoff = OLD;
    struct snapshot_plan plan = make_plan(&parameters, NULL, NULL);
    assert_int_equal(plan.selected, 0);
    assert_int_equal(plan.disk_bytes, 0);
    assert_int_equal(write_plan(&plan, &parameters, NULL, NULL, NULL), 0);
    assert_int_equal(access(points_directory, F_OK), 0);
    snapshot_plan_free(&plan);
    parameters.cutoff = OLD + 1;
    check_selection(&parameters);
}

static void only_given_tiles_are_selected(void **state)
{
    (void)state;
    struct run_parameters parameters = everything;
    parameters.some_tiles = true;
    uint32_t tile = grid_tile((struct grid){24, 24}, (struct point){485000000, 85000000});
    parameters.tiles[tile / 8] |= (uint8_t)(1u << tile % 8);
    check_selection(&parameters);
    assert_true(expected.count < ENTRIES - 500);
    parameters.cutoff = CUTOFF;
    check_selection(&parameters);
}

static void more_shares_than_points_leave_gaps(void **state)
{
    (void)state;
    struct run_parameters parameters = everything;
    parameters.shares = 4096;
    check_selection(&parameters);
    parameters.shares = 1;
    check_selection(&parameters);
}

/* Record a run in which every seventh of the expected points failed; they become the expected. */
static void fail_some(const char *id)
{
    struct run_record record = {.grid = {24, 24}};
    struct run_counts counts = {.total = expected.count, .selected = expected.count};
    struct answer_batch *batch;
    uint64_t by_tile[576] = {expected.count};
    size_t kept = 0;
    (void)snprintf(record.id, sizeof record.id, "%s", id);
    assert_int_equal(ledger_run_begin(ledger, &record, NULL), 0);
    assert_int_equal(ledger_snapshot_done(ledger, &counts, by_tile, NULL, 576, NULL), 0);
    assert_int_equal(answer_batch_create(&batch, 0, NULL), 0);
    for (uint32_t i = 3; i < expected.count; i += 7) {
        struct settled_answer answer = {.ordinal = i,
                                        .code = expected.codes[i],
                                        .settled = SETTLED_FAILED,
                                        .measure.attempts = 1};
        assert_int_equal(answer_batch_add(batch, &answer, NULL), 0);
        expected.codes[kept] = expected.codes[i];
        expected.outcomes[kept++] = expected.outcomes[i];
    }
    expected.count = kept;
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    struct committed_batch committed = {batch, {0}, true};
    assert_int_equal(ledger_commit(ledger, &committed, 1, (struct answer_place){0}, NULL), 0);
    answer_batch_free(batch);
    assert_int_equal(ledger_run_end(ledger, &record, NULL, NULL), 0);
}

static void failures_are_asked_again_alone(void **state)
{
    (void)state;
    struct error err;
    struct run_parameters parameters = everything;
    parameters.retry_failed = true;
    expect(&everything);
    fail_some("one");
    struct snapshot_plan plan = make_plan(&parameters, "one", NULL);
    assert_int_equal(plan.selected, expected.count);
    assert_int_equal(write_plan(&plan, &parameters, "one", NULL, NULL), 0);
    assert_files(&parameters);
    snapshot_plan_free(&plan);
    assert_int_equal(snapshot_plan(&plan, &merged, &parameters, ledger, "never", NULL, NULL, &err),
                     -1);
    assert_int_equal(err.code, ERROR_MISSING);
}

static void leftovers_of_a_crash_are_replaced(void **state)
{
    (void)state;
    char path[300];
    (void)snprintf(path, sizeof path, "%s.tmp", points_directory);
    assert_int_equal(durable_make_directory(path, NULL), 0);
    assert_int_equal(durable_make_directory(points_directory, NULL), 0);
    (void)snprintf(path, sizeof path, "%s.tmp/0001", points_directory);
    assert_int_equal(durable_write_file(path, "torn", 4, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/9999", points_directory);
    assert_int_equal(durable_write_file(path, "old", 3, NULL), 0);
    check_selection(&everything);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_stop_ends_it_without_files(void **state)
{
    (void)state;
    struct error err;
    struct control control = {.abandon = true};
    struct run_parameters parameters = everything;
    struct snapshot_plan plan = make_plan(&everything, NULL, NULL);
    assert_int_equal(write_plan(&plan, &parameters, NULL, &control, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    assert_int_equal(access(points_directory, F_OK), -1);
    snapshot_plan_free(&plan);
    parameters.cutoff = CUTOFF;
    assert_int_equal(snapshot_plan(&plan, &merged, &parameters, ledger, NULL, &control, NULL, &err),
                     -1);
    assert_int_equal(err.code, ERROR_CANCELED);
}

static void a_plan_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    struct error err;
    struct snapshot_plan plan = make_plan(&everything, NULL, NULL);
    plan.selected++;
    assert_int_equal(write_plan(&plan, &everything, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    plan.selected -= 2;
    assert_int_equal(write_plan(&plan, &everything, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(access(points_directory, F_OK), -1);
    snapshot_plan_free(&plan);
}

static void too_little_space_is_a_full_disk(void **state)
{
    (void)state;
    struct error err;
    struct snapshot_plan plan = {.disk_bytes = 1, .state_bytes = 1};
    assert_int_equal(snapshot_check_space(&plan, state_directory, cache_directory, &err), 0);
    plan.disk_bytes = plan.state_bytes = UINT64_MAX / 2;
    assert_int_equal(snapshot_check_space(&plan, state_directory, cache_directory, &err), -1);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    assert_memory_equal(err.message, "disk full: ", 11);
    assert_non_null(strstr(err.message, state_directory));
    assert_int_equal(snapshot_check_space(&plan, "/nonexistent", cache_directory, &err), -1);
}

static void a_lost_file_is_written_again(void **state)
{
    (void)state;
    const struct run_parameters old = {.cutoff = CUTOFF, .shares = 50};
    const struct run_parameters *parameters[] = {&everything, &old};
    for (size_t i = 0; i < 2; i++) {
        struct error err;
        expect(parameters[i]);
        struct snapshot_plan plan = make_plan(parameters[i], NULL, NULL);
        uint64_t first[577] = {0};
        for (uint32_t tile = 0; tile < 576; tile++)
            first[tile + 1] = first[tile] + plan.selected_by_tile[tile];
        assert_int_equal(write_plan(&plan, parameters[i], NULL, NULL, &err), 0);
        for (uint32_t share = 0; share < parameters[i]->shares; share += 3) {
            char *path = point_file_path(points_directory, share);
            assert_int_equal(unlink(path), 0);
            if (snapshot_write_share(&merged, parameters[i], ledger, NULL, points_directory, run,
                                     first, share, NULL, NULL, &err) != 0)
                fail_msg("%s", err.message);
            free(path);
        }
        assert_files(parameters[i]);
        snapshot_plan_free(&plan);
    }
}

static void the_digest_tells_what_is_asked(void **state)
{
    (void)state;
    struct error err;
    const struct run_parameters old = {.cutoff = CUTOFF, .shares = SHARES};
    struct folded_set folded = {0};
    struct pair_id seen[4];
    struct snapshot_plan plan = make_plan(&everything, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(write_plan(&plan, &everything, NULL, NULL, &err), 0);
        seen[i] = snapshot_digest(&plan, &digest, &folded);
    }
    assert_memory_equal(&seen[0], &seen[1], sizeof seen[0]);
    folded.digest.bytes[7] = 1;
    seen[1] = snapshot_digest(&plan, &digest, &folded);
    folded.digest.bytes[7] = 0;
    plan.total++;
    seen[2] = snapshot_digest(&plan, &digest, &folded);
    snapshot_plan_free(&plan);
    plan = make_plan(&old, NULL, NULL);
    assert_int_equal(write_plan(&plan, &old, NULL, NULL, &err), 0);
    seen[3] = snapshot_digest(&plan, &digest, &folded);
    snapshot_plan_free(&plan);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(&seen[i], &seen[j], sizeof seen[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_selected_without_a_walk),
        cmocka_unit_test(old_entries_are_selected_by_date),
        cmocka_unit_test(only_given_tiles_are_selected),
        cmocka_unit_test(more_shares_than_points_leave_gaps),
        cmocka_unit_test(failures_are_asked_again_alone),
        cmocka_unit_test(leftovers_of_a_crash_are_replaced),
        cmocka_unit_test(a_stop_ends_it_without_files),
        cmocka_unit_test(a_plan_that_does_not_fit_is_an_error),
        cmocka_unit_test(too_little_space_is_a_full_disk),
        cmocka_unit_test(a_lost_file_is_written_again),
        cmocka_unit_test(the_digest_tells_what_is_asked),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
