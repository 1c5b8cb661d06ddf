/* The documents of status, runs and last_run (CONTRACT). NULL when out of memory. */
#ifndef REFRESHD_DAEMON_STATUS_JSON_H
#define REFRESHD_DAEMON_STATUS_JSON_H

#include <cjson/cJSON.h>

#include "stages/line.h"

/* status_json: point_files is shown while no run says how many it has. */
cJSON *status_json(const struct line_status *status, unsigned point_files);

/* run_json: one run, ended or not. */
cJSON *run_json(const struct run_record *run);

/* points_json: `points` of a run. */
cJSON *points_json(const struct run_counts *counts);

#endif
