#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quadtree/morton.h"
#include "stages/pointfile.h"
#include "stages/snapshot.h"
#include "tests/unit/fold_rig.h"

enum { BASES = 900, OVERS = 200, SHARED = 80, SHARES = 16, TILES = 576 };

/* Dates of the generation's entries and of the learned ones: all mixed, or every tile of one kind.
 */
static const uint32_t dates[][4] = {
    {1000, 2000, 1400, 2400},
    {1000, 1100, 2300, 2400},
    {2300, 2400, 1000, 1100},
};
static const uint32_t *range;

static const char run[RUN_ID_BYTES] = "20261121T020000Z-1f3a";
static char root[200], points_directory[240];
static struct fold_row base[BASES], over[OVERS], both[BASES + OVERS];
static size_t united, folded;
static struct cache *base_cache, *over_cache;
static struct merged merged;
static struct ledger *ledger;

static int open_all(void **state)
{
    (void)state;
    char path[240];
    const char *parent = getenv("TMPDIR");
    (void)snprintf(root, sizeof root, "%s/snapshot-fold-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(root) == NULL)
        return -1;
    fold_rows(base, BASES, range[0], range[1], "Old");
    fold_rows(over, OVERS, range[2], range[3], "Learned");
    for (size_t i = 0; i < SHARED; i++)
        over[i].point = base[5 * i].point;
    for (size_t i = SHARED; i < OVERS; i++)
        over[i].point.lat++;
    for (size_t i = OVERS - 10; i < OVERS; i++) /* a tile of their own */
        over[i].point = (struct point){-800000000, -1700000000 + (int32_t)i};
    united = fold_union(base, BASES, over, OVERS, both, &folded);
    (void)snprintf(path, sizeof path, "%s/base", root);
    base_cache = fold_cache(path, base, BASES);
    (void)snprintf(path, sizeof path, "%s/over", root);
    over_cache = fold_cache(path, over, OVERS);
    merged = (struct merged){.base = base_cache, .folded = over_cache};
    (void)snprintf(points_directory, sizeof points_directory, "%s/points", root);
    (void)snprintf(path, sizeof path, "%s/ledger", root);
    return ledger_open(&ledger, path, NULL);
}

static int close_all(void **state)
{
    (void)state;
    char command[260];
    ledger_close(ledger);
    cache_close(base_cache);
    cache_close(over_cache);
    (void)snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

static bool names(const struct run_parameters *parameters, uint32_t tile)
{
    return !parameters->some_tiles || (parameters->tiles[tile / 8] >> tile % 8 & 1) != 0;
}

/* Every share, read back, holds the selected rows in order. */
static void check_files(const struct run_parameters *parameters, uint64_t selected)
{
    uint64_t first = 0;
    size_t row = 0;
    for (uint32_t share = 0; share < SHARES; share++) {
        struct point_file file;
        if (point_file_first(selected, SHARES, share) ==
            point_file_first(selected, SHARES, share + 1))
            continue;
        assert_int_equal(
            point_file_read(points_directory, run, selected, SHARES, share, &file, NULL), 0);
        for (uint32_t i = 0; i < file.count; i++, row++) {
            while (both[row].date >= parameters->cutoff ||
                   !names(parameters, fold_tile(both[row].point)))
                row++;
            assert_int_equal(file.codes[i], morton_encode(both[row].point));
            assert_int_equal(file.old_outcomes[i], both[row].outcome);
        }
        first += file.count;
        point_file_free(&file);
    }
    assert_int_equal(first, selected);
}

static uint64_t check(const struct run_parameters *parameters)
{
    struct pair_id digest;
    struct snapshot_plan plan;
    struct error err = {0};
    uint64_t selected[TILES] = {0};
    uint64_t sum = 0;
    for (size_t i = 0; i < united; i++) {
        uint32_t tile = fold_tile(both[i].point);
        selected[tile] += names(parameters, tile) && both[i].date < parameters->cutoff;
    }
    if (snapshot_plan(&plan, &merged, parameters, ledger, NULL, NULL, NULL, &err) != 0)
        fail_msg("%s", err.message);
    assert_memory_equal(plan.selected_by_tile, selected, sizeof selected);
    for (uint32_t tile = 0; tile < TILES; tile++)
        sum += plan.folded_by_tile[tile];
    assert_int_equal(plan.folded, sum);
    if (!parameters->some_tiles) {
        assert_int_equal(plan.total, united);
        assert_int_equal(plan.folded, folded);
    }
    assert_int_equal(snapshot_write(&plan, &merged, parameters, ledger, NULL, points_directory, run,
                                    &digest, NULL, NULL, &err),
                     0);
    check_files(parameters, plan.selected);
    uint64_t bytes = plan.cache_bytes;
    snapshot_plan_free(&plan);
    return bytes;
}

static void learned_entries_are_selected_as_others(void **state)
{
    (void)state;
    struct run_parameters parameters = {.shares = SHARES};
    static const uint32_t cutoffs[] = {UINT32_MAX, 5000, 2401, 1900, 1401, 1200, 1001};
    for (size_t i = 0; i < sizeof cutoffs / sizeof cutoffs[0]; i++) {
        parameters.cutoff = cutoffs[i];
        (void)check(&parameters);
    }
}

static void what_is_only_folded_needs_room_for_new_pairs(void **state)
{
    (void)state;
    struct run_parameters parameters = {.shares = SHARES, .cutoff = 1};
    assert_true(check(&parameters) > 0);
    parameters.some_tiles = true; /* none */
    merged.tiles = parameters.tiles;
    assert_int_equal(check(&parameters), 0);
    merged.tiles = NULL;
}

static void other_tiles_are_left_out(void **state)
{
    (void)state;
    struct run_parameters parameters = {.shares = SHARES, .cutoff = UINT32_MAX, .some_tiles = true};
    uint32_t tile = fold_tile(over[OVERS - 1].point);
    parameters.tiles[tile / 8] |= (uint8_t)(1u << tile % 8);
    tile = fold_tile(base[0].point);
    parameters.tiles[tile / 8] |= (uint8_t)(1u << tile % 8);
    merged.tiles = parameters.tiles;
    (void)check(&parameters);
    merged.tiles = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned_entries_are_selected_as_others),
        cmocka_unit_test(what_is_only_folded_needs_room_for_new_pairs),
        cmocka_unit_test(other_tiles_are_left_out),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        range = dates[i];
        failed += cmocka_run_group_tests(tests, open_all, close_all);
    }
    return failed;
}
