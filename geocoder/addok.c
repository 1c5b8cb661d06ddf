#include "geocoder/addok_answer.h"
#include "geocoder/batch.h"
#include "geocoder/providers.h"

#define BOUNDARY "refreshd-points"
#define LARGEST_BATCH 1000

static const struct json_field fields[] = {
    {FIELD_LABEL, {"label"}},
    {FIELD_NAME, {"name"}},
    {FIELD_HOUSENUMBER, {"housenumber"}},
    {FIELD_STREET, {"street"}},
    {FIELD_DISTRICT, {"district"}},
    {FIELD_CITY, {"city"}},
    {FIELD_POSTCODE, {"postcode"}},
    {FIELD_COUNTRY, {"country"}},
    {FIELD_COUNTRYCODE, {"countrycode", "country_code"}},
    {FIELD_LABEL, {NULL}},
};

static bool slice_is(struct slice slice, const char *text)
{
    return slice.length == strlen(text) && memcmp(slice.data, text, slice.length) == 0;
}

static bool is_department(struct slice text)
{
    if (text.length < 2 || text.length > 3)
        return false;
    return text.data[0] >= '0' && text.data[0] <= '9';
}

/* The piece of a list in front of its next ", ", which is taken away from the list. */
static struct slice next_piece(struct slice *list)
{
    struct slice piece = *list;
    const char *comma = list->length > 0 ? memmem(list->data, list->length, ", ", 2) : NULL;
    if (comma == NULL) {
        list->length = 0;
        return piece;
    }
    piece.length = (uint32_t)(comma - list->data);
    list->data = comma + 2;
    list->length -= piece.length + 2;
    return piece;
}

static void settle_region(struct address *address, struct slice context)
{
    if (!is_department(next_piece(&context)))
        return;
    struct slice first = next_piece(&context);
    struct slice second = next_piece(&context);
    if (context.length > 0 || address->field[FIELD_COUNTY].length > 0 ||
        address->field[FIELD_STATE].length > 0)
        return;
    address->field[FIELD_STATE] = second.length > 0 ? second : first;
    if (second.length > 0)
        address->field[FIELD_COUNTY] = first;
}

void addok_settle(struct addok_place *place)
{
    struct slice *field = place->address.field;
    settle_region(&place->address, place->context);
    if (slice_is(place->type, "locality"))
        return;
    if (slice_is(place->type, "municipality")) {
        if (field[FIELD_CITY].length == 0)
            field[FIELD_CITY] = field[FIELD_NAME];
    } else if (field[FIELD_STREET].length == 0) {
        field[FIELD_STREET] = field[FIELD_NAME];
    }
    field[FIELD_NAME] = (struct slice){0};
}

static struct slice text_slice(const cJSON *object, const char *name)
{
    const char *text = json_text(object, name);
    return (struct slice){text, text != NULL ? (uint32_t)strlen(text) : 0};
}

static int ask_one(const struct point *point, struct geocoder_request *request, struct error *err)
{
    query_begin(request, "/reverse/");
    if (query_degrees(request, "lat", point->lat, err) != 0)
        return -1;
    return query_degrees(request, "lon", point->lon, err);
}

static int append_row(struct geocoder_request *request, struct point point, struct error *err)
{
    if (body_degrees(request, point.lat, err) != 0 || body_literal(request, ",", err) != 0 ||
        body_degrees(request, point.lon, err) != 0)
        return -1;
    return body_literal(request, "\r\n", err);
}

static int addok_ask(void *context, const struct point *points, size_t count,
                     struct geocoder_request *request, struct error *err)
{
    const struct network_session *session = context;
    if (session->network->settings->batch <= 1)
        return ask_one(points, request, err);
    query_begin(request, "/reverse/csv/");
    request->content_type = "multipart/form-data; boundary=" BOUNDARY;
    if (body_literal(request,
                     "--" BOUNDARY "\r\n"
                     "Content-Disposition: form-data; name=\"data\"; filename=\"data.csv\"\r\n"
                     "Content-Type: text/csv\r\n\r\n"
                     "latitude,longitude\r\n",
                     err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (append_row(request, points[i], err) != 0)
            return -1;
    }
    return body_literal(request, "\r\n--" BOUNDARY "--\r\n", err);
}

static int read_feature(struct network_session *session, struct point point, const cJSON *feature,
                        const struct geocoder_reply *reply, struct answer *answer,
                        struct error *err)
{
    const cJSON *properties = json_member(feature, "properties");
    const cJSON *geometry = json_member(feature, "geometry");
    struct addok_place place = {0};
    struct point position;
    if (!cJSON_IsObject(properties)) {
        fail_item(session, reply, feature, answer);
        return 0;
    }
    read_fields(session, properties, fields, &place.address);
    place.type = text_slice(properties, "type");
    place.context = text_slice(properties, "context");
    addok_settle(&place);
    bool known = json_coordinates(geometry, &position);
    return finish_address(session, reply, point, known ? &position : NULL, &place.address, answer,
                          err);
}

static int read_one(struct network_session *session, const struct point *point,
                    const struct geocoder_reply *reply, struct answer *answer, struct error *err)
{
    const cJSON *tree, *feature;
    if (read_object(session, reply, 1, &tree, answer, err) != 0)
        return -1;
    if (tree == NULL)
        return 0;
    if (!first_of(tree, "features", &feature)) {
        fail_item(session, reply, tree, answer);
        return 0;
    }
    if (feature == NULL) {
        answer_empty(reply, answer);
        return 0;
    }
    return read_feature(session, *point, feature, reply, answer, err);
}

static int addok_read(void *context, const struct point *points, size_t count,
                      const struct geocoder_reply *reply, struct answer *answers, struct error *err)
{
    struct network_session *session = context;
    if (session->network->settings->batch <= 1)
        return read_one(session, points, reply, answers, err);
    if (read_begin(session, reply, count, err) != 0)
        return -1;
    if (reply->status < 200 || reply->status >= 300) {
        fail_status(session, reply, count, answers);
        return 0;
    }
    return addok_read_csv(session, points, count, reply, answers, err);
}

const struct geocoder_provider addok_provider = {
    .name = "addok",
    .help = "an addok server, such as that of the French address base",
    .largest_batch = LARGEST_BATCH,
    .open = network_open,
    .close = network_close,
    .session_open = network_session_open,
    .session_close = network_session_close,
    .ask = addok_ask,
    .read = addok_read,
};
