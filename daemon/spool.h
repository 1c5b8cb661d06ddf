/* Temporary files for replies too large for memory: without a name, gone when closed. */
#ifndef REFRESHD_DAEMON_SPOOL_H
#define REFRESHD_DAEMON_SPOOL_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* spool_open: an empty file in directory; the caller fcloses it. */
FILE *spool_open(const char *directory, struct error *err);

/* spool_finish: flush it and close it; a descriptor on the file and its size take its place. On
 * failure it is closed as well. */
int spool_finish(FILE *file, int *fd, uint64_t *bytes, struct error *err);

#endif
