/* The names in a cache directory; private to cachefmt/generation*.c,
 * cache.c and follow.c. */
#ifndef REFRESHD_CACHEFMT_GENERATION_NAMES_H
#define REFRESHD_CACHEFMT_GENERATION_NAMES_H

#include "cachefmt/generation.h"

enum name_kind {
    NAME_OTHER, /* not ours: never touched */
    NAME_MANIFEST,
    NAME_KEPT, /* MANIFEST.G */
    NAME_PAIR, /* either file of a pair */
    NAME_SCRATCH,
};

struct generation_name {
    enum name_kind kind;
    bool temporary;      /* ".tmp" behind it: a file that was never finished */
    uint64_t generation; /* of a kept manifest, or that built a pair */
    uint32_t tile;       /* of a pair */
};

struct generation_name generation_name_parse(const char *name);

/* generation_path: DIRECTORY/NAME, freed by the caller. */
int generation_path(const char *directory, const char *name, char **out, struct error *err);

/* generation_manifest_path: of MANIFEST.G, or of MANIFEST for 0. */
int generation_manifest_path(const char *directory, uint64_t generation, char **out,
                             struct error *err);

/* generation_names: every name in the directory, sorted, freed with generation_names_free. A
 * directory that does not exist is ERROR_MISSING. */
int generation_names(const char *directory, char ***names, size_t *count, struct error *err);
void generation_names_free(char **names, size_t count);

/* generation_kept: numbers of all MANIFEST.G, highest first; the caller frees *numbers. */
int generation_kept(const char *directory, uint64_t **numbers, size_t *count, struct error *err);

/* generation_read_kept: MANIFEST.G, which must say that it is generation G. */
int generation_read_kept(const char *directory, uint64_t generation, struct manifest **out,
                         struct error *err);

/* generation_row_same: do two rows name the same files with the same content? */
bool generation_row_same(const struct manifest_tile *a, const struct manifest_tile *b);

/* generation_no_cache: the error for a directory in which nothing was published. Returns -1. */
int generation_no_cache(const char *directory, struct error *err);

#endif
