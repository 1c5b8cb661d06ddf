/* A point on the earth as everything here keeps it: two int32 in units of 1e-7 degree.
 * Latitude -900000000..900000000, longitude -1800000000..1799999999 (180 is written -180). */
#ifndef REFRESHD_QUADTREE_POINT_H
#define REFRESHD_QUADTREE_POINT_H

#include <stdbool.h>
#include <stdint.h>

#define POINT_UNITS_PER_DEGREE 10000000
#define LATITUDE_LIMIT 900000000
#define LONGITUDE_LIMIT 1800000000
#define EARTH_RADIUS_METRES 6371008.8 /* mean radius R1, IUGG; fixed by the lookup contract */

struct point {
    int32_t lat; /* 1e-7 degree */
    int32_t lon; /* 1e-7 degree */
};

static inline bool point_is_valid(struct point point)
{
    return point.lat >= -LATITUDE_LIMIT && point.lat <= LATITUDE_LIMIT &&
           point.lon >= -LONGITUDE_LIMIT && point.lon < LONGITUDE_LIMIT;
}

static inline bool point_equal(struct point a, struct point b)
{
    return a.lat == b.lat && a.lon == b.lon;
}

/* point_distance: great-circle distance in metres on the sphere of EARTH_RADIUS_METRES, by the
 * haversine formula (Sinnott, Sky & Telescope 68, 1984). Exact to about 1e-9 relative. */
double point_distance(struct point a, struct point b);

/* point_from_degrees: nearest representable point; longitude 180 becomes -180. Returns false when
 * a coordinate is out of range or not a number. */
bool point_from_degrees(double lat, double lon, struct point *out);

#endif
