/* The documents behind the dashboard (daemon/dashboard/DESIGN.md). NULL when out of memory. */
#ifndef REFRESHD_DAEMON_API_JSON_H
#define REFRESHD_DAEMON_API_JSON_H

#include <cjson/cJSON.h>

#include "cachefmt/generation.h"
#include "daemon/census.h"
#include "daemon/history.h"
#include "stages/line.h"

/* tiles_json: every tile as a row of numbers under `columns`. view NULL: nothing is published, the
 * tiles of `grid` are empty. run NULL, or of another grid: the progress is null. */
cJSON *tiles_json(const struct census_view *view, struct grid grid, const struct line_tiles *run);

cJSON *history_json(const struct history_sample *samples, size_t count);

cJSON *generations_json(const struct generation_row *rows, size_t count);

#endif
