#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cachefmt/cache.h"
#include "cachefmt/generation.h"
#include "cachefmt/pair_builder.h"
#include "quadtree/morton.h"

static const struct grid *sorting_grid;

static uint64_t order_of(const struct point *point)
{
    return morton_encode(*point);
}

/* Tile, then Morton order: the order of the cache. */
static int compare(const void *a, const void *b)
{
    uint32_t x = grid_tile(*sorting_grid, *(const struct point *)a);
    uint32_t y = grid_tile(*sorting_grid, *(const struct point *)b);
    if (x != y)
        return x < y ? -1 : 1;
    uint64_t p = order_of(a), q = order_of(b);
    return p < q ? -1 : p > q;
}

struct world {
    char directory[64];
    struct grid grid;
    struct point *points; /* in the order of the cache, each once */
    size_t count;
    struct cache *cache;
};

static void build_tile(const struct world *world, struct manifest *manifest, uint32_t tile,
                       const struct point *points, size_t count)
{
    char *index, *data;
    struct pair_builder *builder;
    assert_int_equal(generation_pair_paths(world->directory, tile, 1, &index, &data, NULL), 0);
    assert_int_equal(pair_builder_create(&builder, index, data, world->grid, tile, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        struct entry entry = {.point = points[i], .outcome = OUTCOME_NONE, .refreshed_at = 1};
        assert_int_equal(pair_builder_add(builder, &entry, NULL), 0);
    }
    assert_int_equal(pair_builder_commit(builder, &manifest->tiles[tile].info, NULL), 0);
    manifest->tiles[tile].built = 1;
    free(index);
    free(data);
}

static void world_open(struct world *world, struct grid grid, struct point *points, size_t count)
{
    const char *base = getenv("TMPDIR");
    struct manifest *manifest;
    struct error err;
    snprintf(world->directory, sizeof world->directory, "%s/nearest.XXXXXX",
             base != NULL && strlen(base) < 40 ? base : "/tmp");
    assert_non_null(mkdtemp(world->directory));
    world->grid = grid;
    sorting_grid = &world->grid;
    if (count > 0)
        qsort(points, count, sizeof *points, compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !point_equal(points[i], points[kept - 1]))
            points[kept++] = points[i];
    world->points = points;
    world->count = kept;
    assert_int_equal(manifest_create(&manifest, grid, NULL), 0);
    for (size_t first = 0, end; first < kept; first = end) {
        uint32_t tile = grid_tile(grid, points[first]);
        for (end = first; end < kept && grid_tile(grid, points[end]) == tile;)
            end++;
        build_tile(world, manifest, tile, points + first, end - first);
    }
    manifest->generation = 1;
    snprintf(manifest->run, sizeof manifest->run, "import");
    manifest_seal(manifest);
    if (generation_publish(world->directory, manifest, &err) != 0 ||
        cache_open(&world->cache, world->directory, NULL, &err) != 0)
        fail_msg("%s", err.message);
    manifest_free(manifest);
}

static void world_close(struct world *world)
{
    char command[128];
    cache_close(world->cache);
    snprintf(command, sizeof command, "rm -rf '%s'", world->directory);
    assert_int_equal(system(command), 0);
}

/* The hit by trying everything; ties to the lower tile and row. */
static struct cache_hit brute(const struct world *world, struct point query, double radius)
{
    struct cache_hit best = {.row = UINT64_MAX, .distance = INFINITY};
    size_t first = 0;
    for (size_t i = 0; i < world->count; i++) {
        uint32_t tile = grid_tile(world->grid, world->points[i]);
        if (i > 0 && tile != grid_tile(world->grid, world->points[i - 1]))
            first = i;
        double distance = point_distance(query, world->points[i]);
        if (distance <= radius && distance < best.distance)
            best = (struct cache_hit){.tile = tile, .row = i - first, .distance = distance};
    }
    return best;
}

static void check_hit(struct point query, double radius, struct cache_hit got,
                      struct cache_hit want)
{
    if (got.row != want.row ||
        (want.row != UINT64_MAX && (got.tile != want.tile || got.distance != want.distance)))
        fail_msg("query %d %d radius %g: tile %u row %d at %.17g, not tile %u row %d at %.17g",
                 query.lat, query.lon, radius, got.tile, (int)got.row, got.distance, want.tile,
                 (int)want.row, want.distance);
}

static void check_all(const struct world *world, const struct point *queries, size_t n,
                      double radius)
{
    struct cache_hit *batch = malloc(n * sizeof *batch);
    assert_int_equal(cache_nearest_batch(world->cache, queries, n, radius, batch, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        struct cache_hit want = brute(world, queries[i], radius), one = {.row = UINT64_MAX};
        int found = cache_nearest(world->cache, queries[i], radius, &one, NULL);
        assert_int_equal(found, want.row != UINT64_MAX);
        check_hit(queries[i], radius, one, want);
        check_hit(queries[i], radius, batch[i], want);
    }
    free(batch);
}

static int32_t within(double value, double least, double most)
{
    return (int32_t)fmin(fmax(value, least), most);
}

/* A point of the kinds that are hard: tile corners and edges, poles, antimeridian, anywhere. */
static struct point hard_point(struct grid grid)
{
    struct box box = grid_tile_box(grid, (uint32_t)lrand48() % grid_tiles(grid));
    double scale = pow(10, drand48() * 8);
    double lat = lrand48() % 4 ? box.south : drand48() * 1.8e9 - 9e8;
    double lon = lrand48() % 4 ? box.west : drand48() * 3.6e9 - 1.8e9;
    lat += (drand48() - 0.5) * scale;
    lon += (drand48() - 0.5) * scale;
    if (lon < -1.8e9)
        lon += 3.6e9;
    return (struct point){within(lat, -9e8, 9e8), within(lon, -1.8e9, 1.8e9 - 1)};
}

static void agrees_with_trying_all(void **state)
{
    (void)state;
    srand48(1);
    const struct grid grids[] = {{24, 24}, {1, 1}, {3, 5}, {2, 1}, {1, 3}, {40, 7}};
    const size_t counts[] = {1200, 300, 3, 40, 200, 900};
    const double radii[] = {0, 10, 1000, 2e5, 5e6, INFINITY};
    static struct point points[1200], queries[300];
    for (size_t g = 0; g < 6; g++) {
        struct world world;
        for (size_t i = 0; i < counts[g]; i++)
            points[i] = hard_point(grids[g]);
        world_open(&world, grids[g], points, counts[g]);
        for (size_t r = 0; r < 6; r++) {
            for (size_t i = 0; i < 300; i++) {
                queries[i] = hard_point(grids[g]);
                struct point near = points[(size_t)lrand48() % world.count];
                if (i % 2 == 0)
                    queries[i] = (struct point){
                        within(near.lat + (drand48() - 0.5) * 200, -9e8, 9e8),
                        within(near.lon + (drand48() - 0.5) * 200, -1.8e9, 1.8e9 - 1)};
            }
            check_all(&world, queries, 300, radii[r]);
            check_all(&world, queries, 5, radii[r]);
        }
        world_close(&world);
    }
}

static void equal_distances_give_the_lower_tile(void **state)
{
    (void)state;
    struct world world;
    struct point points[] = {{10, 5}, {10, -5}, {-10, 5}, {-10, -5}};
    world_open(&world, (struct grid){24, 24}, points, 4);
    struct point query = {0, 0};
    struct cache_hit hit;
    assert_int_equal(cache_nearest(world.cache, query, 100, &hit, NULL), 1);
    assert_int_equal(hit.tile, 11 * 24 + 11);
    check_all(&world, &query, 1, 100);
    world_close(&world);
}

static void an_empty_cache_and_bad_queries(void **state)
{
    (void)state;
    struct world world;
    struct error err;
    world_open(&world, (struct grid){24, 24}, NULL, 0);
    struct point query = {0, 0}, bad = {LATITUDE_LIMIT + 1, 0};
    struct cache_hit hit = {.row = 7};
    assert_int_equal(cache_nearest(world.cache, query, INFINITY, &hit, NULL), 0);
    assert_int_equal(hit.row, 7);
    assert_int_equal(cache_nearest(world.cache, query, NAN, &hit, NULL), 0);
    assert_int_equal(cache_nearest(world.cache, query, -1, &hit, NULL), 0);
    assert_int_equal(cache_nearest(world.cache, bad, 1, &hit, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_int_equal(cache_nearest_batch(world.cache, &bad, 1, 1, &hit, &err), -1);
    assert_int_equal(cache_nearest_batch(world.cache, &query, 0, 1, &hit, &err), 0);
    assert_int_equal(cache_nearest_batch(world.cache, &query, 1, INFINITY, &hit, &err), 0);
    assert_true(hit.row == UINT64_MAX);
    world_close(&world);
}

static void large_batches(void **state)
{
    (void)state;
    srand48(2);
    struct grid grid = {24, 24};
    static struct point points[3000], queries[40000];
    static struct cache_hit hits[40000];
    struct world world;
    for (size_t i = 0; i < 3000; i++)
        points[i] = hard_point(grid);
    world_open(&world, grid, points, 3000);
    for (size_t i = 0; i < 40000; i++)
        queries[i] = points[(size_t)lrand48() % world.count];
    assert_int_equal(cache_nearest_batch(world.cache, queries, 40000, 50, hits, NULL), 0);
    for (size_t i = 0; i < 40000; i++) {
        struct cache_hit hit = {0};
        assert_int_equal(cache_nearest(world.cache, queries[i], 50, &hit, NULL), 1);
        check_hit(queries[i], 50, hits[i], hit);
        assert_true(hit.distance < 1e-6);
    }
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_trying_all),
        cmocka_unit_test(equal_distances_give_the_lower_tile),
        cmocka_unit_test(an_empty_cache_and_bad_queries),
        cmocka_unit_test(large_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
