#include "quadtree/grid.h"

#include <math.h>

#include "quadtree/distance.h"

/* The first step of `span` units (counted from 0) that falls into cell `cell` of `cells`. */
static int64_t first_step(uint64_t span, uint32_t cell, uint32_t cells)
{
    return (int64_t)((cell * span + cells - 1) / cells);
}

struct box grid_tile_box(struct grid grid, uint32_t tile)
{
    uint32_t row = tile / grid.columns, column = tile % grid.columns;
    uint64_t height = 2ULL * LATITUDE_LIMIT, width = 2ULL * LONGITUDE_LIMIT;
    int64_t top =
        row + 1 < grid.rows ? first_step(height, row + 1, grid.rows) - 1 : (int64_t)height;
    struct box box = {
        .south = (int32_t)(first_step(height, row, grid.rows) - LATITUDE_LIMIT),
        .west = (int32_t)(first_step(width, column, grid.columns) - LONGITUDE_LIMIT),
        .north = (int32_t)(top - LATITUDE_LIMIT),
        .east = (int32_t)(first_step(width, column + 1, grid.columns) - 1 - LONGITUDE_LIMIT),
    };
    return box;
}

static int32_t wrapped_longitude(int64_t lon)
{
    if (lon < -HALF_TURN)
        lon += FULL_TURN;
    else if (lon >= HALF_TURN)
        lon -= FULL_TURN;
    return (int32_t)lon;
}

struct box box_around(struct point centre, double radius)
{
    struct box box = {-LATITUDE_LIMIT, -LONGITUDE_LIMIT, LATITUDE_LIMIT, LONGITUDE_LIMIT - 1};
    double angle = radius / EARTH_RADIUS_METRES;
    if (!(angle < PI))
        return box;
    angle = angle > 0 ? angle * (1 + 1e-9) : 0;
    int64_t up = (int64_t)ceil(angle / RADIANS_PER_UNIT) + 1;
    bool south_pole = centre.lat - up <= -LATITUDE_LIMIT;
    bool north_pole = centre.lat + up >= LATITUDE_LIMIT;
    if (!south_pole)
        box.south = (int32_t)(centre.lat - up);
    if (!north_pole)
        box.north = (int32_t)(centre.lat + up);
    if (south_pole || north_pole)
        return box;
    double sine = sin(angle) / origin_at(centre).cosine;
    /* Neither pole is inside, so sine <= 1; near 1 the arcsine is steep, hence the wider margin. */
    double turn = sine < 1 ? asin(sine) * (1 + 1e-9) + 1e-7 * (sine > 0.9) : PI / 2;
    int64_t right = (int64_t)ceil(turn / RADIANS_PER_UNIT) + 1;
    box.west = wrapped_longitude(centre.lon - right);
    box.east = wrapped_longitude(centre.lon + right);
    return box;
}

static bool longitude_inside(struct box box, int32_t lon)
{
    if (box.west <= box.east)
        return lon >= box.west && lon <= box.east;
    return lon >= box.west || lon <= box.east;
}

bool box_contains(struct box box, struct point point)
{
    return point.lat >= box.south && point.lat <= box.north && longitude_inside(box, point.lon);
}

/* The distance to the great circle of a meridian `units` of longitude away, when the point of it
 * nearest to origin lies between the latitudes of box; else infinite. */
static double cross_track(const struct origin *origin, int64_t units, struct box box)
{
    double turn = (double)units * RADIANS_PER_UNIT;
    double lat = atan2(origin->sine, origin->cosine * cos(turn));
    if (lat < box.south * RADIANS_PER_UNIT || lat > box.north * RADIANS_PER_UNIT)
        return INFINITY;
    return EARTH_RADIUS_METRES * asin(fmin(1.0, origin->cosine * sin(turn)));
}

double box_distance(struct box box, struct point point)
{
    if (box_contains(box, point))
        return 0;
    struct origin origin = origin_at(point);
    double distance;
    if (longitude_inside(box, point.lon)) {
        int32_t edge = point.lat < box.south ? box.south : box.north;
        distance = distance_from(&origin, (struct point){edge, point.lon});
    } else {
        int64_t to_west = longitude_difference(point.lon, box.west);
        int64_t to_east = longitude_difference(point.lon, box.east);
        int32_t edge = to_west < to_east ? box.west : box.east;
        distance = fmin(distance_from(&origin, (struct point){box.south, edge}),
                        distance_from(&origin, (struct point){box.north, edge}));
        distance = fmin(distance, cross_track(&origin, to_west < to_east ? to_west : to_east, box));
    }
    return distance * (1 - 1e-8);
}
