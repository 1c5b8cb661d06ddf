#include "cachefmt/row.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define NUMBER_BYTES 256 /* a longer value is no number that anybody meant */

const char *const column_names[COLUMN_COUNT] = {
    "lat",    "lon",   "label",    "name",    "housenumber", "street",  "district",     "city",
    "county", "state", "postcode", "country", "countrycode", "outcome", "refreshed_at",
};
const char column_list[] = "lat, lon, label, name, housenumber, street, district, city, county, "
                           "state, postcode, country, countrycode, outcome, refreshed_at";

int column_find(struct slice name)
{
    for (int column = 0; column < COLUMN_COUNT && name.length > 0; column++) {
        if (column_names[column][0] == name.data[0] &&
            strlen(column_names[column]) == name.length &&
            memcmp(column_names[column], name.data, name.length) == 0)
            return column;
    }
    return -1;
}

char *text_excerpt(struct slice text, char out[EXCERPT_BYTES])
{
    size_t limit = EXCERPT_BYTES - 6; /* two quotes, three dots, NUL */
    size_t bytes = text.length < limit ? text.length : limit;
    if (bytes < text.length) {
        while (bytes > 0 && ((unsigned char)text.data[bytes] & 0xC0u) == 0x80u)
            bytes--;
    }
    bool clean = text_is_utf8(text.data, bytes);
    size_t used = 0;
    out[used++] = '"';
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool keep = byte >= 0x80 ? clean : byte >= 0x20 && byte != 0x7F;
        out[used++] = keep ? (char)byte : '?';
    }
    out[used++] = '"';
    memcpy(out + used, bytes < text.length ? "..." : "", bytes < text.length ? 4 : 1);
    return out;
}

int row_error(const struct row *row, enum column column, struct error *err, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (row->place[column] == 0)
        return error_set(err, ERROR_VALUE, "%s: %s", column_names[column], message);
    return error_set(err, ERROR_VALUE, "column %u (%s): %s", row->place[column],
                     column_names[column], message);
}

/* The value as a NUL-terminated word; false when it can't be a number. */
static bool number_word(struct slice value, char word[NUMBER_BYTES])
{
    if (value.length == 0 || value.length >= NUMBER_BYTES)
        return false;
    memcpy(word, value.data, value.length);
    word[value.length] = '\0';
    return true;
}

static int check_text(const struct row *row, enum column column, struct error *err)
{
    struct slice value = row->value[column];
    if (value.length == 0)
        return 0;
    if (value.length > FIELD_BYTES_LIMIT)
        return row_error(row, column, err, "the field is longer than %zu bytes", FIELD_BYTES_LIMIT);
    if (memchr(value.data, '\0', value.length) != NULL)
        return row_error(row, column, err, "the field has a NUL byte");
    if (!text_is_utf8(value.data, value.length))
        return row_error(row, column, err, "the field is not valid UTF-8");
    return 0;
}

static int read_degrees(const struct row *row, enum column column, unsigned limit, int32_t *out,
                        struct error *err)
{
    struct slice value = row->value[column];
    char word[NUMBER_BYTES];
    char shown[EXCERPT_BYTES];
    if (value.length == 0)
        return row_error(row, column, err, "the coordinate is missing");
    if (!number_word(value, word))
        return row_error(row, column, err, "%s is not a number of degrees",
                         text_excerpt(value, shown));
    if (text_parse_degrees(word, limit, out))
        return 0;
    double degrees;
    if (text_parse_double(word, &degrees) && fabs(degrees) >= limit)
        return row_error(row, column, err, "%.40s is beyond %s%u", word, degrees < 0 ? "-" : "",
                         limit);
    return row_error(row, column, err,
                     "%s is not a number of degrees: digits with a decimal point are, such as -0.5",
                     text_excerpt(value, shown));
}

static int read_date(const struct row *row, uint32_t *out, struct error *err)
{
    struct slice value = row->value[COLUMN_REFRESHED_AT];
    char word[NUMBER_BYTES];
    char shown[EXCERPT_BYTES];
    if (value.length == 0) {
        *out = 0;
        return 0;
    }
    if (number_word(value, word)) {
        if (text_parse_time(word, out))
            return 0;
        double seconds; /* spreadsheets and data frames turn whole numbers into 1.7e9 */
        if (text_parse_double(word, &seconds) && seconds >= 0 && seconds <= UINT32_MAX) {
            *out = (uint32_t)seconds;
            return 0;
        }
    }
    return row_error(row, COLUMN_REFRESHED_AT, err,
                     "%s is neither unix seconds nor ISO 8601, such as 2026-11-21T02:00:00Z",
                     text_excerpt(value, shown));
}

static int read_outcome(const struct row *row, bool has_address, enum outcome *out,
                        struct error *err)
{
    struct slice value = row->value[COLUMN_OUTCOME];
    char shown[EXCERPT_BYTES];
    if (value.length == 0) {
        *out = has_address ? OUTCOME_FOUND : OUTCOME_UNSURE;
        return 0;
    }
    for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
        if (strlen(outcome_names[outcome]) != value.length ||
            memcmp(outcome_names[outcome], value.data, value.length) != 0)
            continue;
        if (outcome == OUTCOME_NONE && has_address)
            return row_error(row, COLUMN_OUTCOME, err,
                             "none means that there is no address, but the row has one");
        *out = (enum outcome)outcome;
        return 0;
    }
    return row_error(row, COLUMN_OUTCOME, err, "%s is none of found, none, unsure",
                     text_excerpt(value, shown));
}

int row_entry(const struct row *row, struct entry *out, struct buffer *text, struct error *err)
{
    struct entry entry;
    for (int column = 0; column < COLUMN_COUNT; column++) {
        if (check_text(row, (enum column)column, err) != 0)
            return -1;
    }
    if (read_degrees(row, COLUMN_LAT, 90, &entry.point.lat, err) != 0 ||
        read_degrees(row, COLUMN_LON, 180, &entry.point.lon, err) != 0 ||
        read_date(row, &entry.refreshed_at, err) != 0)
        return -1;
    if (entry.point.lon == LONGITUDE_LIMIT)
        entry.point.lon = -LONGITUDE_LIMIT;
    bool has_address = false;
    for (int field = 0; field < FIELD_COUNT; field++) {
        entry.address.field[field] = row->value[COLUMN_ADDRESS + field];
        has_address = has_address || entry.address.field[field].length > 0;
    }
    if (read_outcome(row, has_address, &entry.outcome, err) != 0)
        return -1;
    buffer_clear(text);
    if (address_fold(&entry.address, text, err) != 0)
        return -1;
    *out = entry;
    return 0;
}
