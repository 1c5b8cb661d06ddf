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
#include "stages/publish.h"
#include "stages/rebuild.h"
#include "tests/unit/fold_rig.h"
#include "tests/unit/line_rig.h"

enum { COUNT = 400, SHARES = 4, OVERS = 3, TILES = 576 };

/* The rig's run, of whose points nobody was answered yet, with three learned points laid over it:
 * one in a tile with points to ask, one in a tile of its own, one that renews an entry. */
struct bench {
    struct rig *rig;
    struct rig_run run;
    struct control control;
    struct fold_row over[OVERS];
    uint64_t folded[TILES];
    struct cache *over_cache;
    struct merged merged;
    struct rebuild_settings settings;
};

static void set_up(struct bench *bench)
{
    char path[120];
    memset(bench, 0, sizeof *bench);
    bench->rig = rig_open(COUNT);
    bench->rig->parameters.shares = SHARES;
    rig_run_open(bench->rig, &bench->run);
    bench->over[0] = (struct fold_row){rig_point(0), OUTCOME_FOUND, 1700000001, "Learned 0"};
    bench->over[0].point.lat++;
    bench->over[1] = (struct fold_row){{-899999999, 0}, OUTCOME_NONE, 1700000001, ""};
    bench->over[2] = (struct fold_row){rig_point(1), OUTCOME_FOUND, 1700000001, "Learned 2"};
    for (int i = 0; i < OVERS; i++)
        bench->folded[fold_tile(bench->over[i].point)]++;
    (void)snprintf(path, sizeof path, "%s/folded", bench->rig->state);
    bench->over_cache = fold_cache(path, bench->over, OVERS);
    bench->merged = (struct merged){.base = bench->run.base, .folded = bench->over_cache};
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
    cache_close(bench->over_cache);
    rig_run_close(&bench->run);
    rig_close(bench->rig);
}

static struct tile_record rebuild(struct bench *bench, uint32_t tile)
{
    struct tile_record record;
    struct error err;
    if (rebuild_tile(&bench->settings, tile, &record, &err) != 0)
        fail_msg("%s", err.message);
    return record;
}

/* The entry of a rebuilt tile at a point. */
static struct fold_row entry_at(struct bench *bench, const struct tile_record *record,
                                struct point point)
{
    struct pair *pair;
    struct pair_cursor cursor;
    struct entry entry;
    struct fold_row row = {.point = {INT32_MAX, 0}};
    assert_int_equal(generation_pair_open(&pair, bench->rig->cache, &record->row, NULL), 0);
    pair_walk(&cursor, pair, 0);
    while (pair_next(&cursor, &entry, NULL) > 0) {
        if (entry.point.lat != point.lat || entry.point.lon != point.lon)
            continue;
        struct slice street = entry.address.field[FIELD_STREET];
        row = (struct fold_row){point, entry.outcome, entry.refreshed_at, ""};
        memcpy(row.street, street.data != NULL ? street.data : "", street.length);
    }
    pair_close(pair);
    return row;
}

static void nothing_asked(struct bench *bench)
{
    for (uint32_t tile = 0; tile <= TILES; tile++)
        bench->run.first_ordinal_of_tile[tile] = 0;
}

static void points_are_folded_into_tiles_without_questions(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    nothing_asked(&bench);
    const struct manifest *base = cache_manifest(bench.run.base);
    uint32_t own = fold_tile(bench.over[1].point);
    assert_int_equal(base->tiles[own].info.entries, 0);
    struct tile_record record = rebuild(&bench, own);
    assert_int_equal(record.row.info.entries, 1);
    assert_int_equal(record.row.info.outcomes[OUTCOME_NONE], 1);
    uint32_t tile = fold_tile(bench.over[0].point);
    record = rebuild(&bench, tile);
    assert_int_equal(record.row.built, 2);
    assert_int_equal(record.row.info.entries, base->tiles[tile].info.entries + 1);
    assert_int_equal(record.found_before, record.row.info.entries);
    assert_int_equal(record.compared + record.changed, 0);
    assert_string_equal(entry_at(&bench, &record, bench.over[0].point).street, "Learned 0");
    assert_string_equal(entry_at(&bench, &record, rig_point(0)).street, "Old Street 0");
    tile = fold_tile(bench.over[2].point);
    record = rebuild(&bench, tile);
    assert_string_equal(entry_at(&bench, &record, rig_point(1)).street, "Learned 2");
    uint32_t other = 0;
    while (base->tiles[other].info.entries == 0 || bench.folded[other] > 0)
        other++;
    assert_int_equal(rebuild(&bench, other).row.built, 1);
    tear_down(&bench);
}

static void points_and_answers_are_joined(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    for (uint32_t share = 0; share < SHARES; share++)
        rig_commit(bench.rig, &bench.run, point_file_first(COUNT, SHARES, share),
                   point_file_first(COUNT, SHARES, share + 1));
    uint32_t tile = fold_tile(bench.over[0].point);
    uint64_t entries = cache_manifest(bench.run.base)->tiles[tile].info.entries;
    struct tile_record record = rebuild(&bench, tile);
    assert_int_equal(record.row.info.entries, entries + 1);
    assert_int_equal(record.compared, entries);
    assert_int_equal(record.found_before, entries + 1);
    struct fold_row learned = entry_at(&bench, &record, bench.over[0].point);
    assert_string_equal(learned.street, "Learned 0");
    assert_int_equal(learned.date, 1700000001);
    assert_string_equal(entry_at(&bench, &record, rig_point(0)).street, "New Street");
    tear_down(&bench);
}

static void record_snapshot(struct bench *bench, uint64_t total)
{
    struct error err;
    struct run_counts counts = {.total = total, .carried = total, .folded = OVERS};
    uint64_t selected[TILES] = {0};
    assert_int_equal(ledger_run_end(bench->run.ledger, &bench->run.run, NULL, &err), 0);
    bench->run.run.phase = PHASE_SNAPSHOT;
    assert_int_equal(ledger_run_begin(bench->run.ledger, &bench->run.run, &err), 0);
    if (ledger_snapshot_done(bench->run.ledger, &counts, selected, bench->folded, TILES, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(ledger_run(bench->run.ledger, &bench->run.run, &err), 1);
    nothing_asked(bench);
}

static int publish(struct bench *bench, struct error *err)
{
    struct publication *publication;
    double at;
    if (publication_prepare(&publication, bench->run.ledger, bench->rig->cache,
                            cache_manifest(bench->run.base), &bench->run.run, err) != 0)
        return -1;
    return publication_switch(publication, &at, err);
}

static void tiles_with_folded_points_must_be_rebuilt(void **state)
{
    (void)state;
    struct bench bench;
    struct error err = {0};
    set_up(&bench);
    record_snapshot(&bench, COUNT + 2);
    for (uint32_t tile = 0; tile < TILES; tile++) {
        if (bench.folded[tile] == 0)
            continue;
        assert_int_equal(publish(&bench, &err), -1);
        assert_int_equal(err.code, ERROR_STATE);
        (void)rebuild(&bench, tile);
    }
    if (publish(&bench, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(rig_generation(bench.rig), 2);
    tear_down(&bench);
}

static void a_total_that_does_not_come_out_is_not_published(void **state)
{
    (void)state;
    struct bench bench;
    struct error err = {0};
    set_up(&bench);
    record_snapshot(&bench, COUNT + 3);
    for (uint32_t tile = 0; tile < TILES; tile++) {
        if (bench.folded[tile] > 0)
            (void)rebuild(&bench, tile);
    }
    assert_int_equal(publish(&bench, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "402"));
    assert_int_equal(rig_generation(bench.rig), 1);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_folded_into_tiles_without_questions),
        cmocka_unit_test(points_and_answers_are_joined),
        cmocka_unit_test(tiles_with_folded_points_must_be_rebuilt),
        cmocka_unit_test(a_total_that_does_not_come_out_is_not_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
