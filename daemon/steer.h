/* What operators ask of a run: the fleet is asked when it has one, else the line of this server. A
 * run that a peer began alone stays its own. Whatever changes something is for jobs (daemon.h),
 * since it may wait for etcd. */
#ifndef REFRESHD_DAEMON_STEER_H
#define REFRESHD_DAEMON_STEER_H

#include "daemon/daemon.h"

/* steer_fleet_runs: the fleet has a run that is not over here. */
bool steer_fleet_runs(struct daemon *daemon);

/* steer_is_fleet: what is asked next is asked of the fleet. */
bool steer_is_fleet(struct daemon *daemon);

/* steer_is_active: there is a run, here or of the fleet: the cache must not be changed by others.
 */
bool steer_is_active(struct daemon *daemon);

/* steer_run: the run that is steered, or "". */
void steer_run(struct daemon *daemon, char run[RUN_ID_BYTES]);

/* steer_start: fleet_start; there is a fleet. */
int steer_start(struct daemon *daemon, const struct run_parameters *parameters,
                char id[RUN_ID_BYTES], bool *nothing, struct error *err);

int steer_pause(struct daemon *daemon, const char *reason, struct error *err);
int steer_resume(struct daemon *daemon, struct error *err);
int steer_cancel(struct daemon *daemon, struct error *err);
int steer_set(struct daemon *daemon, const struct line_change *change, struct error *err);

/* steer_publish: *held: the gate still holds the run, whose limits are those of the run in a
 * fleet. */
int steer_publish(struct daemon *daemon, bool force, bool *held, struct error *err);

#endif
