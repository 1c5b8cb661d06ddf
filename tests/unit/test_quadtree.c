#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quadtree/search.h"
#include "tests/unit/patience.h"

static uint64_t random_bits(void)
{
    return (uint64_t)mrand48() << 32 | (uint32_t)mrand48();
}

static int32_t clamped(double value, double least, double most)
{
    return (int32_t)fmin(fmax(value, least), most);
}

static struct point moved(struct point from, double scale)
{
    return (struct point){
        .lat = clamped(from.lat + (drand48() - 0.5) * scale, -LATITUDE_LIMIT, LATITUDE_LIMIT),
        .lon = clamped(from.lon + (drand48() - 0.5) * scale, -LONGITUDE_LIMIT, LONGITUDE_LIMIT - 1),
    };
}

struct set {
    struct quadtree tree;
    uint64_t *codes, *directory;
    struct point *points;
};

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* A tree over points; repeated ones count once. */
static struct set set_of(const struct point *points, size_t count)
{
    struct set set = {0};
    set.codes = malloc((count + 1) * sizeof *set.codes);
    for (size_t i = 0; i < count; i++)
        set.codes[i] = morton_encode(points[i]);
    qsort(set.codes, count, sizeof *set.codes, compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || set.codes[i] != set.codes[kept - 1])
            set.codes[kept++] = set.codes[i];
    set.codes = realloc(set.codes, kept ? kept * sizeof *set.codes : 1);
    size_t bytes = quadtree_directory_bytes(kept);
    set.directory = malloc(bytes ? bytes : 1);
    set.points = malloc((kept + 1) * sizeof *set.points);
    for (size_t i = 0; i < kept; i++)
        set.points[i] = morton_decode(set.codes[i]);
    quadtree_build(set.points, kept, set.directory);
    set.tree = quadtree_view(set.points, kept, set.directory);
    return set;
}

static void set_free(struct set *set)
{
    free(set->points);
    free(set->codes);
    free(set->directory);
}

static bool brute_nearest(const struct quadtree *tree, struct point query, double radius,
                          struct nearest *out)
{
    struct nearest best = {.row = SIZE_MAX, .distance = INFINITY};
    for (size_t row = 0; row < tree->count; row++) {
        double distance = point_distance(query, tree->points[row]);
        if (distance <= radius && distance < best.distance)
            best = (struct nearest){row, distance};
    }
    if (best.row == SIZE_MAX)
        return false;
    *out = best;
    return true;
}

static void assert_same(struct point query, double radius, const struct nearest *got,
                        const struct nearest *want)
{
    if (got->row != want->row || (want->row != SIZE_MAX && got->distance != want->distance))
        fail_msg("query %d %d radius %.17g: row %zu at %.17g, not %zu at %.17g", query.lat,
                 query.lon, radius, got->row, got->distance, want->row, want->distance);
}

/* All builds of the search, whatever this processor would choose. */
static void check_builds(const struct quadtree *tree, const struct point *queries, size_t n,
                         double radius, const struct nearest *want)
{
    struct build {
        search_one *one;
        search_group *group;
        bool there;
    } builds[] = {
        {search_one_any, search_group_any, true},
        {search_one_avx2, search_group_avx2, __builtin_cpu_supports("avx2")},
        {search_one_avx512, search_group_avx512, __builtin_cpu_supports("avx512f")},
    };
    for (size_t b = 0; b < sizeof builds / sizeof *builds && tree->count > 0 && radius >= 0; b++)
        for (size_t i = 0; i < n && builds[b].there; i += GROUP) {
            struct nearest got[GROUP];
            size_t some = n - i < GROUP ? n - i : GROUP;
            builds[b].group(tree, queries + i, some, radius, got);
            for (size_t k = 0; k < some; k++) {
                struct nearest one = {.row = SIZE_MAX};
                builds[b].one(tree, queries[i + k], radius, &one);
                assert_same(queries[i + k], radius, &got[k], &want[i + k]);
                assert_same(queries[i + k], radius, &one, &want[i + k]);
            }
        }
}

static void check(const struct quadtree *tree, const struct point *queries, size_t n, double radius)
{
    struct nearest *batch = malloc(n * sizeof *batch);
    quadtree_nearest_batch(tree, queries, n, radius, batch);
    for (size_t i = 0; i < n; i++) {
        struct nearest one = {.row = SIZE_MAX}, want = {.row = SIZE_MAX};
        bool hit = quadtree_nearest(tree, queries[i], radius, &one);
        assert_int_equal(hit, brute_nearest(tree, queries[i], radius, &want));
        assert_same(queries[i], radius, &one, &want);
        assert_same(queries[i], radius, &batch[i], &want);
        if (hit) {
            struct nearest edge = {.row = SIZE_MAX};
            assert_true(quadtree_nearest(tree, queries[i], want.distance, &edge));
            assert_same(queries[i], want.distance, &edge, &want);
            assert_false(quadtree_nearest(tree, queries[i], nextafter(want.distance, -1), &edge));
        }
    }
    check_builds(tree, queries, n, radius, batch);
    free(batch);
}

static const double radii[] = {0, 0.5, 100, 5000, 3e5, 8e6, INFINITY};
#define RADII (sizeof radii / sizeof *radii)
#define QUERIES 37

/* Random queries near the set's own points and at the places that are hard. */
static void check_set(const struct point *points, size_t count, double scale)
{
    struct set set = set_of(points, count);
    struct point queries[QUERIES];
    for (size_t r = 0; r < RADII; r++) {
        for (size_t i = 0; i < QUERIES; i++) {
            struct point from = {0, 0};
            if (count > 0)
                from = points[(size_t)lrand48() % count];
            queries[i] = moved(from, i % 5 == 0 ? 0 : i % 5 == 1 ? 6 : scale * drand48() * 2);
        }
        queries[0] = (struct point){LATITUDE_LIMIT, (int32_t)mrand48() % LONGITUDE_LIMIT};
        queries[1] = (struct point){-LATITUDE_LIMIT, (int32_t)mrand48() % LONGITUDE_LIMIT};
        queries[2].lon = LONGITUDE_LIMIT - 1;
        queries[3].lon = -LONGITUDE_LIMIT;
        queries[4] = moved((struct point){0, 0}, 3.6e9);
        check(&set.tree, queries, QUERIES, radii[r]);
    }
    set_free(&set);
}

static void few_points(void **state)
{
    (void)state;
    srand48(1);
    struct point points[64];
    for (size_t count = 0; count <= 64; count++)
        for (int round = 0; round < 4; round++) {
            double scale = pow(10, 1 + 2.9 * round);
            struct point centre = moved((struct point){0, 0}, 3.6e9);
            for (size_t i = 0; i < count; i++)
                points[i] = moved(centre, scale);
            check_set(points, count, scale);
        }
}

static void around(struct point centre, size_t count, int rounds)
{
    struct point points[2000];
    rounds = SANITIZED ? rounds / 4 : rounds; /* brute force, and the same accesses again */
    for (int round = 0; round < rounds; round++) {
        double scale = pow(10, 1 + drand48() * 8.5);
        for (size_t i = 0; i < count; i++) {
            points[i] = moved(centre, scale);
            if (i % 2 && (centre.lat == LATITUDE_LIMIT || centre.lat == -LATITUDE_LIMIT))
                points[i].lon = (int32_t)(drand48() * 3.6e9 - 1.8e9);
            if (i % 2 && centre.lon == -LONGITUDE_LIMIT)
                points[i].lon = (int32_t)(3599999999 + centre.lon - (points[i].lon - centre.lon));
        }
        check_set(points, count, scale);
    }
}

static void hard_places(void **state)
{
    (void)state;
    srand48(2);
    around((struct point){LATITUDE_LIMIT, 0}, 500, 40);
    around((struct point){-LATITUDE_LIMIT, 700000000}, 500, 40);
    around((struct point){-170000000, -LONGITUDE_LIMIT}, 500, 40);
    around((struct point){0, 0}, 500, 40);
    around((struct point){850000000, -LONGITUDE_LIMIT}, 500, 20);
    around((struct point){173741824, -726258176}, 500, 20); /* 2^30, 2^30 from the corner */
    around((struct point){893000000, 1000000000}, 500, 20);
    around((struct point){480000000, 20000000}, 2000, 10);
}

static void lattices_and_lines(void **state)
{
    (void)state;
    srand48(3);
    struct point points[1024];
    for (int round = 0; round < 30; round++) {
        struct point centre = moved((struct point){0, 0}, 1.7e9);
        int step = 1 << (round % 10 * 2);
        for (int i = 0; i < 1024; i++)
            points[i] = (struct point){centre.lat + i / 32 * step, centre.lon + i % 32 * step};
        check_set(points, 1024, 32.0 * step);
        for (int i = 0; i < 1024; i++)
            points[i] = (struct point){centre.lat, centre.lon + i * step};
        check_set(points, 1024, 1024.0 * step);
    }
}

static void clusters(void **state)
{
    (void)state;
    srand48(4);
    static struct point points[5000];
    for (int round = 0; round < 12; round++) {
        struct point centre = {0, 0};
        for (size_t i = 0; i < 5000; i++) {
            if (i % 250 == 0)
                centre = moved((struct point){0, 0}, round < 4 ? 3.6e9 : 2e6);
            points[i] = moved(centre, pow(10, 1 + drand48() * 5));
        }
        check_set(points, 5000, round < 4 ? 1e8 : 1e5);
    }
}

static void equal_distances_give_the_lower_row(void **state)
{
    (void)state;
    struct point query = {450000000, 90000000};
    struct point points[4];
    for (int gap = 1; gap < 2000000000; gap *= 3) {
        points[0] = (struct point){query.lat, query.lon + gap % 100000000};
        points[1] = (struct point){query.lat, query.lon - gap % 100000000};
        struct set set = set_of(points, 2);
        struct nearest hit;
        assert_true(quadtree_nearest(&set.tree, query, INFINITY, &hit));
        assert_int_equal(hit.row, 0);
        set_free(&set);
        if (gap > 600000000)
            break;
    }
    for (int i = 0; i < 4; i++)
        points[i] = (struct point){LATITUDE_LIMIT, i * 1000000 - 2000000};
    struct set set = set_of(points, 4);
    struct nearest hit;
    assert_true(quadtree_nearest(&set.tree, (struct point){LATITUDE_LIMIT, 5}, 0, &hit));
    assert_int_equal(hit.row, 0);
    assert_true(hit.distance == 0);
    set_free(&set);
}

static void nothing_is_found(void **state)
{
    (void)state;
    struct quadtree empty = {0};
    struct nearest hit = {.row = 5, .distance = 7};
    assert_false(quadtree_nearest(&empty, (struct point){0, 0}, INFINITY, &hit));
    struct point point = {0, 0}, query = {0, 100000};
    struct set set = set_of(&point, 1);
    assert_false(quadtree_nearest(&set.tree, query, 1000, &hit));
    assert_false(quadtree_nearest(&set.tree, point, -1, &hit));
    assert_false(quadtree_nearest(&set.tree, point, NAN, &hit));
    assert_int_equal(hit.row, 5);
    assert_true(hit.distance == 7);
    quadtree_nearest_batch(&set.tree, &query, 1, 1000, &hit);
    assert_true(hit.row == SIZE_MAX);
    quadtree_nearest_batch(&set.tree, &query, 0, 1000, &hit);
    set_free(&set);
}

static void lower_bounds(void **state)
{
    (void)state;
    srand48(5);
    for (size_t count = 0; count < 3000; count = count * 5 / 4 + 1) {
        struct point points[3000];
        for (size_t i = 0; i < count; i++)
            points[i] = moved((struct point){0, 0}, pow(10, drand48() * 9.5));
        struct set set = set_of(points, count);
        for (int i = 0; i < 300; i++) {
            uint64_t code = random_bits() >> (lrand48() % 64);
            if (count > 0 && i % 2)
                code = set.codes[(size_t)lrand48() % set.tree.count] + (uint64_t)(i % 3) - 1;
            if (i == 0)
                code = UINT64_MAX;
            size_t row = quadtree_lower_bound(&set.tree, code);
            assert_true(row == set.tree.count || set.codes[row] >= code);
            assert_true(row == 0 || set.codes[row - 1] < code);
        }
        set_free(&set);
    }
}

static void directory_size(void **state)
{
    (void)state;
    assert_int_equal(quadtree_directory_bytes(0), 0);
    assert_int_equal(quadtree_directory_bytes(32), 0);
    assert_int_equal(quadtree_directory_bytes(33), 256);
    assert_true(quadtree_directory_bytes(10000000) < 2800000);
}

/* Memory checkers see every access outside the exact allocations. */
static void hostile_bytes(void **state)
{
    (void)state;
    srand48(6);
    const size_t counts[] = {1, 31, 32, 33, 100, 513, 1000, 1024, 5000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (int round = 0; round < 24; round++) {
            size_t count = counts[c], words = quadtree_directory_bytes(count) / 8;
            uint64_t *codes = malloc(count * 8), *directory = malloc(words * 8 + 1);
            for (size_t i = 0; i < count; i++)
                codes[i] = round % 4 == 3 ? 0x1234567890 + i : random_bits() >> (round % 4);
            if (round % 2)
                qsort(codes, count, 8, compare);
            for (size_t i = 0; i < words; i++)
                directory[i] = round % 3 == 0 ? UINT64_MAX * (i & 1) : random_bits() >> (round % 3);
            struct point *points = malloc(count * sizeof *points + 1);
            for (size_t i = 0; i < count; i++)
                points[i] = morton_decode(codes[i]);
            struct quadtree tree = quadtree_view(points, count, directory);
            struct point queries[QUERIES];
            for (size_t i = 0; i < QUERIES; i++)
                queries[i] = moved(i % 2 ? morton_decode(0x1234567890) : (struct point){0, 0},
                                   i % 4 < 2 ? 3.6e9 : 1e4);
            for (size_t r = 0; r < RADII; r++) {
                struct nearest hits[QUERIES];
                quadtree_nearest_batch(&tree, queries, QUERIES, radii[r], hits);
                for (size_t i = 0; i < QUERIES; i++)
                    assert_true(hits[i].row == SIZE_MAX || hits[i].row < count);
                search_group_any(&tree, queries, GROUP, radii[r], hits);
            }
            assert_true(quadtree_lower_bound(&tree, random_bits()) <= count);
            free(points);
            free(codes);
            free(directory);
        }
}

static void sorting(void **state)
{
    (void)state;
    srand48(7);
    for (size_t count = 0; count < 100000; count = count * 3 + 1)
        for (int round = 0; round < 4; round++) {
            uint64_t *codes = malloc((count + 1) * 8), *want = malloc((count + 1) * 8);
            uint64_t *scratch = malloc((count + 1) * 8);
            for (size_t i = 0; i < count; i++)
                codes[i] = random_bits() >> (round * 17);
            memcpy(want, codes, count * 8);
            qsort(want, count, 8, compare);
            quadtree_sort(codes, scratch, count);
            assert_memory_equal(codes, want, count * 8);
            free(codes);
            free(want);
            free(scratch);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_points),
        cmocka_unit_test(hard_places),
        cmocka_unit_test(lattices_and_lines),
        cmocka_unit_test(clusters),
        cmocka_unit_test(equal_distances_give_the_lower_row),
        cmocka_unit_test(nothing_is_found),
        cmocka_unit_test(lower_bounds),
        cmocka_unit_test(directory_size),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(sorting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
