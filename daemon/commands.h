/* The commands of the control socket: one table of them. */
#ifndef REFRESHD_DAEMON_COMMANDS_H
#define REFRESHD_DAEMON_COMMANDS_H

#include "daemon/daemon.h"
#include "daemon/job.h"

struct command {
    const char *name;
    bool changes; /* logged with who asked; not while an import is going on */
    /* One of the two: at once on the loop's thread, or as a job. */
    cJSON *(*answer)(struct daemon *daemon, struct error *err);
    int (*run)(struct job *job);
    void (*done)(struct job *job); /* NULL = job_answer */
    const char *const *arguments;  /* allowed ones, ends in NULL */
};

/* commands_request: the server's request callback; context is the daemon. */
void commands_request(void *context, struct connection *connection, const char *line,
                      size_t length);

/* Runs of commands, each filling job->reply (commands_run.c, commands_history.c,
 * commands_cache.c). */
int command_start(struct job *job);
int command_plan(struct job *job);
int command_pause(struct job *job);
int command_resume(struct job *job);
int command_cancel(struct job *job);
int command_set(struct job *job);
int command_publish(struct job *job);
int command_runs(struct job *job);
int command_report(struct job *job);
int command_failures(struct job *job);
int command_rollback(struct job *job);

/* answer_peers: the answer of peers (commands_fleet.c). */
cJSON *answer_peers(struct daemon *daemon, struct error *err);

/* command_ok: make job->reply {"ok":true}. -1 when out of memory, as job->error says. */
int command_ok(struct job *job);

/* command_add: put a member into job->reply, taking item over; NULL item is out of memory. */
int command_add(struct job *job, const char *name, cJSON *item);

#endif
