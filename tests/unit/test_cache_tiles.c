/* The core of a tile: whatever is within CACHE_NEAR of a point in it lies in the tile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "cachefmt/cache_tiles.h"

#define RADIANS 0.017453292519943295

static double share(unsigned *seed)
{
    return (double)rand_r(seed) / RAND_MAX;
}

/* Where one comes from `from` in that direction: the direct problem on the sphere. */
static struct point walk(struct point from, double metres, double direction)
{
    double angle = metres / EARTH_RADIUS_METRES;
    double lat = from.lat / 1e7 * RADIANS, lon = from.lon / 1e7 * RADIANS;
    double sine = sin(lat) * cos(angle) + cos(lat) * sin(angle) * cos(direction);
    double east = atan2(sin(direction) * sin(angle) * cos(lat), cos(angle) - sin(lat) * sine);
    struct point to;
    assert_true(
        point_from_degrees(asin(sine) / RADIANS, remainder((lon + east) / RADIANS, 360), &to));
    return to;
}

/* A corner of the core, or somewhere in it. */
static struct point in_core(const struct cache_tile *tile, unsigned *seed)
{
    double up = share(seed), right = share(seed);
    if (rand_r(seed) % 2 == 0) {
        up = round(up);
        right = round(right);
    }
    uint32_t north = tile->core_south + (uint32_t)(up * (tile->core_height - 1));
    uint32_t east = tile->core_west + (uint32_t)(right * (tile->core_width - 1));
    return (struct point){(int32_t)((int64_t)north - LATITUDE_LIMIT),
                          (int32_t)((int64_t)east - LONGITUDE_LIMIT)};
}

static void check(struct grid grid, unsigned *seed)
{
    struct cache_tiles *tiles = cache_tiles_create(grid);
    assert_non_null(tiles);
    for (uint32_t i = 0; i < grid_tiles(grid); i++) {
        const struct cache_tile *tile = &tiles->tile[i];
        for (int n = 0; n < 200 && tile->core_height > 0; n++) {
            struct point from = in_core(tile, seed);
            assert_true(cache_tile_core_has(tile, cache_north(from), cache_east(from)));
            struct point to = walk(from, CACHE_NEAR, share(seed) * 2 * 3.14159265358979);
            assert_int_equal(grid_tile(grid, to), i);
        }
    }
    free(tiles);
}

static void near_a_core_is_in_the_tile(void **state)
{
    (void)state;
    unsigned seed = 1;
    check((struct grid){24, 24}, &seed);
    check((struct grid){1, 1}, &seed);
    check((struct grid){100, 7}, &seed);
}

static void outside_is_not_in_the_core(void **state)
{
    (void)state;
    unsigned seed = 2;
    struct grid grid = {24, 24};
    struct cache_tiles *tiles = cache_tiles_create(grid);
    assert_non_null(tiles);
    for (uint32_t i = 0; i < grid_tiles(grid); i++) {
        struct box box = grid_tile_box(grid, i);
        for (int n = 0; n < 50; n++) {
            int32_t lat = (int32_t)((share(&seed) - 0.5) * 2 * LATITUDE_LIMIT);
            struct point point = {lat, (int32_t)(((double)rand_r(&seed) / RAND_MAX - 0.5) * 3.5e9)};
            if (cache_tile_core_has(&tiles->tile[i], cache_north(point), cache_east(point)))
                assert_true(box_contains(box, point));
        }
    }
    free(tiles);
}

static void a_pole_has_no_core(void **state)
{
    (void)state;
    struct grid grid = {24, 24};
    struct cache_tiles *tiles = cache_tiles_create(grid);
    assert_non_null(tiles);
    for (uint32_t column = 0; column < grid.columns; column++) {
        assert_int_equal(tiles->tile[column].core_height, 0);
        assert_int_equal(tiles->tile[23 * 24 + column].core_height, 0);
    }
    assert_true(tiles->tile[12 * 24].core_height > 0);
    free(tiles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_a_core_is_in_the_tile),
        cmocka_unit_test(outside_is_not_in_the_core),
        cmocka_unit_test(a_pole_has_no_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
