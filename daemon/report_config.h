/* From the configuration to the tables that a run counts. */
#ifndef REFRESHD_DAEMON_REPORT_CONFIG_H
#define REFRESHD_DAEMON_REPORT_CONFIG_H

#include "config/config.h"
#include "tables/tables.h"

/* report_config_text: the tables of a run that begins now, one a line, as tables_parse takes them:
 * the usual ones, what [report] says of them, and extra: tables given by hand, one a line (NULL and
 * "": none). The caller frees *out. An error names the column, and where it is: the file and the
 * line (ERROR_CONFIG), or what was given by hand (ERROR_USAGE; its line when there are several). */
int report_config_text(const struct config *config, const char *extra, char **out,
                       struct error *err);

/* report_config_check: whether [report] makes sense. */
int report_config_check(const struct config *config, struct error *err);

#endif
