/* Publishing: the switch by renaming the manifest, then pruning of old generations. */
#ifndef REFRESHD_STAGES_PUBLISH_H
#define REFRESHD_STAGES_PUBLISH_H

#include "cachefmt/generation.h"
#include "stages/ledger.h"

/* The publication of a run, in steps (generation_prepare and so on): the manifest of every tile's
 * record becomes the published generation. Doing it again after a crash is harmless, also after the
 * switch.
 *
 * prepare: all tiles must have been rebuilt (ERROR_STATE) and their entries be as many as the run's
 * total (ERROR_CORRUPT). arm: the generation is sure to come; published is its date, 0 = that of
 * the preparation. switch: the rename; *at is the wall clock's time of it, also when it was before;
 * frees publication also on failure. withdraw: NULL is allowed. */
struct publication;
int publication_prepare(struct publication **out, struct ledger *ledger,
                        const char *cache_directory, const struct manifest *base,
                        const struct run_record *run, struct error *err);
struct pair_id publication_digest(const struct publication *publication);
int publication_arm(struct publication *publication, uint32_t published, struct error *err);
int publication_switch(struct publication *publication, double *at, struct error *err);
void publication_withdraw(struct publication *publication);

/* publish_tile: replace one tile in the run's generation at once (publish = tile). */
int publish_tile(const char *cache_directory, const struct manifest *base,
                 const struct run_record *run, const struct tile_record *tile, struct error *err);

#endif
