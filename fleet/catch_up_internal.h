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

#endif
