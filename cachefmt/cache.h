/* The set of pairs a reader holds open: one generation, opened through one manifest.
 *
 *   cache_open(&cache, directory, NULL, err);
 *   cache_nearest(cache, point, 100.0, &hit, err);
 *   cache_entry(cache, &hit, &entry, err);
 *   if (cache_is_stale(cache)) { cache_open(&next, directory, cache, err); ... cache_close(cache);
 * }
 *
 * A cache object never changes: a switch is opening the next and closing the old when its last
 * reader is done. Unchanged pairs are shared between the two (counted), with what they had checked
 * already. Reading is safe from any number of threads. */
#ifndef REFRESHD_CACHEFMT_CACHE_H
#define REFRESHD_CACHEFMT_CACHE_H

#include "cachefmt/manifest.h"

struct cache;

struct cache_hit {
    uint32_t tile;
    uint64_t row;
    double distance; /* metres */
};

/* cache_open: open the published generation. previous, or NULL, lends pairs that did not change.
 * Retries when a switch and a prune overtake it. ERROR_MISSING when nothing was published. */
int cache_open(struct cache **out, const char *directory, struct cache *previous,
               struct error *err);

/* cache_open_manifest: the same for a given manifest of the directory (a kept generation). */
int cache_open_manifest(struct cache **out, const char *directory, const struct manifest *manifest,
                        struct cache *previous, struct error *err);

/* cache_of_pair: a cache of one open pair that covers the whole world (grid 1x1), such as the
 * gazetteer's. Takes the pair over on success. */
int cache_of_pair(struct cache **out, struct pair *pair, struct error *err);

void cache_close(struct cache *cache); /* NULL is allowed */

const struct manifest *cache_manifest(const struct cache *cache);

/* cache_pair: the tile's pair, or NULL for an empty tile. */
const struct pair *cache_pair(const struct cache *cache, uint32_t tile);

/* cache_grid: as in the manifest. */
struct grid cache_grid(const struct cache *cache);

/* cache_quadtree: the tile's index for searching, checked at its first use; valid while the cache
 * is open. 1 = *out filled, 0 = an empty tile, -1 = error. tile < grid_tiles(grid). */
int cache_quadtree(const struct cache *cache, uint32_t tile, const struct quadtree **out,
                   struct error *err);

/* cache_is_stale: has MANIFEST been replaced since this was opened? One stat(2). */
bool cache_is_stale(const struct cache *cache);

/* cache_nearest: the entry at the least great-circle distance within radius metres (INFINITY for
 * any), over tile borders, the antimeridian and the poles. 1 = found, 0 = none, -1 = error. */
int cache_nearest(const struct cache *cache, struct point query, double radius,
                  struct cache_hit *hit, struct error *err);

/* cache_nearest_batch: the same for n queries at once, faster; hits[i].row is UINT64_MAX on a
 * miss. 0 or -1. */
int cache_nearest_batch(const struct cache *cache, const struct point *queries, size_t n,
                        double radius, struct cache_hit *hits, struct error *err);

/* cache_entry: decode a hit; slices are valid while the cache is open. */
int cache_entry(const struct cache *cache, const struct cache_hit *hit, struct entry *out,
                struct error *err);

#endif
