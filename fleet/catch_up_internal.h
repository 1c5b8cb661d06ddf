/* What the files of catching up share. */
#ifndef REFRESHD_FLEET_CATCH_UP_INTERNAL_H
#define REFRESHD_FLEET_CATCH_UP_INTERNAL_H

#include "fleet/catch_up.h"

/* --- catch_up_kept.c: what this peer has -------------------------------------------------- */

/* kept_each: call for the published manifest and then for each one kept, newest first. A result
 * other than 0 ends the walk and is returned; a manifest that can't be read is passed over. */
typedef int kept_callback(void *context, const struct manifest *manifest, struct error *err);
int kept_each(const char *cache_directory, kept_callback *call, void *context, struct error *err);

/* kept_manifest: the published one when it has this digest, else the newest that has. 1, 0, -1. */
int kept_manifest(const char *cache_directory, const struct pair_id *digest, struct manifest **out,
                  struct error *err);

/* --- catch_up_plan.c: what is missing -------------------------------------------------------- */

/* The generation as it will be published here. A row whose `built` is 0 and that has entries has no
 * files in the cache directory yet. */
struct catch_up_plan {
    const struct catch_up_settings *settings;
    struct manifest *manifest; /* generation: the number it gets here */
    char *waiting_directory;   /* STATE/fleet/catch_up */
};

/* plan_make: from a manifest of any peer, which is copied. Files that wait for another generation
 * are removed. */
int plan_make(struct catch_up_plan *plan, const struct catch_up_settings *settings,
              const struct manifest *theirs, struct error *err);
void plan_free(struct catch_up_plan *plan);

/* plan_check_space: is there room for all that is missing? */
int plan_check_space(const struct catch_up_plan *plan, struct error *err);

bool plan_misses(const struct manifest_tile *row);

/* plan_waiting_paths: where the pair of a row waits; the caller frees both. plan_waits: is it there
 * whole? */
int plan_waiting_paths(const struct catch_up_plan *plan, const struct manifest_tile *row,
                       char **index_path, char **data_path, struct error *err);
bool plan_waits(const struct catch_up_plan *plan, const struct manifest_tile *row);

/* --- catch_up_move.c ------------------------------------------------------------------------- */

/* plan_move: take all that waits into the cache directory, durable. */
int plan_move(struct catch_up_plan *plan, struct error *err);

#endif
