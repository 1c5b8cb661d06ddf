#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "tests/unit/learned_rig.h"

static const struct grid grid = {24, 24};
static struct learned_rig rig;
static char frozen[100];

static int set_up(void **state)
{
    (void)state;
    learned_rig_open(&rig);
    (void)snprintf(frozen, sizeof frozen, "%s/frozen", rig.root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(durable_remove_directory(frozen, NULL), 0);
    learned_rig_close(&rig);
    return 0;
}

static uint64_t freeze(void)
{
    struct error err = {0};
    uint64_t count = 99;
    char made[110];
    if (learned_freeze(rig.learned, grid, frozen, &count, &err) != 0)
        fail_msg("%s", err.message);
    (void)snprintf(made, sizeof made, "%s.tmp", frozen);
    assert_int_not_equal(access(made, F_OK), 0);
    return count;
}

static void count_problem(void *context, const char *file, const char *problem)
{
    (void)context;
    fail_msg("%s: %s", file, problem);
}

static void all_over_the_world(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct entry *entries = calloc(COUNT, sizeof *entries);
    char streets[COUNT][16];
    uint64_t random = 6;
    assert_non_null(entries);
    for (unsigned i = 0; i < COUNT; i++) {
        struct point point = {(int32_t)(learned_random(&random) % 1800000001u - LATITUDE_LIMIT),
                              (int32_t)(learned_random(&random) % 3600000000u - LONGITUDE_LIMIT)};
        (void)snprintf(streets[i], sizeof streets[i], "Street %u", i);
        entries[i] = learned_entry(point, 1000 + i, i % 5 == 0 ? NULL : streets[i], OUTCOME_FOUND);
        if (i % 5 == 0)
            entries[i].outcome = i % 2 == 0 ? OUTCOME_NONE : OUTCOME_UNSURE;
    }
    assert_int_equal(learned_put(rig.learned, entries, COUNT, NULL), 0);
    assert_int_equal(freeze(), COUNT - COUNT / 10);
    struct cache *cache;
    struct verify_result result;
    struct error err = {0};
    if (cache_open(&cache, frozen, NULL, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(generation_verify(frozen, true, count_problem, NULL, &result, NULL), 0);
    assert_int_equal(result.entries, COUNT - COUNT / 10);
    for (unsigned i = 0; i < COUNT; i++) {
        struct cache_hit hit;
        struct entry entry;
        int found = cache_nearest(cache, entries[i].point, 0, &hit, NULL);
        assert_int_equal(found, entries[i].outcome != OUTCOME_UNSURE);
        if (found == 0)
            continue;
        assert_int_equal(cache_entry(cache, &hit, &entry, NULL), 0);
        assert_int_equal(entry.outcome, entries[i].outcome);
        assert_int_equal(entry.refreshed_at, entries[i].refreshed_at);
        assert_true(address_equal(&entry.address, &entries[i].address));
    }
    cache_close(cache);
    /* What was frozen stays learned until it is published. */
    assert_int_equal(learned_count(rig.learned), COUNT);
    free(entries);
}

static void nothing_makes_no_directory(void **state)
{
    (void)state;
    assert_int_equal(freeze(), 0);
    assert_int_not_equal(access(frozen, F_OK), 0);
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 6, "A", OUTCOME_FOUND));
    assert_int_equal(freeze(), 1);
    assert_int_equal(access(frozen, F_OK), 0);
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 6, NULL, OUTCOME_UNSURE));
    assert_int_equal(freeze(), 0);
    assert_int_not_equal(access(frozen, F_OK), 0);
}

static void what_was_left_behind_is_replaced(void **state)
{
    (void)state;
    char path[120];
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 6, "A", OUTCOME_FOUND));
    assert_int_equal(freeze(), 1);
    (void)snprintf(path, sizeof path, "%s.tmp", frozen);
    assert_int_equal(durable_make_directory(path, NULL), 0);
    (void)snprintf(path, sizeof path, "%s.tmp/MANIFEST", frozen);
    assert_int_equal(durable_write_file(path, "x", 1, NULL), 0);
    learned_rig_put(&rig, learned_entry((struct point){3, 2}, 6, "A", OUTCOME_FOUND));
    assert_int_equal(freeze(), 2);
    struct cache *cache;
    assert_int_equal(cache_open(&cache, frozen, NULL, NULL), 0);
    assert_int_equal(manifest_figures(cache_manifest(cache)).entries, 2);
    cache_close(cache);
}

static void where_nothing_can_be_written(void **state)
{
    (void)state;
    struct error err = {0};
    uint64_t count = 77;
    learned_rig_put(&rig, learned_entry((struct point){1, 2}, 6, "A", OUTCOME_FOUND));
    assert_int_equal(learned_freeze(rig.learned, grid, "/proc/no/such", &count, &err), -1);
    assert_int_equal(count, 77);
    assert_string_not_equal(err.message, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_over_the_world, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_makes_no_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_left_behind_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_nothing_can_be_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
