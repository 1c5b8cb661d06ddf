/* Writes a pair from entries in Morton order, in memory that does not depend on their number.
 *
 *   pair_builder_create(&b, idx, dat, grid, tile, err);
 *   pair_builder_add(b, &entry, err);  ...
 *   pair_builder_commit(b, &info, err);   or pair_builder_abort(b)
 *
 * The bytes are a pure function of grid, tile and the entries. One thread at a time. */
#ifndef REFRESHD_CACHEFMT_PAIR_BUILDER_H
#define REFRESHD_CACHEFMT_PAIR_BUILDER_H

#include "cachefmt/pair.h"

struct pair_builder;

int pair_builder_create(struct pair_builder **out, const char *index_path, const char *data_path,
                        struct grid grid, uint32_t tile, struct error *err);

/* pair_builder_add: points strictly ascending in Morton order and inside the tile, else
 * ERROR_VALUE. The entry's slices are copied. After a failure only abort is allowed. */
int pair_builder_add(struct pair_builder *builder, const struct entry *entry, struct error *err);

/* pair_builder_commit: finish, fsync and rename both files. Frees the builder on success and on
 * failure; a pair with no entries is an error (an empty tile has no files). */
int pair_builder_commit(struct pair_builder *builder, struct pair_info *info, struct error *err);

void pair_builder_abort(struct pair_builder *builder); /* NULL is allowed */

#endif
