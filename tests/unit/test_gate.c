#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/line_rig.h"

static const struct gate_limits limits = {
    .max_lost = 0.01, .max_country_changed = 0.02, .max_changed = 0.5, .max_failed = 0.05};

static void a_tile_is_judged_by_every_rule(void **state)
{
    (void)state;
    static const struct {
        struct tile_record tile;
        const char *rule; /* NULL = passes */
    } cases[] = {
        {{.tile = 7, .compared = 2000, .lost = 20, .country_changed = 40, .changed = 1000}, NULL},
        {{.tile = 7, .compared = 2000, .lost = 21}, "max_lost"},
        {{.tile = 7, .compared = 2000, .country_changed = 41}, "max_country_changed"},
        {{.tile = 7, .compared = 2000, .changed = 1001}, "max_changed"},
        {{.tile = 7, .compared = 2000, .changed = 1500, .gained = 500}, NULL},
        {{.tile = 7, .compared = 1000, .lost = 1000}, NULL},
        {{.tile = 7, .compared = 1001, .lost = 1000}, "max_lost"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char reason[600] = "";
        int held = gate_check_tile(&cases[i].tile, &limits, reason);
        assert_int_equal(held, cases[i].rule != NULL);
        if (cases[i].rule != NULL) {
            assert_non_null(strstr(reason, cases[i].rule));
            assert_non_null(strstr(reason, "tile 7"));
        }
    }
}

struct bench {
    struct rig *rig;
    struct rig_run run;
};

static void set_up(struct bench *bench)
{
    bench->rig = rig_open(1000);
    rig_run_open(bench->rig, &bench->run);
    bench->run.run.counts.settled[SETTLED_FOUND] = 1000;
}

static void tear_down(struct bench *bench)
{
    rig_run_close(&bench->run);
    rig_close(bench->rig);
}

static void record(struct bench *bench, struct tile_record tile)
{
    struct error err;
    tile.row = cache_manifest(bench->run.base)->tiles[tile.tile];
    if (ledger_tile_rebuilt(bench->run.ledger, &tile, NULL, &err) != 0)
        fail_msg("%s", err.message);
}

static int check(struct bench *bench, char reason[600], struct error *err)
{
    return gate_check(bench->run.ledger, &bench->run.run, &limits, reason, err);
}

static void counts_must_reconcile(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    char reason[600];
    set_up(&bench);
    assert_int_equal(check(&bench, reason, &err), 0);
    struct run_counts *counts = &bench.run.run.counts;
    counts->settled[SETTLED_FOUND]--;
    assert_int_equal(check(&bench, reason, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    counts->carried++;
    assert_int_equal(check(&bench, reason, &err), 0);
    counts->settled[SETTLED_UNSURE]++;
    assert_int_equal(check(&bench, reason, &err), -1);
    tear_down(&bench);
}

static void small_tiles_are_judged_together(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    char reason[600];
    set_up(&bench);
    record(&bench, (struct tile_record){.tile = 100, .compared = 500, .lost = 7});
    assert_int_equal(check(&bench, reason, &err), 1);
    assert_non_null(strstr(reason, "max_lost"));
    record(&bench, (struct tile_record){.tile = 101, .compared = 500, .lost = 3});
    assert_int_equal(check(&bench, reason, &err), 0);
    record(&bench, (struct tile_record){.tile = 102, .compared = 100000});
    record(&bench, (struct tile_record){.tile = 103, .compared = 2000, .country_changed = 50});
    assert_int_equal(check(&bench, reason, &err), 1);
    assert_non_null(strstr(reason, "tile 103"));
    tear_down(&bench);
}

static void failures_are_judged(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    char reason[600];
    set_up(&bench);
    struct run_counts *counts = &bench.run.run.counts;
    counts->settled[SETTLED_FOUND] = 950;
    counts->settled[SETTLED_FAILED] = 50;
    assert_int_equal(check(&bench, reason, &err), 0);
    counts->settled[SETTLED_FOUND] = 949;
    counts->settled[SETTLED_FAILED] = 51;
    assert_int_equal(check(&bench, reason, &err), 1);
    assert_non_null(strstr(reason, "max_failed"));
    assert_non_null(strstr(reason, "51 of 1000"));
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_is_judged_by_every_rule),
        cmocka_unit_test(counts_must_reconcile),
        cmocka_unit_test(small_tiles_are_judged_together),
        cmocka_unit_test(failures_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
