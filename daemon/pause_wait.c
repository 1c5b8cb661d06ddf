#include "daemon/pause_wait.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/steer.h"

#define LOOK_EVERY_MS 20

struct waiter {
    struct waiter *next;
    struct connection *connection;
    char run[RUN_ID_BYTES];
};

/* A run of the fleet that this peer has not begun yet, or has no part in: nothing of it is in
 * flight here. 1 = it is paused, 0 = not yet, -1 = it is over. */
static int look_at_fleet(struct daemon *daemon, const struct waiter *waiter)
{
    struct fleet_status fleet;
    if (daemon->fleet == NULL)
        return -1;
    fleet_status(daemon->fleet, &fleet);
    return strcmp(fleet.run, waiter->run) == 0 ? fleet.paused : -1;
}

/* 1 = it is paused and drained, 0 = not yet, -1 = it can't be. */
static int look_at_run(struct daemon *daemon, const struct waiter *waiter, struct error *err)
{
    struct line_status status;
    line_status(daemon->line, &status);
    if (strcmp(status.run.id, waiter->run) != 0) {
        int paused = look_at_fleet(daemon, waiter);
        return paused >= 0 ? paused
                           : error_set(err, ERROR_STATE, "run %s ended before it could be paused",
                                       waiter->run);
    }
    if (status.state == LINE_HELD)
        return error_set(err, ERROR_STATE, "run %s is held: %s", waiter->run, status.reason);
    return status.state == LINE_PAUSED && !status.draining;
}

/* 1 = reply or err is the answer, 0 = not yet. */
static int look(struct daemon *daemon, const struct waiter *waiter, cJSON **reply,
                struct error *err)
{
    *reply = NULL;
    int paused = look_at_run(daemon, waiter, err);
    if (paused <= 0)
        return paused < 0;
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
    for (struct waiter **at = &daemon->waiters; *at != NULL;) {
        struct waiter *waiter = *at;
        cJSON *reply;
        struct error err;
        if (!look(daemon, waiter, &reply, &err)) {
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
    waiter->connection = job->connection;
    job->connection = NULL;
    steer_run(daemon, waiter->run);
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
