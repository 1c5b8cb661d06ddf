#include "daemon/pause_wait.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_MS 20

struct waiter {
    struct waiter *next;
    struct connection *connection;
    char run[RUN_ID_BYTES];
};

/* 1 = reply or err is the answer, 0 = not yet. */
static int look(const struct waiter *waiter, const struct line_status *status, cJSON **reply,
                struct error *err)
{
    *reply = NULL;
    if (strcmp(status->run.id, waiter->run) != 0) {
        error_set(err, ERROR_STATE, "run %s ended before it could be paused", waiter->run);
        return 1;
    }
    if (status->state == LINE_HELD) {
        error_set(err, ERROR_STATE, "run %s is held: %s", waiter->run, status->reason);
        return 1;
    }
    if (status->state != LINE_PAUSED || status->draining)
        return 0;
    *reply = cJSON_CreateObject();
    if (cJSON_AddTrueToObject(*reply, "ok") == NULL ||
        cJSON_AddStringToObject(*reply, "run", waiter->run) == NULL) {
        cJSON_Delete(*reply);
        *reply = NULL;
        error_memory(err, "a reply");
    }
    return 1;
}

static void on_timer(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    struct line_status status;
    line_status(daemon->line, &status);
    for (struct waiter **at = &daemon->waiters; *at != NULL;) {
        struct waiter *waiter = *at;
        cJSON *reply;
        struct error err;
        if (!look(waiter, &status, &reply, &err)) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        if (reply != NULL)
            connection_reply(waiter->connection, reply, -1, 0);
        else
            connection_fail(waiter->connection, &err);
        free(waiter);
    }
    if (daemon->waiters == NULL)
        (void)uv_timer_stop(timer);
}

void pause_wait(struct job *job)
{
    struct daemon *daemon = job->daemon;
    struct waiter *waiter = job->result == 0 && !daemon->stopping ? malloc(sizeof *waiter) : NULL;
    if (waiter == NULL) {
        if (job->result == 0)
            job->result = error_set(&job->error, ERROR_STATE,
                                    "the run is being paused; not waiting until it is");
        job_answer(job);
        return;
    }
    struct line_status status;
    line_status(daemon->line, &status);
    waiter->connection = job->connection;
    job->connection = NULL;
    memcpy(waiter->run, status.run.id, sizeof waiter->run);
    waiter->next = daemon->waiters;
    daemon->waiters = waiter;
    daemon->waiter_timer.data = daemon;
    (void)uv_timer_start(&daemon->waiter_timer, on_timer, 0, LOOK_EVERY_MS);
}

void pause_wait_end(struct daemon *daemon, const struct error *err)
{
    while (daemon->waiters != NULL) {
        struct waiter *waiter = daemon->waiters;
        daemon->waiters = waiter->next;
        connection_fail(waiter->connection, err);
        free(waiter);
    }
    (void)uv_timer_stop(&daemon->waiter_timer);
}
