/* Rows out of NDJSON: one flat JSON object (RFC 8259) a line, with the names of the CSV columns.
 * Values are strings, numbers or null (missing). Written by hand rather than on cJSON because a
 * row must keep a number's digits, tell \u0000 from the end of a string and refuse repeated keys,
 * and because nothing is nested here. Memory is bounded by one row. One thread at a time. */
#ifndef REFRESHD_CACHEFMT_NDJSON_H
#define REFRESHD_CACHEFMT_NDJSON_H

#include "cachefmt/input.h"
#include "cachefmt/row.h"

struct ndjson_reader {
    struct input *input;
    uint64_t line;        /* of the next unread byte */
    struct buffer texts;  /* strings with escapes, decoded */
    struct buffer broken; /* beginning of a line that was too long */
};

/* ndjson_open: the input stays the caller's and is used by nobody else until ndjson_close. */
void ndjson_open(struct ndjson_reader *reader, struct input *input);

/* ndjson_next: 1 and *row, valid until the next call; 0 at the end; -1 on error. ERROR_VALUE means
 * that the line is malformed: row->line and row->raw are set, the message names the character or
 * the key, and the next call goes on with the next line. Other errors are final. */
int ndjson_next(struct ndjson_reader *reader, struct row *row, struct error *err);

void ndjson_close(struct ndjson_reader *reader);

/* ndjson_parse: one object from memory. texts is cleared and gets what has escapes. */
int ndjson_parse(const char *text, size_t bytes, struct row *row, struct buffer *texts,
                 struct error *err);

#endif
