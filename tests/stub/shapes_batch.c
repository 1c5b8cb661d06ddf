/* Many points in one request: Mapbox's JSON list, HERE's lines, addok's CSV in a form. */
#include "tests/stub/shapes.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "tests/stub/emit.h"

#define MAPBOX_LIMIT 1000
#define HERE_LIMIT 100

/* --- Mapbox ---------------------------------------------------------------------- */

static bool read_mapbox_item(const cJSON *item, struct rows *rows)
{
    const cJSON *lat = cJSON_GetObjectItemCaseSensitive(item, "latitude");
    const cJSON *lon = cJSON_GetObjectItemCaseSensitive(item, "longitude");
    if (!cJSON_IsNumber(lat) || !cJSON_IsNumber(lon))
        return false;
    (void)rows_add(rows,
                   (struct point){(int32_t)lround(lat->valuedouble * POINT_UNITS_PER_DEGREE),
                                  (int32_t)lround(lon->valuedouble * POINT_UNITS_PER_DEGREE)});
    return true;
}

static bool read_mapbox_batch(const struct request *request, struct rows *rows)
{
    struct text permanent;
    cJSON *list = cJSON_ParseWithLength(request->body.at, request->body.length);
    bool good = cJSON_IsArray(list) && query_value(request, "permanent", &permanent) &&
                text_is(permanent, "true") && text_is(request->content_type, "application/json");
    const cJSON *item;
    cJSON_ArrayForEach(item, list) good = good && read_mapbox_item(item, rows);
    cJSON_Delete(list);
    return good && rows->count > 0 && rows->count <= MAPBOX_LIMIT;
}

static void write_mapbox_batch(const struct rows *rows, const struct knowledge *knowledge,
                               struct reply *reply)
{
    emit(&reply->body, "{\"batch\":[");
    for (size_t i = 0; i < rows->count; i++) {
        if (i > 0)
            emit(&reply->body, ",");
        write_mapbox(&rows->row[i], knowledge, &reply->body);
    }
    emit(&reply->body, "]}");
}

/* --- HERE ------------------------------------------------------------------------ */

/* "id=N&at=LAT,LON" */
static bool read_here_line(struct text line, struct rows *rows)
{
    struct request as_query = {.query = line};
    struct text id, at;
    struct point point;
    if (!query_value(&as_query, "id", &id) || !query_value(&as_query, "at", &at) ||
        !parse_pair(at, &point))
        return false;
    rows_add(rows, point)->source = id;
    return true;
}

static struct text next_line(struct text *rest)
{
    const char *end = memchr(rest->at, '\n', rest->length);
    size_t length = end == NULL ? rest->length : (size_t)(end - rest->at);
    struct text line = {rest->at, length};
    size_t used = end == NULL ? length : length + 1;
    *rest = (struct text){rest->at + used, rest->length - used};
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;
    return line;
}

static bool read_here_batch(const struct request *request, struct rows *rows)
{
    struct text rest = request->body;
    bool good = text_is(request->method, "POST");
    while (good && rest.length > 0) {
        struct text line = next_line(&rest);
        good = line.length == 0 || read_here_line(line, rows);
    }
    return good && rows->count > 0 && rows->count <= HERE_LIMIT;
}

static void write_here_batch(const struct rows *rows, const struct knowledge *knowledge,
                             struct reply *reply)
{
    emit(&reply->body, "{\"results\":[");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (row->source.length > 0)
            emit(&reply->body, "%s{\"id\":\"%.*s\",", i > 0 ? "," : "", (int)row->source.length,
                 row->source.at);
        else
            emit(&reply->body, "%s{\"id\":\"%u\",", i > 0 ? "," : "", row->number);
        write_here_items(row, knowledge, &reply->body);
        emit(&reply->body, "}");
    }
    emit(&reply->body, "]}");
}

/* --- addok ----------------------------------------------------------------------- */

/* The content of the form's field `data`. */
static bool find_data(const struct request *request, struct text *data)
{
    char mark[200];
    const char *at =
        request->content_type.length == 0
            ? NULL
            : memmem(request->content_type.at, request->content_type.length, "boundary=", 9);
    if (at == NULL)
        return false;
    struct text boundary = {at + 9, request->content_type.length -
                                        (size_t)(at + 9 - request->content_type.at)};
    if (boundary.length >= 2 && *boundary.at == '"')
        boundary = (struct text){boundary.at + 1, boundary.length - 2};
    if (boundary.length == 0 || boundary.length > 150)
        return false;
    memcpy(mark, "\r\n--", 4);
    memcpy(mark + 4, boundary.at, boundary.length);
    const char *name = memmem(request->body.at, request->body.length, "name=\"data\"", 11);
    if (name == NULL)
        return false;
    size_t left = (size_t)(request->body.at + request->body.length - name);
    const char *start = memmem(name, left, "\r\n\r\n", 4);
    if (start == NULL)
        return false;
    start += 4;
    left = (size_t)(request->body.at + request->body.length - start);
    const char *end = memmem(start, left, mark, boundary.length + 4);
    if (end == NULL)
        return false;
    *data = (struct text){start, (size_t)(end - start)};
    return true;
}

/* The column-th value of a row without quotes. */
static struct text value_of(struct text line, int column)
{
    for (int i = 0;; i++) {
        const char *end = line.length == 0 ? NULL : memchr(line.at, ',', line.length);
        size_t length = end == NULL ? line.length : (size_t)(end - line.at);
        if (i == column || end == NULL)
            return (struct text){line.at, i == column ? length : 0};
        line = (struct text){end + 1, line.length - length - 1};
    }
}

static int column_of(struct text header, const char *name, const char *other)
{
    for (int i = 0; i < 20; i++) {
        struct text value = value_of(header, i);
        if (text_is(value, name) || text_is(value, other))
            return i;
    }
    return -1;
}

static bool read_addok_batch(const struct request *request, struct rows *rows)
{
    struct text data;
    if (!find_data(request, &data))
        return false;
    rows->header = next_line(&data);
    int lat = column_of(rows->header, "latitude", "lat");
    int lon = column_of(rows->header, "longitude", "lon");
    bool good = lat >= 0 && lon >= 0;
    while (good && data.length > 0) {
        struct text line = next_line(&data);
        struct point point;
        if (line.length == 0)
            continue;
        good = parse_degrees(value_of(line, lat), 90, &point.lat) &&
               parse_degrees(value_of(line, lon), 180, &point.lon);
        if (good)
            rows_add(rows, point)->source = line;
    }
    return good && rows->count > 0;
}

static void write_addok_row(const struct row *row, const struct knowledge *knowledge,
                            struct buffer *out)
{
    struct place place;
    if (row->source.length > 0)
        emit_bytes(out, row->source.at, row->source.length);
    else
        emit(out, "48.5,2.5"); /* a row that nobody asked for */
    if (!knows(knowledge, row, &place)) {
        emit(out, ",,,,,,,,,,,\r\n");
        return;
    }
    emit(out, ",%s,%s,\"%s\",%u,housenumber,1_2_3,%s,%s %s,%s,%s,%s\r\n", place.lat, place.lon,
         place.label, (unsigned)(knowledge->shift < 0 ? -knowledge->shift : knowledge->shift) / 90,
         place.housenumber, place.housenumber, place.street, place.street, place.postcode,
         place.city);
}

static void write_addok_batch(const struct rows *rows, const struct knowledge *knowledge,
                              struct reply *reply)
{
    reply->content_type = "text/csv; charset=utf-8";
    emit_bytes(&reply->body, rows->header.at, rows->header.length);
    emit(&reply->body, ",result_latitude,result_longitude,result_label,result_distance,"
                       "result_type,result_id,result_housenumber,result_name,result_street,"
                       "result_postcode,result_city\r\n");
    for (size_t i = 0; i < rows->count; i++)
        write_addok_row(&rows->row[i], knowledge, &reply->body);
}

const struct shape batch_shapes[] = {
    {"mapbox", "/search/geocode/v6/batch", "access_token", read_mapbox_batch, write_mapbox_batch},
    {"here", "/v1/multi-revgeocode", "apiKey", read_here_batch, write_here_batch},
    {"addok", "/reverse/csv/", NULL, read_addok_batch, write_addok_batch},
    {NULL, NULL, NULL, NULL, NULL},
};
