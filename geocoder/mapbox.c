#include "geocoder/batch.h"
#include "geocoder/providers.h"

/* Rows have no identity but their place in the list, so distances have to show a list that has
 * slipped. An address farther than SLIPPED_METRES from its point belongs to another one; so does
 * one to which the point's neighbour in the list was given an address much nearer to the point:
 * points are asked in Morton order, and that address would have been the answer. */
#define SLIPPED_METRES 25000.0
#define MUCH_NEARER 2.0 /* times */
#define MUCH_NEARER_METRES 30.0

static const struct json_field label_fields[] = {
    {FIELD_LABEL, {"full_address", "place_formatted"}},
    {FIELD_LABEL, {NULL}},
};
static const struct json_field address_fields[] = {
    {FIELD_HOUSENUMBER, {"address_number"}},
    {FIELD_STREET, {"street_name"}},
    {FIELD_LABEL, {NULL}},
};
static const struct json_field street_fields[] = {
    {FIELD_STREET, {"name"}},
    {FIELD_LABEL, {NULL}},
};
static const struct json_field country_fields[] = {
    {FIELD_COUNTRY, {"name"}},
    {FIELD_COUNTRYCODE, {"country_code"}},
    {FIELD_LABEL, {NULL}},
};

/* Members of `context` whose name is one field. */
static const struct {
    const char *member;
    struct json_field table[2];
} parts[] = {
    {"neighborhood", {{FIELD_DISTRICT, {"name"}}}},
    {"postcode", {{FIELD_POSTCODE, {"name"}}}},
    {"place", {{FIELD_CITY, {"name"}}}},
    {"district", {{FIELD_COUNTY, {"name"}}}},
    {"region", {{FIELD_STATE, {"name"}}}},
};
#define PART_COUNT (sizeof parts / sizeof parts[0])
static const struct json_field locality_fields[2][2] = {{{FIELD_CITY, {"name"}}},
                                                        {{FIELD_DISTRICT, {"name"}}}};

static int append_json_text(struct geocoder_request *request, const char *text, struct error *err)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ')
            continue;
        if ((*text == '"' || *text == '\\') && body_literal(request, "\\", err) != 0)
            return -1;
        if (buffer_append(&request->body, text, 1, err) != 0)
            return -1;
    }
    return 0;
}

static int append_question(struct geocoder_request *request, struct point point,
                           const char *language, struct error *err)
{
    if (body_literal(request, "{\"longitude\":", err) != 0 ||
        body_degrees(request, point.lon, err) != 0 ||
        body_literal(request, ",\"latitude\":", err) != 0 ||
        body_degrees(request, point.lat, err) != 0 ||
        body_literal(request, ",\"types\":[\"address\"],\"limit\":1", err) != 0)
        return -1;
    if (language[0] != '\0' &&
        (body_literal(request, ",\"language\":\"", err) != 0 ||
         append_json_text(request, language, err) != 0 || body_literal(request, "\"", err) != 0))
        return -1;
    return body_literal(request, "}", err);
}

static int mapbox_ask(void *context, const struct point *points, size_t count,
                      struct geocoder_request *request, struct error *err)
{
    const struct network *network = ((const struct network_session *)context)->network;
    const char *language = network->settings->language != NULL ? network->settings->language : "";
    query_begin(request, "/search/geocode/v6/batch");
    request->content_type = "application/json";
    if (query_text(request, "access_token", network->key, err) != 0 ||
        query_text(request, "permanent", "true", err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (buffer_append(&request->body, i == 0 ? "[" : ",", 1, err) != 0 ||
            append_question(request, points[i], language, err) != 0)
            return -1;
    }
    return body_literal(request, "]", err);
}

static bool feature_position(const cJSON *feature, const cJSON *properties, struct point *out)
{
    const cJSON *geometry = json_member(feature, "geometry");
    const cJSON *coordinates = json_member(properties, "coordinates");
    if (json_coordinates(geometry, out))
        return true;
    return json_position(json_member(coordinates, "latitude"),
                         json_member(coordinates, "longitude"), out);
}

static void read_part(struct network_session *session, const cJSON *member, struct address *address)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (text_is(member->string, parts[i].member)) {
            read_fields(session, member, parts[i].table, address);
            return;
        }
    }
}

/* The locality is a part of the place, a city, where both are given; alone, it is the city. */
static void read_context(struct network_session *session, const cJSON *context,
                         struct address *address)
{
    const cJSON *member, *locality = NULL, *street = NULL;
    if (!cJSON_IsObject(context))
        return;
    cJSON_ArrayForEach(member, context)
    {
        if (text_is(member->string, "address"))
            read_fields(session, member, address_fields, address);
        else if (text_is(member->string, "country"))
            read_fields(session, member, country_fields, address);
        else if (text_is(member->string, "locality"))
            locality = member;
        else if (text_is(member->string, "street"))
            street = member;
        else
            read_part(session, member, address);
    }
    if (street != NULL)
        read_fields(session, street, street_fields, address);
    bool has_city = address->field[FIELD_CITY].length > 0;
    read_fields(session, locality, locality_fields[has_city], address);
}

/* Where a FeatureCollection's address lies; false when it does not say. */
static bool item_position(const cJSON *item, struct point *out)
{
    const cJSON *feature;
    return item != NULL && first_of(item, "features", &feature) && feature != NULL &&
           feature_position(feature, json_member(feature, "properties"), out);
}

static bool much_nearer(struct point point, const cJSON *item, double metres)
{
    struct point position;
    return item_position(item, &position) &&
           point_distance(point, position) * MUCH_NEARER + MUCH_NEARER_METRES < metres;
}

/* Does the address at position belong to another point of the list? A list of one has no other. */
static bool has_slipped(struct point point, struct point position, const cJSON *item, size_t place)
{
    const cJSON *before = place == 0 ? NULL : item->prev, *after = item->next;
    if (before == NULL && after == NULL)
        return false;
    double metres = point_distance(point, position);
    return metres > SLIPPED_METRES ||
           (metres > MUCH_NEARER_METRES &&
            (much_nearer(point, before, metres) || much_nearer(point, after, metres)));
}

/* One FeatureCollection of the batch. place: its number in the list. */
static int read_item(struct network_session *session, struct point point, size_t place,
                     const cJSON *item, const struct geocoder_reply *reply, struct answer *answer,
                     struct error *err)
{
    const cJSON *feature;
    struct address address = {0};
    struct point position;
    if (!first_of(item, "features", &feature)) {
        fail_item(session, reply, item, answer);
        return 0;
    }
    if (feature == NULL) {
        answer_empty(reply, answer);
        return 0;
    }
    const cJSON *properties = json_member(feature, "properties");
    if (!cJSON_IsObject(properties)) {
        fail_item(session, reply, item, answer);
        return 0;
    }
    bool known = feature_position(feature, properties, &position);
    if (known && has_slipped(point, position, item, place)) {
        fail_one(session, reply, CAUSE_MISSING_ROW, true,
                 "the reply to a batch has an address of another place for this point", answer);
        return 0;
    }
    read_fields(session, properties, label_fields, &address);
    read_context(session, json_member(properties, "context"), &address);
    return finish_address(session, reply, point, known ? &position : NULL, &address, answer, err);
}

static int mapbox_read(void *context, const struct point *points, size_t count,
                       const struct geocoder_reply *reply, struct answer *answers,
                       struct error *err)
{
    struct network_session *session = context;
    const cJSON *tree;
    if (read_object(session, reply, count, &tree, answers, err) != 0)
        return -1;
    if (tree == NULL)
        return 0;
    const cJSON *batch = json_member(tree, "batch");
    if (!cJSON_IsArray(batch)) {
        fail_items(session, reply, tree, count, answers);
        return 0;
    }
    if ((size_t)cJSON_GetArraySize(batch) != count) {
        expect_rows(session, reply, count, answers);
        return 0;
    }
    const cJSON *item = batch->child;
    for (size_t i = 0; i < count; i++, item = item->next) {
        if (read_item(session, points[i], i, item, reply, &answers[i], err) != 0)
            return -1;
    }
    return 0;
}

const struct geocoder_provider mapbox_provider = {
    .name = "mapbox",
    .help = "Mapbox geocoding v6, permanent: needs a key, answers may be kept",
    .largest_batch = 1000,
    .url = "https://api.mapbox.com",
    .needs_key = true,
    .open = network_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = mapbox_ask,
    .read = mapbox_read,
};
