/* A segment: up to PAIR_SEGMENT_ROWS rows of a data file with their own dictionaries; the unit of
 * checking and of the builder's memory. Bytes: FORMAT.md. Internal to cachefmt.
 *
 * A row is a record of seven numbers: outcome, date, the ids of four strings, and the id of a
 * place: a distinct tuple of the seven fields that many rows share. Id 0 is the missing string and
 * the place without any field; neither is stored. */
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
extern const uint8_t row_fields[ROW_COLUMNS];

struct dictionary_extent {
    uint32_t strings; /* the missing one not counted */
    uint32_t offsets; /* strings + 1 uint32 offsets into the text, relative to the segment */
    uint32_t text;    /* relative to the segment */
    uint32_t text_bytes;
};

/* The bytes that a segment begins with. */
struct segment_header {
    uint32_t rows;
    uint32_t places;     /* the empty one not counted */
    uint32_t rows_table; /* relative to the segment, as all offsets here */
    uint32_t places_table;
    struct dictionary_extent dictionary[FIELD_COUNT];
};

_Static_assert(sizeof(struct segment_header) == 16 + 16 * FIELD_COUNT, "bytes of FORMAT.md");
_Static_assert(ROW_COLUMNS <= TABLE_FIELDS && PLACE_TEXTS <= TABLE_FIELDS,
               "tables are wide enough");

struct segment_dictionary {
    const unsigned char *offsets;
    const char *text;
    uint32_t text_bytes;
    uint32_t strings;
};

/* A segment, opened in a mapping. What is the same for all its rows is decoded already. */
struct segment {
    struct table rows;
    struct table places;             /* zero when there are none */
    struct entry constant;           /* what all rows share; the rest is missing */
    struct slice place[PLACE_TEXTS]; /* what all places share; the rest is missing */
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
    if (id > dictionary->strings)
        return false;
    if (id == 0) {
        *out = (struct slice){dictionary->text, 0};
        return true;
    }
    uint32_t start = table_load32(dictionary->offsets + 4 * (size_t)(id - 1));
    uint32_t end = table_load32(dictionary->offsets + 4 * (size_t)id);
    if (start > end || end > dictionary->text_bytes)
        return false;
    *out = (struct slice){dictionary->text + start, end - start};
    return true;
}

/* segment_place: the fields of a place; false when something is out of range. */
bool segment_place(const struct segment *segment, uint32_t place, struct slice out[PLACE_TEXTS]);

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
        return segment_string(segment, row_fields[column], value,
                              &out->address.field[row_fields[column]]);
    }
}

/* segment_entry: decode a row, all but the point; row < rows of the segment. */
bool segment_entry(const struct segment *segment, uint32_t row, struct entry *out);

/* segment_text_is_valid: every string is UTF-8 (labels aside from markers) and short enough. */
bool segment_text_is_valid(const struct segment *segment);

#endif
