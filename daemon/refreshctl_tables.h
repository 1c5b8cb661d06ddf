/* Tables of a report or a query, out of their JSON: for people, and as CSV. `tables` is the list
 * that both have (tally_json). -1: out of memory. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_TABLES_H
#define REFRESHD_DAEMON_REFRESHCTL_TABLES_H

#include <cjson/cJSON.h>

#include "base/buffer.h"

#define TABLE_LINES 20 /* of one table, for people */

/* print_tables: each with its text as a title, in aligned columns, at most TABLE_LINES lines; what
 * was skipped, counted as other or is not exact is told below. */
int print_tables(const cJSON *tables, struct buffer *out, struct error *err);

/* print_tables_csv: RFC 4180, all tables in one: `table`, a column for each index field that
 * occurs, `position` in a list, `value`, `count` and `error` of top, then `value2` and so on when a
 * table has several expressions (docs/REPORTS.md). */
int print_tables_csv(const cJSON *tables, struct buffer *out, struct error *err);

#endif
