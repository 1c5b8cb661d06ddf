#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "quadtree/point.h"

static struct point at(double lat, double lon)
{
    struct point point;
    assert_true(point_from_degrees(lat, lon, &point));
    return point;
}

static void assert_near(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("%.17g is not %.17g", got, want);
}

/* The angle by vectors in long double, another formula than the one under test. */
static double reference(struct point a, struct point b)
{
    const long double unit = acosl(-1.0L) / 180 / POINT_UNITS_PER_DEGREE;
    long double alat = a.lat * unit, alon = a.lon * unit, blat = b.lat * unit, blon = b.lon * unit;
    long double x = cosl(blat) * sinl(blon - alon);
    long double y = cosl(alat) * sinl(blat) - sinl(alat) * cosl(blat) * cosl(blon - alon);
    long double z = sinl(alat) * sinl(blat) + cosl(alat) * cosl(blat) * cosl(blon - alon);
    return (double)(EARTH_RADIUS_METRES * atan2l(hypotl(x, y), z));
}

static struct point any_point(void)
{
    double lat = drand48() * 180 - 90, lon = drand48() * 360 - 180;
    return at(lat, lon);
}

static void distance_of_known_arcs(void **state)
{
    (void)state;
    const double quarter = acos(-1.0) / 2 * EARTH_RADIUS_METRES;
    assert_near(point_distance(at(0, 0), at(0, 90)), quarter, 1e-15);
    assert_near(point_distance(at(90, 12), at(0, -77)), quarter, 1e-15);
    assert_near(point_distance(at(-90, 0), at(90, 0)), 2 * quarter, 1e-15);
    assert_near(point_distance(at(0, 179.5), at(0, -179.5)), quarter / 90, 1e-14);
    assert_near(point_distance(at(48.8584, 2.2945), at(51.5007, -0.1246)), 340555.4, 1e-3);
    assert_true(point_distance(at(12, 34), at(12, 34)) == 0);
    assert_true(point_distance(at(90, 12), at(90, -120)) < 1e-9);
}

static void distance_agrees_with_vectors(void **state)
{
    (void)state;
    srand48(1);
    for (int i = 0; i < 100000; i++) {
        struct point a = any_point(), b = any_point();
        if (i % 3 != 0) {
            double scale = pow(10, drand48() * 8);
            b.lat = (int32_t)fmin(fmax(a.lat + (drand48() - 0.5) * scale, -9e8), 9e8);
            b.lon = (int32_t)fmin(fmax(a.lon + (drand48() - 0.5) * scale, -1.8e9), 1.79e9);
        }
        assert_near(point_distance(a, b), reference(a, b), 1e-9);
        assert_near(point_distance(a, b), point_distance(b, a), 1e-12);
    }
}

static void distance_of_neighbours(void **state)
{
    (void)state;
    struct point a = at(60, 10), b = a;
    b.lat++;
    assert_near(point_distance(a, b), EARTH_RADIUS_METRES * acos(-1.0) / 1.8e9, 1e-12);
    struct point pole = {LATITUDE_LIMIT - 1, 0}, beyond = {LATITUDE_LIMIT - 1, -LONGITUDE_LIMIT};
    assert_near(point_distance(pole, beyond), 2 * EARTH_RADIUS_METRES * acos(-1.0) / 1.8e9, 1e-9);
    struct point opposite = {.lat = -a.lat, .lon = a.lon - LONGITUDE_LIMIT + 1};
    double half_turn = acos(-1.0) * EARTH_RADIUS_METRES;
    assert_true(fabs(half_turn - point_distance(a, opposite) - 0.0055597) < 1e-5);
}

static void degrees(void **state)
{
    (void)state;
    struct point point = at(-12.3456789, 180);
    assert_int_equal(point.lat, -123456789);
    assert_int_equal(point.lon, -LONGITUDE_LIMIT);
    point = at(0.00000005, -179.99999996);
    assert_int_equal(point.lat, 1);
    assert_int_equal(point.lon, -LONGITUDE_LIMIT);
    point = at(90, 179.99999996);
    assert_int_equal(point.lat, LATITUDE_LIMIT);
    assert_int_equal(point.lon, -LONGITUDE_LIMIT);
    const double bad[][2] = {{90.0000001, 0}, {-91, 0},      {0, 180.0000001}, {0, -181},
                             {NAN, 0},        {0, INFINITY}, {0, NAN}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        point = (struct point){7, 8};
        assert_false(point_from_degrees(bad[i][0], bad[i][1], &point));
        assert_int_equal(point.lat, 7);
    }
}

static void validity(void **state)
{
    (void)state;
    assert_true(point_is_valid((struct point){LATITUDE_LIMIT, -LONGITUDE_LIMIT}));
    assert_true(point_is_valid((struct point){-LATITUDE_LIMIT, LONGITUDE_LIMIT - 1}));
    assert_false(point_is_valid((struct point){LATITUDE_LIMIT + 1, 0}));
    assert_false(point_is_valid((struct point){0, LONGITUDE_LIMIT}));
    assert_true(point_equal((struct point){1, 2}, (struct point){1, 2}));
    assert_false(point_equal((struct point){1, 2}, (struct point){2, 2}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_of_known_arcs),
        cmocka_unit_test(distance_agrees_with_vectors),
        cmocka_unit_test(distance_of_neighbours),
        cmocka_unit_test(degrees),
        cmocka_unit_test(validity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
