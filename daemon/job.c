#include "daemon/job.h"

#include <stdlib.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/import_job.h"

struct job *job_create(struct daemon *daemon, int (*run)(struct job *), void (*done)(struct job *))
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->daemon = daemon;
    job->run = run;
    job->done = done;
    job->spool = -1;
    job->work.data = job;
    return job;
}

static void free_job(struct job *job)
{
    protocol_request_free(&job->request);
    cJSON_Delete(job->reply);
    if (job->spool >= 0)
        (void)close(job->spool);
    free(job);
}

static void work(uv_work_t *request)
{
    struct job *job = request->data;
    job->result = job->run(job);
}

static void begin_first(struct daemon *daemon);

static void after_work(uv_work_t *request, int status)
{
    struct job *job = request->data;
    struct daemon *daemon = job->daemon;
    if (status < 0)
        job->result = error_set(&job->error, ERROR_CANCELED, "refreshd is stopping");
    job->done(job);
    daemon->job_running = false;
    daemon->jobs = job->next;
    if (daemon->jobs == NULL)
        daemon->last_job = NULL;
    free_job(job);
    begin_first(daemon);
}

static void begin_first(struct daemon *daemon)
{
    struct job *job = daemon->jobs;
    if (job == NULL || daemon->job_running)
        return;
    daemon->job_running = true;
    if (job->exclusive && import_refuses(daemon, &job->error)) {
        job->result = -1;
        after_work(&job->work, 0);
        return;
    }
    int status = uv_queue_work(&daemon->loop, &job->work, work, after_work);
    if (status != 0)
        after_work(&job->work, status);
}

void job_add(struct job *job)
{
    struct daemon *daemon = job->daemon;
    if (daemon->last_job != NULL)
        daemon->last_job->next = job;
    else
        daemon->jobs = job;
    daemon->last_job = job;
    begin_first(daemon);
}

void job_drop_waiting(struct daemon *daemon, const struct error *err)
{
    struct job *first = daemon->jobs;
    if (first == NULL)
        return;
    struct job *job = first->next;
    first->next = NULL;
    daemon->last_job = first;
    while (job != NULL) {
        struct job *next = job->next;
        job->result = -1;
        job->error = *err;
        job->done(job);
        free_job(job);
        job = next;
    }
}

void job_answer(struct job *job)
{
    struct connection *connection = job->connection;
    if (connection == NULL)
        return;
    job->connection = NULL;
    if (job->result != 0) {
        connection_fail(connection, &job->error);
        return;
    }
    connection_reply(connection, job->reply, job->spool, job->attached);
    job->reply = NULL;
    job->spool = -1;
}
