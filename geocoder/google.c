/* Google Geocoding: GET /geocode/json, one point a request. The status is in the body, mostly under
 * HTTP 200. */
#include "geocoder/network.h"
#include "geocoder/providers.h"

#include <string.h>

/* What the body says of itself. */
static const struct verdict {
    const char *status;
    enum failure_cause cause;
    bool transient;
} verdicts[] = {
    {"OVER_QUERY_LIMIT", CAUSE_HTTP_429, true}, /* a matter of pace, unless the message says not */
    {"OVER_DAILY_LIMIT", CAUSE_QUOTA, false},
    {"REQUEST_DENIED", CAUSE_DENIED, false},
    {"INVALID_REQUEST", CAUSE_BAD_REQUEST, false},
    {"UNKNOWN_ERROR", CAUSE_HTTP_5XX, true},
    {NULL, CAUSE_NONE, false},
};

/* Which part of an address a component of some type is; for a field, earlier types win. */
static const struct part {
    const char *type;
    enum address_field field;
} parts[] = {
    {"street_number", FIELD_HOUSENUMBER},
    {"route", FIELD_STREET},
    {"point_of_interest", FIELD_NAME},
    {"establishment", FIELD_NAME},
    {"premise", FIELD_NAME},
    {"sublocality_level_1", FIELD_DISTRICT},
    {"sublocality", FIELD_DISTRICT},
    {"neighborhood", FIELD_DISTRICT},
    {"locality", FIELD_CITY},
    {"postal_town", FIELD_CITY},
    {"administrative_area_level_3", FIELD_CITY},
    {"administrative_area_level_2", FIELD_COUNTY},
    {"administrative_area_level_1", FIELD_STATE},
    {"postal_code", FIELD_POSTCODE},
    {"country", FIELD_COUNTRY},
};
#define PARTS (sizeof parts / sizeof parts[0])

static int google_ask(void *context, const struct point *points, size_t count,
                      struct geocoder_request *request, struct error *err)
{
    const struct network *network = ((const struct network_session *)context)->network;
    (void)count;
    query_begin(request, "/geocode/json");
    if (query_point(request, "latlng", points[0], err) != 0 ||
        query_text(request, "key", network->key, err) != 0)
        return -1;
    return query_text(request, "language", network->settings->language, err);
}

static bool has_type(const cJSON *types, const char *type)
{
    const cJSON *each;
    cJSON_ArrayForEach(each, types)
    {
        if (cJSON_IsString(each) && text_is(each->valuestring, type))
            return true;
    }
    return false;
}

/* part_of: the first of the parts that a component is; PARTS when it is none. */
static size_t part_of(const cJSON *component)
{
    const cJSON *types = json_member(component, "types");
    size_t part = 0;
    while (part < PARTS && !has_type(types, parts[part].type))
        part++;
    return part;
}

static void read_components(const cJSON *components, struct address *address)
{
    size_t taken[FIELD_COUNT]; /* the part that a field is from */
    const cJSON *component;
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        taken[f] = PARTS;
    cJSON_ArrayForEach(component, components)
    {
        size_t part = part_of(component);
        struct slice text = json_slice(json_member(component, "long_name"));
        if (part == PARTS || text.length == 0 || part >= taken[parts[part].field])
            continue;
        taken[parts[part].field] = part;
        address->field[parts[part].field] = text;
        if (parts[part].field == FIELD_COUNTRY)
            address->field[FIELD_COUNTRYCODE] = json_slice(json_member(component, "short_name"));
    }
}

/* best_result: the first one that is more than a code for the place on the map; NULL when there is
 * none. */
static const cJSON *best_result(const cJSON *results)
{
    const cJSON *result;
    cJSON_ArrayForEach(result, results)
    {
        if (!has_type(json_member(result, "types"), "plus_code"))
            return result;
    }
    return NULL;
}

static int read_results(struct network_session *session, const struct geocoder_reply *reply,
                        const cJSON *tree, struct point question, struct answer *answer,
                        struct error *err)
{
    struct address address = {0};
    struct point position;
    const cJSON *results = json_member(tree, "results");
    const cJSON *result = best_result(results);
    const cJSON *components = json_member(result, "address_components");
    if (!cJSON_IsArray(results) || (result != NULL && !cJSON_IsArray(components))) {
        fail_bad(session, reply, 1, "the reply holds no results", answer);
        return 0;
    }
    read_components(components, &address);
    address.field[FIELD_LABEL] = json_slice(json_member(result, "formatted_address"));
    const cJSON *location = json_member(json_member(result, "geometry"), "location");
    bool placed =
        json_position(json_member(location, "lat"), json_member(location, "lng"), &position);
    return finish_address(session, reply, question, placed ? &position : NULL, &address, answer,
                          err);
}

/* refuse: the answer of a reply whose body has that status, which is neither OK nor ZERO_RESULTS.
 */
static void refuse(struct network_session *session, const struct geocoder_reply *reply,
                   const cJSON *tree, const char *status, struct answer *answer)
{
    const struct verdict *verdict = verdicts;
    const char *message = json_text(tree, "error_message");
    while (verdict->status != NULL && strcmp(verdict->status, status) != 0)
        verdict++;
    enum failure_cause cause = verdict->cause;
    bool transient = verdict->transient;
    if (cause == CAUSE_HTTP_429 && speaks_of_quota(message)) {
        cause = CAUSE_QUOTA;
        transient = false;
    }
    if (cause == CAUSE_NONE)
        fail_bad(session, reply, 1, message != NULL ? message : status, answer);
    else
        fail_one(session, reply, cause, transient, message != NULL ? message : status, answer);
}

static int google_read(void *context, const struct point *points, size_t count,
                       const struct geocoder_reply *reply, struct answer *answers,
                       struct error *err)
{
    struct network_session *session = context;
    const char *why;
    bool transient;
    if (read_begin(session, reply, count, err) != 0)
        return -1;
    const cJSON *tree = read_json(session, reply, &why);
    const char *status = json_text(tree, "status");
    bool good = status_cause(reply->status, &transient) == CAUSE_NONE;
    bool found = status != NULL && strcmp(status, "OK") == 0;
    bool none = status != NULL && strcmp(status, "ZERO_RESULTS") == 0;
    if (status != NULL && !found && !none)
        refuse(session, reply, tree, status, &answers[0]);
    else if (!good)
        fail_status(session, reply, count, answers);
    else if (found)
        return read_results(session, reply, tree, points[0], &answers[0], err);
    else if (none)
        answer_empty(reply, &answers[0]);
    else
        fail_bad(session, reply, count, tree == NULL ? why : "the reply holds no status", answers);
    return 0;
}

const struct geocoder_provider google_provider = {
    .name = "google",
    .help = "the Google Geocoding service; needs a key, and a contract for keeping its answers",
    .largest_batch = 1,
    .url = "https://maps.googleapis.com/maps/api",
    .needs_key = true,
    .storage_terms =
        "Google's terms of service forbid keeping its answers; set storage_permitted = yes if you "
        "have a contract that permits it",
    .open = network_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = google_ask,
    .read = google_read,
};
