#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "quadtree/morton.h"
#include "tests/unit/learned_rig.h"

static struct learned_rig rig;
static struct entry *entries;
static size_t count;

static int set_up(void **state)
{
    (void)state;
    learned_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    learned_rig_close(&rig);
    free(entries);
    entries = NULL;
    count = 0;
    return 0;
}

static struct point random_point(uint64_t *random)
{
    return (struct point){(int32_t)(learned_random(random) % 1800000001u - LATITUDE_LIMIT),
                          (int32_t)(learned_random(random) % 3600000000u - LONGITUDE_LIMIT)};
}

static int32_t wrapped(int64_t lon)
{
    return (int32_t)((lon + 3 * (int64_t)LONGITUDE_LIMIT) % (2 * (int64_t)LONGITUDE_LIMIT) -
                     LONGITUDE_LIMIT);
}

/* A point within so many units of another one. */
static struct point near(struct point centre, uint32_t units, uint64_t *random)
{
    int64_t lat = centre.lat + (int64_t)(learned_random(random) % (2 * units + 1)) - units;
    int64_t lon = centre.lon + (int64_t)(learned_random(random) % (2 * units + 1)) - units;
    if (lat > LATITUDE_LIMIT)
        lat = LATITUDE_LIMIT;
    if (lat < -LATITUDE_LIMIT)
        lat = -LATITUDE_LIMIT;
    return (struct point){(int32_t)lat, wrapped(lon)};
}

/* A tenth is memory of first empty answers, which must not be found. */
static void add(struct point point)
{
    if (count % 1024 == 0)
        entries = realloc(entries, (count + 1024) * sizeof *entries);
    assert_non_null(entries);
    entries[count] = count % 10 == 3 ? learned_entry(point, 5, NULL, OUTCOME_UNSURE)
                                     : learned_entry(point, 7, "High Street", OUTCOME_FOUND);
    count++;
}

/* Of several entries of a point the table keeps the last. */
static void store(void)
{
    struct error err = {0};
    if (learned_put(rig.learned, entries, count, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(learned_begin(rig.reader, &err), 0);
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (point_equal(entries[i].point, entries[j].point))
                entries[i] = entries[j];
}

static void brute_force(struct point query, double radius, struct entry *best, double *distance)
{
    *distance = INFINITY;
    for (size_t i = 0; i < count; i++) {
        double d = point_distance(query, entries[i].point);
        if (entries[i].outcome == OUTCOME_UNSURE || d > radius || d > *distance ||
            (d == *distance && morton_encode(entries[i].point) >= morton_encode(best->point)))
            continue;
        *best = entries[i];
        *distance = d;
    }
}

static void compare(struct point query)
{
    static const double radii[] = {0, 1, 30, 100, 1000, 20000, 300000, 3e6, 1.9e7, INFINITY};
    for (size_t i = 0; i < sizeof radii / sizeof radii[0]; i++) {
        struct entry expected = {0}, entry;
        double least, distance;
        struct error err = {0};
        brute_force(query, radii[i], &expected, &least);
        int found = learned_nearest(rig.reader, query, radii[i], &entry, &distance, &err);
        if (found < 0)
            fail_msg("%s", err.message);
        assert_int_equal(found, !isinf(least));
        if (found == 0)
            continue;
        if (!point_equal(entry.point, expected.point) || distance != least)
            fail_msg("%d %d radius %g: found %d %d at %.9f, nearest is %d %d at %.9f", query.lat,
                     query.lon, radii[i], entry.point.lat, entry.point.lon, distance,
                     expected.point.lat, expected.point.lon, least);
        assert_int_equal(entry.refreshed_at, 7);
        assert_int_equal(entry.address.field[FIELD_STREET].length, 11);
    }
}

static void compare_all(unsigned queries, uint64_t *random)
{
    for (unsigned i = 0; i < queries; i++) {
        struct point any = entries[learned_random(random) % count].point;
        compare(any);
        compare(near(any, 50, random));
        compare(near(any, 20000, random));
        compare(near(any, 5000000, random));
        compare(random_point(random));
    }
    learned_end(rig.reader);
}

static void random_points(void **state)
{
    (void)state;
    uint64_t random = 1;
    while (count < 3000)
        add(random_point(&random));
    store();
    compare_all(60, &random);
}

static void clustered_points(void **state)
{
    (void)state;
    static const uint32_t spreads[] = {2, 300, 20000, 1000000};
    uint64_t random = 2;
    while (count < 4000) {
        struct point centre = random_point(&random);
        uint32_t spread = spreads[learned_random(&random) % 4];
        for (unsigned i = 0; i < 250; i++)
            add(near(centre, spread, &random));
    }
    for (unsigned i = 0; i < 100; i++)
        add(entries[4 * i].point);
    store();
    compare_all(60, &random);
}

static void poles_and_the_antimeridian(void **state)
{
    (void)state;
    static const struct point corners[] = {
        {LATITUDE_LIMIT, 0},
        {-LATITUDE_LIMIT, 1234567},
        {LATITUDE_LIMIT - 400, -LONGITUDE_LIMIT},
        {0, -LONGITUDE_LIMIT},
        {0, LONGITUDE_LIMIT - 1},
        {700000000, LONGITUDE_LIMIT - 300},
        {-LATITUDE_LIMIT + 90000, LONGITUDE_LIMIT - 1},
        {0, 0}, /* where four large cells meet */
        {-(1 << 27), 1 << 28},
    };
    uint64_t random = 3;
    for (unsigned i = 0; i < 9; i++) {
        add(corners[i]);
        for (unsigned j = 0; j < 120; j++)
            add(near(corners[i], j % 3 == 0 ? 300 : 40000, &random));
    }
    store();
    for (unsigned i = 0; i < 9; i++) {
        compare(corners[i]);
        for (unsigned j = 0; j < 10; j++) {
            compare(near(corners[i], 500, &random));
            compare((struct point){corners[i].lat, wrapped((int64_t)corners[i].lon +
                                                           (int64_t)learned_random(&random))});
        }
    }
    compare_all(20, &random);
}

static void ties_go_to_the_lower_code(void **state)
{
    (void)state;
    for (int32_t i = 1; i <= 40; i++) {
        add((struct point){1000 * i, 77});
        add((struct point){-1000 * i, 77});
        add((struct point){0, 77 + 1000 * i});
        add((struct point){0, 77 - 1000 * i});
    }
    for (size_t i = 0; i < count; i++)
        entries[i] = learned_entry(entries[i].point, 7, "High Street", OUTCOME_FOUND);
    store();
    compare((struct point){0, 77});
    for (int32_t i = 1; i <= 80; i++)
        compare((struct point){0, 77 + 500 * i});
    learned_end(rig.reader);
}

static void nothing_is_found_in_an_empty_table(void **state)
{
    (void)state;
    store();
    compare((struct point){1, 2});
    struct entry entry;
    double distance;
    struct error err = {0};
    assert_int_equal(
        learned_nearest(rig.reader, (struct point){0, 0}, NAN, &entry, &distance, &err), 0);
    assert_int_equal(learned_nearest(rig.reader, (struct point){0, 0}, -1, &entry, &distance, &err),
                     0);
    assert_int_equal(learned_nearest(rig.reader, (struct point){LATITUDE_LIMIT + 1, 0}, 1, &entry,
                                     &distance, &err),
                     -1);
    assert_int_equal(err.code, ERROR_VALUE);
    learned_end(rig.reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_points, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clustered_points, set_up, tear_down),
        cmocka_unit_test_setup_teardown(poles_and_the_antimeridian, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ties_go_to_the_lower_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_found_in_an_empty_table, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
