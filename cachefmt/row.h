/* Rows of text on their way in: named values of one row, checked and turned into an entry. The
 * CSV and NDJSON readers make rows; nothing here knows which. Thread safe. */
#ifndef REFRESHD_CACHEFMT_ROW_H
#define REFRESHD_CACHEFMT_ROW_H

#include <stdint.h>

#include "base/error.h"
#include "cachefmt/address.h"

/* The columns in the order in which they are written. */
enum column {
    COLUMN_LAT,
    COLUMN_LON,
    COLUMN_ADDRESS, /* the first of FIELD_COUNT address fields, in their order */
    COLUMN_OUTCOME = COLUMN_ADDRESS + FIELD_COUNT,
    COLUMN_REFRESHED_AT,
    COLUMN_COUNT
};

extern const char *const column_names[COLUMN_COUNT];
extern const char column_list[]; /* "lat, lon, label, ..." for messages */

struct row {
    uint64_t line; /* where it begins, from 1 */
    struct slice value[COLUMN_COUNT];
    unsigned char place[COLUMN_COUNT]; /* number of the column in the file; 0: it has none */
    struct slice raw;                  /* the row as it was read, for a list of rejects */
};

/* column_find: the column of that name, or -1. */
int column_find(struct slice name);

/* row_error: fill err with ERROR_VALUE "column 3 (label): MESSAGE", or "label: MESSAGE" where the
 * file has no column numbers. Returns -1. */
int row_error(const struct row *row, enum column column, struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* row_entry: check every value and make the entry, with its label folded. Its slices point into
 * the row's values and into text, which is cleared first. A wrong value is ERROR_VALUE made by
 * row_error. */
int row_entry(const struct row *row, struct entry *out, struct buffer *text, struct error *err);

/* text_excerpt: text in double quotes for a message: its beginning, control characters and bytes
 * that are not UTF-8 replaced. Returns out. */
#define EXCERPT_BYTES 64
char *text_excerpt(struct slice text, char out[EXCERPT_BYTES]);

#endif
