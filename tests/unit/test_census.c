#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/generation.h"
#include "cachefmt/pair_builder.h"
#include "daemon/census.h"
#include "quadtree/morton.h"
#include "tests/unit/cache_rig.h"
#include "tests/unit/patience.h"

#define ALL_TILES 15u
#define DAY 86400u
#define OLD 1700000000u /* entries of the rig are dated by their generation */
#define NEW (OLD + 100 * DAY)
#define ROWS 60000u

static struct follower *follower;
static struct census *census;

static void changed(void *context, const struct cache *now)
{
    (void)context;
    (void)now;
    if (census != NULL)
        census_changed(census);
}

static void must_open(void)
{
    struct error err;
    const struct follow_settings settings = {.directory = cache_rig_directory,
                                             .may_be_missing = true,
                                             .interval = -1,
                                             .switched = changed};
    if (follower_open(&follower, &settings, &err) != 0 || census_open(&census, follower, &err) != 0)
        fail_msg("%s", err.message);
}

static void close_all(void)
{
    census_close(census);
    follower_close(follower);
    census = NULL;
    follower = NULL;
}

static void must_switch(void)
{
    struct error err;
    int result = follow_look(follower, &err);
    if (result != 1)
        fail_msg("no switch: %s", result < 0 ? err.message : "nothing is new");
}

/* The view once the generation is the one wanted and nothing is left to count. */
static struct census_view wait_for_view(uint64_t generation, uint64_t uncounted, uint32_t now)
{
    double until = clock_monotonic() + PATIENCE;
    while (clock_monotonic() < until) {
        struct census_view view;
        int taken = census_view_take(census, now, &view, NULL);
        assert_true(taken >= 0);
        if (taken > 0 && view.generation == generation && view.uncounted == uncounted)
            return view;
        if (taken > 0)
            census_view_free(&view);
        (void)usleep(1000);
    }
    fail_msg("generation %llu is not counted", (unsigned long long)generation);
    return (struct census_view){0};
}

static uint64_t sum_of_ages(const struct census_view *view)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < CENSUS_BUCKETS; i++)
        sum += view->by_age[i];
    return sum;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_nothing_published(void **state)
{
    (void)state;
    struct census_view view;
    must_open();
    assert_int_equal(census_view_take(census, OLD, &view, NULL), 0);
    cache_rig_must_publish(OLD, ALL_TILES);
    must_switch();
    view = wait_for_view(OLD, 0, OLD);
    assert_true(view.complete);
    census_view_free(&view);
    close_all();
    census_close(NULL);
}

static void test_what_is_there_is_known_at_once(void **state)
{
    (void)state;
    struct census_view view;
    cache_rig_must_publish(OLD, ALL_TILES);
    must_open();
    assert_int_equal(census_view_take(census, OLD, &view, NULL), 1);
    assert_int_equal(view.generation, OLD);
    census_view_free(&view);
    close_all();
}

static void test_counts_what_changed(void **state)
{
    (void)state;
    cache_rig_must_publish(OLD, ALL_TILES);
    must_open();
    struct census_view view = wait_for_view(OLD, 0, OLD + 2 * DAY);
    assert_true(view.complete);
    assert_int_equal(sum_of_ages(&view), 4 * CACHE_RIG_ROWS);
    assert_int_equal(view.by_age[1], 4 * CACHE_RIG_ROWS);
    assert_true(view.oldest_age == 2.0 * DAY);
    assert_true(view.age_sum == 2.0 * DAY * 4 * CACHE_RIG_ROWS);
    assert_int_equal(view.undated, 0);
    census_view_free(&view);

    cache_rig_must_publish(NEW, 1u << 2);
    must_switch();
    view = wait_for_view(NEW, 0, NEW);
    assert_int_equal(view.by_age[0], CACHE_RIG_ROWS);
    assert_int_equal(view.by_age[6], 3 * CACHE_RIG_ROWS); /* 100 days */
    assert_int_equal(sum_of_ages(&view), 4 * CACHE_RIG_ROWS);
    assert_true(view.oldest_age == 100.0 * DAY);
    assert_int_equal(view.tiles[2].oldest, NEW);
    assert_int_equal(view.tiles[2].newest, NEW);
    assert_int_equal(view.tiles[2].mean, NEW);
    assert_int_equal(view.tiles[2].built, NEW);
    assert_int_equal(view.tiles[1].mean, OLD);
    assert_int_equal(view.tiles[1].built, OLD);
    assert_int_equal(view.tiles[1].entries, CACHE_RIG_ROWS);
    assert_int_equal(view.tiles[1].outcomes[OUTCOME_FOUND], CACHE_RIG_ROWS);
    assert_true(view.tiles[1].bytes > 0);
    census_view_free(&view);
    close_all();
}

static void test_another_grid(void **state)
{
    (void)state;
    struct error err;
    const struct grid wide = {1, 3};
    cache_rig_must_publish(OLD, ALL_TILES);
    must_open();
    struct census_view view = wait_for_view(OLD, 0, OLD);
    census_view_free(&view);
    assert_int_equal(unlink(cache_rig_path("MANIFEST")), 0); /* the next one has its own grid */
    if (cache_rig_publish(wide, NEW, 2, &err) != 0)
        fail_msg("%s", err.message);
    must_switch();
    view = wait_for_view(NEW, 0, NEW);
    assert_int_equal(view.grid.columns, 3);
    assert_int_equal(sum_of_ages(&view), CACHE_RIG_ROWS);
    assert_int_equal(view.tiles[0].entries, 0);
    assert_int_equal(view.tiles[1].entries, CACHE_RIG_ROWS);
    census_view_free(&view);
    close_all();
}

/* One tile with ROWS entries: of five, one is undated, one none, one unsure. */
static void publish_large(uint64_t generation)
{
    struct manifest *manifest;
    struct pair_builder *builder;
    struct error err;
    const struct grid grid = {1, 1};
    char *index;
    char *data;
    assert_int_equal(manifest_create(&manifest, grid, &err), 0);
    manifest->generation = generation;
    manifest->tiles[0].built = generation;
    assert_int_equal(generation_pair_paths(cache_rig_directory, 0, generation, &index, &data, &err),
                     0);
    assert_int_equal(pair_builder_create(&builder, index, data, grid, 0, &err), 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct entry entry = {.point = morton_decode(morton_encode((struct point){0, 0}) + i),
                              .refreshed_at = i % 5 == 0 ? 0 : (uint32_t)generation - i % 50 * DAY};
        entry.outcome = i % 5 < 3 ? (enum outcome)(i % 5) : OUTCOME_FOUND;
        if (pair_builder_add(builder, &entry, &err) != 0)
            fail_msg("%s", err.message);
    }
    assert_int_equal(pair_builder_commit(builder, &manifest->tiles[0].info, &err), 0);
    manifest_seal(manifest);
    assert_int_equal(generation_publish(cache_rig_directory, manifest, &err), 0);
    manifest_free(manifest);
    free(index);
    free(data);
}

static void test_outcomes_and_dates(void **state)
{
    (void)state;
    uint32_t now = clock_unix();
    uint32_t newest = now - DAY / 2;
    publish_large(newest);
    must_open();
    struct census_view view = wait_for_view(newest, 0, now);
    assert_int_equal(view.undated, ROWS / 5);
    assert_int_equal(view.tiles[0].undated, ROWS / 5);
    assert_int_equal(view.tiles[0].outcomes[OUTCOME_NONE], ROWS / 5);
    assert_int_equal(view.tiles[0].outcomes[OUTCOME_UNSURE], ROWS / 5);
    assert_int_equal(sum_of_ages(&view), ROWS / 5 * 4);
    assert_int_equal(view.tiles[0].oldest, newest - 49 * DAY);
    assert_int_equal(view.tiles[0].newest, newest - DAY); /* every fifth has no date */
    assert_true(view.oldest_age == 49.5 * DAY);
    assert_int_equal(view.by_age[0], 0);
    assert_int_equal(view.by_age[1], ROWS / 50 * 2); /* 1 and 2 of each 50, half a day ago */
    assert_int_equal(view.by_age[2], ROWS / 50 * 3); /* 3, 4 and 6 */
    census_view_free(&view);
    close_all();
}

static void test_damage_is_left_out_and_told_once(void **state)
{
    (void)state;
    struct error err;
    char *index;
    char *data;
    char log[300];
    char said[4000] = "";
    cache_rig_must_publish(OLD, ALL_TILES);
    assert_int_equal(generation_pair_paths(cache_rig_directory, 1, OLD, &index, &data, &err), 0);
    int fd = open(data, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t end = lseek(fd, 0, SEEK_END);
    assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, end - 20), 4);
    (void)close(fd);

    (void)snprintf(log, sizeof log, "%s.log", cache_rig_directory);
    int saved = dup(STDERR_FILENO);
    fd = open(log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    must_open();
    struct census_view view = wait_for_view(OLD, CACHE_RIG_ROWS, OLD);
    assert_false(view.complete);
    assert_int_equal(sum_of_ages(&view), 3 * CACHE_RIG_ROWS);
    assert_false(view.tiles[1].counted);
    assert_int_equal(view.tiles[1].entries, CACHE_RIG_ROWS);
    census_view_free(&view);
    cache_rig_must_publish(NEW, 1u << 2); /* the damaged pair stays: it isn't told again */
    must_switch();
    view = wait_for_view(NEW, CACHE_RIG_ROWS, NEW);
    census_view_free(&view);
    close_all();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    assert_true(pread(fd, said, sizeof said - 1, 0) > 0);
    (void)close(fd);
    (void)unlink(log);
    const char *first = strstr(said, "census_skipped tile=1 ");
    assert_non_null(first);
    assert_non_null(strstr(first, data));
    assert_null(strstr(first + 1, "census_skipped"));
    free(index);
    free(data);
}

/* Switches while it counts, and an end in the middle. */
static void test_switches_meanwhile(void **state)
{
    (void)state;
    publish_large(OLD);
    must_open();
    uint64_t generation = OLD;
    for (unsigned i = 0; i < 4; i++) {
        (void)usleep(1000 * i);
        generation += DAY;
        publish_large(generation);
        must_switch();
    }
    struct census_view view = wait_for_view(generation, 0, (uint32_t)generation);
    assert_int_equal(sum_of_ages(&view), ROWS / 5 * 4);
    assert_int_equal(view.tiles[0].newest, generation - DAY);
    census_view_free(&view);
    generation += DAY;
    publish_large(generation);
    must_switch();
    close_all();
}

int main(void)
{
#define CACHE_TEST(test) cmocka_unit_test_setup_teardown(test, cache_rig_open, cache_rig_close)
    const struct CMUnitTest tests[] = {
        CACHE_TEST(test_nothing_published),   CACHE_TEST(test_what_is_there_is_known_at_once),
        CACHE_TEST(test_counts_what_changed), CACHE_TEST(test_another_grid),
        CACHE_TEST(test_outcomes_and_dates),  CACHE_TEST(test_damage_is_left_out_and_told_once),
        CACHE_TEST(test_switches_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
