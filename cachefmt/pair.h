/* A pair, read where it lies: index file and data file of one tile (bytes: FORMAT.md).
 *
 *   pair_open(&pair, "000.7.idx", "000.7.dat", err);   checks headers, sizes and pair ids
 *   pair_quadtree(pair, &tree, err);                    first use checks the index's checksums
 *   pair_entry(pair, row, &entry, err);                 first use checks the segment's checksums
 *   pair_close(pair);
 *
 * Every byte is checked before it is believed: opening checks the headers, the first touch of the
 * index or of a data segment checks that part's checksum, once, from whichever thread comes first.
 * A pair that fails a check gives ERROR_CORRUPT naming the file, every time. Reading is safe from
 * any number of threads; open and close are not. Row numbers are positions in Morton order. */
#ifndef REFRESHD_CACHEFMT_PAIR_H
#define REFRESHD_CACHEFMT_PAIR_H

#include <string.h>

#include "base/error.h"
#include "cachefmt/address.h"
#include "quadtree/grid.h"
#include "quadtree/quadtree.h"

#define PAIR_ID_BYTES 16

struct pair_id {
    unsigned char bytes[PAIR_ID_BYTES];
};
static inline bool pair_id_equal(const struct pair_id *a, const struct pair_id *b)
{
    return memcmp(a->bytes, b->bytes, PAIR_ID_BYTES) == 0;
}

/* What a pair holds, as its header and the manifest's row say. */
struct pair_info {
    uint32_t tile;
    struct grid grid;
    uint64_t entries;
    uint64_t outcomes[OUTCOME_COUNT]; /* entries by outcome */
    uint32_t oldest, newest;          /* refreshed_at, unix seconds; 0, 0 when empty */
    uint64_t index_bytes, data_bytes; /* sizes of the two files */
    struct pair_id id;                /* digest of the entries */
};

struct pair;

int pair_open(struct pair **out, const char *index_path, const char *data_path, struct error *err);

/* pair_open_memory: the same over two regions that outlive the pair, 8-byte aligned; name stands
 * for the files in messages. */
int pair_open_memory(struct pair **out, const void *index, size_t index_bytes, const void *data,
                     size_t data_bytes, const char *name, struct error *err);

void pair_close(struct pair *pair); /* NULL is allowed */

const struct pair_info *pair_info(const struct pair *pair);

/* pair_quadtree: the index for searching; *out is valid until pair_close. */
int pair_quadtree(const struct pair *pair, const struct quadtree **out, struct error *err);

/* pair_entry: decode one row. The entry's slices point into the mapping: valid until pair_close. On
 * failure *out holds nothing of use. */
int pair_entry(const struct pair *pair, uint64_t row, struct entry *out, struct error *err);

/* A walk in Morton order, much cheaper per entry than pair_entry. The cursor is the caller's
 * memory, holds nothing to free and belongs to one thread. */
struct pair_cursor {
    const struct pair *pair;
    uint64_t row; /* of the entry that pair_next gives next */
    uint64_t state[48];
};

void pair_walk(struct pair_cursor *cursor, const struct pair *pair, uint64_t first_row);

/* pair_walk_fields: the same for who needs these address fields alone (a bit 1 << FIELD_... for
 * each), which is faster; any other may be empty. */
void pair_walk_fields(struct pair_cursor *cursor, const struct pair *pair, uint64_t first_row,
                      unsigned wanted);

/* pair_next: 1 and *out (slices into the mapping), 0 at the end, -1 on error; after an error the
 * cursor stays where it is. */
int pair_next(struct pair_cursor *cursor, struct entry *out, struct error *err);

/* pair_next_date: as pair_next, but only point, outcome and refreshed_at: what a snapshot needs. */
int pair_next_date(struct pair_cursor *cursor, struct entry *out, struct error *err);

/* pair_verify: check every byte of both files; deep also decodes every entry and checks order,
 * tile, UTF-8, counts and dates against the header. */
int pair_verify(const struct pair *pair, bool deep, struct error *err);

#endif
