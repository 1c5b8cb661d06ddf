/* What a run waits for, and what `refreshctl start --wait` exits with for it. */
#ifndef REFRESHD_DAEMON_RUN_STAND_H
#define REFRESHD_DAEMON_RUN_STAND_H

#include "stages/line.h"

/* Why the active run stands still. */
enum run_stand {
    STAND_NONE,     /* there is no run, it works, or it is still draining */
    STAND_OPERATOR, /* paused by a person */
    STAND_BUDGET,   /* too many points failed */
    STAND_GATE,     /* held: too much would change */
    STAND_ERROR,    /* a full disk, a used-up quota, ... */
    STANDS
};
extern const char *const run_stand_names[STANDS]; /* "none", "operator", "budget", ... */

enum run_stand run_stand(const struct line_status *status);

/* run_exit: exit status for a run that ended. */
int run_exit(const struct run_record *run);

/* run_standing_exit: exit status for a run that stands still for a person who did not ask for
 * it; -1 = it does not. */
int run_standing_exit(const struct line_status *status);

#endif
