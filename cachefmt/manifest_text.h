/* What the printer and the parser of a manifest share; private to cachefmt/manifest_*.c. */
#ifndef REFRESHD_CACHEFMT_MANIFEST_TEXT_H
#define REFRESHD_CACHEFMT_MANIFEST_TEXT_H

#include "cachefmt/manifest.h"

#define MANIFEST_FORMAT 1
#define MANIFEST_NUMBER_LIMIT (UINT64_C(1) << 53) /* every JSON reader keeps these exactly */

/* The numbers of a row, in the order they are printed in. */
enum row_number {
    ROW_BUILT,
    ROW_ENTRIES,
    ROW_FOUND,
    ROW_NONE,
    ROW_UNSURE,
    ROW_OLDEST,
    ROW_NEWEST,
    ROW_INDEX_BYTES,
    ROW_DATA_BYTES,
    ROW_NUMBER_COUNT
};
extern const char *const manifest_row_names[ROW_NUMBER_COUNT];

/* manifest_wrong: what makes the manifest impossible ("the generation", "the run", "tile 12"), put
 * into text; NULL when nothing does. */
const char *manifest_wrong(const struct manifest *manifest, char text[32]);

#endif
