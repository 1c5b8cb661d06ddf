/* Publishing: the switch by renaming the manifest, then pruning of old generations. */
#ifndef REFRESHD_STAGES_PUBLISH_H
#define REFRESHD_STAGES_PUBLISH_H

#include "cachefmt/generation.h"
#include "stages/ledger.h"

/* publish_run: the manifest of every tile's record becomes the published generation. All tiles
 * must have been rebuilt and their entries be as many as the run's total, else ERROR_CORRUPT.
 * Publishing again after a crash is harmless. */
int publish_run(struct ledger *ledger, const char *cache_directory, const struct manifest *base,
                const struct run_record *run, struct error *err);

/* publish_tile: replace one tile in the run's generation at once (publish = tile). */
int publish_tile(const char *cache_directory, const struct manifest *base,
                 const struct run_record *run, const struct tile_record *tile, struct error *err);

#endif
