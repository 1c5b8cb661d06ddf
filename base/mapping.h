/* A file mapped read-only. The mapping stays valid when the file is removed or replaced; files
 * that are mapped are never overwritten in place (DESIGN.md, durable files). */
#ifndef REFRESHD_BASE_MAPPING_H
#define REFRESHD_BASE_MAPPING_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mapping {
    const unsigned char *data; /* NULL for an empty file */
    size_t bytes;
};

/* mapping_open: map all of path. On success mapping_close ends it. */
int mapping_open(struct mapping *mapping, const char *path, struct error *err);

/* mapping_close: unmap; closing a zeroed mapping does nothing. */
void mapping_close(struct mapping *mapping);

#endif
