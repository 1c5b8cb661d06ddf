/* Small caches made of rows, for the tests of what is folded into a run. */
#ifndef REFRESHD_TESTS_FOLD_RIG_H
#define REFRESHD_TESTS_FOLD_RIG_H

#include "cachefmt/cache.h"

struct fold_row {
    struct point point;
    enum outcome outcome;
    uint32_t date;
    char street[24]; /* "" = no address */
};

/* fold_cache: make a cache directory of these rows on a grid of 24x24 and open it. */
struct cache *fold_cache(const char *directory, const struct fold_row *rows, size_t count);

uint32_t fold_tile(struct point point);

/* fold_sort: in the order of a run: tile, then Morton code. */
void fold_sort(struct fold_row *rows, size_t count);

/* fold_union: rows of both, sorted, by the rule of merged.h written down once more; out has room
 * for all. Returns how many; *folded is how many of them are of `over`. */
size_t fold_union(const struct fold_row *base, size_t bases, const struct fold_row *over,
                  size_t overs, struct fold_row *out, size_t *folded);

/* fold_assert_entry: the entry is what the row says. */
void fold_assert_entry(const struct entry *entry, const struct fold_row *row);

/* fold_rows: `count` different made-up points in a handful of tiles, dates as given. */
void fold_rows(struct fold_row *rows, size_t count, uint32_t oldest, uint32_t newest,
               const char *street);

#endif
