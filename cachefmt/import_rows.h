/* The first half of an import: rows of a file, checked, into the sorter. */
#ifndef REFRESHD_CACHEFMT_IMPORT_ROWS_H
#define REFRESHD_CACHEFMT_IMPORT_ROWS_H

#include "cachefmt/sorter.h"
#include "cachefmt/transfer.h"

/* import_rows: read fd to its end and add every good row to the sorter. Bad rows go to the list of
 * rejects, or the first one is the error, with file, line and column. Counts rows and rejected. */
int import_rows(const struct import_options *options, struct grid grid, int fd,
                struct sorter *sorter, struct import_result *result, struct error *err);

#endif
