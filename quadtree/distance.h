/* Great-circle arithmetic that the searches of this folder share: the haversine `a` of a point seen
 * from a fixed origin. Order by `a` is order by distance, without the arcsine; where rounding could
 * decide (nearly equal values, or the far side of the earth) distance_from is the judge. */
#ifndef REFRESHD_QUADTREE_DISTANCE_H
#define REFRESHD_QUADTREE_DISTANCE_H

#include <math.h>
#include <stdint.h>

#include "quadtree/point.h"

#define PI 3.14159265358979323846
#define RADIANS_PER_UNIT (PI / 180.0 / POINT_UNITS_PER_DEGREE)
#define HALF_TURN ((int64_t)LONGITUDE_LIMIT)
#define FULL_TURN (2 * HALF_TURN)

/* Where series replace the library's sine: differences up to this many units, away from poles. */
#define SERIES_UNITS 11000000
#define SERIES_COSINE 0.01

struct origin {
    struct point point;
    double sine, cosine; /* of the latitude, each exact to the last bits near 0 */
};

/* sine_and_cosine: of an angle of at most an eighth of a turn, by their Taylor series; the terms
 * left out are below half of the last bit. Inline and without branches, it costs a third of the
 * library's; terms are added in pairs (G. Estrin, 1960) because many searches wait for it. */
static inline void sine_and_cosine(double angle, double *sine, double *cosine)
{
    double u = angle * angle, u2 = u * u, u4 = u2 * u2;
    double s0 = -1.0 / 6 + u * (1.0 / 120);
    double s2 = -1.0 / 5040 + u * (1.0 / 362880);
    double s4 = -1.0 / 39916800 + u * (1.0 / 6227020800);
    double s6 = -1.0 / 1307674368000 + u * (1.0 / 355687428096000);
    double s = (s0 + u2 * s2) + u4 * (s4 + u2 * s6);
    double c0 = 1.0 / 24 - u * (1.0 / 720);
    double c2 = 1.0 / 40320 - u * (1.0 / 3628800);
    double c4 = 1.0 / 479001600 - u * (1.0 / 87178291200);
    double c = (c0 + u2 * c2) + u4 * (c4 + u2 * (1.0 / 20922789888000));
    *sine = angle + angle * u * s;
    *cosine = 1 - (u * 0.5 - u2 * c);
}

/* origin_at: without a branch on the latitude, which no processor could foresee. */
static inline struct origin origin_at(struct point point)
{
    int64_t size = point.lat < 0 ? -(int64_t)point.lat : point.lat;
    unsigned steep = size > LATITUDE_LIMIT / 2;
    int64_t angle = steep ? LATITUDE_LIMIT - size : size;
    double parts[2];
    sine_and_cosine((double)angle * RADIANS_PER_UNIT, &parts[0], &parts[1]);
    return (struct origin){
        .point = point,
        .sine = copysign(parts[steep], (double)point.lat),
        .cosine = parts[1 - steep],
    };
}

/* longitude_difference: the short way round, 0 to HALF_TURN units. */
static inline int64_t longitude_difference(int32_t a, int32_t b)
{
    int64_t difference = (int64_t)a - b;
    if (difference < 0)
        difference = -difference;
    return difference > HALF_TURN ? FULL_TURN - difference : difference;
}

/* sine_squared_series: sin^2 of half an angle of `units`, for |units| <= SERIES_UNITS. */
static inline double sine_squared_series(double units)
{
    double half = units * (RADIANS_PER_UNIT / 2);
    double u = half * half;
    return u * (1 - u * (1.0 / 3 - u * (2.0 / 45 - u * (1.0 / 315))));
}

/* haversine_series: haversine_from where both differences are at most SERIES_UNITS and the
 * origin's cosine at least SERIES_COSINE. */
static inline double haversine_series(const struct origin *origin, int64_t up, int64_t right)
{
    double lat_part = sine_squared_series((double)up);
    double angle = (double)up * RADIANS_PER_UNIT;
    double square = angle * angle;
    double sine = angle * (1 - square * (1.0 / 6 - square * (1.0 / 120 - square * (1.0 / 5040))));
    double cosine = origin->cosine * (1 - 2 * lat_part) - origin->sine * sine;
    return lat_part + origin->cosine * cosine * sine_squared_series((double)right);
}

/* haversine_far: haversine_from by the library's functions, for any point. */
double haversine_far(const struct origin *origin, struct point point);

/* haversine_from: sin^2 of half the angle between origin and point. */
static inline double haversine_from(const struct origin *origin, struct point point)
{
    int64_t up = (int64_t)point.lat - origin->point.lat;
    int64_t right = longitude_difference(point.lon, origin->point.lon);
    if (up <= SERIES_UNITS && up >= -SERIES_UNITS && right <= SERIES_UNITS &&
        origin->cosine >= SERIES_COSINE)
        return haversine_series(origin, up, right);
    return haversine_far(origin, point);
}

/* haversine_metres: the distance of a haversine; best where it is at most 1/2. */
static inline double haversine_metres(double haversine)
{
    if (haversine > 1e-4)
        return 2 * EARTH_RADIUS_METRES * asin(sqrt(fmin(haversine, 1.0)));
    double tail = haversine * (1.0 / 6 + haversine * (3.0 / 40 + haversine * (5.0 / 112)));
    return 2 * EARTH_RADIUS_METRES * (sqrt(haversine) * (1 + tail));
}

/* distance_from: point_distance for an origin prepared once. */
double distance_from(const struct origin *origin, struct point point);

#endif
