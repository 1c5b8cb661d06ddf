#include <float.h>

#include "quadtree/search.h"

double radius_haversine(double radius)
{
    double half = radius * (1 / (2 * EARTH_RADIUS_METRES));
    if (!(half < PI / 2))
        return radius > 0 ? 2.0 : -1.0;
    if (half < 0)
        return -1.0;
    double sine = half < 1e-4 ? half : sin(half); /* the sine is below its angle, there by 2e-9 */
    return sine * sine * (1 + 1e-9) + 1e-30;
}

bool best_offer(struct best *best, size_t row, struct point point, double haversine)
{
    if (haversine > best->haversine * (1 + 1e-14))
        return false;
    bool surely = haversine < best->haversine * (1 - 1e-14) && haversine <= 0.5;
    if (best->row != NO_ROW && !surely) {
        double old = distance_from(&best->origin, best->point);
        double new = distance_from(&best->origin, point);
        if (new > old || (new == old &&row >= best->row))
            return false;
    }
    best->haversine = haversine;
    best->row = row;
    best->point = point;
    return true;
}

/* Which build of the search this processor can run. */
enum build { BUILD_ANY, BUILD_AVX2, BUILD_AVX512 };

static inline enum build build_for_processor(void)
{
    if (!__builtin_cpu_supports("bmi2"))
        return BUILD_ANY;
    if (__builtin_cpu_supports("avx512f"))
        return BUILD_AVX512;
    return __builtin_cpu_supports("avx2") ? BUILD_AVX2 : BUILD_ANY;
}

struct scope scope_of(double radius)
{
    double units = radius * (1 / (EARTH_RADIUS_METRES * RADIANS_PER_UNIT));
    double square = units * units * (1 + 1e-6) + 1e-6;
    return (struct scope){
        .radius = radius,
        .haversine = radius_haversine(radius),
        .square = square < (double)FLT_MAX ? (float)square : INFINITY,
    };
}

bool quadtree_nearest(const struct quadtree *tree, struct point query, double radius,
                      struct nearest *out)
{
    static search_one *const searches[] = {
        [BUILD_ANY] = search_one_any,
        [BUILD_AVX2] = search_one_avx2,
        [BUILD_AVX512] = search_one_avx512,
    };
    struct scope scope = scope_of(radius);
    struct nearest found;
    if (tree->count == 0 || scope.haversine < 0)
        return false;
    searches[build_for_processor()](tree, query, scope, &found);
    if (found.row == NO_ROW)
        return false;
    *out = found;
    return true;
}

void quadtree_nearest_batch(const struct quadtree *tree, const struct point *queries, size_t n,
                            double radius, struct nearest *out)
{
    static search_group *const searches[] = {
        [BUILD_ANY] = search_group_any,
        [BUILD_AVX2] = search_group_avx2,
        [BUILD_AVX512] = search_group_avx512,
    };
    struct scope scope = scope_of(radius);
    if (tree->count == 0 || scope.haversine < 0) {
        for (size_t i = 0; i < n; i++)
            out[i].row = NO_ROW;
        return;
    }
    search_group *search = searches[build_for_processor()];
    for (size_t i = 0; i < n; i += GROUP)
        search(tree, queries + i, n - i < GROUP ? n - i : GROUP, scope, out + i);
}
