/* What a run refreshes: the entries of a generation and, laid over them, the learned points that it
 * folds in. The folded set is a cache of its own on the same grid.
 *
 *   merged_walk(&walk, &merged, tile, false);
 *   while ((more = merged_next(&walk, &entry, err)) > 0) ...
 *
 * Where both hold the same point the newer refreshed_at wins; of the same date it is the
 * generation's, because an earlier run may have folded the point in already and asked it since.
 * A tile without folded entries is walked as its pair alone is. Reading is safe from any number of
 * threads; a walk belongs to one. */
#ifndef REFRESHD_STAGES_MERGED_H
#define REFRESHD_STAGES_MERGED_H

#include "cachefmt/cache.h"

struct merged {
    const struct cache *base;
    const struct cache *folded; /* NULL = nothing is folded in */
    const uint8_t *tiles;       /* bit i % 8 of byte i / 8: fold into tile i; NULL = into all */
};

/* merged_folded: the folded pair of a tile, or NULL. */
const struct pair *merged_folded(const struct merged *merged, uint32_t tile);

/* merged_effect: what one entry does when it is laid over a tile of a generation; -1 on error. */
enum merged_effect { MERGED_NOTHING, MERGED_RENEWS, MERGED_ADDS };
int merged_effect(const struct cache *base, uint32_t tile, const struct entry *entry,
                  struct error *err);

struct merged_tile {
    uint64_t entries; /* that a walk gives */
    uint64_t folded;  /* of them from the folded pair: new points and newer entries */
};

/* merged_count: count a tile without walking it. */
int merged_count(const struct merged *merged, uint32_t tile, struct merged_tile *out,
                 struct error *err);

/* A walk in Morton order. The caller's memory, nothing to free. */
struct merged_walk {
    int (*next)(struct pair_cursor *cursor, struct entry *out, struct error *err);
    struct pair_cursor cursor;       /* of the one pair there is, else of the generation's */
    struct pair_cursor folded;       /* .pair == NULL: nothing more of it */
    struct entry waiting;            /* of the generation, when entry_waits */
    struct entry folded_waiting;     /* of the folded pair, unless .pair == NULL */
    bool begun, entry_waits, single; /* single: one pair alone */
};

/* merged_walk: begin before the tile's first entry; only_dates as in pair_next_date. */
void merged_walk(struct merged_walk *walk, const struct merged *merged, uint32_t tile,
                 bool only_dates);

/* merged_next_of_two: merged_next where there are two pairs. */
int merged_next_of_two(struct merged_walk *walk, struct entry *out, struct error *err);

/* merged_next: 1 and *out (slices into the mappings), 0 at the end, -1. After an error or the end
 * the walk is of no more use. */
static inline int merged_next(struct merged_walk *walk, struct entry *out, struct error *err)
{
    return walk->single ? walk->next(&walk->cursor, out, err) : merged_next_of_two(walk, out, err);
}

#endif
