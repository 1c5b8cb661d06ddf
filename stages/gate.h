/* The gate: what a rebuilt run must pass before it may be published. */
#ifndef REFRESHD_STAGES_GATE_H
#define REFRESHD_STAGES_GATE_H

#include "stages/ledger.h"

#define GATE_TILE_ENTRIES 1000 /* tiles with more entries are judged by themselves as well */

struct gate_limits {
    double max_lost; /* shares, 0 to 1 */
    double max_country_changed;
    double max_changed;
    double max_failed;
};

/* gate_check: reconcile the counts (found + none + unsure + failed + carried = total; ERROR_CORRUPT
 * otherwise) and judge the run and its larger tiles. Returns 0 = may be published, 1 = held, with
 * the rule, tile and figures in reason; -1 = error. */
int gate_check(struct ledger *ledger, const struct run_record *run,
               const struct gate_limits *limits, char reason[600], struct error *err);

/* gate_check_tile: the same for one tile alone (publish = tile). */
int gate_check_tile(const struct tile_record *tile, const struct gate_limits *limits,
                    char reason[600]);

#endif
