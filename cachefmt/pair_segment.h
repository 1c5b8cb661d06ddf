/* A segment: up to PAIR_SEGMENT_ROWS rows of a data file with their own strings; the unit of
 * checking and of the builder's memory. Bytes: FORMAT.md. Internal to cachefmt.
 *
 * A row is a record of seven numbers: outcome, date, the ids of four strings, and the id of a
 * place: a distinct tuple of the seven fields that many rows share. Id 0 is the missing string and
 * the place without any field; neither is stored.
 *
 * A string's reference says where its text lies and how long it is, so that from a row to all its
 * slices it is two reads one after the other: the row, then the references of its strings and of
 * its place, all at once. */
#ifndef REFRESHD_CACHEFMT_PAIR_SEGMENT_H
#define REFRESHD_CACHEFMT_PAIR_SEGMENT_H

#include "cachefmt/address.h"
#include "cachefmt/pair_table.h"

enum row_column {
    COLUMN_OUTCOME,
    COLUMN_DATE,
    COLUMN_HOUSENUMBER,
    COLUMN_NAME,
    COLUMN_STREET,
    COLUMN_LABEL,
    COLUMN_PLACE,
    ROW_COLUMNS
};

#define ROW_TEXTS 4                /* columns from COLUMN_HOUSENUMBER that are strings */
#define PLACE_FIRST FIELD_DISTRICT /* the fields of a place are the last ones, in their order */
#define PLACE_TEXTS (FIELD_COUNT - PLACE_FIRST)

/* The address field of each text column of a row; other columns have no meaning here. */
static const uint8_t row_fields[ROW_COLUMNS] = {
    [COLUMN_HOUSENUMBER] = FIELD_HOUSENUMBER,
    [COLUMN_NAME] = FIELD_NAME,
    [COLUMN_STREET] = FIELD_STREET,
    [COLUMN_LABEL] = FIELD_LABEL,
};

/* The bytes that a segment begins with. Behind them its tables: places, the references of the text
 * columns in their order, long strings, rows; then TABLE_SLACK zeros and the text. */
struct segment_header {
    uint32_t rows;
    uint32_t places;             /* the empty one not counted */
    uint32_t strings[ROW_TEXTS]; /* of each text column, the missing one not counted */
    uint32_t long_strings;
    uint32_t text; /* relative to the segment */
    uint32_t text_bytes;
    uint32_t reserved; /* 0 */
};

_Static_assert(sizeof(struct segment_header) == 40, "bytes of FORMAT.md");
_Static_assert(ROW_COLUMNS <= TABLE_FIELDS && PLACE_TEXTS <= TABLE_FIELDS,
               "tables are wide enough");

/* A reference: the length below, the offset in the segment's text above; 0 is the missing string.
 * With REFERENCE_LONG for a length, the offset is a record of the table of long strings, whose two
 * fields are the true ones. */
#define REFERENCE_BITS 9
#define REFERENCE_LONG ((1u << REFERENCE_BITS) - 1)
#define REFERENCE_OFFSET_LIMIT (1u << (32 - REFERENCE_BITS))
#define LONG_FIELDS 2

/* A segment, opened in a mapping. */
struct segment {
    const char *text;
    uint32_t text_bytes;
    struct table rows;
    struct table places;
    struct table_column strings[ROW_TEXTS];
    struct table long_strings;
};

/* segment_open: check the structure of `bytes` bytes (8-byte aligned) that hold `rows` rows, so
 * that reading stays inside them whatever they are. */
bool segment_open(struct segment *out, const unsigned char *data, size_t bytes, uint32_t rows);

/* segment_long_slice: of a reference with REFERENCE_LONG. */
bool segment_long_slice(const struct segment *segment, uint32_t reference, struct slice *out);

/* segment_slice: what a reference stands for; false when it is out of range. */
static inline bool segment_slice(const struct segment *segment, uint32_t reference,
                                 struct slice *out)
{
    uint32_t length = reference & REFERENCE_LONG;
    uint32_t start = reference >> REFERENCE_BITS;
    if (length == REFERENCE_LONG)
        return segment_long_slice(segment, reference, out);
    out->data = segment->text + start;
    out->length = length;
    return start + length <= segment->text_bytes;
}

/* segment_string: string `id` of a text column; false when something is out of range. */
static inline bool segment_string(const struct segment *segment, unsigned column, uint32_t id,
                                  struct slice *out)
{
    const struct table_column *strings = &segment->strings[column - COLUMN_HOUSENUMBER];
    uint32_t any = id != 0;
    if (id > strings->records)
        return false;
    /* Id 0 reads the first one's reference and drops it, without a branch that would wait. */
    return segment_slice(segment, table_column_value(strings, id - any) & (0 - any), out);
}

/* segment_place: the fields of a place; false when something is out of range. */
static inline bool segment_place(const struct segment *segment, uint32_t place,
                                 struct slice out[PLACE_TEXTS])
{
    const struct table *places = &segment->places;
    uint32_t any = place != 0;
    bool good = place <= places->records;
    if (!good)
        return false;
    uint64_t bit = (uint64_t)(place - any) * places->stride;
#pragma GCC unroll 7
    for (unsigned i = 0; i < PLACE_TEXTS; i++) {
        uint32_t reference = table_field_value(places->bits, bit, &places->field[i]) & (0 - any);
        good &= segment_slice(segment, reference, &out[i]);
    }
    return good;
}

/* segment_set: put the value of one column into an entry; false when it is out of range. */
static inline bool segment_set(const struct segment *segment, unsigned column, uint32_t value,
                               struct entry *out)
{
    switch (column) {
    case COLUMN_OUTCOME:
        out->outcome = (enum outcome)value;
        return value < OUTCOME_COUNT;
    case COLUMN_DATE:
        out->refreshed_at = value;
        return true;
    case COLUMN_PLACE:
        return segment_place(segment, value, &out->address.field[PLACE_FIRST]);
    default:
        return segment_string(segment, column, value, &out->address.field[row_fields[column]]);
    }
}

/* segment_entry: decode a row, all but the point; row < rows of the segment. */
static inline bool segment_entry(const struct segment *segment, uint32_t row, struct entry *out)
{
    uint32_t value[ROW_COLUMNS];
    uint64_t bit = (uint64_t)row * segment->rows.stride;
#pragma GCC unroll 7
    for (unsigned c = 0; c < ROW_COLUMNS; c++)
        value[c] = table_field_value(segment->rows.bits, bit, &segment->rows.field[c]);
    bool good = true;
#pragma GCC unroll 7
    for (unsigned c = 0; c < ROW_COLUMNS; c++)
        good &= segment_set(segment, c, value[c], out);
    return good;
}

/* segment_text_is_valid: every string is UTF-8 (labels aside from markers) and short enough. */
bool segment_text_is_valid(const struct segment *segment);

#endif
