/* Point files: a run's points in equal shares, in tile and Morton order.
 *
 * Share k of P over N points holds the ordinals [k*N/P, (k+1)*N/P). A file is written once by the
 * snapshot and deleted when its answers are durable; it is never changed. Format (little-endian):
 * header with magic, version, run id, share, shares, first ordinal, count, checksums; then `count`
 * Morton codes; then `count` bytes with the outcome the point has had so far. A pure function of
 * run id and points. */
#ifndef REFRESHD_STAGES_POINTFILE_H
#define REFRESHD_STAGES_POINTFILE_H

#include "base/error.h"
#include "cachefmt/manifest.h"

struct point_file {
    uint32_t share;
    uint64_t first_ordinal;
    uint32_t count;
    uint64_t *codes;       /* Morton codes */
    uint8_t *old_outcomes; /* enum outcome of the entry in the generation refreshed */
};

/* point_file_first: first ordinal of a share; share == shares gives N. */
static inline uint64_t point_file_first(uint64_t points, uint32_t shares, uint32_t share)
{
    return (uint64_t)((unsigned __int128)points * share / shares);
}

/* point_file_share: the share that holds an ordinal. */
uint32_t point_file_share(uint64_t points, uint32_t shares, uint64_t ordinal);

/* point_file_path: DIRECTORY/NNNN, allocated; the caller frees it. NULL when out of memory. */
char *point_file_path(const char *directory, uint32_t share);

/* point_file_write: write one share under its name in directory, without fsync: the snapshot makes
 * all of them durable at once before it is recorded as done. *checksum (NULL is allowed) is the
 * file's own. */
int point_file_write(const char *directory, const char run[RUN_ID_BYTES], uint32_t shares,
                     const struct point_file *file, uint64_t *checksum, struct error *err);

/* point_file_read: read and check everything against run, share and its expected ordinals.
 * ERROR_CORRUPT names the file. On success the caller frees with point_file_free. */
int point_file_read(const char *directory, const char run[RUN_ID_BYTES], uint64_t points,
                    uint32_t shares, uint32_t share, struct point_file *out, struct error *err);

/* point_file_parse: the same from memory (fuzzed); name stands for the file in errors. */
int point_file_parse(const void *data, size_t bytes, const char run[RUN_ID_BYTES], uint64_t points,
                     uint32_t shares, uint32_t share, const char *name, struct point_file *out,
                     struct error *err);

void point_file_free(struct point_file *file); /* zeroes it */

#endif
