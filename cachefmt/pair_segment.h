/* A segment: up to PAIR_SEGMENT_ROWS rows of a data file with their own dictionaries; the unit of
 * checking and of the builder's memory. Bytes: FORMAT.md. Internal to cachefmt.
 *
 * A row is a record of seven numbers: outcome, date, the ids of four strings, and the id of a
 * place: a distinct tuple of the seven fields that many rows share. */
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

#define ROW_FIRST_TEXT COLUMN_HOUSENUMBER
#define ROW_TEXTS 4   /* columns from ROW_FIRST_TEXT that are strings */
#define PLACE_TEXTS 7 /* fields of a place */

extern const uint8_t row_fields[ROW_TEXTS];     /* address field of each such column */
extern const uint8_t place_fields[PLACE_TEXTS]; /* address field of each part of a place */

struct dictionary_extent {
    uint32_t strings;
    uint32_t offsets; /* table of strings + 1 offsets into the text, relative to the segment */
    uint32_t text;    /* relative to the segment */
    uint32_t text_bytes;
};

/* The bytes that a segment begins with. */
struct segment_header {
    uint32_t rows;
    uint32_t places;
    uint32_t rows_table; /* relative to the segment, as all offsets here */
    uint32_t places_table;
    struct dictionary_extent dictionary[FIELD_COUNT];
};

_Static_assert(sizeof(struct segment_header) == 16 + 16 * FIELD_COUNT, "bytes of FORMAT.md");
_Static_assert(ROW_COLUMNS <= TABLE_FIELDS && PLACE_TEXTS <= TABLE_FIELDS,
               "tables are wide enough");

struct segment_dictionary {
    struct table offsets;
    const char *text;
    uint32_t text_bytes;
    uint32_t strings;
};

/* A segment, opened in a mapping. */
struct segment {
    struct table rows;
    struct table places;
    struct segment_dictionary dictionary[FIELD_COUNT];
};

/* segment_open: check the structure of `bytes` bytes (8-byte aligned) that hold `rows` rows, so
 * that reading stays inside them whatever they are. */
bool segment_open(struct segment *out, const unsigned char *data, size_t bytes, uint32_t rows);

/* segment_string: one string of a field's dictionary; false when id or offsets are out of range. */
static inline bool segment_string(const struct segment *segment, unsigned field, uint32_t id,
                                  struct slice *out)
{
    const struct segment_dictionary *dictionary = &segment->dictionary[field];
    if (id >= dictionary->strings)
        return false;
    uint32_t start, end;
    table_read_pair(&dictionary->offsets, id, &start, &end);
    if (start > end || end > dictionary->text_bytes)
        return false;
    *out = (struct slice){dictionary->text + start, end - start};
    return true;
}

/* segment_place: fill the seven place fields of address. */
bool segment_place(const struct segment *segment, uint32_t place, struct address *address);

/* segment_entry: decode a row, all but the point; row < rows of the segment. */
bool segment_entry(const struct segment *segment, uint32_t row, struct entry *out);

/* segment_text_is_valid: every string is UTF-8 (labels aside from markers) and short enough. */
bool segment_text_is_valid(const struct segment *segment);

#endif
