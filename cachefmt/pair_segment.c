#include "cachefmt/pair_segment.h"

#include "base/text.h"

const uint8_t row_fields[ROW_TEXTS] = {FIELD_HOUSENUMBER, FIELD_NAME, FIELD_STREET, FIELD_LABEL};

const uint8_t place_fields[PLACE_TEXTS] = {FIELD_DISTRICT,   FIELD_CITY,     FIELD_COUNTY,
                                           FIELD_STATE,      FIELD_POSTCODE, FIELD_COUNTRY,
                                           FIELD_COUNTRYCODE};

static bool open_dictionary(struct segment_dictionary *out, const struct dictionary_extent *extent,
                            const unsigned char *data, size_t bytes)
{
    if (extent->text > bytes || extent->text_bytes > bytes - extent->text)
        return false;
    out->strings = extent->strings;
    out->text = (const char *)data + extent->text;
    out->text_bytes = extent->text_bytes;
    return table_open(&out->offsets, data, extent->offsets, bytes, extent->strings + 1, 1);
}

bool segment_open(struct segment *out, const unsigned char *data, size_t bytes, uint32_t rows)
{
    struct segment_header header;
    if (bytes < sizeof header || bytes > UINT32_MAX)
        return false;
    memcpy(&header, data, sizeof header);
    if (header.rows != rows || header.places > rows)
        return false;
    if (!table_open(&out->rows, data, header.rows_table, bytes, rows, ROW_COLUMNS) ||
        !table_open(&out->places, data, header.places_table, bytes, header.places, PLACE_TEXTS))
        return false;
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (header.dictionary[f].strings == 0 || header.dictionary[f].strings > rows ||
            !open_dictionary(&out->dictionary[f], &header.dictionary[f], data, bytes))
            return false;
    }
    return true;
}

bool segment_place(const struct segment *segment, uint32_t place, struct address *address)
{
    uint32_t ids[PLACE_TEXTS];
    if (place >= segment->places.records)
        return false;
    table_read(&segment->places, place, ids);
    for (int i = 0; i < PLACE_TEXTS; i++) {
        unsigned field = place_fields[i];
        if (!segment_string(segment, field, ids[i], &address->field[field]))
            return false;
    }
    return true;
}

bool segment_entry(const struct segment *segment, uint32_t row, struct entry *out)
{
    uint32_t values[ROW_COLUMNS];
    table_read(&segment->rows, row, values);
    if (values[COLUMN_OUTCOME] >= OUTCOME_COUNT)
        return false;
    out->outcome = (enum outcome)values[COLUMN_OUTCOME];
    out->refreshed_at = values[COLUMN_DATE];
    for (int i = 0; i < ROW_TEXTS; i++) {
        unsigned field = row_fields[i];
        if (!segment_string(segment, field, values[ROW_FIRST_TEXT + i], &out->address.field[field]))
            return false;
    }
    return segment_place(segment, values[COLUMN_PLACE], &out->address);
}

static bool label_is_valid(const char *text, size_t bytes)
{
    size_t plain = 0;
    for (size_t at = 0; at < bytes; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (byte < FIELD_MARKER_BASE)
            continue;
        if (byte == FIELD_MARKER_BASE + FIELD_LABEL || !text_is_utf8(text + plain, at - plain))
            return false;
        plain = at + 1;
    }
    return text_is_utf8(text + plain, bytes - plain);
}

bool segment_text_is_valid(const struct segment *segment)
{
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        for (uint32_t id = 0; id < segment->dictionary[f].strings; id++) {
            struct slice text;
            if (!segment_string(segment, f, id, &text) || text.length > FIELD_BYTES_LIMIT)
                return false;
            if (f == FIELD_LABEL ? !label_is_valid(text.data, text.length)
                                 : !text_is_utf8(text.data, text.length))
                return false;
        }
    }
    return true;
}
