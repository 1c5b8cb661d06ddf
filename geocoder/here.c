#include "base/text.h"
#include "geocoder/batch.h"
#include "geocoder/providers.h"

#define SINGLE_URL "https://revgeocode.search.hereapi.com"
#define BATCH_URL "https://multi-revgeocode.search.hereapi.com"

static const struct json_field fields[] = {
    {FIELD_LABEL, {"label"}},
    {FIELD_COUNTRYCODE, {"countryCode"}},
    {FIELD_COUNTRY, {"countryName"}},
    {FIELD_STATE, {"state", "stateCode"}},
    {FIELD_COUNTY, {"county"}},
    {FIELD_CITY, {"city"}},
    {FIELD_DISTRICT, {"district", "subdistrict"}},
    {FIELD_STREET, {"street"}},
    {FIELD_POSTCODE, {"postalCode"}},
    {FIELD_HOUSENUMBER, {"houseNumber"}},
    {FIELD_LABEL, {NULL}},
};
static const struct json_field place_fields[] = {
    {FIELD_NAME, {"title"}},
    {FIELD_LABEL, {NULL}},
};

static bool has_batches(const struct geocoder_settings *settings)
{
    return settings->batch > 1;
}

static int here_open(const struct geocoder_settings *settings, void **state, struct error *err)
{
    if (has_batches(settings) && strcmp(settings->url, SINGLE_URL) == 0)
        return error_set(err, ERROR_CONFIG,
                         "[geocoder] url: HERE answers batches at another address; set url = "
                         "%s, or batch = 1",
                         BATCH_URL);
    return network_open(settings, state, err);
}

static int append_number(struct geocoder_request *request, size_t number, struct error *err)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return buffer_append(&request->body, digits + at, sizeof digits - at, err);
}

static int append_question(struct geocoder_request *request, size_t number, struct point point,
                           struct error *err)
{
    if ((number > 1 && body_literal(request, "\n", err) != 0) ||
        body_literal(request, "id=", err) != 0 || append_number(request, number, err) != 0 ||
        body_literal(request, "&at=", err) != 0 || body_degrees(request, point.lat, err) != 0 ||
        body_literal(request, ",", err) != 0)
        return -1;
    return body_degrees(request, point.lon, err);
}

static int here_ask(void *context, const struct point *points, size_t count,
                    struct geocoder_request *request, struct error *err)
{
    const struct network *network = ((const struct network_session *)context)->network;
    const struct geocoder_settings *settings = network->settings;
    if (has_batches(settings)) {
        query_begin(request, "/v1/multi-revgeocode");
        request->content_type = "text/plain";
        for (size_t i = 0; i < count; i++) {
            if (append_question(request, i + 1, points[i], err) != 0)
                return -1;
        }
    } else {
        query_begin(request, "/v1/revgeocode");
        if (query_point(request, "at", points[0], err) != 0 ||
            query_text(request, "limit", "1", err) != 0)
            return -1;
    }
    if (query_text(request, "lang", settings->language, err) != 0)
        return -1;
    return query_text(request, "apiKey", network->key, err);
}

static int read_item(struct network_session *session, struct point point, const cJSON *item,
                     const struct geocoder_reply *reply, struct answer *answer, struct error *err)
{
    const cJSON *place = json_member(item, "address");
    const cJSON *position = json_member(item, "position");
    const char *type = json_text(item, "resultType");
    struct address address = {0};
    struct point found;
    if (!cJSON_IsObject(place)) {
        fail_item(session, reply, item, answer);
        return 0;
    }
    read_fields(session, place, fields, &address);
    if (type != NULL && strcmp(type, "place") == 0)
        read_fields(session, item, place_fields, &address);
    bool known = json_position(json_member(position, "lat"), json_member(position, "lng"), &found);
    return finish_address(session, reply, point, known ? &found : NULL, &address, answer, err);
}

/* What holds `items`: the reply about one point, or one row of the reply to a batch. */
static int read_items(struct network_session *session, struct point point, const cJSON *holder,
                      const struct geocoder_reply *reply, struct answer *answer, struct error *err)
{
    const cJSON *item;
    if (!first_of(holder, "items", &item)) {
        fail_item(session, reply, holder, answer);
        return 0;
    }
    if (item == NULL) {
        answer_empty(reply, answer);
        return 0;
    }
    return read_item(session, point, item, reply, answer, err);
}

/* row_number: the number that a row was asked under, 1 to count; 0 when it is none. */
static size_t row_number(const cJSON *row, size_t count)
{
    const cJSON *id = json_member(row, "id");
    uint64_t number = 0;
    if (cJSON_IsString(id))
        return text_parse_unsigned(id->valuestring, count, &number) ? (size_t)number : 0;
    if (cJSON_IsNumber(id) && id->valuedouble >= 1 && id->valuedouble <= (double)count &&
        id->valuedouble == (double)(size_t)id->valuedouble)
        return (size_t)id->valuedouble;
    return 0;
}

static int read_rows(struct network_session *session, const struct point *points, size_t count,
                     const cJSON *tree, const struct geocoder_reply *reply, struct answer *answers,
                     struct error *err)
{
    const cJSON *rows = json_member(tree, "results");
    const cJSON *row;
    if (!cJSON_IsArray(rows)) {
        fail_items(session, reply, tree, count, answers);
        return 0;
    }
    expect_rows(session, reply, count, answers);
    cJSON_ArrayForEach(row, rows)
    {
        size_t number = row_number(row, count);
        if (number == 0 || !row_missing(&answers[number - 1]))
            continue;
        if (read_items(session, points[number - 1], row, reply, &answers[number - 1], err) != 0)
            return -1;
    }
    return 0;
}

static int here_read(void *context, const struct point *points, size_t count,
                     const struct geocoder_reply *reply, struct answer *answers, struct error *err)
{
    struct network_session *session = context;
    const cJSON *tree;
    if (read_object(session, reply, count, &tree, answers, err) != 0)
        return -1;
    if (tree == NULL)
        return 0;
    if (has_batches(session->network->settings))
        return read_rows(session, points, count, tree, reply, answers, err);
    return read_items(session, points[0], tree, reply, answers, err);
}

const struct geocoder_provider here_provider = {
    .name = "here",
    .help = "HERE geocoding and search v7: needs a key and a contract to keep answers",
    .largest_batch = 100,
    .url = SINGLE_URL,
    .needs_key = true,
    .storage_terms =
        "HERE's terms forbid keeping answers for more than 30 days; set storage_permitted = yes if "
        "your contract includes permanent geocoding",
    .open = here_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = here_ask,
    .read = here_read,
};
