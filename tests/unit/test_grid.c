#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "quadtree/grid.h"

static struct point any_point(void)
{
    struct point point = {
        .lat = (int32_t)(drand48() * 2.0 * LATITUDE_LIMIT) - LATITUDE_LIMIT,
        .lon = (int32_t)((int64_t)(drand48() * 2.0 * LONGITUDE_LIMIT) - LONGITUDE_LIMIT),
    };
    if (lrand48() % 10 == 0)
        point.lat = lrand48() % 2 ? LATITUDE_LIMIT : -LATITUDE_LIMIT;
    if (lrand48() % 10 == 0)
        point.lon = lrand48() % 2 ? LONGITUDE_LIMIT - 1 : -LONGITUDE_LIMIT;
    return point;
}

static void tiles_of_corners(void **state)
{
    (void)state;
    struct grid grid = {24, 24};
    assert_int_equal(grid_tile(grid, (struct point){-LATITUDE_LIMIT, -LONGITUDE_LIMIT}), 0);
    assert_int_equal(grid_tile(grid, (struct point){LATITUDE_LIMIT, LONGITUDE_LIMIT - 1}), 575);
    assert_int_equal(grid_tile(grid, (struct point){0, 0}), 12 * 24 + 12);
    assert_int_equal(grid_tile(grid, (struct point){-1, -1}), 11 * 24 + 11);
}

static void boxes_part_the_world(void **state)
{
    (void)state;
    const struct grid grids[] = {{1, 1}, {24, 24}, {7, 13}, {100, 100}, {1, 99}};
    for (size_t g = 0; g < sizeof grids / sizeof *grids; g++) {
        struct grid grid = grids[g];
        for (uint32_t tile = 0; tile < grid_tiles(grid); tile++) {
            struct box box = grid_tile_box(grid, tile);
            assert_int_equal(grid_tile(grid, (struct point){box.south, box.west}), tile);
            assert_int_equal(grid_tile(grid, (struct point){box.north, box.east}), tile);
            if (box.north < LATITUDE_LIMIT)
                assert_int_equal(grid_tile(grid, (struct point){box.north + 1, box.west}),
                                 tile + grid.columns);
            if (box.east < LONGITUDE_LIMIT - 1)
                assert_int_equal(grid_tile(grid, (struct point){box.south, box.east + 1}),
                                 tile + 1);
        }
        struct box last = grid_tile_box(grid, grid_tiles(grid) - 1);
        assert_int_equal(last.north, LATITUDE_LIMIT);
        assert_int_equal(last.east, LONGITUDE_LIMIT - 1);
    }
}

static void around_holds_the_circle(void **state)
{
    (void)state;
    srand48(2);
    const double pi = acos(-1.0);
    for (int i = 0; i < 200000; i++) {
        struct point centre = any_point();
        double radius = pow(10, drand48() * 9 - 2), bearing = drand48() * 2 * pi;
        double angle = radius / EARTH_RADIUS_METRES, lat = centre.lat * pi / 1.8e9;
        if (angle > pi)
            continue;
        double up = asin(sin(lat) * cos(angle) + cos(lat) * sin(angle) * cos(bearing));
        double right = atan2(sin(bearing) * sin(angle) * cos(lat), cos(angle) - sin(lat) * sin(up));
        double lon = centre.lon / 1e7 + right * 180 / pi;
        struct point edge;
        lon = lon >= 180 ? lon - 360 : lon < -180 ? lon + 360 : lon;
        if (!point_from_degrees(up * 180 / pi, lon, &edge) || point_distance(centre, edge) > radius)
            continue;
        assert_true(box_contains(box_around(centre, radius), edge));
    }
}

static void around_is_tight(void **state)
{
    (void)state;
    struct box box = box_around((struct point){500000000, 1799999000}, 100);
    assert_in_range(box.north - box.south, 17980, 17995);
    int64_t to_west = 1799999000LL - box.west, to_east = box.east + 3600000000LL - 1799999000LL;
    assert_int_equal(to_west, to_east);
    assert_in_range(to_west, 13980, 14000);
    assert_true(box.west > box.east);
    box = box_around((struct point){899999900, 5}, 100);
    assert_int_equal(box.north, LATITUDE_LIMIT);
    assert_int_equal(box.west, -LONGITUDE_LIMIT);
    assert_int_equal(box.east, LONGITUDE_LIMIT - 1);
    assert_true(box.south > 899980000);
    box = box_around((struct point){5, 5}, INFINITY);
    assert_int_equal(box.south, -LATITUDE_LIMIT);
    box = box_around((struct point){5, 5}, 0);
    assert_in_range(box.north, 5, 6);
}

static struct point inside(struct box box)
{
    return (struct point){
        .lat = box.south + (int32_t)(drand48() * ((double)box.north - box.south)),
        .lon = (int32_t)(box.west + (int64_t)(drand48() * ((double)box.east - box.west))),
    };
}

static void distance_is_a_lower_bound(void **state)
{
    (void)state;
    srand48(3);
    for (int i = 0; i < 30000; i++) {
        struct point a = any_point(), b = any_point(), from = any_point();
        if (i % 2) {
            b.lat = (int32_t)fmin(a.lat + drand48() * 1e6, LATITUDE_LIMIT);
            b.lon = (int32_t)fmin(a.lon + drand48() * 1e6, LONGITUDE_LIMIT - 1);
        }
        struct box box = {a.lat < b.lat ? a.lat : b.lat, a.lon < b.lon ? a.lon : b.lon,
                          a.lat < b.lat ? b.lat : a.lat, a.lon < b.lon ? b.lon : a.lon};
        double bound = box_distance(box, from);
        if (from.lat != LATITUDE_LIMIT && from.lat != -LATITUDE_LIMIT)
            assert_int_equal(bound == 0, box_contains(box, from));
        double least = INFINITY;
        for (int k = 0; k < 32; k++) {
            struct point point = inside(box);
            if (k % 4 == 1)
                point.lon = box.west;
            if (k % 4 == 2)
                point.lon = box.east;
            if (k % 4 == 3)
                point.lat = k & 4 ? box.south : box.north;
            least = fmin(least, point_distance(from, point));
        }
        assert_true(bound == 0 || bound <= least);
    }
}

static void distance_is_close(void **state)
{
    (void)state;
    struct box box = {100000000, 200000000, 300000000, 400000000};
    double degree = EARTH_RADIUS_METRES * acos(-1.0) / 180;
    double north = box_distance(box, (struct point){310000000, 250000000});
    assert_true(fabs(north - degree) < 1);
    double west = box_distance(box, (struct point){200000000, 199999000});
    assert_true(fabs(west - 1e-4 * degree * cos(20 * acos(-1.0) / 180)) < 1e-3);
    double pole = box_distance(box, (struct point){900000000, 0});
    assert_true(fabs(pole - 60 * degree) < 1);
    double wide = box_distance((struct box){-1, -1000, 1, -1000}, (struct point){0, 1799999000});
    assert_true(fabs(wide - 180 * degree) < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_of_corners),          cmocka_unit_test(boxes_part_the_world),
        cmocka_unit_test(around_holds_the_circle),   cmocka_unit_test(around_is_tight),
        cmocka_unit_test(distance_is_a_lower_bound), cmocka_unit_test(distance_is_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
