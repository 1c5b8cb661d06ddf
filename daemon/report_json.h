/* The document of `report --json`. */
#ifndef REFRESHD_DAEMON_REPORT_JSON_H
#define REFRESHD_DAEMON_REPORT_JSON_H

#include <cjson/cJSON.h>

#include "stages/report.h"

/* report_json: what the run did, and its tables. NULL: out of memory, err is set. */
cJSON *report_json(const struct run_report *report, struct error *err);

/* report_shorten: leave at most REPORT_ROWS rows of each table and as many elements of each list
 * but of quantiles; `more` of a table says how many are gone. */
#define REPORT_ROWS 200
void report_shorten(cJSON *report);

#endif
