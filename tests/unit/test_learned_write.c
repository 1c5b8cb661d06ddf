#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/durable.h"
#include "stages/learned_store.h"
#include "tests/unit/learned_rig.h"

static struct learned_rig rig;
static const struct point here = {515000000, -1234567};

static int set_up(void **state)
{
    (void)state;
    learned_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    learned_rig_close(&rig);
    return 0;
}

static struct point shifted(int32_t lat, int32_t lon)
{
    return (struct point){here.lat + lat, here.lon + lon};
}

static bool is_there(struct point point)
{
    struct entry entry;
    assert_int_equal(learned_begin(rig.reader, NULL), 0);
    int found = learned_at(rig.reader, point, &entry, NULL);
    learned_end(rig.reader);
    return found == 1;
}

static uint64_t drop(const uint8_t *tiles)
{
    struct cache *cache;
    struct error err = {0};
    uint64_t dropped = 99;
    assert_int_equal(cache_open(&cache, rig.cache, NULL, NULL), 0);
    if (learned_drop_published(rig.learned, cache, tiles, &dropped, &err) != 0)
        fail_msg("%s", err.message);
    cache_close(cache);
    return dropped;
}

static void what_is_published_is_dropped(void **state)
{
    (void)state;
    struct entry published[] = {
        learned_entry(shifted(0, 0), 100, "same date", OUTCOME_FOUND),
        learned_entry(shifted(1, 0), 101, "newer", OUTCOME_FOUND),
        learned_entry(shifted(2, 0), 99, "older", OUTCOME_FOUND),
        learned_entry(shifted(3, 0), 100, NULL, OUTCOME_NONE),
        learned_entry(shifted(-800000000, 0), 100, "another tile", OUTCOME_FOUND),
    };
    for (size_t i = 0; i < 5; i++) {
        published[i].refreshed_at = 100;
        learned_rig_put(&rig, published[i]);
    }
    learned_rig_put(&rig, learned_entry(shifted(0, 1), 1, "unknown to the cache", OUTCOME_FOUND));
    published[1].refreshed_at = 101;
    published[2].refreshed_at = 99;
    learned_rig_publish(&rig, 1, published, 5);
    uint8_t tiles[72] = {0};
    assert_int_equal(drop(tiles), 0);
    uint32_t tile = grid_tile((struct grid){24, 24}, here);
    tiles[tile / 8] = (uint8_t)(1u << tile % 8);
    assert_int_equal(drop(tiles), 3);
    assert_int_equal(learned_count(rig.learned), 3);
    assert_false(is_there(shifted(0, 0)));
    assert_true(is_there(shifted(2, 0)));
    assert_true(is_there(shifted(0, 1)));
    assert_true(is_there(shifted(-800000000, 0)));
    assert_int_equal(drop(NULL), 1);
    assert_int_equal(drop(NULL), 0);
    learned_rig_again(&rig);
    assert_int_equal(learned_count(rig.learned), 2);
    assert_true(is_there(shifted(2, 0)));
}

static void old_memory_is_forgotten(void **state)
{
    (void)state;
    struct entry published = learned_entry(shifted(9, 9), 100, "A", OUTCOME_FOUND);
    uint32_t now = clock_unix();
    learned_rig_publish(&rig, 1, &published, 1);
    learned_rig_put(&rig,
                    learned_entry(shifted(0, 0), now - LEARNED_MEMORY - 60, NULL, OUTCOME_UNSURE));
    learned_rig_put(&rig,
                    learned_entry(shifted(0, 1), now - LEARNED_MEMORY + 60, NULL, OUTCOME_UNSURE));
    learned_rig_put(&rig, learned_entry(shifted(0, 2), 5, NULL, OUTCOME_NONE));
    assert_int_equal(drop(NULL), 1);
    assert_false(is_there(shifted(0, 0)));
    assert_true(is_there(shifted(0, 1)));
    assert_true(is_there(shifted(0, 2)));
}

/* More than one transaction takes. */
static void many_are_dropped(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct entry *entries = calloc(COUNT, sizeof *entries);
    assert_non_null(entries);
    for (int32_t i = 0; i < COUNT; i++)
        entries[i] = learned_entry(shifted(i * 7, i * 3), 100, "A", OUTCOME_FOUND);
    assert_int_equal(learned_put(rig.learned, entries, COUNT, NULL), 0);
    assert_int_equal(learned_count(rig.learned), COUNT);
    for (int32_t i = 0; i < COUNT; i += 4)
        entries[i].refreshed_at = 99;
    learned_rig_publish(&rig, 1, entries, COUNT);
    assert_int_equal(drop(NULL), COUNT - COUNT / 4);
    assert_int_equal(learned_count(rig.learned), COUNT / 4);
    assert_true(is_there(entries[4].point));
    assert_false(is_there(entries[5].point));
    free(entries);
}

/* Put single entries until it fails; every one that was put stays, and after there is room again
 * putting goes on. */
static unsigned put_until_full(enum error_code expected)
{
    char *text = malloc(60000);
    struct error err = {0};
    unsigned put = 0;
    assert_non_null(text);
    memset(text, 'y', 60000);
    for (; put < 1000; put++) {
        struct entry entry = learned_entry(shifted((int32_t)put, 0), 5, NULL, OUTCOME_FOUND);
        entry.address.field[FIELD_NAME] = (struct slice){text, 60000};
        if (learned_put(rig.learned, &entry, 1, &err) != 0)
            break;
    }
    free(text);
    assert_int_equal(err.code, expected);
    assert_non_null(strstr(err.message, "data.mdb"));
    assert_int_equal(learned_count(rig.learned), put);
    for (unsigned i = 0; i < put; i++)
        assert_true(is_there(shifted((int32_t)i, 0)));
    return put;
}

static void a_table_of_the_largest_size(void **state)
{
    (void)state;
    struct error err = {0};
    learned_reader_close(rig.reader);
    learned_close(rig.learned);
    rig.reader = NULL;
    if (learned_open_sized(&rig.learned, rig.table, false, 1 << 20, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(learned_reader_open(&rig.reader, rig.learned, NULL), 0);
    unsigned put = put_until_full(ERROR_IO);
    assert_in_range(put, 5, 20);
    learned_rig_again(&rig);
    assert_int_equal(learned_count(rig.learned), put);
    learned_rig_put(&rig, learned_entry(here, 6, "A", OUTCOME_FOUND));
}

/* A limit of the file's size stands in for a full disk: its error is not one of a full disk, so
 * nothing more is written until the table is opened again. */
static void a_file_that_can_not_be_written(void **state)
{
    (void)state;
    struct rlimit before, small = {400 << 10, RLIM_INFINITY};
    struct entry entry = learned_entry(here, 6, "A", OUTCOME_FOUND);
    struct error err = {0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    unsigned put = put_until_full(ERROR_IO);
    assert_in_range(put, 1, 7);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(learned_put(rig.learned, &entry, 1, &err), -1);
    assert_non_null(strstr(err.message, "restart"));
    learned_rig_again(&rig);
    assert_int_equal(learned_count(rig.learned), put);
    learned_rig_put(&rig, entry);
}

static void a_bad_point_is_refused(void **state)
{
    (void)state;
    struct entry entries[] = {
        learned_entry(here, 6, "A", OUTCOME_FOUND),
        learned_entry((struct point){LATITUDE_LIMIT + 1, 0}, 6, "A", OUTCOME_FOUND)};
    struct error err = {0};
    assert_int_equal(learned_put(rig.learned, entries, 2, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_int_equal(learned_count(rig.learned), 0); /* all or nothing */
    assert_false(is_there(here));
    assert_int_equal(learned_put(rig.learned, entries, 0, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_published_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_memory_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_of_the_largest_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_can_not_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_point_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
