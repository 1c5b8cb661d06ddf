/* Rows out of a CSV reply that is in memory (RFC 4180: quoted fields with doubled quotes and line
 * breaks; LF or CRLF; a byte order mark; blank lines skipped). Unlike cachefmt/csv.h it knows no
 * columns: a geocoder sends more of them than are of use. Texts are decoded in place, so the memory
 * has to be writable and stay for as long as the fields are used. */
#ifndef REFRESHD_GEOCODER_REPLY_ROWS_H
#define REFRESHD_GEOCODER_REPLY_ROWS_H

#include "cachefmt/address.h"

#define REPLY_COLUMNS 256u /* fields of a row that are kept */

struct reply_rows {
    char *at, *end;
    char separator;
};

struct reply_row {
    size_t fields; /* all there are; only the first REPLY_COLUMNS are in field */
    bool ended;    /* a line end follows; else the reply may have been cut short here */
    struct slice field[REPLY_COLUMNS];
};

enum reply_row_kind { REPLY_ROW_GOOD, REPLY_ROW_BROKEN, REPLY_ROW_NONE };

/* reply_rows_begin: the separator is a semicolon when the first line has one and no comma, or else
 * a comma. */
void reply_rows_begin(struct reply_rows *rows, char *text, size_t bytes);

/* reply_rows_next: the next row; REPLY_ROW_NONE at the end. A row with broken quoting, or a field
 * over FIELD_BYTES_LIMIT, is REPLY_ROW_BROKEN and costs the line it begins on. */
enum reply_row_kind reply_rows_next(struct reply_rows *rows, struct reply_row *row);

#endif
