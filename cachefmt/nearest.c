/* Nearest over all tiles of a cache. Nearly every query is decided by its own tile, and a cheap
 * test says so; only the others pay for boxes and for the distances of tiles. */
#include <math.h>
#include <stdlib.h>

#include "cachefmt/cache_tiles.h"

#define UNITS_PER_METRE (1.8e9 / (EARTH_RADIUS_METRES * 3.14159265358979323846))
#define UNITS_PER_RADIAN (1.8e9 / 3.14159265358979323846)
#define CHUNK 16384 /* queries of a batch sorted by tile at once */

/* Where a query lies. */
struct place {
    uint32_t tile;
    double inside; /* metres: all within lies in the tile; may be less than it could */
};

/* A search of one query in progress: hit->row is UINT64_MAX until something is found. */
struct lookup {
    const struct cache *cache;
    struct grid grid;
    struct point query;
    double radius;
    struct cache_hit *hit;
};

static inline double lesser(double a, double b)
{
    return a < b ? a : b;
}

/* From a place in a cell to the nearer edge. */
static inline double to_edge(uint64_t at, uint64_t width)
{
    return (double)(width / 2) - fabs((double)((int64_t)at - (int64_t)(width / 2)));
}

/* place_of: for a valid point. The north pole counts to the row below. The cosine of a latitude is
 * at least 1 - latitude / 90 degrees, and asin(x) <= 1.1 x up to 0.5. */
static inline struct place place_of(struct grid grid, struct point query)
{
    const uint64_t height = 2ULL * LATITUDE_LIMIT, width = 2ULL * LONGITUDE_LIMIT;
    uint32_t north = (uint32_t)query.lat + LATITUDE_LIMIT;
    uint32_t east = (uint32_t)query.lon + LONGITUDE_LIMIT;
    north -= north >= height;
    uint64_t up = (uint64_t)north * grid.rows, right = (uint64_t)east * grid.columns;
    uint64_t row = up / height, column = right / width;
    up -= row * height;
    right -= column * width;
    double cosine = 1 - fabs((double)query.lat) * (1.0 / LATITUDE_LIMIT);
    double units = lesser(to_edge(up, height) / grid.rows,
                          to_edge(right, width) / grid.columns * 0.9 * cosine);
    return (struct place){
        .tile = (uint32_t)(row * grid.columns + column),
        .inside = (lesser(units, 0.5 * UNITS_PER_RADIAN * cosine) - 4) * (1 / UNITS_PER_METRE),
    };
}

static inline double reach_of(const struct lookup *lookup)
{
    return lookup->hit->row == UINT64_MAX ? lookup->radius : lookup->hit->distance;
}

static int search_tile(struct lookup *lookup, uint32_t tile, struct error *err)
{
    const struct quadtree *tree;
    struct nearest nearest;
    int has_entries = cache_quadtree(lookup->cache, tile, &tree, err);
    if (has_entries <= 0)
        return has_entries;
    if (!quadtree_nearest(tree, lookup->query, reach_of(lookup), &nearest))
        return 0;
    struct cache_hit *hit = lookup->hit;
    if (hit->row == UINT64_MAX || nearest.distance < hit->distance ||
        (nearest.distance == hit->distance && tile < hit->tile))
        *hit = (struct cache_hit){.tile = tile, .row = nearest.row, .distance = nearest.distance};
    return 0;
}

/* The tiles that a box touches: some rows, and some columns from `west` on, with wrap. */
struct patch {
    uint32_t south, rows, west, columns;
};

static struct patch patch_around(const struct lookup *lookup)
{
    struct box box = box_around(lookup->query, reach_of(lookup));
    struct grid grid = lookup->grid;
    uint32_t west = grid_column(grid, box.west), east = grid_column(grid, box.east);
    struct patch patch = {
        .south = grid_row(grid, box.south),
        .rows = grid_row(grid, box.north) - grid_row(grid, box.south) + 1,
        .west = west,
        .columns = (east + grid.columns - west) % grid.columns + 1,
    };
    if (box.west > box.east && west == east)
        patch.columns = grid.columns;
    return patch;
}

static uint32_t patch_tile(const struct lookup *lookup, struct patch patch, uint32_t i)
{
    uint32_t row = patch.south + i / patch.columns;
    uint32_t column = (patch.west + i % patch.columns) % lookup->grid.columns;
    return row * lookup->grid.columns + column;
}

static double tile_distance(const struct lookup *lookup, uint32_t tile)
{
    return box_distance(grid_tile_box(lookup->grid, tile), lookup->query);
}

/* Search the nearest tile that has entries, so that the reach is short before others are tried. */
static int search_nearest_tile(struct lookup *lookup, struct error *err)
{
    struct patch patch = patch_around(lookup);
    uint32_t nearest = UINT32_MAX;
    double least = INFINITY;
    for (uint32_t i = 0; i < patch.rows * patch.columns; i++) {
        uint32_t tile = patch_tile(lookup, patch, i);
        if (cache_pair(lookup->cache, tile) == NULL)
            continue;
        double distance = tile_distance(lookup, tile);
        if (nearest == UINT32_MAX || distance < least) {
            least = distance;
            nearest = tile;
        }
    }
    return nearest == UINT32_MAX ? 0 : search_tile(lookup, nearest, err);
}

/* search_around: go on from what the home tile gave until nothing nearer can be anywhere. */
static __attribute__((noinline)) int search_around(struct lookup *lookup, struct error *err)
{
    if (!(lookup->radius >= 0) || grid_tiles(lookup->grid) == 1)
        return 0;
    if (lookup->hit->row == UINT64_MAX && search_nearest_tile(lookup, err) != 0)
        return -1;
    struct patch patch = patch_around(lookup);
    for (uint32_t i = 0; i < patch.rows * patch.columns; i++) {
        uint32_t tile = patch_tile(lookup, patch, i);
        if (cache_pair(lookup->cache, tile) == NULL ||
            (lookup->hit->row != UINT64_MAX && lookup->hit->tile == tile) ||
            tile_distance(lookup, tile) > reach_of(lookup))
            continue;
        if (search_tile(lookup, tile, err) != 0)
            return -1;
    }
    return 0;
}

/* search_on: the rest of cache_nearest where other tiles may hold something nearer than nearest,
 * which is what tile gave, or NULL. */
static __attribute__((noinline)) int search_on(const struct cache *cache, struct point query,
                                               double radius, uint32_t tile,
                                               const struct nearest *nearest, struct cache_hit *hit,
                                               struct error *err)
{
    struct cache_hit found = {.tile = tile, .row = UINT64_MAX};
    if (nearest != NULL)
        found = (struct cache_hit){tile, nearest->row, nearest->distance};
    struct lookup lookup = {cache, cache_grid(cache), query, radius, &found};
    if (search_around(&lookup, err) != 0)
        return -1;
    if (found.row == UINT64_MAX)
        return 0;
    *hit = found;
    return 1;
}

static __attribute__((noinline)) int refuse_point(struct point point, struct error *err)
{
    return error_set(err, ERROR_VALUE, "coordinates out of range: latitude %.7f, longitude %.7f",
                     (double)point.lat / POINT_UNITS_PER_DEGREE,
                     (double)point.lon / POINT_UNITS_PER_DEGREE);
}

/* near_edge: the rest of cache_nearest near a tile's edge, or where nothing is near. */
static __attribute__((noinline)) int near_edge(const struct cache *cache, struct point query,
                                               double radius, const struct nearest *nearest,
                                               struct cache_hit *hit, struct error *err)
{
    struct place place = place_of(cache_grid(cache), query);
    if (!((nearest != NULL ? nearest->distance : radius) < place.inside))
        return search_on(cache, query, radius, place.tile, nearest, hit, err);
    if (nearest == NULL)
        return 0;
    *hit = (struct cache_hit){place.tile, nearest->row, nearest->distance};
    return 1;
}

int cache_nearest(const struct cache *cache, struct point query, double radius,
                  struct cache_hit *hit, struct error *err)
{
    struct nearest nearest;
    if (__builtin_expect(!point_is_valid(query), 0))
        return refuse_point(query, err);
    const struct cache_tiles *tiles = cache_tiles(cache);
    uint32_t tile = grid_tile(tiles->grid, query);
    const struct cache_tile *here = &tiles->tile[tile];
    const struct quadtree *tree = atomic_load_explicit(&here->index, memory_order_acquire);
    if (__builtin_expect(tree == NULL, 0)) {
        int has_entries = cache_tile_check(cache, tile, &tree, err);
        if (has_entries <= 0)
            return has_entries < 0 ? -1 : near_edge(cache, query, radius, NULL, hit, err);
    }
    bool found = quadtree_nearest(tree, query, radius, &nearest);
    double reach = found ? nearest.distance : radius;
    if (__builtin_expect(!(reach < CACHE_NEAR) ||
                             !cache_tile_core_has(here, cache_north(query), cache_east(query)),
                         0))
        return near_edge(cache, query, radius, found ? &nearest : NULL, hit, err);
    if (!found)
        return 0;
    *hit = (struct cache_hit){tile, nearest.row, nearest.distance};
    return 1;
}

/* One tile's queries of a batch, searched side by side. */
static int search_home(const struct cache *cache, uint32_t tile, const struct point *queries,
                       size_t n, double radius, struct nearest *out, struct error *err)
{
    const struct quadtree *tree;
    int has_entries = cache_quadtree(cache, tile, &tree, err);
    if (has_entries > 0)
        quadtree_nearest_batch(tree, queries, n, radius, out);
    for (size_t i = 0; has_entries == 0 && i < n; i++)
        out[i].row = SIZE_MAX;
    return has_entries < 0 ? -1 : 0;
}

/* Scratch of a batch. */
struct scratch {
    struct point *queries;   /* in the order of their tiles */
    struct nearest *nearest; /* of each, in its own tile */
    uint32_t *tiles;         /* of each query as given */
    uint32_t *order;         /* position as given, in the order of the tiles */
    uint32_t ends[GRID_SIDE_LIMIT * GRID_SIDE_LIMIT];
};

static void scratch_free(struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->queries);
    free(scratch->nearest);
    free(scratch->tiles);
    free(scratch->order);
    free(scratch);
}

static struct scratch *scratch_create(size_t room, struct error *err)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch != NULL) {
        scratch->queries = malloc(room * sizeof *scratch->queries);
        scratch->nearest = malloc(room * sizeof *scratch->nearest);
        scratch->tiles = malloc(room * sizeof *scratch->tiles);
        scratch->order = malloc(room * sizeof *scratch->order);
        if (scratch->queries != NULL && scratch->nearest != NULL && scratch->tiles != NULL &&
            scratch->order != NULL)
            return scratch;
    }
    scratch_free(scratch);
    error_memory(err, "a batch of lookups");
    return NULL;
}

/* Fill scratch->order: as given where tiles come in runs already, else sorted by tile. */
static void order_by_tile(struct scratch *scratch, struct grid grid, size_t n)
{
    size_t runs = 1;
    for (size_t i = 1; i < n; i++)
        runs += scratch->tiles[i] != scratch->tiles[i - 1];
    if (n < 64 || runs <= n / 16) {
        for (size_t i = 0; i < n; i++)
            scratch->order[i] = (uint32_t)i;
        return;
    }
    uint32_t tiles = grid_tiles(grid);
    for (uint32_t tile = 0; tile < tiles; tile++)
        scratch->ends[tile] = 0;
    for (size_t i = 0; i < n; i++)
        scratch->ends[scratch->tiles[i]]++;
    for (uint32_t tile = 0, end = 0; tile < tiles; tile++) {
        uint32_t members = scratch->ends[tile];
        scratch->ends[tile] = end;
        end += members;
    }
    for (size_t i = 0; i < n; i++)
        scratch->order[scratch->ends[scratch->tiles[i]]++] = (uint32_t)i;
}

static int search_homes(const struct cache *cache, struct scratch *scratch, size_t n, double radius,
                        struct error *err)
{
    for (size_t first = 0, end; first < n; first = end) {
        uint32_t tile = scratch->tiles[scratch->order[first]];
        for (end = first + 1; end < n && scratch->tiles[scratch->order[end]] == tile;)
            end++;
        if (search_home(cache, tile, scratch->queries + first, end - first, radius,
                        scratch->nearest + first, err) != 0)
            return -1;
    }
    return 0;
}

static int search_chunk(const struct cache *cache, struct scratch *scratch,
                        const struct point *queries, size_t n, double radius,
                        struct cache_hit *hits, struct error *err)
{
    struct grid grid = cache_grid(cache);
    for (size_t i = 0; i < n; i++) {
        if (!point_is_valid(queries[i]))
            return refuse_point(queries[i], err);
        scratch->tiles[i] = grid_tile(grid, queries[i]);
    }
    order_by_tile(scratch, grid, n);
    for (size_t i = 0; i < n; i++)
        scratch->queries[i] = queries[scratch->order[i]];
    if (search_homes(cache, scratch, n, radius, err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct cache_hit *hit = &hits[scratch->order[i]];
        const struct nearest *nearest = &scratch->nearest[i];
        *hit = (struct cache_hit){.tile = scratch->tiles[scratch->order[i]], .row = UINT64_MAX};
        if (nearest->row != SIZE_MAX) {
            hit->row = nearest->row;
            hit->distance = nearest->distance;
        }
        struct point query = scratch->queries[i];
        struct lookup lookup = {cache, grid, query, radius, hit};
        if (!(reach_of(&lookup) < place_of(grid, query).inside) && search_around(&lookup, err) != 0)
            return -1;
    }
    return 0;
}

int cache_nearest_batch(const struct cache *cache, const struct point *queries, size_t n,
                        double radius, struct cache_hit *hits, struct error *err)
{
    struct scratch *scratch = scratch_create(n < CHUNK ? n + 1 : CHUNK, err);
    if (scratch == NULL)
        return -1;
    int result = 0;
    for (size_t first = 0; first < n && result == 0; first += CHUNK)
        result = search_chunk(cache, scratch, queries + first,
                              n - first < CHUNK ? n - first : CHUNK, radius, hits + first, err);
    scratch_free(scratch);
    return result;
}
