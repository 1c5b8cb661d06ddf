#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cachefmt/generation.h"
#include "stages/pointfile.h"
#include "stages/rebuild.h"
#include "tests/unit/line_rig.h"

#define COUNT 1000
#define SHARES 10

struct bench {
    struct rig *rig;
    struct rig_run run;
    struct merged merged;
    struct control control;
    struct rebuild_settings settings;
};

static void set_up(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->rig = rig_open(COUNT);
    bench->rig->parameters.shares = SHARES;
    rig_run_open(bench->rig, &bench->run);
    bench->merged.base = bench->run.base;
    bench->settings = (struct rebuild_settings){
        .cache_directory = bench->rig->cache,
        .answers_directory = bench->rig->answers,
        .merged = &bench->merged,
        .ledger = bench->run.ledger,
        .control = &bench->control,
        .generation = 2,
        .points = COUNT,
        .shares = SHARES,
        .first_ordinal_of_tile = bench->run.first_ordinal_of_tile,
    };
}

static void tear_down(struct bench *bench)
{
    rig_run_close(&bench->run);
    rig_close(bench->rig);
}

/* The first tile with points whose answers lie in more than one share. */
static uint32_t find_tile(const struct bench *bench)
{
    const uint64_t *first = bench->settings.first_ordinal_of_tile;
    for (uint32_t tile = 0; tile < bench->run.tiles; tile++) {
        if (first[tile] < first[tile + 1] &&
            point_file_share(COUNT, SHARES, first[tile]) !=
                point_file_share(COUNT, SHARES, first[tile + 1] - 1))
            return tile;
    }
    fail_msg("no tile is in two shares");
    return 0;
}

/* Answer every point of the shares [0, shares), each share in three interleaved batches. */
static void answer_shares(struct bench *bench, uint32_t shares)
{
    for (uint32_t share = 0; share < shares; share++) {
        uint64_t first = point_file_first(COUNT, SHARES, share);
        uint64_t end = point_file_first(COUNT, SHARES, share + 1);
        rig_commit(bench->rig, &bench->run, first + 60, end);
        rig_commit(bench->rig, &bench->run, first, first + 20);
        rig_commit(bench->rig, &bench->run, first + 20, first + 60);
    }
}

static void answers_take_the_place_of_old_addresses(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct tile_record record;
    struct tile_record recorded;
    struct pair *pair;
    struct pair_cursor cursor;
    struct entry entry;
    set_up(&bench);
    answer_shares(&bench, SHARES);
    uint32_t tile = find_tile(&bench);
    if (rebuild_tile(&bench.settings, tile, &record, &err) != 0)
        fail_msg("%s", err.message);
    const uint64_t *first = &bench.settings.first_ordinal_of_tile[tile];
    uint64_t entries = first[1] - first[0];
    assert_int_equal(record.row.built, 2);
    assert_int_equal(record.row.info.entries, entries);
    assert_int_equal(record.compared, entries);
    assert_int_equal(record.found_before, entries);
    assert_int_equal(record.changed, entries);
    assert_int_equal(record.lost + record.gained + record.country_changed, 0);
    assert_int_equal(ledger_tile(bench.run.ledger, tile, &recorded, &err), 1);
    assert_int_equal(recorded.changed, entries);
    assert_int_equal(generation_pair_open(&pair, bench.rig->cache, &record.row, &err), 0);
    pair_walk(&cursor, pair, 0);
    while (pair_next(&cursor, &entry, &err) > 0) {
        assert_int_equal(entry.refreshed_at, 1700000000);
        assert_int_equal(entry.address.field[FIELD_STREET].length, strlen("New Street"));
    }
    pair_close(pair);
    tear_down(&bench);
}

static void missing_answers_are_no_rebuild(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct tile_record record;
    set_up(&bench);
    uint32_t tile = find_tile(&bench);
    answer_shares(&bench,
                  point_file_share(COUNT, SHARES, bench.settings.first_ordinal_of_tile[tile]) + 1);
    assert_int_equal(rebuild_tile(&bench.settings, tile, &record, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, bench.rig->answers));
    assert_int_equal(ledger_tile(bench.run.ledger, tile, &record, &err), 0);
    tear_down(&bench);
}

static void answers_of_other_points_are_refused(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct tile_record record;
    set_up(&bench);
    answer_shares(&bench, SHARES);
    uint32_t tile = find_tile(&bench);
    uint64_t *shifted = calloc((size_t)bench.run.tiles + 1, sizeof *shifted);
    assert_non_null(shifted);
    memcpy(shifted, bench.settings.first_ordinal_of_tile,
           ((size_t)bench.run.tiles + 1) * sizeof *shifted);
    shifted[tile + 1]++;
    bench.settings.first_ordinal_of_tile = shifted;
    assert_int_equal(rebuild_tile(&bench.settings, tile, &record, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    shifted[tile]++;
    shifted[tile + 1]--;
    if (rebuild_tile(&bench.settings, tile, &record, &err) == 0)
        assert_int_equal(record.compared, shifted[tile + 1] - shifted[tile]);
    free(shifted);
    tear_down(&bench);
}

static void control_ends_it(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct tile_record record;
    char path[400];
    set_up(&bench);
    answer_shares(&bench, SHARES);
    uint32_t tile = find_tile(&bench);
    bench.control.stop = true;
    assert_int_equal(rebuild_tile(&bench.settings, tile, &record, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    (void)snprintf(path, sizeof path, "%s/%03u.2.idx", bench.rig->cache, tile);
    assert_false(rig_exists(path));
    tear_down(&bench);
}

static void a_tile_without_questions_keeps_its_pair(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct tile_record record;
    set_up(&bench);
    uint32_t tile = 0;
    while (bench.settings.first_ordinal_of_tile[tile] !=
           bench.settings.first_ordinal_of_tile[tile + 1])
        tile++;
    assert_int_equal(rebuild_tile(&bench.settings, tile, &record, &err), 0);
    assert_memory_equal(&record.row, &cache_manifest(bench.run.base)->tiles[tile],
                        sizeof record.row);
    assert_int_equal(record.compared, 0);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_take_the_place_of_old_addresses),
        cmocka_unit_test(missing_answers_are_no_rebuild),
        cmocka_unit_test(answers_of_other_points_are_refused),
        cmocka_unit_test(control_ends_it),
        cmocka_unit_test(a_tile_without_questions_keeps_its_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
