/* LMDB under the ledger: the environment, its tables, transactions and checked values. Internal to
 * stages/ledger*.c.
 *
 *   table       key                               value
 *   meta        "version"                         of the whole ledger
 *   run         "active"                          run record
 *               "selected"                        selected points of each tile
 *               "folded"                          learned points folded into each tile, if any
 *   batches     share, log file, log offset       bytes, rows, when, ranges of ordinals
 *   tiles       tile                              tile record
 *   tallies     tile                              what was counted in it, if anything
 *   history     run number                        run record
 *   reports     run number                        its tables; when it has ended, what was counted
 *   failures-K  tile, code                        cause, status, attempts, detail; of the run whose
 *                                                 number is K modulo FAILURE_TABLES
 *
 * Numbers in keys are big-endian. Values are records (record.h). */
#ifndef REFRESHD_STAGES_LEDGER_STORE_H
#define REFRESHD_STAGES_LEDGER_STORE_H

#include <stdatomic.h>

#include "stages/environment.h"
#include "stages/ledger_record.h"

#define RUNS_KEPT 10                   /* ended runs with failures and report */
#define FAILURE_TABLES (RUNS_KEPT + 1) /* and the active one */

enum table {
    TABLE_META,
    TABLE_RUN,
    TABLE_BATCHES,
    TABLE_TILES,
    TABLE_HISTORY,
    TABLE_TALLIES, /* these two came later: see `complete` */
    TABLE_REPORTS,
    TABLE_FAILURES,
    TABLE_COUNT = TABLE_FAILURES + FAILURE_TABLES
};

/* LMDB itself serialises writers. Opening a ledger of an earlier version changes nothing in it: the
 * later tables are made when something is put there first; until then they are empty. */
struct ledger {
    struct environment environment;
    MDB_dbi table[TABLE_COUNT];
    _Atomic bool complete; /* all tables are there */
};

/* A transaction under way. */
struct work {
    struct ledger *ledger;
    MDB_txn *txn;
    bool writes;
    bool complete; /* all tables are there, in this transaction */
};

/* work_begin, then any number of calls, then work_end: with result >= 0 a writing transaction is
 * committed, with -1 it is given up. Returns result, or -1 when the commit failed. */
int work_begin(struct work *work, struct ledger *ledger, bool writes, struct error *err);
int work_end(struct work *work, int result, struct error *err);

/* store_open_table: its handle; make: when it is missing. 0 or an LMDB result. */
int store_open_table(struct work *work, enum table table, bool make);

/* store_error: turn an LMDB result into an error. Returns -1. */
int store_error(const struct ledger *ledger, int result, const char *action, struct error *err);

/* store_damaged: ERROR_CORRUPT about a record. Returns -1. */
int store_damaged(const struct ledger *ledger, const char *what, struct error *err);

/* store_put: record becomes the value of the key, with its checksum. record is used up: freed. */
int store_put(struct work *work, enum table table, const void *key, size_t key_bytes,
              struct record *record, struct error *err);

/* store_get: 1 and *out inside the mapping, valid until the transaction ends or writes; 0 = no such
 * key; -1. Checks the checksum and that the version is at most `version`. */
int store_get(struct work *work, enum table table, const void *key, size_t key_bytes,
              unsigned version, struct view *out, struct error *err);

/* store_delete: deleting what is not there is fine. */
int store_delete(struct work *work, enum table table, const void *key, size_t key_bytes,
                 struct error *err);

/* store_clear: empty a table. */
int store_clear(struct work *work, enum table table, struct error *err);

/* A walk over a table. After store_walk_open, store_walk_close is due. */
struct store_walk {
    struct work *work;
    MDB_cursor *cursor;
    const unsigned char *key;
    size_t key_bytes;
    MDB_val value;
};

int store_walk_open(struct store_walk *walk, struct work *work, enum table table,
                    struct error *err);
/* store_walk_move: 1 = standing on a row, key is set; 0 = none; -1. With MDB_SET_RANGE, key is
 * where to begin. ERROR_CORRUPT when the key is not of key_bytes. */
int store_walk_move(struct store_walk *walk, MDB_cursor_op operation, const void *key,
                    size_t key_bytes, struct error *err);
/* store_walk_value: check the row's value as store_get does. */
int store_walk_value(struct store_walk *walk, unsigned version, struct view *out,
                     struct error *err);
void store_walk_close(struct store_walk *walk);

/* --- between the files of the ledger -------------------------------------------------------- */

/* ledger_claim_version: what is about to be written can't be read by older programs: they are to
 * refuse the ledger as a whole from now on. */
int ledger_claim_version(struct work *work, struct error *err);

/* active_get: 1 and the active run, 0 = none, -1. */
int active_get(struct work *work, uint64_t *number, struct run_record *run, struct error *err);
int active_put(struct work *work, uint64_t number, const struct run_record *run, struct error *err);

/* active_need: as active_get; none is ERROR_STATE. */
int active_need(struct work *work, uint64_t *number, struct run_record *run, struct error *err);

/* history_find: the run of that id, active or ended; "" = the newest. 1, 0, -1. */
int history_find(struct work *work, const char *id, uint64_t *number, struct run_record *run,
                 bool *active, struct error *err);

/* history_last: number of the newest ended run, 0 = none. */
int history_last(struct work *work, uint64_t *number, struct error *err);
int history_put(struct work *work, uint64_t number, const struct run_record *run,
                struct error *err);

/* failures_add: the failed rows of a sealed batch. */
int failures_add(struct work *work, uint64_t number, struct grid grid,
                 const struct answer_batch *batch, struct error *err);
enum table failures_table(uint64_t number);

/* failures_drop: forget that a point failed. */
int failures_drop(struct work *work, uint64_t number, struct grid grid, uint64_t code,
                  struct error *err);

/* batches_drop: forget the batches of a share, which must be these. */
int batches_drop(struct work *work, uint32_t share, const struct placed_batch *batches,
                 size_t count, struct error *err);

/* tile_drop: forget that a tile was rebuilt, and what that changed in the counts. */
int tile_drop(struct work *work, uint32_t tile, struct run_counts *counts, struct error *err);

/* selected_get: ledger_selected_by_tile inside a transaction. */
int selected_get(struct work *work, uint64_t *out, size_t tiles, struct error *err);

/* --- ledger_report.c ------------------------------------------------------------------------- */

/* report_begin: keep the text of a new run's tables. report_end: and what was counted; forget the
 * report of the run RUNS_KEPT before. */
int report_begin(struct work *work, uint64_t number, const char *tables, struct error *err);
int report_end(struct work *work, uint64_t number, const struct counted *counted,
               struct error *err);

/* tally_keep: what was counted in a tile takes the place of what was kept. tally_drop: nothing
 * does. */
int tally_keep(struct work *work, uint32_t tile, const struct counted *counted, struct error *err);
int tally_drop(struct work *work, uint32_t tile, struct error *err);

/* batches_list: append struct listed_batch of all shares. */
int batches_list(struct work *work, struct buffer *out, struct error *err);

#endif
