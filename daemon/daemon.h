/* refreshd as one object: what it holds, in the order it is started.
 *
 *   daemon_open(&daemon, &settings, &err);    everything or nothing
 *   daemon_run(daemon);                       until SIGTERM or SIGINT
 *   daemon_close(daemon);                     the mirror image of daemon_open
 *
 * Threads: the loop's thread owns all of it. Jobs (job.h) run one at a time on another thread and
 * have the line and the configuration to themselves meanwhile, but for line_status. */
#ifndef REFRESHD_DAEMON_DAEMON_H
#define REFRESHD_DAEMON_DAEMON_H

#include <uv.h>

#include "cachefmt/generation.h"
#include "config/config.h"
#include "daemon/server.h"
#include "daemon/serving.h"
#include "fleet/fleet.h"
#include "stages/line.h"

struct job;
struct import;
struct waiter;
struct watchdog;

struct daemon {
    const char *config_path; /* NULL = the default */
    struct config *started;  /* what the line and the socket were made from */
    struct config *config;   /* in force: started, or what a reload brought; read by jobs */
    struct cache_lock *lock, *state_lock; /* of the two directories */
    struct learned *learned;              /* NULL: nothing is learned */
    struct fleet *fleet;                  /* NULL: this server is alone */
    struct line *line;
    uv_loop_t loop;
    bool loop_ready;
    uv_signal_t signals[3]; /* SIGTERM, SIGINT, SIGHUP */
    unsigned signals_ready;
    struct serving *serving; /* NULL: HTTP is off */
    struct server *server;
    struct watchdog *watchdog;   /* NULL: systemd does not ask for it */
    struct job *jobs, *last_job; /* waiting; the first is running when job_running */
    bool job_running;
    struct import *import;   /* under way, or NULL */
    struct waiter *waiters;  /* pauses that wait for the line to drain */
    uv_timer_t waiter_timer; /* stopped while there are none */
    bool stopping;
};

/* daemon_open: take the configuration over (on failure as well), lock the directories, open the
 * socket and the line, take up an unfinished run. Failures name what to do. */
int daemon_open(struct daemon **out, struct config *config, const char *config_path,
                struct error *err);

/* daemon_run: serve until a signal says stop. */
void daemon_run(struct daemon *daemon);

void daemon_close(struct daemon *daemon); /* NULL is allowed */

/* daemon_stop: begin to stop; daemon_run returns soon. */
void daemon_stop(struct daemon *daemon);

#endif
