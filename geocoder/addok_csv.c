#include <math.h>

#include "base/text.h"
#include "geocoder/addok_answer.h"
#include "geocoder/batch.h"
#include "geocoder/reply_rows.h"

/* Rows read of a reply, at most: what a made-up one may cost is bounded. */
#define ROWS_LIMIT(count) (4 * (count) + 64)
#define NUMBER_BYTES 32

enum csv_value {
    VALUE_LATITUDE,
    VALUE_LONGITUDE,
    VALUE_FOUND_LATITUDE,
    VALUE_FOUND_LONGITUDE,
    VALUE_DISTANCE,
    VALUE_STATUS,
    VALUE_TYPE,
    VALUE_CONTEXT,
    VALUE_FIELDS, /* then the fields of an address, in their order */
    VALUE_COUNT = VALUE_FIELDS + FIELD_COUNT
};

static const char *const value_names[VALUE_COUNT] = {
    [VALUE_LATITUDE] = "latitude",
    [VALUE_LONGITUDE] = "longitude",
    [VALUE_FOUND_LATITUDE] = "result_latitude",
    [VALUE_FOUND_LONGITUDE] = "result_longitude",
    [VALUE_DISTANCE] = "result_distance",
    [VALUE_STATUS] = "result_status",
    [VALUE_TYPE] = "result_type",
    [VALUE_CONTEXT] = "result_context",
    [VALUE_FIELDS + FIELD_LABEL] = "result_label",
    [VALUE_FIELDS + FIELD_NAME] = "result_name",
    [VALUE_FIELDS + FIELD_HOUSENUMBER] = "result_housenumber",
    [VALUE_FIELDS + FIELD_STREET] = "result_street",
    [VALUE_FIELDS + FIELD_DISTRICT] = "result_district",
    [VALUE_FIELDS + FIELD_CITY] = "result_city",
    [VALUE_FIELDS + FIELD_POSTCODE] = "result_postcode",
    [VALUE_FIELDS + FIELD_COUNTRY] = "result_country",
    [VALUE_FIELDS + FIELD_COUNTRYCODE] = "result_countrycode",
};

/* A reply being read. */
struct csv_reply {
    struct network_session *session;
    const struct geocoder_reply *reply;
    const struct point *points;
    size_t count;
    struct answer *answers;
    size_t columns;
    size_t column[VALUE_COUNT]; /* REPLY_COLUMNS = there is none */
    size_t next;                /* the point whose row is expected */
    struct reply_row row;
};

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

static struct slice trimmed(struct slice text)
{
    while (text.length > 0 && is_blank(text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

static struct slice row_value(const struct csv_reply *csv, unsigned value)
{
    size_t column = csv->column[value];
    return column < REPLY_COLUMNS ? trimmed(csv->row.field[column]) : (struct slice){0};
}

static bool slice_is(struct slice slice, const char *text)
{
    return slice.length == strlen(text) && memcmp(slice.data, text, slice.length) == 0;
}

/* read_header: which column holds what. False when it is not the header of such a reply. */
static bool read_header(struct csv_reply *csv, struct reply_rows *rows)
{
    if (reply_rows_next(rows, &csv->row) != REPLY_ROW_GOOD || csv->row.fields > REPLY_COLUMNS)
        return false;
    csv->columns = csv->row.fields;
    bool results = false;
    for (unsigned value = 0; value < VALUE_COUNT; value++) {
        csv->column[value] = REPLY_COLUMNS;
        for (size_t i = 0; i < csv->columns && value_names[value] != NULL; i++) {
            if (csv->column[value] == REPLY_COLUMNS &&
                slice_is(trimmed(csv->row.field[i]), value_names[value]))
                csv->column[value] = i;
        }
        results = results || (value >= VALUE_FIELDS && csv->column[value] < REPLY_COLUMNS);
    }
    return results && csv->column[VALUE_LATITUDE] < REPLY_COLUMNS &&
           csv->column[VALUE_LONGITUDE] < REPLY_COLUMNS;
}

static bool parse_degrees(struct slice text, unsigned limit, int32_t *out)
{
    char number[NUMBER_BYTES];
    if (text.length == 0 || text.length >= sizeof number)
        return false;
    memcpy(number, text.data, text.length);
    number[text.length] = '\0';
    return text_parse_degrees(number, limit, out);
}

static bool row_point(const struct csv_reply *csv, unsigned latitude, unsigned longitude,
                      struct point *out)
{
    struct point point;
    if (!parse_degrees(row_value(csv, latitude), 90, &point.lat) ||
        !parse_degrees(row_value(csv, longitude), 180, &point.lon))
        return false;
    if (point.lon == LONGITUDE_LIMIT)
        point.lon = -LONGITUDE_LIMIT;
    *out = point;
    return true;
}

/* row_question: the point that the present row answers, still without an answer; count when there
 * is none. Rows mostly come in the order of the questions. */
static size_t row_question(struct csv_reply *csv)
{
    struct point point;
    if (!row_point(csv, VALUE_LATITUDE, VALUE_LONGITUDE, &point))
        return csv->count;
    for (size_t tried = 0; tried < csv->count; tried++) {
        size_t i = csv->next + tried;
        i = i < csv->count ? i : i - csv->count;
        if (point_equal(csv->points[i], point) && row_missing(&csv->answers[i])) {
            csv->next = i + 1 < csv->count ? i + 1 : 0;
            return i;
        }
    }
    return csv->count;
}

/* row_distance: metres, as the row says; NAN when it doesn't. */
static double row_distance(const struct csv_reply *csv)
{
    struct slice text = row_value(csv, VALUE_DISTANCE);
    char number[NUMBER_BYTES];
    double metres;
    if (text.length == 0 || text.length >= sizeof number)
        return NAN;
    memcpy(number, text.data, text.length);
    number[text.length] = '\0';
    return text_parse_double(number, &metres) && metres >= 0 ? metres : NAN;
}

/* refused: the row's own status says that there is no address in it; its answer is settled then. */
static bool refused(struct csv_reply *csv, struct answer *answer)
{
    struct slice status = row_value(csv, VALUE_STATUS);
    if (status.length == 0 || slice_is(status, "ok"))
        return false;
    if (slice_is(status, "not-found"))
        answer_empty(csv->reply, answer);
    else if (slice_is(status, "skipped"))
        fail_one(csv->session, csv->reply, CAUSE_BAD_REQUEST, false,
                 "the geocoder skipped the row of this point", answer);
    else
        fail_one(csv->session, csv->reply, CAUSE_BAD_REPLY, true,
                 "the geocoder reports an error for this point", answer);
    return true;
}

static int read_row(struct csv_reply *csv, struct error *err)
{
    double farthest = csv->session->network->settings->max_distance;
    size_t question = row_question(csv);
    if (question == csv->count)
        return 0;
    struct answer *answer = &csv->answers[question];
    struct addok_place place = {0};
    struct point position;
    if (refused(csv, answer))
        return 0;
    bool known = row_point(csv, VALUE_FOUND_LATITUDE, VALUE_FOUND_LONGITUDE, &position);
    double distance = known ? NAN : row_distance(csv);
    if (farthest > 0 && distance > farthest) {
        answer_empty(csv->reply, answer);
        return 0;
    }
    for (unsigned field = 0; field < FIELD_COUNT; field++)
        place.address.field[field] = row_value(csv, VALUE_FIELDS + field);
    place.type = row_value(csv, VALUE_TYPE);
    place.context = row_value(csv, VALUE_CONTEXT);
    addok_settle(&place);
    if (finish_address(csv->session, csv->reply, csv->points[question], known ? &position : NULL,
                       &place.address, answer, err) != 0)
        return -1;
    if (!known)
        answer->distance_m = distance;
    return 0;
}

/* may_be_unended: a row without a line end is the last of a reply, or was cut short. It is taken
 * for the last when it is the only one that is missing and ends in no coordinate. */
static bool may_be_unended(const struct csv_reply *csv)
{
    size_t last = csv->columns - 1;
    size_t missing = 0;
    for (size_t i = 0; i < csv->count; i++)
        missing += row_missing(&csv->answers[i]);
    return missing == 1 && last != csv->column[VALUE_LATITUDE] &&
           last != csv->column[VALUE_LONGITUDE];
}

static bool row_is_whole(const struct csv_reply *csv)
{
    return csv->row.fields == csv->columns && (csv->row.ended || may_be_unended(csv));
}

int addok_read_csv(struct network_session *session, const struct point *points, size_t count,
                   const struct geocoder_reply *reply, struct answer *answers, struct error *err)
{
    struct csv_reply csv = {
        .session = session, .reply = reply, .points = points, .count = count, .answers = answers};
    struct reply_rows rows;
    if (reply->size > session->limit) {
        fail_bad(session, reply, count, "the reply is too long", answers);
        return 0;
    }
    if (!text_is_utf8(reply->body, reply->size) ||
        (reply->size > 0 && memchr(reply->body, '\0', reply->size) != NULL)) {
        fail_bad(session, reply, count, "the reply is not UTF-8 text", answers);
        return 0;
    }
    char *text = (char *)session->text.data + session->text.used;
    if (buffer_append(&session->text, reply->body, reply->size, err) != 0)
        return -1;
    reply_rows_begin(&rows, text, reply->size);
    if (!read_header(&csv, &rows)) {
        fail_bad(session, reply, count, "the reply is not CSV with the columns of addok", answers);
        return 0;
    }
    expect_rows(session, reply, count, answers);
    for (size_t i = 0; i < ROWS_LIMIT(count); i++) {
        enum reply_row_kind kind = reply_rows_next(&rows, &csv.row);
        if (kind == REPLY_ROW_NONE)
            break;
        if (kind == REPLY_ROW_GOOD && row_is_whole(&csv) && read_row(&csv, err) != 0)
            return -1;
    }
    return 0;
}
