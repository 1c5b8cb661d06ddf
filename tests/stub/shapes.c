#include "tests/stub/shapes.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/stub/emit.h"

struct row *rows_add(struct rows *rows, struct point point)
{
    if (rows->count == rows->room) {
        size_t room = rows->room == 0 ? 128 : rows->room * 2;
        struct row *larger = allocate(room * sizeof *larger);
        if (rows->count > 0)
            memcpy(larger, rows->row, rows->count * sizeof *larger);
        free(rows->row);
        rows->row = larger;
        rows->room = room;
    }
    struct row *row = &rows->row[rows->count++];
    *row = (struct row){.point = point, .number = (unsigned)rows->count};
    return row;
}

bool knows(const struct knowledge *knowledge, const struct row *row, struct place *place)
{
    if (knowledge->nothing || place_chosen(row->point, knowledge->empty, 3))
        return false;
    place_fill(place, row->point, knowledge->version);
    place->point.lat += knowledge->shift;
    (void)text_format_degrees(place->point.lat, place->lat);
    (void)text_format_degrees(place->point.lon, place->lon);
    return true;
}

/* --- what is asked --------------------------------------------------------------- */

static bool read_two(const struct request *request, const char *lat_name, const char *lon_name,
                     struct rows *rows)
{
    struct text lat, lon;
    struct point point;
    if (!query_value(request, lat_name, &lat) || !query_value(request, lon_name, &lon) ||
        !parse_degrees(lat, 90, &point.lat) || !parse_degrees(lon, 180, &point.lon))
        return false;
    (void)rows_add(rows, point);
    return true;
}

static bool read_pair(const struct request *request, const char *name, struct rows *rows)
{
    struct text value;
    struct point point;
    if (!query_value(request, name, &value) || !parse_pair(value, &point))
        return false;
    (void)rows_add(rows, point);
    return true;
}

static bool read_lat_lon(const struct request *request, struct rows *rows)
{
    return read_two(request, "lat", "lon", rows);
}

static bool read_nominatim(const struct request *request, struct rows *rows)
{
    struct text format;
    return query_value(request, "format", &format) && text_is(format, "jsonv2") &&
           read_lat_lon(request, rows);
}

static bool read_pelias(const struct request *request, struct rows *rows)
{
    return read_two(request, "point.lat", "point.lon", rows);
}

static bool read_mapbox(const struct request *request, struct rows *rows)
{
    return read_two(request, "latitude", "longitude", rows);
}

static bool read_here(const struct request *request, struct rows *rows)
{
    return read_pair(request, "at", rows);
}

static bool read_opencage(const struct request *request, struct rows *rows)
{
    return read_pair(request, "q", rows);
}

static bool read_google(const struct request *request, struct rows *rows)
{
    return read_pair(request, "latlng", rows);
}

/* --- what is told ---------------------------------------------------------------- */

static void write_nominatim(const struct rows *rows, const struct knowledge *knowledge,
                            struct reply *reply)
{
    struct place place;
    if (!knows(knowledge, &rows->row[0], &place)) {
        emit(&reply->body, "{\"error\":\"Unable to geocode\"}");
        return;
    }
    emit(&reply->body, "{\"place_id\":%u,\"licence\":\"none\",\"osm_type\":\"way\",\"osm_id\":1,",
         (unsigned)place_hash(place.point));
    emit(&reply->body,
         "\"lat\":\"%s\",\"lon\":\"%s\",\"category\":\"building\",\"type\":\"yes\","
         "\"place_rank\":30,\"importance\":0.0000512,\"addresstype\":\"building\",\"name\":\"\","
         "\"display_name\":\"%s\",\"address\":{\"house_number\":\"%s\",\"road\":\"%s\","
         "\"suburb\":\"%s\",\"city\":\"%s\",\"county\":\"%s\",\"state\":\"%s\","
         "\"ISO3166-2-lvl4\":\"XX-1\",\"postcode\":\"%s\",\"country\":\"%s\","
         "\"country_code\":\"%s\"},\"boundingbox\":[\"1.0\",\"2.0\",\"3.0\",\"4.0\"]}",
         place.lat, place.lon, place.label, place.housenumber, place.street, place.district,
         place.city, place.county, place.state, place.postcode, place.country, place.code2);
}

/* A GeoJSON feature up to its properties. */
static void begin_feature(const struct place *place, struct buffer *out)
{
    emit(out,
         "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[%s,%s]},"
         "\"properties\":",
         place->lon, place->lat);
}

static void write_photon(const struct rows *rows, const struct knowledge *knowledge,
                         struct reply *reply)
{
    struct place place;
    emit(&reply->body, "{\"features\":[");
    if (knows(knowledge, &rows->row[0], &place)) {
        begin_feature(&place, &reply->body);
        emit(&reply->body,
             "{\"osm_type\":\"N\",\"osm_id\":1,\"osm_key\":\"place\",\"osm_value\":\"house\","
             "\"type\":\"house\",\"housenumber\":\"%s\",\"street\":\"%s\",\"district\":\"%s\","
             "\"city\":\"%s\",\"county\":\"%s\",\"state\":\"%s\",\"postcode\":\"%s\","
             "\"country\":\"%s\",\"countrycode\":\"%s\",\"extent\":[1.0,2.0,3.0,4.0]}}",
             place.housenumber, place.street, place.district, place.city, place.county, place.state,
             place.postcode, place.country, place.code2[0] == 'c' ? "CA" : "FR");
    }
    emit(&reply->body, "],\"type\":\"FeatureCollection\"}");
}

static void write_pelias(const struct rows *rows, const struct knowledge *knowledge,
                         struct reply *reply)
{
    struct place place;
    emit(&reply->body, "{\"geocoding\":{\"version\":\"0.2\",\"query\":{\"size\":1}},"
                       "\"type\":\"FeatureCollection\",\"features\":[");
    if (knows(knowledge, &rows->row[0], &place)) {
        begin_feature(&place, &reply->body);
        emit(&reply->body,
             "{\"id\":\"way/1\",\"gid\":\"openstreetmap:address:way/1\",\"layer\":\"address\","
             "\"source\":\"openstreetmap\",\"name\":\"%s %s\",\"housenumber\":\"%s\","
             "\"street\":\"%s\",\"postalcode\":\"%s\",\"confidence\":1,\"distance\":0.002,"
             "\"accuracy\":\"point\",\"country\":\"%s\",\"country_code\":\"%s\","
             "\"country_a\":\"%s\",\"region\":\"%s\",\"county\":\"%s\",\"locality\":\"%s\","
             "\"neighbourhood\":\"%s\",\"label\":\"%s\"}}",
             place.housenumber, place.street, place.housenumber, place.street, place.postcode,
             place.country, place.code2[0] == 'c' ? "CA" : "FR", place.code3, place.state,
             place.county, place.city, place.district, place.label);
    }
    emit(&reply->body, "]}");
}

static void write_addok(const struct rows *rows, const struct knowledge *knowledge,
                        struct reply *reply)
{
    struct place place;
    emit(&reply->body, "{\"type\":\"FeatureCollection\",\"version\":\"draft\",\"features\":[");
    if (knows(knowledge, &rows->row[0], &place)) {
        begin_feature(&place, &reply->body);
        emit(&reply->body,
             "{\"label\":\"%s\",\"score\":0.99,\"housenumber\":\"%s\",\"id\":\"1\","
             "\"type\":\"housenumber\",\"name\":\"%s %s\",\"postcode\":\"%s\","
             "\"citycode\":\"75056\",\"city\":\"%s\",\"context\":\"75, Paris\","
             "\"importance\":0.6,\"street\":\"%s\",\"distance\":%u}}",
             place.label, place.housenumber, place.housenumber, place.street, place.postcode,
             place.city, place.street, (unsigned)abs(knowledge->shift) / 90);
    }
    emit(&reply->body, "],\"attribution\":\"BAN\",\"licence\":\"ETALAB-2.0\",\"limit\":1}");
}

void write_mapbox(const struct row *row, const struct knowledge *knowledge, struct buffer *out)
{
    struct place place;
    emit(out, "{\"type\":\"FeatureCollection\",\"features\":[");
    if (knows(knowledge, row, &place)) {
        begin_feature(&place, out);
        emit(out,
             "{\"mapbox_id\":\"1\",\"feature_type\":\"address\",\"full_address\":\"%s\","
             "\"name\":\"%s %s\",\"name_preferred\":\"%s %s\",\"coordinates\":{"
             "\"longitude\":%s,\"latitude\":%s,\"accuracy\":\"rooftop\"},"
             "\"place_formatted\":\"%s\",\"context\":{\"address\":{\"mapbox_id\":\"2\","
             "\"address_number\":\"%s\",\"street_name\":\"%s\",\"name\":\"%s %s\"},",
             place.label, place.housenumber, place.street, place.housenumber, place.street,
             place.lon, place.lat, place.city, place.housenumber, place.street, place.housenumber,
             place.street);
        emit(out,
             "\"street\":{\"mapbox_id\":\"3\",\"name\":\"%s\"},\"neighborhood\":{\"name\":\"%s\"},"
             "\"postcode\":{\"name\":\"%s\"},\"place\":{\"name\":\"%s\"},"
             "\"district\":{\"name\":\"%s\"},\"region\":{\"name\":\"%s\",\"region_code\":\"X\"},"
             "\"country\":{\"name\":\"%s\",\"country_code\":\"%s\","
             "\"country_code_alpha_3\":\"%s\"}}}}",
             place.street, place.district, place.postcode, place.city, place.county, place.state,
             place.country, place.code2[0] == 'c' ? "CA" : "FR", place.code3);
    }
    emit(out, "],\"attribution\":\"NOTICE\"}");
}

static void write_one_mapbox(const struct rows *rows, const struct knowledge *knowledge,
                             struct reply *reply)
{
    write_mapbox(&rows->row[0], knowledge, &reply->body);
}

void write_here_items(const struct row *row, const struct knowledge *knowledge, struct buffer *out)
{
    struct place place;
    emit(out, "\"items\":[");
    if (knows(knowledge, row, &place))
        emit(out,
             "{\"title\":\"%s\",\"id\":\"here:af:1\",\"resultType\":\"houseNumber\","
             "\"houseNumberType\":\"PA\",\"address\":{\"label\":\"%s\",\"countryCode\":\"%s\","
             "\"countryName\":\"%s\",\"stateCode\":\"X\",\"state\":\"%s\",\"county\":\"%s\","
             "\"city\":\"%s\",\"district\":\"%s\",\"street\":\"%s\",\"postalCode\":\"%s\","
             "\"houseNumber\":\"%s\"},\"position\":{\"lat\":%s,\"lng\":%s},"
             "\"access\":[{\"lat\":%s,\"lng\":%s}],\"distance\":%u}",
             place.label, place.label, place.code3, place.country, place.state, place.county,
             place.city, place.district, place.street, place.postcode, place.housenumber, place.lat,
             place.lon, place.lat, place.lon, (unsigned)abs(knowledge->shift) / 90);
    emit(out, "]");
}

static void write_here(const struct rows *rows, const struct knowledge *knowledge,
                       struct reply *reply)
{
    emit(&reply->body, "{");
    write_here_items(&rows->row[0], knowledge, &reply->body);
    emit(&reply->body, "}");
}

static void write_opencage(const struct rows *rows, const struct knowledge *knowledge,
                           struct reply *reply)
{
    struct place place;
    bool found = knows(knowledge, &rows->row[0], &place);
    emit(&reply->body, "{\"documentation\":\"x\",\"rate\":{\"limit\":2500,\"remaining\":2000,"
                       "\"reset\":1},\"results\":[");
    if (found)
        emit(&reply->body,
             "{\"components\":{\"ISO_3166-1_alpha-2\":\"FR\",\"_category\":\"building\","
             "\"_type\":\"building\",\"city\":\"%s\",\"country\":\"%s\",\"country_code\":\"%s\","
             "\"county\":\"%s\",\"house_number\":\"%s\",\"postcode\":\"%s\",\"road\":\"%s\","
             "\"state\":\"%s\",\"suburb\":\"%s\"},\"confidence\":10,\"formatted\":\"%s\","
             "\"geometry\":{\"lat\":%s,\"lng\":%s}}",
             place.city, place.country, place.code2, place.county, place.housenumber,
             place.postcode, place.street, place.state, place.district, place.label, place.lat,
             place.lon);
    emit(&reply->body, "],\"status\":{\"code\":200,\"message\":\"OK\"},\"total_results\":%d}",
         found ? 1 : 0);
}

static void write_google_component(struct buffer *out, const char *text, const char *brief,
                                   const char *type)
{
    emit(out, "{\"long_name\":\"%s\",\"short_name\":\"%s\",\"types\":[\"%s\",\"political\"]}", text,
         brief, type);
}

static void write_google(const struct rows *rows, const struct knowledge *knowledge,
                         struct reply *reply)
{
    struct buffer *out = &reply->body;
    struct place place;
    if (!knows(knowledge, &rows->row[0], &place)) {
        emit(out, "{\"plus_code\":{},\"results\":[],\"status\":\"ZERO_RESULTS\"}");
        return;
    }
    const char *const parts[][2] = {
        {place.housenumber, "street_number"},
        {place.street, "route"},
        {place.district, "sublocality"},
        {place.city, "locality"},
        {place.county, "administrative_area_level_2"},
        {place.state, "administrative_area_level_1"},
        {place.postcode, "postal_code"},
    };
    emit(out, "{\"plus_code\":{\"global_code\":\"8FW4\"},\"results\":[{\"address_components\":[");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        write_google_component(out, parts[i][0], parts[i][0], parts[i][1]);
        emit(out, ",");
    }
    write_google_component(out, place.country, place.code2[0] == 'c' ? "CA" : "FR", "country");
    emit(out,
         "],\"formatted_address\":\"%s\",\"geometry\":{\"location\":{\"lat\":%s,"
         "\"lng\":%s},\"location_type\":\"ROOFTOP\"},\"place_id\":\"1\","
         "\"types\":[\"street_address\"]}],\"status\":\"OK\"}",
         place.label, place.lat, place.lon);
}

/* --- the table ------------------------------------------------------------------- */

static const struct shape shapes[] = {
    {"nominatim", "/reverse", NULL, read_nominatim, write_nominatim},
    {"photon", "/reverse", NULL, read_lat_lon, write_photon},
    {"pelias", "/v1/reverse", "api_key", read_pelias, write_pelias},
    {"addok", "/reverse/", NULL, read_lat_lon, write_addok},
    {"mapbox", "/search/geocode/v6/reverse", "access_token", read_mapbox, write_one_mapbox},
    {"here", "/v1/revgeocode", "apiKey", read_here, write_here},
    {"opencage", "/geocode/v1/json", "key", read_opencage, write_opencage},
    {"google", "/geocode/json", "key", read_google, write_google},
};

const struct shape *shape_find(struct text path, const char *provider)
{
    const struct shape *found = NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (text_is(path, shapes[i].path) &&
            (found == NULL || strcmp(shapes[i].provider, provider) == 0))
            found = &shapes[i];
    for (const struct shape *shape = batch_shapes; shape->path != NULL && found == NULL; shape++)
        if (text_is(path, shape->path))
            found = shape;
    return found;
}
