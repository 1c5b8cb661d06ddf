/* Rows out of CSV (RFC 4180) with a header: LF or CRLF, quoted fields with doubled quotes and line
 * breaks, a byte order mark, blank lines skipped, the last line with or without its end. Memory is
 * bounded by one row.
 *
 *   csv_open(&csv, &input, err);                      reads the header
 *   while ((got = csv_next(csv, &row, err)) == 1) ...
 *   csv_close(csv);
 *
 * One thread at a time. */
#ifndef REFRESHD_CACHEFMT_CSV_H
#define REFRESHD_CACHEFMT_CSV_H

#include "cachefmt/input.h"
#include "cachefmt/row.h"

struct csv_reader;

/* csv_open: read and check the header. The input stays the caller's and is used by nobody else
 * until csv_close. Errors name file, line and column. */
int csv_open(struct csv_reader **out, struct input *input, struct error *err);

/* csv_next: 1 and *row, valid until the next call; 0 at the end; -1 on error. ERROR_VALUE means
 * that the row is malformed: row->line and row->raw (its beginning) are set, the message names the
 * column, and the next call goes on. After broken quoting that is the line after the one on which
 * the row began, so that a forgotten quote costs one row. Other errors are final. */
int csv_next(struct csv_reader *reader, struct row *row, struct error *err);

void csv_close(struct csv_reader *reader); /* NULL is allowed */

#endif
