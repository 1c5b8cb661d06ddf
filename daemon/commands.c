#include "daemon/commands.h"

#include <string.h>
#include <unistd.h>

#include "daemon/import_job.h"
#include "daemon/log.h"
#include "daemon/pause_wait.h"
#include "daemon/status_json.h"

static cJSON *answer_ping(struct daemon *daemon, struct error *err)
{
    (void)daemon;
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddTrueToObject(reply, "ok");
    cJSON_AddStringToObject(reply, "version", REFRESHD_VERSION);
    if (cJSON_AddNumberToObject(reply, "pid", (double)getpid()) == NULL) {
        cJSON_Delete(reply);
        reply = NULL;
        error_memory(err, "a reply");
    }
    return reply;
}

static cJSON *answer_status(struct daemon *daemon, struct error *err)
{
    cJSON *reply = cJSON_CreateObject();
    struct learned_counts learned = serving_counts(daemon->serving, daemon->config);
    cJSON *document = status_now(daemon->line, daemon->fleet, daemon->config, &learned);
    if (cJSON_AddTrueToObject(reply, "ok") == NULL || document == NULL ||
        !cJSON_AddItemToObject(reply, "status", document)) {
        cJSON_Delete(document);
        cJSON_Delete(reply);
        reply = NULL;
        error_memory(err, "a reply");
    }
    return reply;
}

static void resumed(struct job *job)
{
    struct error err;
    error_set(&err, ERROR_STATE, "the run was resumed before it was paused");
    if (job->result == 0)
        pause_wait_end(job->daemon, &err);
    job_answer(job);
}

static const char *const no_arguments[] = {NULL};
static const char *const start_arguments[] = {"older_than", "finish_within", "rate",
                                              "workers",    "tiles",         "retry_failed",
                                              "fleet",      "tables",        NULL};
static const char *const set_arguments[] = {"rate", "workers", "finish_within", "concurrency",
                                            NULL};
static const char *const publish_arguments[] = {"force", NULL};
static const char *const run_arguments[] = {"run", NULL};
static const char *const rollback_arguments[] = {"generation", NULL};
static const char *const import_arguments[] = {"format", "name", "skip_bad", NULL};

static const struct command commands[] = {
    {"ping", false, answer_ping, NULL, NULL, no_arguments},
    {"status", false, answer_status, NULL, NULL, no_arguments},
    {"peers", false, answer_peers, NULL, NULL, no_arguments},
    {"start", true, NULL, command_start, NULL, start_arguments},
    {"plan", false, NULL, command_plan, NULL, start_arguments},
    {"pause", true, NULL, command_pause, pause_wait, no_arguments},
    {"resume", true, NULL, command_resume, resumed, no_arguments},
    {"cancel", true, NULL, command_cancel, NULL, no_arguments},
    {"set", true, NULL, command_set, NULL, set_arguments},
    {"publish", true, NULL, command_publish, NULL, publish_arguments},
    {"runs", false, NULL, command_runs, NULL, no_arguments},
    {"report", false, NULL, command_report, NULL, run_arguments},
    {"failures", false, NULL, command_failures, NULL, run_arguments},
    {"import", true, NULL, import_prepare, import_begin, import_arguments},
    {"rollback", true, NULL, command_rollback, NULL, rollback_arguments},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void log_command(const struct command *command, const struct connection *connection)
{
    const struct ucred *peer = connection_peer(connection);
    log_event(LOG_LEVEL_INFO, "command", "name=%s uid=%ld pid=%ld", command->name, (long)peer->uid,
              (long)peer->pid);
}

static void done_and_log(struct job *job)
{
    if (job->result != 0 && job->command->changes) {
        char quoted[LOG_QUOTED_BYTES];
        log_event(LOG_LEVEL_WARNING, "command_refused", "name=%s error=%s", job->command->name,
                  log_quote(job->error.message, quoted));
    }
    if (job->command->done != NULL)
        job->command->done(job);
    else
        job_answer(job);
}

static int dispatch(struct daemon *daemon, struct connection *connection,
                    struct protocol_request *request, struct error *err)
{
    const struct command *command = find_command(request->command);
    if (command == NULL)
        return error_set(err, ERROR_USAGE, "unknown command %.60s", request->command);
    if (protocol_only(request->arguments, command->arguments, err) != 0)
        return -1;
    if (command->answer != NULL) {
        cJSON *reply = command->answer(daemon, err);
        if (reply != NULL)
            connection_reply(connection, reply, -1, 0);
        return reply != NULL ? 0 : -1;
    }
    if (command->changes)
        log_command(command, connection);
    struct job *job = job_create(daemon, command->run, done_and_log);
    if (job == NULL)
        return error_memory(err, "a command");
    job->connection = connection;
    job->command = command;
    job->exclusive = command->changes;
    job->request = *request;
    request->json = NULL;
    job_add(job);
    return 0;
}

void commands_request(void *context, struct connection *connection, const char *line, size_t length)
{
    struct daemon *daemon = context;
    struct protocol_request request;
    struct error err;
    if (protocol_request_parse(&request, line, length, &err) != 0) {
        connection_fail(connection, &err);
        return;
    }
    if (daemon->stopping)
        error_set(&err, ERROR_STATE, "refreshd is stopping");
    if (daemon->stopping || dispatch(daemon, connection, &request, &err) != 0)
        connection_fail(connection, &err);
    protocol_request_free(&request);
}

int command_ok(struct job *job)
{
    job->reply = cJSON_CreateObject();
    if (cJSON_AddTrueToObject(job->reply, "ok") == NULL)
        return error_memory(&job->error, "a reply");
    return 0;
}

int command_add(struct job *job, const char *name, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToObject(job->reply, name, item)) {
        cJSON_Delete(item);
        return error_memory(&job->error, "a reply");
    }
    return 0;
}
