/* A ledger in a directory of its own, and runs with batches in it. */
#ifndef REFRESHD_TESTS_LEDGER_RIG_H
#define REFRESHD_TESTS_LEDGER_RIG_H

#include "stages/ledger.h"

#define LEDGER_RIG_TILES 576

extern char ledger_rig_directory[200];
extern struct ledger *ledger_rig; /* NULL = closed */

/* Set-up and tear-down of a test. */
int ledger_rig_open(void **state);
int ledger_rig_close(void **state);

/* ledger_rig_reopen: as after a restart. */
void ledger_rig_reopen(void);

/* ledger_rig_run: a record of a run with that id; ledger_rig_begin begins it. */
struct run_record ledger_rig_run(const char *id);
void ledger_rig_begin(const char *id);

/* ledger_rig_refresh: begin a run of `points` points, all in tile 300. */
void ledger_rig_refresh(const char *id, uint64_t points);
void ledger_rig_end(const char *id, enum run_result result);

/* ledger_rig_batch: sealed, with answers to the points of the share from `first` on. */
struct answer_batch *ledger_rig_batch(uint32_t share, uint32_t first, uint32_t rows,
                                      enum settled settled);

/* ledger_rig_commit: this batch alone, of 100 bytes at offset; frees it. */
int ledger_rig_commit(struct answer_batch *batch, uint64_t offset, bool share_done,
                      struct error *err);

/* ledger_rig_active: the record of the run that is active. */
struct run_record ledger_rig_active(void);

#endif
