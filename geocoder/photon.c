/* Photon: GET /reverse, one point a request. Whatever goes wrong inside the server is answered with
 * status 400, so a 400 is worth asking again. */
#include "geocoder/network.h"
#include "geocoder/providers.h"

static const struct json_field property_fields[] = {
    {FIELD_NAME, {"name"}},
    {FIELD_HOUSENUMBER, {"housenumber"}},
    {FIELD_STREET, {"street"}},
    {FIELD_DISTRICT, {"district"}},
    {FIELD_CITY, {"city"}},
    {FIELD_COUNTY, {"county"}},
    {FIELD_STATE, {"state"}},
    {FIELD_POSTCODE, {"postcode"}},
    {FIELD_COUNTRY, {"country"}},
    {FIELD_COUNTRYCODE, {"countrycode"}},
    {0, {NULL}},
};

static int photon_ask(void *context, const struct point *points, size_t count,
                      struct geocoder_request *request, struct error *err)
{
    const struct geocoder_settings *settings =
        ((const struct network_session *)context)->network->settings;
    (void)count;
    query_begin(request, "/reverse");
    if (query_degrees(request, "lat", points[0].lat, err) != 0 ||
        query_degrees(request, "lon", points[0].lon, err) != 0 ||
        query_text(request, "limit", "1", err) != 0 ||
        query_kilometres(request, "radius", settings->max_distance, err) != 0)
        return -1;
    return query_text(request, "lang", settings->language, err);
}

static int photon_read(void *context, const struct point *points, size_t count,
                       const struct geocoder_reply *reply, struct answer *answers,
                       struct error *err)
{
    struct network_session *session = context;
    const cJSON *tree;
    if (read_object(session, reply, count, &tree, answers, err) != 0)
        return -1;
    if (tree != NULL)
        return read_features(session, reply, tree, property_fields, points[0], answers, err);
    if (reply->status == 400)
        answers[0].transient = true;
    return 0;
}

const struct geocoder_provider photon_provider = {
    .name = "photon",
    .help = "a Photon server (OpenStreetMap); url must be set",
    .largest_batch = 1,
    .open = network_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = photon_ask,
    .read = photon_read,
};
