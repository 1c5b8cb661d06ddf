/* Pauses that wait: a pause is answered when nothing is in flight on this server any more. */
#ifndef REFRESHD_DAEMON_PAUSE_WAIT_H
#define REFRESHD_DAEMON_PAUSE_WAIT_H

#include "daemon/daemon.h"
#include "daemon/job.h"

/* pause_wait: the done of the pause command. */
void pause_wait(struct job *job);

/* pause_wait_end: answer all that wait with err (the run was resumed, the daemon stops). */
void pause_wait_end(struct daemon *daemon, const struct error *err);

#endif
