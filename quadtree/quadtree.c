#include "quadtree/search.h"

double radius_haversine(double radius)
{
    double half = radius / (2 * EARTH_RADIUS_METRES);
    if (!(half < PI / 2))
        return radius > 0 ? 2.0 : -1.0;
    if (half < 0)
        return -1.0;
    double sine = sin(half);
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

bool quadtree_nearest(const struct quadtree *tree, struct point query, double radius,
                      struct nearest *out)
{
    struct nearest found = {.row = NO_ROW};
    quadtree_nearest_batch(tree, &query, 1, radius, &found);
    if (found.row == NO_ROW)
        return false;
    *out = found;
    return true;
}

void quadtree_nearest_batch(const struct quadtree *tree, const struct point *queries, size_t n,
                            double radius, struct nearest *out)
{
    double haversine = radius_haversine(radius);
    if (tree->count == 0 || haversine < 0) {
        for (size_t i = 0; i < n; i++)
            out[i].row = NO_ROW;
        return;
    }
    struct levels levels;
    levels_of(&levels, tree->count);
    bool bits = __builtin_cpu_supports("bmi2");
    search_group *search = bits && __builtin_cpu_supports("avx512f") ? search_group_avx512
                           : bits && __builtin_cpu_supports("avx2")  ? search_group_avx2
                                                                     : search_group_any;
    for (size_t i = 0; i < n; i += GROUP)
        search(tree, &levels, queries + i, n - i < GROUP ? n - i : GROUP, radius, haversine,
               out + i);
}
