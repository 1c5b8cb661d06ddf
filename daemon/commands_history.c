/* Commands that read the ledger: what runs did. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "cachefmt/transfer.h"
#include "daemon/commands.h"
#include "daemon/report_json.h"
#include "daemon/spool.h"
#include "daemon/status_json.h"

#define RUNS_LISTED 1000

static int add_run(struct job *job, cJSON *list, const struct run_record *run)
{
    cJSON *item = run_json(run);
    if (item == NULL || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return error_memory(&job->error, "a reply");
    }
    return 0;
}

int command_runs(struct job *job)
{
    struct ledger *ledger = line_ledger(job->daemon->line);
    struct run_record *runs = NULL;
    size_t count = 0;
    struct line_status status;
    cJSON *list = cJSON_CreateArray();
    int result = -1;
    if (command_ok(job) != 0 || command_add(job, "runs", list) != 0 ||
        ledger_history(ledger, RUNS_LISTED, &runs, &count, &job->error) != 0)
        return -1;
    line_status(job->daemon->line, &status);
    bool also_active =
        status.run.id[0] != '\0' && (count == 0 || strcmp(runs[0].id, status.run.id) != 0);
    if (also_active && add_run(job, list, &status.run) != 0)
        goto out;
    for (size_t i = 0; i < count; i++)
        if (add_run(job, list, &runs[i]) != 0)
            goto out;
    result = 0;
out:
    free(runs);
    return result;
}

/* The run a request names, or the newest. */
static int find_run(struct job *job, struct run_record *run)
{
    const char *id = "";
    if (protocol_text(job->request.arguments, "run", &id, &job->error) < 0)
        return -1;
    if (strlen(id) >= RUN_ID_BYTES)
        return error_set(&job->error, ERROR_MISSING, "there is no run %.60s", id);
    int found = ledger_find_run(line_ledger(job->daemon->line), id, run, &job->error);
    if (found == 0 && id[0] == '\0')
        return error_set(&job->error, ERROR_MISSING, "there was no run yet");
    if (found == 0)
        return error_set(&job->error, ERROR_MISSING,
                         "there is no run %s; `refreshctl runs` lists them", id);
    return found > 0 ? 0 : -1;
}

static int write_all(int fd, const struct buffer *text)
{
    for (size_t done = 0; done < text->used;) {
        ssize_t written = write(fd, text->data + done, text->used - done);
        if (written < 0 && errno != EINTR)
            return -1;
        done += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

/* Attached, for tables may be large; in memory, so that a full disk keeps nobody from a report. */
static int attach(struct job *job, const struct buffer *text)
{
    int fd = memfd_create("report", MFD_CLOEXEC);
    if (fd >= 0 && write_all(fd, text) == 0) {
        job->spool = fd;
        job->attached = text->used;
        return 0;
    }
    error_io(&job->error, errno, "make", "a report in memory");
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

int command_report(struct job *job)
{
    struct run_record run;
    struct run_report report;
    if (find_run(job, &run) != 0)
        return -1;
    int found = line_report(job->daemon->line, run.id, &report, &job->error);
    if (found <= 0)
        return found < 0
                   ? -1
                   : error_set(&job->error, ERROR_MISSING, "there is no run %s any more", run.id);
    struct buffer text = {0};
    int result = report_text(&report, false, &text, &job->error);
    run_report_free(&report);
    if (result == 0)
        result = attach(job, &text);
    buffer_free(&text);
    if (result != 0 || command_ok(job) != 0)
        return -1;
    return command_add(job, "attached", cJSON_CreateNumber((double)job->attached));
}

struct failure_spool {
    FILE *file;
    struct buffer row;
    uint64_t rows;
    struct error *err;
};

/* One line of JSON; details come from geocoders, so they are quoted with care. */
static int spool_failure(void *context, const struct failure *failure)
{
    struct failure_spool *spool = context;
    char lat[16], lon[16], row[256];
    text_format_degrees(failure->point.lat, lat);
    text_format_degrees(failure->point.lon, lon);
    int length = snprintf(
        row, sizeof row,
        "{\"lat\":%s,\"lon\":%s,\"cause\":\"%s\",\"status\":%u,\"attempts\":%u,"
        "\"detail\":",
        lat, lon, (size_t)failure->cause < CAUSE_COUNT ? failure_cause_names[failure->cause] : "",
        failure->status, failure->attempts);
    buffer_clear(&spool->row);
    if (buffer_append(&spool->row, row, (size_t)length, spool->err) != 0 ||
        buffer_append_json_string(&spool->row, failure->detail,
                                  strnlen(failure->detail, sizeof failure->detail),
                                  spool->err) != 0 ||
        buffer_append(&spool->row, "}\n", 2, spool->err) != 0)
        return -1;
    spool->rows++;
    if (fwrite(spool->row.data, 1, spool->row.used, spool->file) != spool->row.used)
        return error_set(spool->err, ERROR_DISK_FULL, "cannot write a temporary file");
    return 0;
}

/* Spooled first: a client that reads slowly must not keep a transaction of the ledger open. */
int command_failures(struct job *job)
{
    struct run_record run;
    struct failure_spool spool = {.err = &job->error};
    if (find_run(job, &run) != 0)
        return -1;
    spool.file = spool_open(job->daemon->started->refresh.state_directory, &job->error);
    if (spool.file == NULL)
        return -1;
    int result =
        ledger_failures(line_ledger(job->daemon->line), run.id, spool_failure, &spool, &job->error);
    buffer_free(&spool.row);
    if (result != 0) {
        (void)fclose(spool.file);
        return -1;
    }
    if (spool_finish(spool.file, &job->spool, &job->attached, &job->error) != 0 ||
        command_ok(job) != 0 || command_add(job, "run", cJSON_CreateString(run.id)) != 0 ||
        command_add(job, "rows", cJSON_CreateNumber((double)spool.rows)) != 0)
        return -1;
    return command_add(job, "attached", cJSON_CreateNumber((double)job->attached));
}
