/* The values of the ledger as records. Internal to stages/ledger*.c. */
#ifndef REFRESHD_STAGES_LEDGER_RECORD_H
#define REFRESHD_STAGES_LEDGER_RECORD_H

#include "stages/ledger.h"
#include "stages/record.h"

/* The records. number is the run's number, under which its failures and report are kept. The
 * version is read by the caller already. */
#define RUN_RECORD_VERSION 2 /* 2: what is folded in */
#define TILE_RECORD_VERSION 1
void run_record_write(struct record *record, uint64_t number, const struct run_record *run);
bool run_record_read(struct view *view, uint64_t *number, struct run_record *run);
void tile_record_write(struct record *record, const struct tile_record *tile);
bool tile_record_read(struct view *view, struct tile_record *tile);

#endif
