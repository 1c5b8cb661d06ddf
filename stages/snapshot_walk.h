/* The walk that planning and writing share: every entry of the generation that the run's
 * parameters select, in tile and Morton order. Private to snapshot*.c. */
#ifndef REFRESHD_STAGES_SNAPSHOT_WALK_H
#define REFRESHD_STAGES_SNAPSHOT_WALK_H

#include "stages/snapshot.h"

/* What of a tile is selected, as far as the manifest alone can tell. */
enum tile_share { TILE_NOTHING, TILE_EVERYTHING, TILE_SOME };

struct snapshot_walk {
    const struct cache *cache;
    const struct run_parameters *parameters;
    struct failure_walk *failures;      /* NULL unless failures are retried */
    const struct control *control;      /* may be NULL */
    struct snapshot_progress *progress; /* may be NULL */
};

/* Takes `count` selected points of one tile, in Morton order. */
typedef int snapshot_sink(void *context, const uint64_t *codes, const uint8_t *outcomes,
                          size_t count, struct error *err);

int snapshot_walk_open(struct snapshot_walk *walk, const struct cache *cache,
                       const struct run_parameters *parameters, struct ledger *ledger,
                       const char *retry_of, const struct control *control,
                       struct snapshot_progress *progress, struct error *err);
void snapshot_walk_close(struct snapshot_walk *walk);

enum tile_share snapshot_tile_share(const struct snapshot_walk *walk, uint32_t tile);

/* snapshot_walk_tile: hand the tile's selected points to sink. Tiles in ascending order. */
int snapshot_walk_tile(struct snapshot_walk *walk, uint32_t tile, snapshot_sink *sink,
                       void *context, struct error *err);

#endif
