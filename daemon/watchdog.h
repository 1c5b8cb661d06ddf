/* The watchdog of systemd (sd_notify(3)): WATCHDOG=1 now and then as long as refreshd gets on, none
 * when a thread of the line stands still or a run that should get on does not. Silence for
 * WATCHDOG_USEC makes systemd end refreshd and start it again, and the run goes on from the ledger.
 *
 * What is waited for from outside is no standstill: nothing to do, a pause, a geocoder that can't
 * be reached or wants quiet, a slow pace. The loop that sends is watched by sending. */
#ifndef REFRESHD_DAEMON_WATCHDOG_H
#define REFRESHD_DAEMON_WATCHDOG_H

#include <uv.h>

#include "stages/line.h"

/* Whether it is a standstill, out of one look after another. */
struct watchdog_view {
    double limit; /* seconds of silence that are one */
    double since; /* when the run was seen to move last, or was not due to; 0 = never looked */
    uint64_t moved;
};

/* watchdog_judge: false = a standstill; *silent tells for how long. now: clock_monotonic. */
bool watchdog_judge(struct watchdog_view *view, const struct line_progress *progress, double now,
                    double *silent);

struct watchdog;

/* watchdog_open: begin, when systemd asks for it; else *out is NULL. line outlives it. */
int watchdog_open(struct watchdog **out, uv_loop_t *loop, struct line *line, struct error *err);

/* watchdog_close: the loop must run once more, then it is gone. NULL is allowed. */
void watchdog_close(struct watchdog *watchdog);

#endif
