/* Pelias: GET /v1/reverse, one point a request; hosted ones want a key. Errors are listed inside
 * the reply, also in one with status 200. */
#include "geocoder/network.h"
#include "geocoder/providers.h"

static const struct json_field property_fields[] = {
    {FIELD_NAME, {"name"}},
    {FIELD_HOUSENUMBER, {"housenumber"}},
    {FIELD_STREET, {"street"}},
    {FIELD_POSTCODE, {"postalcode"}},
    {FIELD_COUNTRY, {"country", "dependency"}},
    {FIELD_COUNTRYCODE, {"country_code", "country_a", "dependency_a"}},
    {FIELD_STATE, {"region", "macroregion"}},
    {FIELD_COUNTY, {"county", "macrocounty"}},
    {FIELD_CITY, {"locality", "localadmin"}},
    {FIELD_DISTRICT, {"borough", "neighbourhood"}},
    {FIELD_LABEL, {"label"}},
    {0, {NULL}},
};

static int pelias_ask(void *context, const struct point *points, size_t count,
                      struct geocoder_request *request, struct error *err)
{
    const struct network *network = ((const struct network_session *)context)->network;
    const struct geocoder_settings *settings = network->settings;
    (void)count;
    query_begin(request, "/v1/reverse");
    if (query_degrees(request, "point.lat", points[0].lat, err) != 0 ||
        query_degrees(request, "point.lon", points[0].lon, err) != 0 ||
        query_text(request, "size", "1", err) != 0 ||
        query_kilometres(request, "boundary.circle.radius", settings->max_distance, err) != 0 ||
        query_text(request, "api_key", network->key, err) != 0)
        return -1;
    return query_text(request, "lang", settings->language, err);
}

static int pelias_read(void *context, const struct point *points, size_t count,
                       const struct geocoder_reply *reply, struct answer *answers,
                       struct error *err)
{
    struct network_session *session = context;
    const cJSON *tree;
    if (read_object(session, reply, count, &tree, answers, err) != 0)
        return -1;
    if (tree == NULL)
        return 0;
    const cJSON *errors = json_member(json_member(tree, "geocoding"), "errors");
    if (cJSON_GetArraySize(errors) > 0) {
        fail_bad(session, reply, count, reply_message(tree), answers);
        return 0;
    }
    return read_features(session, reply, tree, property_fields, points[0], answers, err);
}

const struct geocoder_provider pelias_provider = {
    .name = "pelias",
    .help = "a Pelias server; url must be set",
    .largest_batch = 1,
    .open = network_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = pelias_ask,
    .read = pelias_read,
};
