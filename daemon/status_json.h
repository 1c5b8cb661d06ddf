/* The documents of status, runs and last_run (CONTRACT). NULL when out of memory. */
#ifndef REFRESHD_DAEMON_STATUS_JSON_H
#define REFRESHD_DAEMON_STATUS_JSON_H

#include <cjson/cJSON.h>

#include "config/config.h"
#include "fleet/fleet.h"
#include "stages/line.h"

/* Points that lookups taught. */
struct learned_counts {
    uint64_t entries; /* in the table, until a run folds them in */
    uint64_t pending; /* being asked */
    uint64_t most;    /* learned_max in force */
};

/* status_json: point files and tiles are the configuration's while there is no run, no cache. fleet
 * NULL: this server is alone, and the document has no `fleet`. */
cJSON *status_json(const struct line_status *status, const struct config *config,
                   const struct learned_counts *learned, const struct fleet_status *fleet);

/* status_now: the document of this moment. fleet NULL: alone. */
cJSON *status_now(struct line *line, struct fleet *fleet, const struct config *config,
                  const struct learned_counts *learned);

/* run_json: one run, ended or not. */
cJSON *run_json(const struct run_record *run);

/* points_json: `points` of a run. */
cJSON *points_json(const struct run_counts *counts);

#endif
