/* The snapshot: walk the generation to refresh and the learned points to fold into it in tile
 * order, choose the points to ask, and write them as point files in equal shares. A pure function
 * of the two and of the parameters, so that a crash redoes it with the same bytes. */
#ifndef REFRESHD_STAGES_SNAPSHOT_H
#define REFRESHD_STAGES_SNAPSHOT_H

#include "stages/control.h"
#include "stages/ledger.h"
#include "stages/merged.h"
#include "stages/pulse.h"

struct snapshot_plan {
    uint64_t total;             /* entries, learned ones among them */
    uint64_t selected;          /* points to ask */
    uint64_t folded;            /* learned entries that the generation does not have yet */
    uint64_t *selected_by_tile; /* owned, as the next: snapshot_plan_free */
    uint64_t *folded_by_tile;
    uint64_t disk_bytes;  /* needed in all, estimated: the sum of the next two */
    uint64_t state_bytes; /* point files and answers */
    uint64_t cache_bytes; /* new pairs */
};

/* Progress for status, written by the snapshot's thread, read by anybody. */
struct snapshot_progress {
    _Atomic uint64_t walked;
    struct pulse *pulse; /* of the thread; NULL is allowed */
};

/* snapshot_plan: count. retry_of names the run whose failures are asked again when
 * parameters->retry_failed. ERROR_CANCELED when control ends. control and progress may be NULL. */
int snapshot_plan(struct snapshot_plan *plan, const struct merged *merged,
                  const struct run_parameters *parameters, struct ledger *ledger,
                  const char *retry_of, const struct control *control,
                  struct snapshot_progress *progress, struct error *err);
void snapshot_plan_free(struct snapshot_plan *plan);

/* snapshot_check_space: is there room in the two directories? ERROR_DISK_FULL "disk full: PATH
 * (needs 12 GB, 3 GB free)" otherwise. */
int snapshot_check_space(const struct snapshot_plan *plan, const char *state_directory,
                         const char *cache_directory, struct error *err);

/* snapshot_write: write the point files into directory (emptied first), durable when it returns:
 * written under a temporary name, synced, renamed. Empty shares have no file. *digest is one of all
 * their contents. */
int snapshot_write(const struct snapshot_plan *plan, const struct merged *merged,
                   const struct run_parameters *parameters, struct ledger *ledger,
                   const char *retry_of, const char *directory, const char run[RUN_ID_BYTES],
                   struct pair_id *digest, const struct control *control,
                   struct snapshot_progress *progress, struct error *err);

/* snapshot_write_share: write one point file once more, the same bytes, when its answers were taken
 * back after it had been removed. first_ordinal_of_tile: tiles + 1 of them. Durable when it
 * returns. */
int snapshot_write_share(const struct merged *merged, const struct run_parameters *parameters,
                         struct ledger *ledger, const char *retry_of, const char *directory,
                         const char run[RUN_ID_BYTES], const uint64_t *first_ordinal_of_tile,
                         uint32_t share, const struct control *control,
                         struct snapshot_progress *progress, struct error *err);

/* snapshot_digest: of what a run asks and folds in: equal on all who refresh the same generation
 * with the same parameters and learned points, whatever the numbers of their generations. */
struct pair_id snapshot_digest(const struct snapshot_plan *plan, const struct pair_id *point_files,
                               const struct folded_set *folded);

#endif
