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

static enum build build_for_processor(void)
{
    if (!__builtin_cpu_supports("bmi2"))
        return BUILD_ANY;
    if (__builtin_cpu_supports("avx512f"))
        return BUILD_AVX512;
    return __builtin_cpu_supports("avx2") ? BUILD_AVX2 : BUILD_ANY;
}

search_one *search_for_processor(void)
{
    static search_one *const searches[] = {
        [BUILD_ANY] = search_one_any,
        [BUILD_AVX2] = search_one_avx2,
        [BUILD_AVX512] = search_one_avx512,
    };
    return searches[build_for_processor()];
}

void quadtree_nearest_batch(const struct quadtree *tree, const struct point *queries, size_t n,
                            double radius, struct nearest *out)
{
    static search_group *const searches[] = {
        [BUILD_ANY] = search_group_any,
        [BUILD_AVX2] = search_group_avx2,
        [BUILD_AVX512] = search_group_avx512,
    };
    if (tree->count == 0 || !(radius >= 0)) {
        for (size_t i = 0; i < n; i++)
            out[i].row = NO_ROW;
        return;
    }
    search_group *search = searches[build_for_processor()];
    for (size_t i = 0; i < n; i += GROUP)
        search(tree, queries + i, n - i < GROUP ? n - i : GROUP, radius, out + i);
}
