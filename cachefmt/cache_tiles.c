#include "cachefmt/cache_tiles.h"

#include <math.h>
#include <stdlib.h>

#define RADIANS_PER_UNIT (3.14159265358979323846 / (2 * (double)LATITUDE_LIMIT))
#define LEAST_COSINE 0.01 /* nearer to a pole nothing is taken for near */

/* The longitudes within an angle r of a place at latitude p differ from its own by at most
 * asin(sin r / cos p) (J. Bronstein, 1955), which is less than 1.1 r / cos p while that is below a
 * half. */
static void set_core(struct cache_tile *tile, struct box box)
{
    double reach = CACHE_NEAR / (EARTH_RADIUS_METRES * RADIANS_PER_UNIT) + 2;
    double farthest = fmax(fabs((double)box.south), fabs((double)box.north));
    double cosine = cos(farthest * RADIANS_PER_UNIT);
    if (cosine < LEAST_COSINE)
        return;
    double up = ceil(reach), right = ceil(1.1 * reach / cosine);
    double height = (double)box.north - box.south + 1 - 2 * up;
    double width = (double)box.east - box.west + 1 - 2 * right;
    if (height <= 0 || width <= 0)
        return;
    tile->core_south = cache_north((struct point){box.south, box.west}) + (uint32_t)up;
    tile->core_west = cache_east((struct point){box.south, box.west}) + (uint32_t)right;
    tile->core_height = (uint32_t)height;
    tile->core_width = (uint32_t)width;
}

struct cache_tiles *cache_tiles_create(struct grid grid)
{
    uint32_t count = grid_tiles(grid);
    struct cache_tiles *tiles = calloc(1, sizeof *tiles + count * sizeof tiles->tile[0]);
    if (tiles == NULL)
        return NULL;
    tiles->grid = grid;
    for (uint32_t i = 0; i < count; i++)
        set_core(&tiles->tile[i], grid_tile_box(grid, i));
    return tiles;
}
