#include "cachefmt/pair_segment.h"

#include "base/text.h"

const uint8_t row_fields[ROW_COLUMNS] = {
    [COLUMN_HOUSENUMBER] = FIELD_HOUSENUMBER,
    [COLUMN_NAME] = FIELD_NAME,
    [COLUMN_STREET] = FIELD_STREET,
    [COLUMN_LABEL] = FIELD_LABEL,
};

static bool open_dictionary(struct segment_dictionary *out, const struct dictionary_extent *extent,
                            const unsigned char *data, size_t bytes)
{
    if (extent->text > bytes || extent->text_bytes > bytes - extent->text ||
        extent->offsets > bytes || extent->strings >= (bytes - extent->offsets) / 4)
        return false;
    out->strings = extent->strings;
    out->offsets = data + extent->offsets;
    out->text = (const char *)data + extent->text;
    out->text_bytes = extent->text_bytes;
    return true;
}

static bool varies(const struct table *table, unsigned field)
{
    return memchr(table->order, (int)field, table->varying) != NULL;
}

/* Decode what all rows and all places share. */
static bool decode_constants(struct segment *segment)
{
    for (unsigned i = 0; i < PLACE_TEXTS && segment->places.records > 0; i++) {
        if (!varies(&segment->places, i) &&
            !segment_string(segment, PLACE_FIRST + i, segment->places.constant[i],
                            &segment->place[i]))
            return false;
    }
    for (unsigned c = 0; c < ROW_COLUMNS; c++) {
        if (!varies(&segment->rows, c) &&
            !segment_set(segment, c, segment->rows.constant[c], &segment->constant))
            return false;
    }
    return true;
}

bool segment_open(struct segment *out, const unsigned char *data, size_t bytes, uint32_t rows)
{
    struct segment_header header;
    if (bytes < sizeof header || bytes > UINT32_MAX)
        return false;
    memcpy(&header, data, sizeof header);
    if (header.rows != rows || header.places > rows)
        return false;
    memset(out, 0, sizeof *out);
    if (!table_open(&out->rows, data, header.rows_table, bytes, rows, ROW_COLUMNS))
        return false;
    if (header.places > 0 &&
        !table_open(&out->places, data, header.places_table, bytes, header.places, PLACE_TEXTS))
        return false;
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (!open_dictionary(&out->dictionary[f], &header.dictionary[f], data, bytes))
            return false;
    }
    return decode_constants(out);
}

bool segment_place(const struct segment *segment, uint32_t place, struct slice out[PLACE_TEXTS])
{
    const struct table *places = &segment->places;
    if (place > places->records)
        return false;
    if (place == 0) {
        memset(out, 0, PLACE_TEXTS * sizeof *out);
        return true;
    }
    memcpy(out, segment->place, PLACE_TEXTS * sizeof *out);
    if (places->varying == 0)
        return true;
    struct table_block block = table_block(places, place - 1);
    uint64_t bit = (uint64_t)((place - 1) & (TABLE_BLOCK - 1)) * block.stride;
    for (unsigned v = 0; v < places->varying; v++) {
        unsigned i = places->order[v];
        if (!segment_string(segment, PLACE_FIRST + i, table_value(&block, v, &bit), &out[i]))
            return false;
    }
    return true;
}

bool segment_entry(const struct segment *segment, uint32_t row, struct entry *out)
{
    const struct table *rows = &segment->rows;
    *out = segment->constant;
    if (rows->varying == 0)
        return true;
    struct table_block block = table_block(rows, row);
    uint64_t bit = (uint64_t)(row & (TABLE_BLOCK - 1)) * block.stride;
    for (unsigned v = 0; v < rows->varying; v++) {
        if (!segment_set(segment, rows->order[v], table_value(&block, v, &bit), out))
            return false;
    }
    return true;
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
        for (uint32_t id = 1; id <= segment->dictionary[f].strings; id++) {
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
