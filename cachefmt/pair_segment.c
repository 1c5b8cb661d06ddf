#include "cachefmt/pair_segment.h"

#include "base/text.h"

/* Open the tables behind the header, one after the other; returns where they end, 0 when they are
 * malformed. */
static size_t open_tables(struct segment *segment, const struct segment_header *header,
                          const unsigned char *data, size_t bytes)
{
    size_t at = sizeof *header;
    struct table table;
    if (!table_open(&segment->places, data, at, bytes, header->places, PLACE_TEXTS, &at))
        return 0;
    for (unsigned t = 0; t < ROW_TEXTS; t++) {
        if (!table_open(&table, data, at, bytes, header->strings[t], 1, &at))
            return 0;
        segment->strings[t] =
            (struct table_column){table.bits, table.records, table.stride, table.field[0]};
    }
    if (!table_open(&segment->long_strings, data, at, bytes, header->long_strings, LONG_FIELDS,
                    &at) ||
        !table_open(&segment->rows, data, at, bytes, header->rows, ROW_COLUMNS, &at))
        return 0;
    return at;
}

/* Every place and string stands in a row at least, so that checking a segment takes time in
 * proportion to its rows, whatever a header says: a table of width 0 has no bytes to bound it. */
static bool counts_are_possible(const struct segment_header *header)
{
    if (header->places > header->rows || header->long_strings / FIELD_COUNT > header->rows)
        return false;
    for (int t = 0; t < ROW_TEXTS; t++) {
        if (header->strings[t] > header->rows)
            return false;
    }
    return true;
}

bool segment_open(struct segment *out, const unsigned char *data, size_t bytes, uint32_t rows)
{
    struct segment_header header;
    struct segment segment = {0};
    if (bytes < sizeof header || bytes > UINT32_MAX)
        return false;
    memcpy(&header, data, sizeof header);
    if (header.rows != rows || rows == 0 || !counts_are_possible(&header))
        return false;
    size_t end = open_tables(&segment, &header, data, bytes);
    if (end == 0 || header.text != end + TABLE_SLACK || header.text_bytes > bytes - header.text)
        return false;
    segment.text = (const char *)data + header.text;
    segment.text_bytes = header.text_bytes;
    *out = segment;
    return true;
}

bool segment_long_slice(const struct segment *segment, uint32_t reference, struct slice *out)
{
    const struct table *table = &segment->long_strings;
    uint32_t record = reference >> REFERENCE_BITS;
    if (record >= table->records)
        return false;
    uint32_t start = table_value(table, record, 0), length = table_value(table, record, 1);
    *out = (struct slice){segment->text + start, length};
    return start <= segment->text_bytes && length <= segment->text_bytes - start;
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

static bool strings_are_valid(const struct segment *segment, unsigned column)
{
    for (uint32_t id = 1; id <= segment->strings[column - COLUMN_HOUSENUMBER].records; id++) {
        struct slice text;
        if (!segment_string(segment, column, id, &text) || text.length > FIELD_BYTES_LIMIT)
            return false;
        if (column == COLUMN_LABEL ? !label_is_valid(text.data, text.length)
                                   : !text_is_utf8(text.data, text.length))
            return false;
    }
    return true;
}

static bool place_is_valid(const struct segment *segment, uint32_t place)
{
    struct slice text[PLACE_TEXTS];
    if (!segment_place(segment, place, text))
        return false;
    for (unsigned i = 0; i < PLACE_TEXTS; i++) {
        if (text[i].length > FIELD_BYTES_LIMIT || !text_is_utf8(text[i].data, text[i].length))
            return false;
    }
    return true;
}

bool segment_text_is_valid(const struct segment *segment)
{
    for (unsigned c = COLUMN_HOUSENUMBER; c < COLUMN_HOUSENUMBER + ROW_TEXTS; c++) {
        if (!strings_are_valid(segment, c))
            return false;
    }
    for (uint32_t place = 1; place <= segment->places.records; place++) {
        if (!place_is_valid(segment, place))
            return false;
    }
    return true;
}
