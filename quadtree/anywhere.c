#define LANES 2
#include "quadtree/descent.h"
#include "quadtree/grid.h"

#define WALK_LIMIT 66
#define FEW_BLOCKS 2

struct region {
    struct rectangle rectangle;
    size_t first, last; /* blocks, inclusive */
    double distance;    /* nothing inside is nearer, metres */
};

static double distance_to(const struct best *best, struct rectangle rectangle)
{
    struct point low = morton_decode(rectangle.low), high = morton_decode(rectangle.high);
    struct box box = {.south = low.lat, .west = low.lon, .north = high.lat, .east = high.lon};
    return box_distance(box, best->origin.point);
}

/* Metres that a point must not exceed to be of use, never too small. */
static double reach_of(const struct best *best)
{
    if (best->row != NO_ROW)
        return distance_from(&best->origin, best->point);
    if (best->haversine >= 0.5)
        return INFINITY;
    return haversine_metres(best->haversine) * (1 + 1e-9);
}

static void scan_blocks(const struct quadtree *tree, struct best *best, const struct region *region)
{
    size_t row = region->first * BLOCK;
    size_t end =
        region->last + 1 == block_count(tree->count) ? tree->count : (region->last + 1) * BLOCK;
    for (; row < end; row++) {
        struct point point = tree->points[row];
        if (!rectangle_contains(region->rectangle, morton_encode(point)))
            continue;
        best_offer(best, row, point, haversine_from(&best->origin, point));
    }
}

static size_t clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Both halves keep to the region's blocks and share one at most, so that the search ends whatever
 * the directory says. The nearer half comes last: it is taken up first. */
static void split(const struct quadtree *tree, const struct best *best, struct region region,
                  struct region halves[2])
{
    struct region low = region, high = region;
    rectangle_split(region.rectangle, &low.rectangle, &high.rectangle);
    const uint64_t ends[2] = {low.rectangle.high, high.rectangle.low};
    size_t blocks[2];
    find_blocks(tree, ends, 2, blocks);
    low.last = clamp(blocks[0], region.first, region.last);
    high.first = clamp(blocks[1], low.last, region.last);
    low.distance = distance_to(best, low.rectangle);
    high.distance = distance_to(best, high.rectangle);
    halves[0] = low.distance < high.distance ? high : low;
    halves[1] = low.distance < high.distance ? low : high;
}

void search_anywhere(const struct quadtree *tree, struct best *best)
{
    const struct point corners[2] = {{-LATITUDE_LIMIT, -LONGITUDE_LIMIT},
                                     {LATITUDE_LIMIT, LONGITUDE_LIMIT - 1}};
    struct region pending[WALK_LIMIT] = {{
        .rectangle = {morton_encode(corners[0]), morton_encode(corners[1])},
        .last = tree->blocks - 1,
    }};
    size_t n = 1;
    while (n > 0) {
        struct region region = pending[--n];
        if (region.distance > reach_of(best))
            continue;
        if (region.last - region.first < FEW_BLOCKS ||
            region.rectangle.low == region.rectangle.high) {
            scan_blocks(tree, best, &region);
            continue;
        }
        split(tree, best, region, &pending[n]);
        n += 2;
    }
}
