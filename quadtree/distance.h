/* Great-circle arithmetic that the searches of this folder share: the haversine `a` of a point seen
 * from a fixed origin. Order by `a` is order by distance, without the arcsine; where rounding could
 * decide (nearly equal values, or the far side of the earth) distance_from is the judge. */
#ifndef REFRESHD_QUADTREE_DISTANCE_H
#define REFRESHD_QUADTREE_DISTANCE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

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

typedef double two_numbers __attribute__((vector_size(16)));
typedef double four_numbers __attribute__((vector_size(32)));

/* sine_and_cosine: of an angle of at most an eighth of a turn, by their Taylor series; the terms
 * left out are below half of the last bit. Inline and without branches, side by side in a vector,
 * they cost a fifth of the library's; terms are added in pairs (G. Estrin, 1960) because many
 * searches wait for them. */
static inline two_numbers sine_and_cosine(double angle)
{
    const two_numbers u = angle * angle - (two_numbers){0}, u2 = u * u, u4 = u2 * u2;
    two_numbers p0 = u * (two_numbers){1.0 / 120, -1.0 / 720} + (two_numbers){-1.0 / 6, 1.0 / 24};
    two_numbers p2 =
        u * (two_numbers){1.0 / 362880, -1.0 / 3628800} + (two_numbers){-1.0 / 5040, 1.0 / 40320};
    two_numbers p4 = u * (two_numbers){1.0 / 6227020800, -1.0 / 87178291200} +
                     (two_numbers){-1.0 / 39916800, 1.0 / 479001600};
    two_numbers p6 = u * (two_numbers){1.0 / 355687428096000, -1.0 / 6402373705728000} +
                     (two_numbers){-1.0 / 1307674368000, 1.0 / 20922789888000};
    two_numbers rest = (p0 + u2 * p2) + u4 * (p4 + u2 * p6);
    two_numbers first = (two_numbers){angle, 1} - u * (two_numbers){0, 0.5};
    return first + (two_numbers){angle, u[1]} * u * rest;
}

/* origin_at: without a branch on the latitude, which no processor could foresee. */
static inline struct origin origin_at(struct point point)
{
    double lat = point.lat;
    double size = fabs(lat), rest = LATITUDE_LIMIT - size;
    unsigned steep = size > rest;
    double parts[2];
    two_numbers both = sine_and_cosine((size < rest ? size : rest) * RADIANS_PER_UNIT);
    memcpy(parts, &both, sizeof parts);
    return (struct origin){
        .point = point,
        .sine = copysign(parts[steep], lat),
        .cosine = parts[steep ^ 1],
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

/* haversine_series: haversine_from where both differences are at most SERIES_UNITS and the
 * origin's cosine at least SERIES_COSINE. Three series side by side: of sin^2 of half of each
 * difference and of sin(up), in powers of the half differences' squares. */
static inline double haversine_series(const struct origin *origin, int64_t up, int64_t right)
{
    const four_numbers half = (four_numbers){(double)up, (double)right, (double)up, (double)right} *
                              (RADIANS_PER_UNIT / 2);
    const four_numbers u = half * half;
    four_numbers series = u * (four_numbers){-1.0 / 315, -1.0 / 315, -4.0 / 315, -4.0 / 315} +
                          (four_numbers){2.0 / 45, 2.0 / 45, 2.0 / 15, 2.0 / 15};
    series = u * series + (four_numbers){-1.0 / 3, -1.0 / 3, -2.0 / 3, -2.0 / 3};
    series = u * series + 1;
    double lat_part = u[0] * series[0], lon_part = u[1] * series[1];
    double sine = 2 * half[2] * series[2];
    double cosine = origin->cosine * (1 - 2 * lat_part) - origin->sine * sine;
    return lat_part + origin->cosine * cosine * lon_part;
}

/* haversine_far: haversine_from for any point: over the antimeridian too, and by the library's
 * functions where the series do not hold. */
double haversine_far(struct origin origin, struct point point);

static inline bool series_hold(const struct origin *origin, int64_t up, int64_t right)
{
    return (uint64_t)(up + SERIES_UNITS) <= 2 * SERIES_UNITS &&
           (uint64_t)(right + SERIES_UNITS) <= 2 * SERIES_UNITS && origin->cosine >= SERIES_COSINE;
}

/* haversine_from: sin^2 of half the angle between origin and point. */
static inline double haversine_from(const struct origin *origin, struct point point)
{
    int64_t up = (int64_t)point.lat - origin->point.lat;
    int64_t right = (int64_t)point.lon - origin->point.lon;
    if (__builtin_expect(series_hold(origin, up, right), 1))
        return haversine_series(origin, up, right);
    return haversine_far(*origin, point);
}

/* short_metres: haversine_metres of at most SHORT_HAVERSINE, without the arcsine. */
#define SHORT_HAVERSINE 1e-4

static inline double short_metres(double haversine)
{
    double tail = haversine * (1.0 / 6 + haversine * (3.0 / 40 + haversine * (5.0 / 112)));
    return 2 * EARTH_RADIUS_METRES * (sqrt(haversine) * (1 + tail));
}

/* haversine_metres: the distance of a haversine; best where it is at most 1/2. */
static inline double haversine_metres(double haversine)
{
    if (haversine > SHORT_HAVERSINE)
        return 2 * EARTH_RADIUS_METRES * asin(sqrt(fmin(haversine, 1.0)));
    return short_metres(haversine);
}

/* distance_from: point_distance for an origin prepared once. */
double distance_from(const struct origin *origin, struct point point);

#endif
