/* Figures as people read them. Each function returns out. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_TEXT_H
#define REFRESHD_DAEMON_REFRESHCTL_TEXT_H

#include <cjson/cJSON.h>
#include <stdint.h>

#define FIGURE_BYTES 48

char *figure_count(double count, char out[FIGURE_BYTES]);       /* 12,345,678 */
char *figure_bytes(double bytes, char out[FIGURE_BYTES]);       /* 1.2 GB */
char *figure_rate(double per_second, char out[FIGURE_BYTES]);   /* 12,345 or 0.25 */
char *figure_date(double unix_seconds, char out[FIGURE_BYTES]); /* 2026-11-21 02:00:00 or never */

/* figure_value: to so many digits (at most 15), without zeros behind its point: 1,234.5 or
 * 48.8566123; whole numbers in full. */
char *figure_value(double value, int digits, char out[FIGURE_BYTES]);

/* Members of a reply that may be missing: 0 or "" then. */
double member_number(const cJSON *object, const char *name);
const char *member_text(const cJSON *object, const char *name);
const cJSON *member(const cJSON *object, const char *name);

#endif
