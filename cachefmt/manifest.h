/* The manifest: which pairs make a generation. JSON, checksummed, at most one canonical text per
 * content, so that any changed byte other than white space is found (FORMAT.md). */
#ifndef REFRESHD_CACHEFMT_MANIFEST_H
#define REFRESHD_CACHEFMT_MANIFEST_H

#include "cachefmt/pair.h"

#define RUN_ID_BYTES 32 /* "20261121T020000Z-1f3a" and a NUL, with room */

struct manifest_tile {
    uint64_t built;        /* generation whose files hold this tile */
    struct pair_info info; /* entries == 0: the tile is empty and has no files */
};

struct manifest {
    uint64_t generation;
    char run[RUN_ID_BYTES]; /* run or "import" that made it */
    uint32_t published;     /* unix seconds */
    struct grid grid;
    struct pair_id digest;       /* over the pair ids in tile order: equal content, equal digest */
    struct manifest_tile *tiles; /* grid_tiles(grid) of them, owned */
};

/* manifest_create: an empty cache on this grid, generation 0. Free with manifest_free. */
int manifest_create(struct manifest **out, struct grid grid, struct error *err);
int manifest_copy(struct manifest **out, const struct manifest *from, struct error *err);
void manifest_free(struct manifest *manifest); /* NULL is allowed */

/* manifest_seal: compute the digest from the rows. */
void manifest_seal(struct manifest *manifest);

/* manifest_read: parse and check a manifest file; errors name path. */
int manifest_read(struct manifest **out, const char *path, struct error *err);

/* manifest_read_open: the same from a file that the caller opened and closes. */
int manifest_read_open(struct manifest **out, int fd, const char *path, struct error *err);

/* manifest_parse: the same from memory (fuzzed); name stands for the file in errors. */
int manifest_parse(struct manifest **out, const char *text, size_t bytes, const char *name,
                   struct error *err);

/* manifest_print: canonical text, freed by the caller. The digest must be sealed. */
int manifest_print(const struct manifest *manifest, char **text, struct error *err);

struct cache_figures {
    uint64_t entries, tiles, tiles_nonempty, index_bytes, data_bytes;
    uint64_t outcomes[OUTCOME_COUNT];
    uint32_t oldest, newest; /* unix seconds; 0 when empty */
};

/* manifest_figures: sums over the rows. */
struct cache_figures manifest_figures(const struct manifest *manifest);

/* pair_id_format: 32 hexadecimal digits. Returns out. */
char *pair_id_format(const struct pair_id *id, char out[2 * PAIR_ID_BYTES + 1]);
bool pair_id_parse(const char *text, struct pair_id *out);

#endif
