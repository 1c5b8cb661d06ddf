/* Collects the rows of one segment and writes them. Internal to cachefmt; one thread at a time. */
#ifndef REFRESHD_CACHEFMT_PAIR_SEGMENT_BUILDER_H
#define REFRESHD_CACHEFMT_PAIR_SEGMENT_BUILDER_H

#include "base/durable.h"
#include "cachefmt/pair_dictionary.h"
#include "cachefmt/pair_header.h"

#define SEGMENT_TEXT_LIMIT (4u << 20) /* a segment ends with the row that passes this much text */

_Static_assert(SEGMENT_TEXT_LIMIT + FIELD_COUNT * FIELD_BYTES_LIMIT <= REFERENCE_OFFSET_LIMIT,
               "a reference reaches all text of a segment");

struct segment_builder {
    uint32_t *records; /* ROW_COLUMNS numbers for each row */
    uint32_t rows, rows_room;
    uint32_t text_bytes; /* over all dictionaries */
    uint32_t place;      /* of the row before */
    struct place_set places;
    struct dictionary dictionary[FIELD_COUNT];
    /* What writing makes of them; kept between segments for their memory. */
    struct buffer references;   /* of all strings, field by field */
    struct buffer long_strings; /* LONG_FIELDS numbers each */
    struct buffer tables;
};

/* segment_builder_add: the next row; its point is not looked at. */
int segment_builder_add(struct segment_builder *builder, const struct entry *entry,
                        struct error *err);

static inline bool segment_builder_is_full(const struct segment_builder *builder)
{
    return builder->rows == PAIR_SEGMENT_ROWS || builder->text_bytes >= SEGMENT_TEXT_LIMIT;
}

/* segment_builder_write: append the segment to file, fill in *where but for first_row, and begin an
 * empty one. */
int segment_builder_write(struct segment_builder *builder, struct durable_file *file,
                          struct pair_segment_row *where, struct error *err);

void segment_builder_free(struct segment_builder *builder);

#endif
