/* Watching: what `status --watch` and `start --wait` show while a run goes on. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_WATCH_H
#define REFRESHD_DAEMON_REFRESHCTL_WATCH_H

#include "daemon/refreshctl_client.h"

enum watch_style {
    WATCH_QUIET,
    WATCH_LINES,  /* a line when something changed, once in a while */
    WATCH_BAR,    /* one line of a terminal, drawn over */
    WATCH_SCREEN, /* the whole terminal, drawn over */
    WATCH_JSON,   /* a document a second */
    WATCH_LOG     /* a line a minute, and when the state changes */
};

/* watch_run: show the run until it ends or waits for a person; "" = whatever run is active. *exit
 * is the exit status (DONE when there is nothing to watch, FAILED for a run of the fleet that ended
 * without this peer). last is the last status document, the
 * caller's to delete. A refreshd that goes away is waited for, half a minute, because the run goes
 * on when it is back. ERROR_CANCELED after an interrupt: the terminal is as it was before. */
int watch_run(struct client *client, const char *run, enum watch_style style, int *exit,
              cJSON **last, struct error *err);

#endif
