#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stages/publish.h"
#include "stages/rebuild.h"
#include "stages/pointfile.h"
#include "tests/unit/line_rig.h"

#define COUNT 300
#define SHARES 4

struct bench {
    struct rig *rig;
    struct rig_run run;
    const struct manifest *base;
    struct control control;
};

static void set_up(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->rig = rig_open(COUNT);
    bench->rig->parameters.shares = SHARES;
    rig_run_open(bench->rig, &bench->run);
    bench->base = cache_manifest(bench->run.base);
    for (uint32_t share = 0; share < SHARES; share++)
        rig_commit(bench->rig, &bench->run, point_file_first(COUNT, SHARES, share),
                   point_file_first(COUNT, SHARES, share + 1));
}

static void tear_down(struct bench *bench)
{
    rig_run_close(&bench->run);
    rig_close(bench->rig);
}

static bool has_points(const struct bench *bench, uint32_t tile)
{
    return bench->run.first_ordinal_of_tile[tile] < bench->run.first_ordinal_of_tile[tile + 1];
}

static struct tile_record rebuild(struct bench *bench, uint32_t tile)
{
    struct error err;
    struct tile_record record;
    struct merged merged = {.base = bench->run.base};
    struct rebuild_settings settings = {
        .cache_directory = bench->rig->cache,
        .answers_directory = bench->rig->answers,
        .merged = &merged,
        .ledger = bench->run.ledger,
        .control = &bench->control,
        .generation = 2,
        .points = COUNT,
        .shares = SHARES,
        .first_ordinal_of_tile = bench->run.first_ordinal_of_tile,
    };
    if (rebuild_tile(&settings, tile, &record, &err) != 0)
        fail_msg("%s", err.message);
    return record;
}

static struct publication *prepare(struct bench *bench)
{
    struct publication *publication;
    struct error err;
    if (publication_prepare(&publication, bench->run.ledger, bench->rig->cache, bench->base,
                            &bench->run.run, &err) != 0)
        fail_msg("%s", err.message);
    return publication;
}

static void rebuild_all(struct bench *bench)
{
    for (uint32_t tile = 0; tile < bench->run.tiles; tile++) {
        if (has_points(bench, tile))
            rebuild(bench, tile);
    }
}

static void only_a_whole_run_is_published(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    uint32_t last = 0;
    for (uint32_t tile = 0; tile < bench.run.tiles; tile++) {
        if (has_points(&bench, tile))
            last = tile;
    }
    for (uint32_t tile = 0; tile < last; tile++) {
        if (has_points(&bench, tile))
            rebuild(&bench, tile);
    }
    struct publication *publication;
    assert_int_equal(publication_prepare(&publication, bench.run.ledger, bench.rig->cache,
                                         bench.base, &bench.run.run, &err),
                     -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(rig_generation(bench.rig), 1);
    rebuild(&bench, last);
    double first = 0, at = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(publication_switch(prepare(&bench), i == 0 ? &first : &at, &err), 0);
        assert_int_equal(rig_generation(bench.rig), 2);
    }
    assert_true(fabs(first - clock_wall()) < 10);
    assert_true(fabs(at - first) < 0.1); /* published once */
    for (unsigned i = 0; i < COUNT; i++)
        assert_string_equal(rig_entry(bench.rig, i).street, "New Street");
    tear_down(&bench);
}

static uint32_t published(const struct bench *bench)
{
    struct manifest *manifest;
    assert_int_equal(generation_current(bench->rig->cache, &manifest, NULL), 0);
    uint32_t date = manifest->published;
    manifest_free(manifest);
    return date;
}

static void the_date_is_what_was_agreed_on(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    double at;
    set_up(&bench);
    rebuild_all(&bench);
    struct publication *publication = prepare(&bench);
    struct pair_id digest = publication_digest(publication);
    assert_int_equal(publication_arm(publication, 1700000007, &err), 0);
    assert_int_equal(rig_generation(bench.rig), 1);
    assert_int_equal(publication_switch(publication, &at, &err), 0);
    assert_int_equal(rig_generation(bench.rig), 2);
    assert_int_equal(published(&bench), 1700000007);
    publication = prepare(&bench);
    struct pair_id again = publication_digest(publication);
    assert_memory_equal(&again, &digest, sizeof digest);
    assert_int_equal(publication_arm(publication, 1700000008, &err), 0);
    assert_int_equal(publication_switch(publication, &at, &err), 0);
    assert_int_equal(published(&bench), 1700000007);
    tear_down(&bench);
}

static void what_is_withdrawn_never_was(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct generation_row *rows;
    size_t count;
    set_up(&bench);
    rebuild_all(&bench);
    for (int armed = 0; armed < 2; armed++) {
        struct publication *publication = prepare(&bench);
        assert_int_equal(generation_list(bench.rig->cache, &rows, &count, &err), 0);
        assert_int_equal(count, 1);
        free(rows);
        if (armed)
            assert_int_equal(publication_arm(publication, 0, &err), 0);
        publication_withdraw(publication);
        assert_int_equal(generation_list(bench.rig->cache, &rows, &count, &err), 0);
        assert_int_equal(count, 1);
        free(rows);
        assert_int_equal(rig_generation(bench.rig), 1);
    }
    publication_withdraw(NULL);
    tear_down(&bench);
}

static void a_tile_is_shown_alone(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct manifest *manifest;
    set_up(&bench);
    uint32_t shown[2];
    size_t count = 0;
    for (uint32_t tile = 0; count < 2; tile++) {
        if (!has_points(&bench, tile))
            continue;
        struct tile_record record = rebuild(&bench, tile);
        shown[count++] = tile;
        assert_int_equal(publish_tile(bench.rig->cache, bench.base, &bench.run.run, &record, &err),
                         0);
    }
    assert_int_equal(generation_current(bench.rig->cache, &manifest, &err), 0);
    assert_int_equal(manifest->generation, 2);
    assert_string_equal(manifest->run, bench.run.run.id);
    for (uint32_t tile = 0; tile < bench.run.tiles; tile++) {
        bool is_new = tile == shown[0] || tile == shown[1];
        if (has_points(&bench, tile))
            assert_int_equal(manifest->tiles[tile].built, is_new ? 2 : 1);
    }
    manifest_free(manifest);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_whole_run_is_published),
        cmocka_unit_test(the_date_is_what_was_agreed_on),
        cmocka_unit_test(what_is_withdrawn_never_was),
        cmocka_unit_test(a_tile_is_shown_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
