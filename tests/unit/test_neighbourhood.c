#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "geocoder/neighbourhood.h"
#include "quadtree/morton.h"

#define PLACES 3000
#define QUERIES 400

struct world {
    uint64_t codes[PLACES], scratch[PLACES];
    struct point points[PLACES];
    uint64_t *directory;
    struct vector vectors[PLACES];
    struct quadtree tree;
    uint64_t random;
};

static int64_t random_up_to(struct world *world, int64_t limit)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((world->random >> 20) % (uint64_t)(2 * limit + 1)) - limit;
}

/* near: a point at most spread units from centre, over pole and antimeridian as well. */
static struct point near(struct world *world, struct point centre, int64_t spread)
{
    int64_t lat = centre.lat + random_up_to(world, spread);
    int64_t lon = centre.lon + random_up_to(world, spread);
    if (lat > LATITUDE_LIMIT)
        lat = 2 * (int64_t)LATITUDE_LIMIT - lat;
    if (lat < -LATITUDE_LIMIT)
        lat = -2 * (int64_t)LATITUDE_LIMIT - lat;
    lon = (lon + 5 * (int64_t)LONGITUDE_LIMIT) % (2 * (int64_t)LONGITUDE_LIMIT) - LONGITUDE_LIMIT;
    return (struct point){(int32_t)lat, (int32_t)lon};
}

/* make_world: places within spread units of centre. */
static struct world *make_world(struct point centre, int64_t spread)
{
    struct world *world = calloc(1, sizeof *world);
    size_t count = 0;
    assert_non_null(world);
    world->random = (uint64_t)spread;
    for (size_t i = 0; i < PLACES; i++)
        world->codes[i] = morton_encode(near(world, centre, spread));
    quadtree_sort(world->codes, world->scratch, PLACES);
    for (size_t i = 0; i < PLACES; i++) {
        if (count == 0 || world->codes[i] != world->codes[count - 1])
            world->codes[count++] = world->codes[i];
    }
    world->directory = calloc(1, quadtree_directory_bytes(count) + 1);
    assert_non_null(world->directory);
    for (size_t i = 0; i < count; i++)
        world->points[i] = morton_decode(world->codes[i]);
    quadtree_build(world->points, count, world->directory);
    world->tree = quadtree_view(world->points, count, world->directory);
    neighbourhood_vectors(&world->tree, world->vectors);
    return world;
}

static void free_world(struct world *world)
{
    free(world->directory);
    free(world);
}

/* Every answer is the quadtree's; returns how many of the questions were answered. */
static unsigned agree(struct world *world, const struct neighbourhood *around, struct point centre,
                      int64_t spread)
{
    unsigned answered = 0;
    for (int i = 0; i < QUERIES; i++) {
        struct point query = near(world, centre, spread);
        struct nearest expected;
        size_t row;
        double chord;
        assert_true(quadtree_nearest(&world->tree, query, INFINITY, &expected));
        if (!neighbourhood_nearest(around, vector_of(query), &row, &chord))
            continue;
        answered++;
        assert_int_equal(row, expected.row);
        assert_true(fabs(chord - chord_of(expected.distance)) < 1e-9);
        assert_true(fabs(metres_of(chord) - expected.distance) < 1e-3);
    }
    return answered;
}

static void answers_are_those_of_the_quadtree(void **state)
{
    (void)state;
    static const struct point centres[] = {
        {488534100, 23488000},     {0, 0},           {-181416100, 1799999999},
        {-170000000, -1800000000}, {899990000, 500}, {-900000000, -1234567890},
    };
    static const int64_t spreads[] = {20000, 5000000, 200000000};
    for (size_t i = 0; i < sizeof centres / sizeof centres[0]; i++) {
        for (size_t j = 0; j < sizeof spreads / sizeof spreads[0]; j++) {
            struct world *world = make_world(centres[i], spreads[j]);
            struct neighbourhood around = {0};
            struct nearest found;
            assert_true(quadtree_nearest(&world->tree, centres[i], INFINITY, &found));
            bool built = neighbourhood_build(&around, &world->tree, world->vectors, centres[i],
                                             found.distance);
            (void)agree(world, &around, centres[i], spreads[j]);
            unsigned near_by = agree(world, &around, centres[i], spreads[j] / 1000);
            if (built && fabs((double)centres[i].lat) < 800000000 && spreads[j] > 20000)
                assert_in_range(near_by, QUERIES / 2, QUERIES);
            free_world(world);
        }
    }
}

static void chords_are_metres_and_back(void **state)
{
    (void)state;
    for (double metres = 0.001; metres < 20e6; metres *= 1.1)
        assert_true(fabs(metres_of(chord_of(metres)) - metres) < 1e-9 * metres + 1e-6 ||
                    metres > 19.9e6);
    assert_true(fabs(metres_of(2) - M_PI * EARTH_RADIUS_METRES) < 1e-3);
    assert_true(metres_of(0) == 0);
}

static void a_neighbourhood_is_built_where_there_are_places(void **state)
{
    (void)state;
    struct point centre = {488534100, 23488000};
    struct world *world = make_world(centre, 5000000);
    struct neighbourhood around = {0};
    struct nearest found;
    assert_true(quadtree_nearest(&world->tree, centre, INFINITY, &found));
    assert_true(neighbourhood_build(&around, &world->tree, world->vectors, centre, found.distance));
    assert_int_equal(around.count, NEIGHBOURHOOD_PLACES);
    assert_true(around.reach > found.distance);
    /* Its reach is a good first guess for the next one. */
    assert_true(neighbourhood_build(&around, &world->tree, world->vectors, centre, found.distance));
    assert_int_equal(around.count, NEIGHBOURHOOD_PLACES);
    /* Too far from everything. */
    assert_false(neighbourhood_build(&around, &world->tree, world->vectors,
                                     (struct point){-488534100, -1700000000}, 15e6));
    size_t row;
    double chord;
    assert_false(neighbourhood_nearest(&around, vector_of(centre), &row, &chord));
    free_world(world);
}

static void ties_are_left_to_the_quadtree(void **state)
{
    (void)state;
    const struct point points[2] = {{0, 1000}, {0, 3000}};
    uint64_t directory[64] = {0};
    struct vector vectors[2];
    assert_true(quadtree_directory_bytes(2) <= sizeof directory);
    quadtree_build(points, 2, directory);
    struct quadtree tree = quadtree_view(points, 2, directory);
    struct neighbourhood around = {0};
    size_t row;
    double chord;
    neighbourhood_vectors(&tree, vectors);
    assert_true(neighbourhood_build(&around, &tree, vectors, (struct point){0, 1500}, 6));
    assert_int_equal(around.count, 2);
    assert_false(neighbourhood_nearest(&around, vector_of((struct point){0, 2000}), &row, &chord));
    assert_true(neighbourhood_nearest(&around, vector_of((struct point){0, 1999}), &row, &chord));
    assert_int_equal(row, 0);
    assert_true(neighbourhood_nearest(&around, vector_of((struct point){0, 2001}), &row, &chord));
    assert_int_equal(row, 1);
}

static void the_roomiest_is_the_one_around_the_query(void **state)
{
    (void)state;
    struct neighbourhood around[3] = {0};
    static const int32_t lons[] = {0, 10000000, 20000000};
    for (unsigned i = 0; i < 3; i++) {
        around[i].centre = vector_of((struct point){0, lons[i]});
        around[i].outer = 0.02;
        around[i].count = 1;
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(
            neighbourhood_roomiest(around, 3, vector_of((struct point){1000, lons[i] + 4000000})),
            i);
    around[1].count = 0;
    assert_int_equal(neighbourhood_roomiest(around, 3, vector_of((struct point){0, 11000000})), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_quadtree),
        cmocka_unit_test(chords_are_metres_and_back),
        cmocka_unit_test(a_neighbourhood_is_built_where_there_are_places),
        cmocka_unit_test(ties_are_left_to_the_quadtree),
        cmocka_unit_test(the_roomiest_is_the_one_around_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
