/* The import through the daemon: the client's bytes go from the loop through a pipe to a thread
 * that imports, so that a slow disk holds up nobody but the client. One at a time, and none while
 * a run is active: the line refreshes the generation that is published. */
#ifndef REFRESHD_DAEMON_IMPORT_JOB_H
#define REFRESHD_DAEMON_IMPORT_JOB_H

#include "daemon/daemon.h"
#include "daemon/job.h"

/* import_prepare, import_begin: run and done of the import command. */
int import_prepare(struct job *job);
void import_begin(struct job *job);

/* import_refuses: true and err when an import is going on. Loop's thread. */
bool import_refuses(const struct daemon *daemon, struct error *err);

/* import_cancel: end the import that is going on, if any; its client gets an error. */
void import_cancel(struct daemon *daemon);

#endif
