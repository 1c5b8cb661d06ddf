/* The document of `report --json`. */
#ifndef REFRESHD_DAEMON_REPORT_JSON_H
#define REFRESHD_DAEMON_REPORT_JSON_H

#include <cjson/cJSON.h>

#include "stages/report.h"

/* report_text: append the document: what the run did, and its tables, made one at a time, as each
 * may be large. shortened: as report_shorten leaves them. */
int report_text(const struct run_report *report, bool shortened, struct buffer *out,
                struct error *err);

/* report_shorten: leave at most REPORT_ROWS rows of a table and as many elements of each list but
 * of quantiles; `more` says how many are gone. */
#define REPORT_ROWS 200
void report_shorten(cJSON *table);

#endif
