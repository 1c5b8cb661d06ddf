/* Learned points of all peers become one set: each peer freezes its own into a CSV named by digest,
 * fetches the others', and imports them all, in the order of their digests, as the set that a run
 * folds in: of equal points the newer date wins, then the later row, so every peer gets the same
 * set. Files are STATE/fleet/learned/DIGEST.csv; those of other runs are removed by gather_clean.
 */
#ifndef REFRESHD_FLEET_GATHER_H
#define REFRESHD_FLEET_GATHER_H

#include "stages/learned.h"

/* gather_own: write what is learned at this moment, as a freeze would take it, durable; *entries 0:
 * there is no file and no digest. */
int gather_own(struct learned *learned, const char *state_directory, struct pair_id *digest,
               uint64_t *entries, struct error *err);

/* gather_path: where a set with this digest is or goes; the caller frees it; the directory is there
 * then. gather_has: is it there? */
int gather_path(const char *state_directory, const struct pair_id *digest, char **path,
                struct error *err);
bool gather_has(const char *state_directory, const struct pair_id *digest);

/* gather_unite: make the cache directory (made anew, durable) of these sets, each of which must be
 * there; a set given twice counts once. *count entries; with no set no directory is made. What was
 * in directory before is removed first. Sets are checked against their digests: ERROR_CORRUPT. */
int gather_unite(const char *state_directory, const struct pair_id *digests, size_t sets,
                 struct grid grid, const char *directory, uint64_t *count, struct error *err);

int gather_clean(const char *state_directory, struct error *err);

#endif
