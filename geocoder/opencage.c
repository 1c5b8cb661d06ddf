/* OpenCage: GET /geocode/v1/json, one point a request. The body says its status again, so that also
 * a proxy's 200 can't hide a refusal. */
#include "geocoder/network.h"
#include "geocoder/providers.h"

static const struct json_field result_fields[] = {
    {FIELD_LABEL, {"formatted"}},
    {0, {NULL}},
};

static const struct json_field component_fields[] = {
    {FIELD_NAME, {"name"}},
    {FIELD_HOUSENUMBER, {"house_number", "street_number"}},
    {FIELD_STREET, {"road", "street", "street_name", "pedestrian", "footway", "path"}},
    {FIELD_DISTRICT, {"suburb", "city_district", "district", "neighbourhood", "quarter"}},
    {FIELD_CITY, {"city", "town", "village", "municipality", "hamlet", "_normalized_city"}},
    {FIELD_COUNTY, {"county"}},
    {FIELD_STATE, {"state", "province", "region"}},
    {FIELD_POSTCODE, {"postcode"}},
    {FIELD_COUNTRY, {"country"}},
    {FIELD_COUNTRYCODE, {"country_code", "ISO_3166-1_alpha-2"}},
    {0, {NULL}},
};

static int opencage_ask(void *context, const struct point *points, size_t count,
                        struct geocoder_request *request, struct error *err)
{
    const struct network *network = ((const struct network_session *)context)->network;
    (void)count;
    query_begin(request, "/geocode/v1/json");
    if (query_point(request, "q", points[0], err) != 0 ||
        query_text(request, "key", network->key, err) != 0 ||
        query_text(request, "no_annotations", "1", err) != 0 ||
        query_text(request, "limit", "1", err) != 0)
        return -1;
    return query_text(request, "language", network->settings->language, err);
}

/* said_status: the status inside a reply, or that of the reply itself where it says none. */
static unsigned said_status(const cJSON *tree, const struct geocoder_reply *reply)
{
    const cJSON *code = json_member(json_member(tree, "status"), "code");
    bool given = cJSON_IsNumber(code) && code->valuedouble >= 100 && code->valuedouble < 600;
    return given ? (unsigned)code->valuedouble : reply->status;
}

static int opencage_read(void *context, const struct point *points, size_t count,
                         const struct geocoder_reply *reply, struct answer *answers,
                         struct error *err)
{
    struct network_session *session = context;
    struct geocoder_reply said = *reply;
    struct address address = {0};
    struct point position;
    const cJSON *tree, *result;
    bool transient;
    if (read_object(session, reply, count, &tree, answers, err) != 0)
        return -1;
    if (tree == NULL)
        return 0;
    said.status = said_status(tree, reply);
    if (status_cause(said.status, &transient) != CAUSE_NONE) {
        fail_status(session, &said, count, answers);
        return 0;
    }
    if (!first_of(tree, "results", &result)) {
        fail_bad(session, reply, count, "the reply holds no results", answers);
        return 0;
    }
    const cJSON *components = json_member(result, "components");
    if (result != NULL && !cJSON_IsObject(components)) {
        fail_bad(session, reply, count, "the reply holds a result without components", answers);
        return 0;
    }
    read_fields(session, result, result_fields, &address);
    read_fields(session, components, component_fields, &address);
    const cJSON *geometry = json_member(result, "geometry");
    bool placed =
        json_position(json_member(geometry, "lat"), json_member(geometry, "lng"), &position);
    return finish_address(session, reply, points[0], placed ? &position : NULL, &address,
                          &answers[0], err);
}

const struct geocoder_provider opencage_provider = {
    .name = "opencage",
    .help = "the OpenCage service; needs a key",
    .largest_batch = 1,
    .url = "https://api.opencagedata.com",
    .needs_key = true,
    .open = network_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = opencage_ask,
    .read = opencage_read,
};
