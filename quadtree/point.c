#include "quadtree/point.h"

#include "quadtree/distance.h"

double haversine_far(struct origin origin, struct point point)
{
    int64_t up = (int64_t)point.lat - origin.point.lat;
    int64_t right = longitude_difference(point.lon, origin.point.lon);
    if (series_hold(&origin, up, right))
        return haversine_series(&origin, up, right);
    struct origin other = origin_at(point);
    double lat_sine = sin((double)up * (RADIANS_PER_UNIT / 2));
    double lon_sine = sin((double)right * (RADIANS_PER_UNIT / 2));
    return lat_sine * lat_sine + origin.cosine * other.cosine * lon_sine * lon_sine;
}

/* The arcsine loses digits towards the antipode, so beyond a quarter turn the distance is half a
 * turn less the distance to the antipode. Only a reflected latitude and the rest of the half turn
 * of longitude are needed, both exact. */
static double antipode_haversine(const struct origin *origin, struct point point)
{
    struct origin other = origin_at(point);
    double up = (double)((int64_t)point.lat + origin->point.lat) * (RADIANS_PER_UNIT / 2);
    double right = (double)(HALF_TURN - longitude_difference(point.lon, origin->point.lon));
    double lat_sine = sin(up);
    double lon_sine = sin(right * (RADIANS_PER_UNIT / 2));
    return lat_sine * lat_sine + origin->cosine * other.cosine * lon_sine * lon_sine;
}

double distance_from(const struct origin *origin, struct point point)
{
    double haversine = haversine_from(origin, point);
    if (haversine <= 0.5)
        return haversine_metres(haversine);
    return PI * EARTH_RADIUS_METRES - haversine_metres(antipode_haversine(origin, point));
}

double point_distance(struct point a, struct point b)
{
    struct origin origin = origin_at(a);
    return distance_from(&origin, b);
}

bool point_from_degrees(double lat, double lon, struct point *out)
{
    if (!(lat >= -90.0 && lat <= 90.0 && lon >= -180.0 && lon <= 180.0))
        return false;
    long long lon_units = llround(lon * POINT_UNITS_PER_DEGREE);
    out->lat = (int32_t)llround(lat * POINT_UNITS_PER_DEGREE);
    out->lon = (int32_t)(lon_units == LONGITUDE_LIMIT ? -LONGITUDE_LIMIT : lon_units);
    return true;
}
