/* Catching up: fetch the pairs in which our cache differs from a generation that other peers have,
 * and publish it here. What was published stays as the backup. The caller keeps everybody else from
 * changing the cache directory (line_occupy). */
#ifndef REFRESHD_FLEET_CATCH_UP_H
#define REFRESHD_FLEET_CATCH_UP_H

#include "fleet/exchange.h"

struct catch_up_settings {
    const char *cache_directory;
    const char *state_directory; /* what is fetched waits under STATE/fleet/catch_up */
    unsigned keep_generations;
};

struct catch_up_progress {
    _Atomic uint32_t pairs, pairs_fetched;
    _Atomic uint64_t bytes, bytes_fetched;
};

/* catch_up: make the generation with this digest the published one. A pair that we have already, in
 * any generation kept, is not fetched. What a broken attempt fetched is used by the next. Pairs are
 * checked whole before they enter the cache directory, under names that we choose; the manifest is
 * made here from its rows, and its digest must come out the same. *generation gets its number: the
 * one that the others have or, when that is taken here, the next.
 * `published` (unix seconds) and run are taken from the fetched manifest. ERROR_DISK_FULL names the
 * directory and what is needed, before anything is fetched. */
int catch_up(const struct catch_up_settings *settings, struct exchange_client *client,
             const struct exchange_sources *sources, const struct pair_id *digest,
             struct catch_up_progress *progress, uint64_t *generation, struct error *err);

/* catch_up_has: is a generation with this digest kept here (published or a backup)? 1 and its
 * number, 0, -1. */
int catch_up_has(const char *cache_directory, const struct pair_id *digest, uint64_t *generation,
                 struct error *err);

/* The shelves of what catching up needs (exchange.h): context is the cache directory's path. Any
 * thread. */
int catch_up_shelf_manifest(const char *cache_directory, const struct pair_id *digest,
                            struct buffer *out, struct error *err);
int catch_up_shelf_pair(const char *cache_directory, uint32_t tile, const struct pair_id *id,
                        bool data, int *fd, struct error *err);

#endif
