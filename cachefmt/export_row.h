/* One entry as text, appended to a buffer, in each of the formats that can be exported. */
#ifndef REFRESHD_CACHEFMT_EXPORT_ROW_H
#define REFRESHD_CACHEFMT_EXPORT_ROW_H

#include "cachefmt/transfer.h"

/* export_begin, export_end: what stands before the first and after the last row. */
int export_begin(enum transfer_format format, struct buffer *out, struct error *err);
int export_end(enum transfer_format format, struct buffer *out, struct error *err);

/* export_row: the entry; first tells whether it is the first one. label is scratch memory. */
int export_row(enum transfer_format format, const struct entry *entry, bool first,
               struct buffer *label, struct buffer *out, struct error *err);

#endif
