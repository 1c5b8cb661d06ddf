/* Cache commands that write; they are in the table of refreshctl_cache.c. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_CACHE_H
#define REFRESHD_DAEMON_REFRESHCTL_CACHE_H

#include "daemon/refreshctl_session.h"

extern const struct command_option cache_import_options[];
int cache_run_import(struct session *session, int argc, char **argv);
int cache_run_rollback(struct session *session, int argc, char **argv);

#endif
