/* Nominatim: GET /reverse, jsonv2, one point a request. Errors may come with status 200, as a text
 * or as an object. */
#include "geocoder/network.h"
#include "geocoder/providers.h"

#include <string.h>

#define NO_ADDRESS "Unable to geocode"

static const struct json_field place_fields[] = {
    {FIELD_NAME, {"name"}},
    {FIELD_LABEL, {"display_name"}},
    {0, {NULL}},
};

static const struct json_field address_fields[] = {
    {FIELD_HOUSENUMBER, {"house_number"}},
    {FIELD_STREET, {"road"}},
    {FIELD_DISTRICT, {"suburb"}},
    {FIELD_CITY, {"city", "town", "village"}},
    {FIELD_COUNTY, {"county"}},
    {FIELD_STATE, {"state"}},
    {FIELD_POSTCODE, {"postcode"}},
    {FIELD_COUNTRY, {"country"}},
    {FIELD_COUNTRYCODE, {"country_code"}},
    {0, {NULL}},
};

static int nominatim_ask(void *context, const struct point *points, size_t count,
                         struct geocoder_request *request, struct error *err)
{
    const struct network_session *session = context;
    (void)count;
    query_begin(request, "/reverse");
    if (query_text(request, "format", "jsonv2", err) != 0 ||
        query_degrees(request, "lat", points[0].lat, err) != 0 ||
        query_degrees(request, "lon", points[0].lon, err) != 0 ||
        query_text(request, "zoom", "18", err) != 0 ||
        query_text(request, "addressdetails", "1", err) != 0)
        return -1;
    return query_text(request, "accept-language", session->network->settings->language, err);
}

/* refuse: the answer of a reply that has an `error`. */
static void refuse(struct network_session *session, const struct geocoder_reply *reply,
                   const cJSON *tree, const cJSON *error, struct answer *answer)
{
    const char *message = reply_message(tree);
    bool transient = true;
    enum failure_cause cause = CAUSE_BAD_REPLY;
    const cJSON *code = json_member(error, "code");
    if (cJSON_IsString(error) && strcmp(error->valuestring, NO_ADDRESS) == 0) {
        answer_empty(reply, answer);
        return;
    }
    if (cJSON_IsObject(error)) {
        cause = CAUSE_BAD_REQUEST;
        transient = false;
    }
    if (cJSON_IsNumber(code) && code->valuedouble >= 300 && code->valuedouble < 600)
        cause = status_cause((unsigned)code->valuedouble, &transient);
    if (speaks_of_quota(message)) {
        cause = CAUSE_QUOTA;
        transient = false;
    }
    fail_one(session, reply, cause, transient, message, answer);
}

static int nominatim_read(void *context, const struct point *points, size_t count,
                          const struct geocoder_reply *reply, struct answer *answers,
                          struct error *err)
{
    struct network_session *session = context;
    struct address address = {0};
    struct point position;
    const cJSON *tree;
    if (read_object(session, reply, count, &tree, answers, err) != 0 || tree == NULL)
        return tree == NULL ? 0 : -1;
    const cJSON *error = json_member(tree, "error");
    if (error != NULL) {
        refuse(session, reply, tree, error, &answers[0]);
        return 0;
    }
    const cJSON *details = json_member(tree, "address");
    if (details == NULL ? json_text(tree, "display_name") == NULL : !cJSON_IsObject(details)) {
        fail_bad(session, reply, count, "the reply holds no address", answers);
        return 0;
    }
    read_fields(session, tree, place_fields, &address);
    read_fields(session, details, address_fields, &address);
    bool placed = json_position(json_member(tree, "lat"), json_member(tree, "lon"), &position);
    return finish_address(session, reply, points[0], placed ? &position : NULL, &address,
                          &answers[0], err);
}

const struct geocoder_provider nominatim_provider = {
    .name = "nominatim",
    .help = "a Nominatim server (OpenStreetMap); url must be set",
    .largest_batch = 1,
    .open = network_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = nominatim_ask,
    .read = nominatim_read,
};
