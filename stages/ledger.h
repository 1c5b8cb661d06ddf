/* The ledger: the durable record of runs, in LMDB under STATE/ledger. What it acknowledged is
 * never asked again.
 *
 * One active run at most. It goes through phases; each change is one transaction:
 *   PHASE_SNAPSHOT   point files are being written (redone from the start after a crash)
 *   PHASE_REFRESH    point files exist; shares are answered batch by batch, tiles rebuilt
 *   PHASE_PUBLISH    every tile is rebuilt and the gate was passed or overridden
 *   then it ends: published, cancelled or failed, and moves to the history.
 * Orthogonal to the phase it may be paused or held, with a reason.
 *
 * Every value carries a version and a checksum; hostile bytes give ERROR_CORRUPT naming the file.
 * Any thread may read; writes are serialised inside. Errors for a full disk are ERROR_DISK_FULL. */
#ifndef REFRESHD_STAGES_LEDGER_H
#define REFRESHD_STAGES_LEDGER_H

#include "cachefmt/manifest.h"
#include "stages/answerlog.h"
#include "stages/answers.h"

enum run_phase { PHASE_SNAPSHOT, PHASE_REFRESH, PHASE_PUBLISH };
enum run_stop { STOP_NONE, STOP_PAUSED, STOP_HELD };
enum run_result { RESULT_NONE, RESULT_PUBLISHED, RESULT_CANCELLED, RESULT_FAILED };
extern const char *const run_result_names[]; /* "none", "published", "cancelled", "failed" */

/* What the operator asked for, with the configuration's values where nothing else was said. */
struct run_parameters {
    uint32_t cutoff;      /* entries dated before this are asked again; UINT32_MAX = all */
    double older_than;    /* seconds, as given; 0 = every entry */
    double finish_within; /* seconds from started_at; 0 = none */
    double rate;          /* points per second; 0 = unlimited */
    unsigned workers;
    unsigned concurrency;
    unsigned shares;    /* point files */
    bool publish_tiles; /* publish = tile */
    bool retry_failed;  /* only what the last run's failures list */
    bool some_tiles;    /* only tiles whose bit is set in tiles */
    uint8_t tiles[(GRID_SIDE_LIMIT * GRID_SIDE_LIMIT + 7) / 8];
    const char *tables; /* what the run counts, as tables_parse takes it, at most RUN_TABLES_BYTES;
                         * NULL or "" = nothing. Who begins a run gives it, for the call; of a
                         * record that is read it is NULL, line_report knows the tables */
};
#define RUN_TABLES_BYTES 32767

struct run_counts {
    uint64_t total;                  /* entries of the new generation: selected + carried */
    uint64_t selected;               /* points to ask */
    uint64_t carried;                /* entries not asked */
    uint64_t folded;                 /* of all these, learned ones that the base does not have */
    uint64_t settled[SETTLED_COUNT]; /* committed answers */
    uint64_t causes[CAUSE_COUNT];
    uint64_t retried;
    uint64_t changed; /* of rebuilt tiles: entries whose address differs from before */
    uint64_t shares_done;
    uint64_t tiles_rebuilt;
};

/* The learned points as they were frozen for a run, a cache directory of their own. */
struct folded_set {
    uint64_t entries; /* 0 = there is none */
    struct pair_id digest;
};

struct run_record {
    char id[RUN_ID_BYTES];
    struct run_parameters parameters;
    enum run_phase phase;
    enum run_stop stop;
    char reason[600];         /* of the stop or the failure; "" = none */
    uint64_t base_generation; /* refreshed */
    struct pair_id base_digest;
    struct folded_set folded; /* folded in, from PHASE_REFRESH on */
    uint64_t generation;      /* to be published */
    struct grid grid;
    uint32_t started_at; /* unix seconds */
    uint32_t ended_at;   /* 0 while active */
    double elapsed;      /* seconds of work so far, over restarts, without pauses */
    uint64_t requests;   /* sent so far; kept up to date as elapsed is, by ledger_run_update */
    struct run_counts counts;
    struct answer_place log_end;
    enum run_result result;
    bool forced; /* the gate was overridden */
    char provider[32];
};

/* What the rebuild found out about one tile. */
struct tile_record {
    uint32_t tile;
    struct manifest_tile row; /* for the new manifest */
    uint64_t compared;        /* entries that had an outcome found before and were asked */
    uint64_t found_before;    /* entries found in the old pair */
    uint64_t changed, lost, gained, country_changed;
};

struct ledger;

/* ledger_open: open or make STATE/ledger. */
int ledger_open(struct ledger **out, const char *directory, struct error *err);
void ledger_close(struct ledger *ledger); /* NULL is allowed */

/* ledger_run: the active run. 1 = *out filled, 0 = none, -1. */
int ledger_run(struct ledger *ledger, struct run_record *out, struct error *err);

/* ledger_run_begin: record a new active run and its tables. ERROR_STATE when one is active. */
int ledger_run_begin(struct ledger *ledger, const struct run_record *run, struct error *err);

/* ledger_run_update: replace the active run's record but its counts and log_end, which only
 * commits change. */
int ledger_run_update(struct ledger *ledger, const struct run_record *run, struct error *err);

/* ledger_snapshot_done: the point files are durable: enter PHASE_REFRESH with total, selected,
 * carried, folded, and the numbers of selected and of folded points of each tile (grid_tiles of
 * them; folded_by_tile may be NULL when nothing is folded in). */
int ledger_snapshot_done(struct ledger *ledger, const struct run_counts *counts,
                         const uint64_t *selected_by_tile, const uint64_t *folded_by_tile,
                         size_t tiles, struct error *err);

/* ledger_selected_by_tile: what ledger_snapshot_done recorded, `tiles` of them into out. */
int ledger_selected_by_tile(struct ledger *ledger, uint64_t *out, size_t tiles, struct error *err);

/* ledger_folded_by_tile: likewise; zeros when nothing is folded in. */
int ledger_folded_by_tile(struct ledger *ledger, uint64_t *out, size_t tiles, struct error *err);

/* One group commit, all or nothing: batches that are durable in the answer log. */
struct committed_batch {
    const struct answer_batch *batch; /* sealed */
    struct answer_place place;
    bool share_done; /* its last rows: the point file may go */
};
int ledger_commit(struct ledger *ledger, const struct committed_batch *batches, size_t count,
                  struct answer_place log_end, struct error *err);

/* ledger_share_batches: committed batches of one share in order of commit; *batches is the caller's
 * to free. */
struct placed_batch {
    struct answer_place place;
    uint64_t committed_at; /* unix milliseconds; 0 = not known */
};
int ledger_share_batches(struct ledger *ledger, uint32_t share, struct placed_batch **batches,
                         size_t *count, struct error *err);

/* ledger_share_answered: set bit i of bitmap (zeroed, `points` bits) for each committed ordinal of
 * the share; *answered is how many. */
int ledger_share_answered(struct ledger *ledger, uint32_t share, uint8_t *bitmap, uint32_t points,
                          uint32_t *answered, struct error *err);

/* ledger_answered_by_share: committed answers of every share, into out[shares]. */
int ledger_answered_by_share(struct ledger *ledger, uint32_t *out, uint32_t shares,
                             struct error *err);

/* ledger_drop_shares: forget what is known of these shares, all or nothing: their batches, what
 * they added to the counts, their failures, and the tiles that were rebuilt with their answers.
 * ERROR_STATE when a share has other batches than these by now. */
struct dropped_share {
    uint32_t share;
    struct placed_batch *batches; /* as ledger_share_batches has them */
    size_t count;
    struct answer_counts counts; /* sums over them */
    uint64_t *failed;            /* codes of its failed points */
    size_t failed_count;
};
int ledger_drop_shares(struct ledger *ledger, const struct dropped_share *shares, size_t count,
                       struct error *err);

/* What tables counted, as the bytes of a tally (tables/tally.h); data NULL: nothing. */
struct counted {
    uint64_t answers; /* that were looked at */
    const void *data;
    size_t bytes;
};

/* ledger_tile_rebuilt: record a rebuilt tile, once, with what was counted in it; a repeat replaces
 * the earlier record and its share of the counts. counted may be NULL. */
int ledger_tile_rebuilt(struct ledger *ledger, const struct tile_record *tile,
                        const struct counted *counted, struct error *err);

/* ledger_tile: 1 = *out filled, 0 = not rebuilt yet, -1. */
int ledger_tile(struct ledger *ledger, uint32_t tile, struct tile_record *out, struct error *err);

/* ledger_run_end: move the active run to the history with its result and drop its working data.
 * Failures and what was counted (which may be NULL) stay for the last 10 runs. */
int ledger_run_end(struct ledger *ledger, const struct run_record *run,
                   const struct counted *counted, struct error *err);

/* ledger_history: ended runs, newest first, at most `limit`; the caller frees *runs. */
int ledger_history(struct ledger *ledger, size_t limit, struct run_record **runs, size_t *count,
                   struct error *err);

/* ledger_find_run: the active or an ended run by id; "" = the newest. 1, 0 = unknown, -1. */
int ledger_find_run(struct ledger *ledger, const char *id, struct run_record *out,
                    struct error *err);

/* ledger_run_tables: the text of the active run's tables, which the caller frees. 1, 0 = it counts
 * nothing, -1. */
int ledger_run_tables(struct ledger *ledger, char **text, struct error *err);

/* What the ledger has for the report of a run, all of one moment. It may not stay open for long:
 * meanwhile the ledger grows. One thread. */
struct ledger_report;

/* ledger_report_open: of the run of that id; "" = the newest. 1, 0 = no such run, -1. */
int ledger_report_open(struct ledger_report **out, struct ledger *ledger, const char *run,
                       struct error *err);
void ledger_report_close(struct ledger_report *report); /* NULL is allowed */
const struct run_record *ledger_report_run(const struct ledger_report *report);
bool ledger_report_is_active(const struct ledger_report *report);

/* ledger_report_tables: the run's tables, as text; length 0: none are kept of it. Lives until the
 * close, as all slices. */
struct slice ledger_report_tables(const struct ledger_report *report);

/* ledger_report_sum: of an ended run: what was counted. */
struct counted ledger_report_sum(const struct ledger_report *report);

/* Of an active run that has its point files:
 * ledger_report_tiles: call for each rebuilt tile, in order; counted.data NULL: nothing.
 * ledger_report_selected: as ledger_selected_by_tile.
 * ledger_report_batches: append struct listed_batch, all of them, by share and order of commit. */
typedef int counted_callback(void *context, uint32_t tile, const struct counted *counted,
                             struct error *err);
int ledger_report_tiles(struct ledger_report *report, counted_callback *callback, void *context,
                        struct error *err);
int ledger_report_selected(struct ledger_report *report, uint64_t *out, size_t tiles,
                           struct error *err);
struct listed_batch {
    uint32_t share;
    struct placed_batch batch;
};
int ledger_report_batches(struct ledger_report *report, struct buffer *out, struct error *err);

struct failure {
    struct point point;
    enum failure_cause cause;
    uint16_t status;
    uint16_t attempts;
    char detail[256];
};

/* ledger_failures: call each failure of a run in tile and Morton order; a callback result other
 * than 0 ends the walk and is returned. */
typedef int failure_callback(void *context, const struct failure *failure);
int ledger_failures(struct ledger *ledger, const char *run, failure_callback *callback,
                    void *context, struct error *err);

/* A forward-only test for membership among a run's failures, asked in tile and Morton order. */
struct failure_walk;
int failure_walk_open(struct failure_walk **out, struct ledger *ledger, const char *run,
                      struct error *err);
/* failure_walk_has: 1 yes, 0 no, -1 error. */
int failure_walk_has(struct failure_walk *walk, uint32_t tile, uint64_t code, struct error *err);
void failure_walk_close(struct failure_walk *walk);

#endif
