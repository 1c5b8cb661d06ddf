/* SIGHUP: read the configuration again. Keys that can change while the daemon runs do; for the
 * others the log says that they wait for a restart. A broken file changes nothing. */
#ifndef REFRESHD_DAEMON_RELOAD_H
#define REFRESHD_DAEMON_RELOAD_H

#include "daemon/daemon.h"

void reload_begin(struct daemon *daemon);

#endif
