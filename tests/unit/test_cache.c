#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/cache.h"
#include "cachefmt/generation.h"
#include "cachefmt/generation_names.h"
#include "tests/unit/cache_rig.h"

static void nothing_published(void **state)
{
    (void)state;
    struct cache *cache;
    struct error err;
    assert_int_not_equal(cache_open(&cache, cache_rig_directory, NULL, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, cache_rig_directory));
    assert_non_null(strstr(err.message, "refreshctl cache import"));
    assert_int_not_equal(cache_open(&cache, "/nonexistent/cache", NULL, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    cache_close(NULL);
}

static void opens_and_decodes(void **state)
{
    (void)state;
    cache_rig_must_publish(1, 1 | 2 | 8);
    struct cache *cache = cache_rig_must_open(NULL);
    assert_int_equal(cache_manifest(cache)->generation, 1);
    assert_non_null(cache_pair(cache, 3));
    assert_null(cache_pair(cache, 2));
    assert_null(cache_pair(cache, 4));
    assert_null(cache_pair(cache, UINT32_MAX));
    assert_int_equal(cache_rig_generation_of(cache, 3, CACHE_RIG_ROWS - 1), 1);
    struct entry entry;
    struct error err;
    struct cache_hit hit = {.tile = 2, .row = 0};
    assert_int_not_equal(cache_entry(cache, &hit, &entry, &err), 0);
    hit = (struct cache_hit){.tile = 3, .row = CACHE_RIG_ROWS};
    assert_int_not_equal(cache_entry(cache, &hit, &entry, &err), 0);
    cache_close(cache);
}

static void a_switch_makes_it_stale(void **state)
{
    (void)state;
    cache_rig_must_publish(1, 15);
    struct cache *first = cache_rig_must_open(NULL);
    assert_false(cache_is_stale(first));
    cache_rig_must_publish(2, 1 | 4);
    assert_true(cache_is_stale(first));
    struct cache *second = cache_rig_must_open(first);
    assert_false(cache_is_stale(second));
    assert_ptr_equal(cache_pair(first, 1), cache_pair(second, 1)); /* not built anew: lent */
    assert_ptr_equal(cache_pair(first, 3), cache_pair(second, 3));
    assert_ptr_not_equal(cache_pair(first, 0), cache_pair(second, 0));
    cache_close(first);
    assert_int_equal(cache_rig_generation_of(second, 1, 5), 1);
    assert_int_equal(cache_rig_generation_of(second, 2, 5), 2);
    /* The same bytes again, at once: a new file all the same. */
    struct error err;
    assert_int_equal(generation_publish(cache_rig_directory, cache_manifest(second), &err), 0);
    assert_true(cache_is_stale(second));
    cache_close(second);
}

static void old_readers_keep_what_was_pruned(void **state)
{
    (void)state;
    struct error err;
    cache_rig_must_publish(1, 15);
    struct cache *old = cache_rig_must_open(NULL);
    cache_rig_must_publish(2, 15);
    assert_int_equal(generation_prune(cache_rig_directory, 1, 0, &err), 0);
    for (uint32_t tile = 0; tile < 4; tile++)
        assert_int_equal(cache_rig_generation_of(old, tile, tile), 1);
    cache_close(old);
}

static void opens_a_kept_generation(void **state)
{
    (void)state;
    struct cache *cache;
    struct manifest *manifest;
    struct error err;
    cache_rig_must_publish(1, 15);
    cache_rig_must_publish(2, 1);
    struct cache *current = cache_rig_must_open(NULL);
    assert_int_equal(generation_read_kept(cache_rig_directory, 1, &manifest, &err), 0);
    assert_int_equal(cache_open_manifest(&cache, cache_rig_directory, manifest, current, &err), 0);
    manifest_free(manifest);
    assert_int_equal(cache_manifest(cache)->generation, 1);
    assert_int_equal(cache_rig_generation_of(cache, 0, 0), 1);
    assert_ptr_equal(cache_pair(cache, 1), cache_pair(current, 1));
    assert_ptr_not_equal(cache_pair(cache, 0), cache_pair(current, 0));
    assert_false(cache_is_stale(cache));
    cache_rig_must_publish(3, 1);
    assert_true(cache_is_stale(cache));
    cache_close(current);
    cache_close(cache);
}

static void assert_not_opened(const char *name)
{
    struct cache *cache;
    struct error err;
    if (cache_open(&cache, cache_rig_directory, NULL, &err) == 0)
        fail_msg("opened in spite of %s", name);
    assert_int_equal(err.code, ERROR_CORRUPT);
    if (strstr(err.message, name) == NULL)
        fail_msg("\"%s\" does not name %s", err.message, name);
}

static void copy_file(const char *from, const char *to)
{
    char *data;
    size_t bytes;
    assert_int_equal(read_whole_file(cache_rig_path(from), 1 << 24, &data, &bytes, NULL), 0);
    assert_int_equal(durable_write_file(cache_rig_path(to), data, bytes, NULL), 0);
    free(data);
}

static void files_must_be_the_manifests(void **state)
{
    (void)state;
    cache_rig_must_publish(1, 15);
    cache_rig_must_publish(2, 15);
    copy_file("001.1.idx", "001.2.idx");
    assert_not_opened("001.2");
    copy_file("001.1.dat", "001.2.dat"); /* a whole pair, of another generation */
    assert_not_opened("001.2.idx");
    assert_int_equal(unlink(cache_rig_path("001.2.dat")), 0);
    assert_not_opened("001.2.dat");
}

static void lends_nothing_that_differs(void **state)
{
    (void)state;
    struct error err;
    cache_rig_must_publish(1, 15);
    struct cache *first = cache_rig_must_open(NULL);
    /* The same number again with other content, as after a run that was dropped. */
    struct manifest *manifest;
    assert_int_equal(manifest_copy(&manifest, cache_manifest(first), &err), 0);
    char *index;
    char *data;
    assert_int_equal(generation_pair_paths(cache_rig_directory, 2, 1, &index, &data, &err), 0);
    assert_int_equal(
        cache_rig_build_pair(index, data, cache_rig_grid, 2, 77, &manifest->tiles[2].info, &err),
        0);
    manifest_seal(manifest);
    assert_int_equal(generation_publish(cache_rig_directory, manifest, &err), 0);
    struct cache *second = cache_rig_must_open(first);
    assert_ptr_equal(cache_pair(first, 0), cache_pair(second, 0));
    assert_ptr_not_equal(cache_pair(first, 2), cache_pair(second, 2));
    assert_int_equal(cache_rig_generation_of(first, 2, 0), 1);
    assert_int_equal(cache_rig_generation_of(second, 2, 0), 77);
    free(index);
    free(data);
    manifest_free(manifest);
    cache_close(second);
    cache_close(first);
}

static void a_cache_of_one_pair(void **state)
{
    (void)state;
    static const struct grid world = {1, 1};
    struct pair_info info;
    struct pair *pair;
    struct cache *cache;
    struct error err;
    char index[300];
    char data[300];
    (void)snprintf(index, sizeof index, "%s", cache_rig_path("w.idx"));
    (void)snprintf(data, sizeof data, "%s", cache_rig_path("w.dat"));
    assert_int_equal(cache_rig_build_pair(index, data, world, 0, 5, &info, &err), 0);
    assert_int_equal(pair_open(&pair, index, data, &err), 0);
    assert_int_equal(cache_of_pair(&cache, pair, &err), 0);
    assert_ptr_equal(cache_pair(cache, 0), pair);
    assert_int_equal(manifest_figures(cache_manifest(cache)).entries, CACHE_RIG_ROWS);
    assert_int_equal(cache_rig_generation_of(cache, 0, 3), 5);
    assert_false(cache_is_stale(cache));
    cache_close(cache);
    assert_int_equal(cache_rig_build_pair(index, data, cache_rig_grid, 1, 5, &info, &err), 0);
    assert_int_equal(pair_open(&pair, index, data, &err), 0);
    assert_int_not_equal(cache_of_pair(&cache, pair, &err), 0);
    pair_close(pair);
}

/* Readers open, read and switch while a writer publishes and prunes as fast as it can. */
struct race {
    atomic_bool done;
    atomic_uint opened;
    char problem[1000];
    pthread_mutex_t lock; /* guards problem */
};

static void race_fail(struct race *race, const char *problem)
{
    pthread_mutex_lock(&race->lock);
    (void)snprintf(race->problem, sizeof race->problem, "%s", problem);
    pthread_mutex_unlock(&race->lock);
}

/* Odd generations build all tiles, even ones the first half: what each tile must be of. */
static uint64_t expected_generation(uint64_t generation, uint32_t tile)
{
    return generation % 2 == 0 && tile >= 2 ? generation - 1 : generation;
}

static void *read_in_race(void *argument)
{
    struct race *race = argument;
    struct cache *cache = NULL;
    bool last = false;
    while (!last) {
        struct cache *next;
        struct error err;
        last = atomic_load(&race->done);
        if (cache_open(&next, cache_rig_directory, cache, &err) != 0) {
            race_fail(race, err.message);
            break;
        }
        atomic_fetch_add(&race->opened, 1);
        cache_close(cache);
        cache = next;
        do {
            uint64_t generation = cache_manifest(cache)->generation;
            for (uint32_t tile = 0; tile < 4; tile++) {
                if (cache_rig_generation_of(cache, tile, tile) !=
                    expected_generation(generation, tile))
                    race_fail(race, "a mixed generation");
            }
        } while (!cache_is_stale(cache) && !atomic_load(&race->done));
    }
    cache_close(cache);
    return NULL;
}

static void switches_under_readers(void **state)
{
    (void)state;
    struct race race = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t readers[2];
    struct error err;
    cache_rig_must_publish(1, 15);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_in_race, &race), 0);
    int result = 0;
    for (uint64_t generation = 2; generation <= 51 && result == 0; generation++) {
        result = cache_rig_publish(cache_rig_grid, generation, generation % 2 == 1 ? 15 : 3, &err);
        if (result == 0)
            result = generation_prune(cache_rig_directory, 1, 0, &err);
    }
    atomic_store(&race.done, true);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    if (result != 0)
        fail_msg("%s", err.message);
    if (race.problem[0] != '\0')
        fail_msg("%s", race.problem);
    assert_true(atomic_load(&race.opened) > 4);
}

static void *open_in_race(void *argument)
{
    struct race *race = argument;
    while (!atomic_load(&race->done)) {
        struct cache *cache;
        struct error err;
        if (cache_open(&cache, cache_rig_directory, NULL, &err) != 0) {
            race_fail(race, err.message);
            break;
        }
        atomic_fetch_add(&race->opened, 1);
        cache_close(cache);
    }
    return NULL;
}

static void race_problem(void *context, const char *file, const char *problem)
{
    char text[700];
    (void)snprintf(text, sizeof text, "%s: %s", file, problem);
    race_fail(context, text);
}

static void *verify_in_race(void *argument)
{
    struct race *race = argument;
    while (!atomic_load(&race->done)) {
        struct verify_result result;
        struct error err;
        if (generation_verify(cache_rig_directory, false, race_problem, race, &result, &err) != 0)
            race_fail(race, err.message);
    }
    return NULL;
}

/* Make the pairs of all tiles of manifest again under the names of its next generation. */
static int rename_pairs(struct manifest *manifest)
{
    manifest->generation++;
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        char *from[2];
        char *to[2];
        struct manifest_tile *row = &manifest->tiles[tile];
        if (generation_pair_paths(cache_rig_directory, tile, row->built, &from[0], &from[1],
                                  NULL) != 0 ||
            generation_pair_paths(cache_rig_directory, tile, manifest->generation, &to[0], &to[1],
                                  NULL) != 0)
            return -1;
        row->built = manifest->generation;
        int result = 0;
        for (unsigned i = 0; i < 2; i++) {
            result |= link(from[i], to[i]);
            free(from[i]);
            free(to[i]);
        }
        if (result != 0)
            return -1;
    }
    return 0;
}

/* Many tiles, quickly switched and pruned: an opening that began in time finds its pairs gone, and
 * so does a verification, which must not take that for damage. */
static void an_overtaken_opening_begins_again(void **state)
{
    (void)state;
    static const struct grid many = {8, 8};
    struct race race = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t readers[2];
    struct manifest *manifest;
    struct error err;
    if (cache_rig_publish(many, 1, UINT64_MAX, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(generation_current(cache_rig_directory, &manifest, &err), 0);
    assert_int_equal(pthread_create(&readers[0], NULL, open_in_race, &race), 0);
    assert_int_equal(pthread_create(&readers[1], NULL, verify_in_race, &race), 0);
    int result = 0;
    for (unsigned i = 0; i < 100 && result == 0; i++) {
        result = rename_pairs(manifest);
        if (result == 0)
            result = generation_publish(cache_rig_directory, manifest, &err);
        if (result == 0)
            result = generation_prune(cache_rig_directory, 1, 0, &err);
    }
    atomic_store(&race.done, true);
    assert_int_equal(pthread_join(readers[0], NULL), 0);
    assert_int_equal(pthread_join(readers[1], NULL), 0);
    manifest_free(manifest);
    assert_int_equal(result, 0);
    if (race.problem[0] != '\0')
        fail_msg("%s", race.problem);
    assert_true(atomic_load(&race.opened) > 0);
}

/* Two caches share pairs and are closed by two threads. */
static void *close_in_thread(void *argument)
{
    cache_close(argument);
    return NULL;
}

static void shared_pairs_close_in_any_thread(void **state)
{
    (void)state;
    cache_rig_must_publish(1, 15);
    for (unsigned i = 0; i < 50; i++) {
        pthread_t threads[2];
        struct cache *first = cache_rig_must_open(NULL);
        struct cache *second = cache_rig_must_open(first);
        assert_int_equal(pthread_create(&threads[0], NULL, close_in_thread, first), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, close_in_thread, second), 0);
        assert_int_equal(pthread_join(threads[0], NULL), 0);
        assert_int_equal(pthread_join(threads[1], NULL), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_rig_open, cache_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_published),
        TEST(opens_and_decodes),
        TEST(a_switch_makes_it_stale),
        TEST(old_readers_keep_what_was_pruned),
        TEST(opens_a_kept_generation),
        TEST(files_must_be_the_manifests),
        TEST(lends_nothing_that_differs),
        TEST(a_cache_of_one_pair),
        TEST(switches_under_readers),
        TEST(an_overtaken_opening_begins_again),
        TEST(shared_pairs_close_in_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
