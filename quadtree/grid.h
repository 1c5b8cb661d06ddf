/* The grid of tiles over the world. id = row * columns + column; row 0 in the south, column 0 at
 * longitude -180. Tiles are half-open (south and west edges belong to them); the last row and
 * column are closed. The standard grid is 24 x 24 = 576 tiles. */
#ifndef REFRESHD_QUADTREE_GRID_H
#define REFRESHD_QUADTREE_GRID_H

#include <stdint.h>

#include "quadtree/point.h"

#define GRID_SIDE_LIMIT 100 /* most rows, and most columns */

struct grid {
    uint32_t rows;
    uint32_t columns;
};

/* A rectangle of points, all four edges inclusive. west > east crosses the antimeridian. */
struct box {
    int32_t south, west, north, east; /* 1e-7 degree */
};

static inline uint32_t grid_tiles(struct grid grid)
{
    return grid.rows * grid.columns;
}

static inline uint32_t grid_row(struct grid grid, int32_t lat)
{
    uint64_t up = (uint64_t)((int64_t)lat + LATITUDE_LIMIT);
    uint32_t row = (uint32_t)(up * grid.rows / (2ULL * LATITUDE_LIMIT));
    return row < grid.rows ? row : grid.rows - 1;
}

static inline uint32_t grid_column(struct grid grid, int32_t lon)
{
    uint64_t right = (uint64_t)((int64_t)lon + LONGITUDE_LIMIT);
    uint32_t column = (uint32_t)(right * grid.columns / (2ULL * LONGITUDE_LIMIT));
    return column < grid.columns ? column : grid.columns - 1;
}

static inline uint32_t grid_tile(struct grid grid, struct point point)
{
    return grid_row(grid, point.lat) * grid.columns + grid_column(grid, point.lon);
}

/* grid_tile_box: the smallest box that holds every point of the tile. */
struct box grid_tile_box(struct grid grid, uint32_t tile);

/* box_around: a box that holds every point within radius metres of centre (the whole circle of
 * longitudes where the radius reaches a pole). Bounding coordinates after J. Bronstein 1955 as
 * given by J. P. Matuschek, "Finding Points Within a Distance of a Latitude/Longitude". */
struct box box_around(struct point centre, double radius);

/* box_contains: also right for boxes over the antimeridian. */
bool box_contains(struct box box, struct point point);

/* box_distance: a lower bound, in metres, of the distance from point to any point of box that is
 * never too large and is 0 exactly when the box contains it (every box that reaches a pole
 * contains the pole, whatever its longitude). The box must not cross the antimeridian. */
double box_distance(struct box box, struct point point);

#endif
