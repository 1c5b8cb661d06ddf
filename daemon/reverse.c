#include "daemon/reverse.h"

#include <xxhash.h>

#include "base/bytes.h"
#include "cachefmt/json_text.h"
#include "daemon/reverse_label.h"
#include "daemon/reverse_place.h"

#define LICENCE "see the geocoder that this server's addresses come from"
#define LARGEST_DISTANCE 1e8 /* metres; none on earth is larger */

/* A reply on its way into a buffer: after a failure nothing is added. */
struct reply {
    const struct reverse_question *question;
    const struct entry *entry;
    double distance;
    struct reverse_place place;
    struct buffer *out;
    struct error *err;
    int result;
};

#define put(reply, text) put_bytes(reply, text, sizeof(text) - 1)

static inline void put_bytes(struct reply *reply, const char *text, size_t bytes)
{
    struct buffer *out = reply->out;
    if (reply->result == 0 && bytes > out->room - out->used)
        reply->result = buffer_reserve(out, bytes, reply->err);
    if (reply->result != 0)
        return;
    memcpy(out->data + out->used, text, bytes);
    out->used += bytes;
}

static void put_text(struct reply *reply, struct slice text)
{
    put(reply, "\"");
    if (reply->result == 0)
        reply->result = buffer_append_json_text(reply->out, text.data, text.length, reply->err);
    put(reply, "\"");
}

static void put_label(struct reply *reply)
{
    put(reply, "\"");
    if (reply->result == 0)
        reply->result =
            reverse_label_print(&reply->entry->address, &reply->place, reply->out, reply->err);
    put(reply, "\"");
}

static void put_unsigned(struct reply *reply, uint64_t value)
{
    if (reply->result == 0)
        reply->result = buffer_append_unsigned(reply->out, value, reply->err);
}

static void put_degrees(struct reply *reply, int32_t value)
{
    if (reply->result == 0)
        reply->result = buffer_append_degrees(reply->out, value, reply->err);
}

/* --- pieces that formats share ------------------------------------------------- */

/* The same for a point on every server; positive, and exact as a number of JavaScript's. */
static void put_place_id(struct reply *reply)
{
    unsigned char key[8];
    bytes_put32(key, (uint32_t)reply->entry->point.lat);
    bytes_put32(key + 4, (uint32_t)reply->entry->point.lon);
    put(reply, "\"place_id\":");
    put_unsigned(reply, (XXH3_64bits(key, sizeof key) >> 11) | 1);
}

/* Members of an address and their names in `address` and in geocodejson. */
struct member {
    enum address_field field;
    const char *name;
};

static const struct member nominatim_members[] = {
    {FIELD_HOUSENUMBER, ",\"house_number\":"},
    {FIELD_STREET, ",\"road\":"},
    {FIELD_DISTRICT, ",\"suburb\":"},
    {FIELD_CITY, ",\"city\":"},
    {FIELD_COUNTY, ",\"county\":"},
    {FIELD_STATE, ",\"state\":"},
    {FIELD_POSTCODE, ",\"postcode\":"},
    {FIELD_COUNTRY, ",\"country\":"},
};

static const struct member geocodejson_members[] = {
    {FIELD_HOUSENUMBER, ",\"housenumber\":"}, {FIELD_STREET, ",\"street\":"},
    {FIELD_DISTRICT, ",\"district\":"},       {FIELD_CITY, ",\"city\":"},
    {FIELD_COUNTY, ",\"county\":"},           {FIELD_STATE, ",\"state\":"},
    {FIELD_POSTCODE, ",\"postcode\":"},       {FIELD_COUNTRY, ",\"country\":"},
};
#define MEMBERS (sizeof nominatim_members / sizeof *nominatim_members)

static void put_country_code(struct reply *reply)
{
    struct slice code = reply->entry->address.field[FIELD_COUNTRYCODE];
    put(reply, ",\"country_code\":");
    size_t start = reply->out->used;
    put_text(reply, code);
    for (size_t at = start; reply->result == 0 && at < reply->out->used; at++) {
        if (reply->out->data[at] >= 'A' && reply->out->data[at] <= 'Z')
            reply->out->data[at] |= 0x20;
    }
}

/* put_members: each with a comma before it. */
static void put_members(struct reply *reply, const struct member *members)
{
    const struct address *address = &reply->entry->address;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!reverse_place_shows(&reply->place, members[i].field))
            continue;
        put_bytes(reply, members[i].name, strlen(members[i].name));
        put_text(reply, address->field[members[i].field]);
    }
    if (reverse_place_shows(&reply->place, FIELD_COUNTRYCODE))
        put_country_code(reply);
}

/* put_address: the first comma becomes the brace. */
static void put_address(struct reply *reply)
{
    const struct address *address = &reply->entry->address;
    put(reply, ",\"address\":");
    size_t start = reply->out->used;
    if (reply->place.has_own_name) {
        put(reply, ",\"");
        put_bytes(reply, reply->place.kind->named, strlen(reply->place.kind->named));
        put(reply, "\":");
        put_text(reply, address->field[FIELD_NAME]);
    }
    put_members(reply, nominatim_members);
    if (reply->result == 0 && reply->out->used > start)
        reply->out->data[start] = '{';
    else
        put(reply, "{");
    put(reply, "}");
}

static void put_classes(struct reply *reply)
{
    struct slice values = reply->place.kind->class_values;
    put_bytes(reply, values.data, values.length);
    put(reply, ",\"name\":");
    put_text(reply, reply->place.name);
    put(reply, ",\"display_name\":");
    put_label(reply);
    if (reply->question->address_details)
        put_address(reply);
}

/* What Nominatim does not have: at the end, where its clients do not look. */
static void put_own(struct reply *reply)
{
    if (reply->distance >= 0 && reply->distance < LARGEST_DISTANCE) {
        put(reply, ",\"distance_m\":");
        if (reply->result == 0)
            reply->result = buffer_append_metres(reply->out, reply->distance, reply->err);
    }
    put(reply, ",\"refreshed_at\":");
    put_unsigned(reply, reply->entry->refreshed_at);
}

struct box {
    int32_t south, north, west, east;
};

static int32_t within(int64_t value, int32_t limit)
{
    return value < -limit ? -limit : value > limit ? limit : (int32_t)value;
}

/* A box to show the place in. It ends at longitude 180, as Nominatim's do. */
static struct box box_around(const struct reply *reply)
{
    int64_t lat = reply->entry->point.lat, lon = reply->entry->point.lon;
    int64_t reach = reply->place.kind->reach;
    return (struct box){within(lat - reach, LATITUDE_LIMIT), within(lat + reach, LATITUDE_LIMIT),
                        within(lon - reach, LONGITUDE_LIMIT), within(lon + reach, LONGITUDE_LIMIT)};
}

static void put_geometry(struct reply *reply)
{
    put(reply, ",\"geometry\":{\"type\":\"Point\",\"coordinates\":[");
    put_degrees(reply, reply->entry->point.lon);
    put(reply, ",");
    put_degrees(reply, reply->entry->point.lat);
    put(reply, "]}");
}

/* --- the formats ---------------------------------------------------------------- */

static void put_json(struct reply *reply)
{
    struct box box = box_around(reply);
    put(reply, "{");
    put_place_id(reply);
    put(reply, ",\"licence\":\"" LICENCE "\",\"lat\":\"");
    put_degrees(reply, reply->entry->point.lat);
    put(reply, "\",\"lon\":\"");
    put_degrees(reply, reply->entry->point.lon);
    if (reply->question->format == REVERSE_JSON)
        put(reply, "\",\"class\":");
    else
        put(reply, "\",\"category\":");
    put_classes(reply);
    put(reply, ",\"boundingbox\":[\"");
    put_degrees(reply, box.south);
    put(reply, "\",\"");
    put_degrees(reply, box.north);
    put(reply, "\",\"");
    put_degrees(reply, box.west);
    put(reply, "\",\"");
    put_degrees(reply, box.east);
    put(reply, "\"]");
    put_own(reply);
    put(reply, "}");
}

static void put_geojson(struct reply *reply)
{
    struct box box = box_around(reply);
    put(reply, "{\"type\":\"FeatureCollection\",\"licence\":\"" LICENCE
               "\",\"features\":[{\"type\":\"Feature\",\"properties\":{");
    put_place_id(reply);
    put(reply, ",\"category\":");
    put_classes(reply);
    put_own(reply);
    put(reply, "},\"bbox\":[");
    put_degrees(reply, box.west);
    put(reply, ",");
    put_degrees(reply, box.south);
    put(reply, ",");
    put_degrees(reply, box.east);
    put(reply, ",");
    put_degrees(reply, box.north);
    put(reply, "]");
    put_geometry(reply);
    put(reply, "}]}");
}

static void put_geocodejson(struct reply *reply)
{
    struct slice kind = reply->place.kind->geocodejson;
    put(reply, "{\"type\":\"FeatureCollection\",\"geocoding\":{\"version\":\"0.1.0\","
               "\"attribution\":\"" LICENCE "\",\"licence\":\"" LICENCE
               "\"},\"features\":[{\"type\":\"Feature\",\"properties\":{\"geocoding\":{");
    put_place_id(reply);
    put(reply, ",");
    put_bytes(reply, kind.data, kind.length);
    if (reply->distance >= 0 && reply->distance < LARGEST_DISTANCE) {
        put(reply, ",\"accuracy\":");
        put_unsigned(reply, (uint64_t)reply->distance);
    }
    put(reply, ",\"label\":");
    put_label(reply);
    if (reply->place.name.length != 0) {
        put(reply, ",\"name\":");
        put_text(reply, reply->place.name);
    }
    if (reply->question->address_details) {
        put_members(reply, geocodejson_members);
        put(reply, ",\"admin\":{}");
    }
    put_own(reply);
    put(reply, "}}");
    put_geometry(reply);
    put(reply, "}]}");
}

/* --- replies -------------------------------------------------------------------- */

int reverse_print(const struct reverse_question *question, const struct entry *entry,
                  double distance, struct buffer *out, struct error *err)
{
    size_t start = out->used;
    struct reply reply = {
        .question = question, .entry = entry, .distance = distance, .out = out, .err = err};
    if (!reverse_place_choose(&entry->address, question->zoom, &reply.place))
        return reverse_print_miss(out, err);
    if (question->format == REVERSE_GEOJSON)
        put_geojson(&reply);
    else if (question->format == REVERSE_GEOCODEJSON)
        put_geocodejson(&reply);
    else
        put_json(&reply);
    if (reply.result != 0)
        out->used = start;
    return reply.result;
}

int reverse_print_miss(struct buffer *out, struct error *err)
{
    return append_literal(out, "{\"error\":\"Unable to geocode\"}", err);
}

int reverse_print_error(unsigned status, const char *message, struct buffer *out, struct error *err)
{
    struct reply reply = {.out = out, .err = err};
    size_t start = out->used;
    put(&reply, "{\"error\":{\"code\":");
    put_unsigned(&reply, status);
    put(&reply, ",\"message\":");
    put_text(&reply, (struct slice){message, (uint32_t)strlen(message)});
    put(&reply, "}}");
    if (reply.result != 0)
        out->used = start;
    return reply.result;
}
