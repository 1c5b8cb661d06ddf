/* What a lookup reads of a cache before it searches a tile. Private to cache.c and nearest.c. */
#ifndef REFRESHD_CACHEFMT_CACHE_TILES_H
#define REFRESHD_CACHEFMT_CACHE_TILES_H

#include <stdatomic.h>

#include "cachefmt/cache.h"

#define CACHE_NEAR 1000.0 /* metres; most lookups find something nearer */

/* Half a cache line for each tile. The core holds the points whose surroundings up to CACHE_NEAR
 * lie in the tile: coordinates from 0, as cache_north and cache_east give them. */
struct cache_tile {
    _Atomic(const struct quadtree *) index; /* once it was checked */
    uint32_t core_south, core_west;
    uint32_t core_height, core_width; /* 0 = there is none */
};

struct cache_tiles {
    struct grid grid;
    struct cache_tile tile[]; /* grid_tiles(grid) of them */
};

static inline uint32_t cache_north(struct point point)
{
    return (uint32_t)point.lat + LATITUDE_LIMIT;
}

static inline uint32_t cache_east(struct point point)
{
    return (uint32_t)point.lon + LONGITUDE_LIMIT;
}

static inline bool cache_tile_core_has(const struct cache_tile *tile, uint32_t north, uint32_t east)
{
    return north - tile->core_south < tile->core_height &&
           east - tile->core_west < tile->core_width;
}

/* cache_tiles_create: no index is known yet. NULL when out of memory; free() frees it. */
struct cache_tiles *cache_tiles_create(struct grid grid);

const struct cache_tiles *cache_tiles(const struct cache *cache);

/* cache_tile_check: as cache_quadtree, for a tile whose index is not known yet. */
int cache_tile_check(const struct cache *cache, uint32_t tile, const struct quadtree **out,
                     struct error *err);

#endif
