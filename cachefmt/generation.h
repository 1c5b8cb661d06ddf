/* The cache directory: its lock, its generations, publication and rollback.
 *
 *   MANIFEST        the published generation; its rename is the switch
 *   MANIFEST.G      one for each generation kept
 *   NNN.G.idx .dat  the pair of tile NNN built by generation G; shared by later generations
 *   LOCK            flock()ed by whoever may write; holds one line about the holder
 *
 * Everything that changes the directory needs the lock. Readers need nothing. */
#ifndef REFRESHD_CACHEFMT_GENERATION_H
#define REFRESHD_CACHEFMT_GENERATION_H

#include <stdio.h>

#include "cachefmt/manifest.h"

struct cache_lock;

/* cache_lock_acquire: make the directory when missing and lock it. holder is one line that names
 * us ("refreshd 0.1.0 pid 12 socket /run/x.sock"). ERROR_BUSY names who holds it; when holder_out
 * is not NULL and the lock is busy, the holder's line is put there. */
int cache_lock_acquire(struct cache_lock **out, const char *directory, const char *holder,
                       char holder_out[256], struct error *err);
void cache_lock_release(struct cache_lock *lock); /* NULL is allowed */

/* generation_pair_paths: allocated paths of a tile's two files; the caller frees both. */
int generation_pair_paths(const char *directory, uint32_t tile, uint64_t built, char **index_path,
                          char **data_path, struct error *err);

/* generation_pair_open: open the pair of a manifest's row (not an empty tile's) and check that its
 * headers say what the row says. ERROR_MISSING when a file is not there. */
int generation_pair_open(struct pair **out, const char *directory, const struct manifest_tile *row,
                         struct error *err);

/* generation_pair_check: does an open pair say of itself what the row says? ERROR_CORRUPT, naming
 * index_path. */
int generation_pair_check(const struct pair *pair, const struct manifest_tile *row,
                          const char *index_path, struct error *err);

/* generation_current: the published manifest. ERROR_MISSING when nothing was published yet; the
 * message then says how to begin (cache import). */
int generation_current(const char *directory, struct manifest **out, struct error *err);

/* generation_next: the number after the highest kept (1 for an empty directory). */
int generation_next(const char *directory, uint64_t *out, struct error *err);

/* generation_publish: write MANIFEST.G, then rename MANIFEST: the switch. All pairs must be durable
 * already. On failure before the rename, what was published stays published. */
int generation_publish(const char *directory, const struct manifest *manifest, struct error *err);

/* A publication in steps, so that the last takes no longer than a rename. prepare: write what
 * becomes MANIFEST.G and MANIFEST, both durable under temporary names, so that a generation that
 * never comes is not listed and leaves nothing that generation_prune does not remove. arm: the
 * generation is sure to come: MANIFEST.G gets its name. switch: arms if that was not done, renames,
 * syncs the directory; *at (NULL is allowed) is the wall clock's time of the rename; frees prepared
 * also on failure. withdraw: the generation is not to be; NULL is allowed. */
struct generation_prepared;
int generation_prepare(struct generation_prepared **out, const char *directory,
                       const struct manifest *manifest, struct error *err);
int generation_arm(struct generation_prepared *prepared, struct error *err);
int generation_switch(struct generation_prepared *prepared, double *at, struct error *err);
void generation_withdraw(struct generation_prepared *prepared);

struct generation_row {
    uint64_t generation;
    char run[RUN_ID_BYTES];
    uint32_t published;
    uint64_t entries;
    uint64_t bytes; /* of all its pairs, shared ones included */
    bool current;
};

/* generation_list: newest first; the caller frees *rows. */
int generation_list(const char *directory, struct generation_row **rows, size_t *count,
                    struct error *err);

/* generation_rollback: publish a kept generation again; to = 0 means the next older one kept.
 * Its pairs are opened and checked first. *now gets its number. */
int generation_rollback(const char *directory, uint64_t to, uint64_t *now, struct error *err);

/* generation_prune: keep the `keep` newest generations and the current one; remove other manifests
 * and pairs that no kept manifest names. Pairs built by generation `spare` (an unfinished run's;
 * 0 = none) stay. Also removes leftover .tmp and import scratch files. */
int generation_prune(const char *directory, unsigned keep, uint64_t spare, struct error *err);

/* One finding of a verification; file is a path, problem one line. */
typedef void generation_problem(void *context, const char *file, const char *problem);

struct verify_result {
    uint64_t generations, pairs, entries, problems;
};

/* generation_verify: check the current manifest and its pairs, and every kept MANIFEST.G and its
 * pairs (a pair is checked once even when shared), each file against the manifest's row. Problems
 * go to the callback and the count; -1 only when the check itself can't go on. */
int generation_verify(const char *directory, bool deep, generation_problem *report, void *context,
                      struct verify_result *result, struct error *err);

#endif
