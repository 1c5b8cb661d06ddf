/* Jobs: work that may take a while, away from the loop, one at a time in the order it came. So a
 * slow plan holds up the next command but not the loop, and no two of them meet. */
#ifndef REFRESHD_DAEMON_JOB_H
#define REFRESHD_DAEMON_JOB_H

#include <uv.h>

#include "daemon/protocol.h"

struct daemon;
struct connection;
struct command;

struct job {
    struct job *next;
    uv_work_t work;
    struct daemon *daemon;
    struct connection *connection;   /* to be answered; NULL for a job of the daemon itself */
    const struct command *command;   /* or NULL, as above */
    struct protocol_request request; /* owned; arguments for the command */
    /* Run on the job's thread; 0, or -1 with error. */
    int (*run)(struct job *job);
    /* Run on the loop's thread afterwards: answers the connection. The job is freed behind it. */
    void (*done)(struct job *job);
    bool exclusive; /* not while an import is going on */
    int result;     /* of run */
    struct error error;
    cJSON *reply;      /* made by run; owned until done hands it over */
    int spool;         /* file to attach to the reply, or -1 */
    uint64_t attached; /* its bytes */
    void *data;        /* the maker's */
};

/* job_create: NULL when out of memory. */
struct job *job_create(struct daemon *daemon, int (*run)(struct job *), void (*done)(struct job *));

/* job_add: take the job over and run it when those before it are done. */
void job_add(struct job *job);

/* job_drop_waiting: answer every job that has not begun with err and drop it. */
void job_drop_waiting(struct daemon *daemon, const struct error *err);

/* job_answer: the usual done: send reply and spool, or the error. */
void job_answer(struct job *job);

#endif
