/* refreshctl runs, failures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/refreshctl_client.h"
#include "daemon/refreshctl_session.h"
#include "daemon/refreshctl_text.h"

static void print_run(const cJSON *run)
{
    const cJSON *points = member(run, "points");
    const char *result = member_text(run, "result");
    char started[FIGURE_BYTES], took[32], figures[4][FIGURE_BYTES];
    (void)printf("%-22s %-10s %-20s %8s %14s %14s %9s %11s\n", member_text(run, "run"),
                 result[0] != '\0' ? result : "active",
                 figure_date(member_number(run, "started_at"), started),
                 text_format_duration(member_number(run, "elapsed_s"), took),
                 figure_count(member_number(points, "answered"), figures[0]),
                 figure_count(member_number(points, "found"), figures[1]),
                 figure_count(member_number(points, "failed"), figures[2]),
                 figure_count(member_number(points, "changed"), figures[3]));
}

static int run_runs(struct session *session, int argc, char **argv)
{
    int status = session_words(session, argc, argv, NULL, NULL, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client;
    cJSON *reply;
    status = session_ask(session, "runs", NULL, &client, &reply, &err);
    client_close(client);
    if (status != 0)
        return session_fail(session, &err);
    cJSON *runs = cJSON_DetachItemFromObjectCaseSensitive(reply, "runs");
    cJSON_Delete(reply);
    if (session->json)
        return session_print(session, runs, EXIT_DONE);
    const cJSON *run;
    (void)printf("%-22s %-10s %-20s %8s %14s %14s %9s %11s\n", "RUN", "RESULT", "STARTED", "TOOK",
                 "ANSWERED", "FOUND", "FAILED", "CHANGED");
    cJSON_ArrayForEach(run, runs) print_run(run);
    cJSON_Delete(runs);
    return EXIT_DONE;
}

enum failure_form { FAILURES_TABLE, FAILURES_CSV, FAILURES_JSON };

/* The rows as they come, one JSON object a line. */
struct failure_rows {
    struct protocol_lines lines;
    enum failure_form form;
    bool any;
    struct error *err;
};

/* A CSV field: in quotes when it needs them (RFC 4180). */
static void print_csv(const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fputs(text, stdout);
        return;
    }
    (void)putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)putchar('"');
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static void print_failure(const struct failure_rows *rows, const cJSON *row)
{
    bool csv = rows->form == FAILURES_CSV;
    (void)printf(csv ? "%.10g,%.10g," : "%11.7f %12.7f  ", member_number(row, "lat"),
                 member_number(row, "lon"));
    if (csv)
        print_csv(member_text(row, "cause"));
    else
        (void)printf("%-12s", member_text(row, "cause"));
    (void)printf(csv ? ",%.0f,%.0f," : " %6.0f %8.0f  ", member_number(row, "status"),
                 member_number(row, "attempts"));
    if (csv)
        print_csv(member_text(row, "detail"));
    else
        (void)fputs(member_text(row, "detail"), stdout);
    (void)putchar('\n');
}

static int take_rows(void *context, const void *data, size_t bytes)
{
    struct failure_rows *rows = context;
    char *line;
    size_t length;
    int got;
    if (protocol_lines_add(&rows->lines, data, bytes, rows->err) != 0)
        return -1;
    while ((got = protocol_lines_next(&rows->lines, &line, &length, rows->err)) > 0) {
        if (rows->form == FAILURES_JSON) {
            (void)printf("%s%s", rows->any ? "," : "", line);
            rows->any = true;
            continue;
        }
        cJSON *row = cJSON_ParseWithLength(line, length);
        if (row == NULL)
            return error_set(rows->err, ERROR_VALUE, "refreshd sent a row that is not JSON");
        print_failure(rows, row);
        cJSON_Delete(row);
        rows->any = true;
    }
    return got;
}

static int print_failures(struct client *client, const cJSON *reply, enum failure_form form,
                          struct error *err)
{
    struct failure_rows rows = {.form = form, .err = err, .lines = {.limit = PROTOCOL_REPLY_LIMIT}};
    if (form == FAILURES_CSV)
        (void)puts("lat,lon,cause,status,attempts,detail");
    else if (form == FAILURES_TABLE && member_number(reply, "rows") > 0)
        (void)printf("%11s %12s  %-12s %6s %8s  %s\n", "LAT", "LON", "CAUSE", "STATUS", "ATTEMPTS",
                     "DETAIL");
    else if (form == FAILURES_TABLE)
        (void)printf("run %s: no point failed\n", member_text(reply, "run"));
    else
        (void)printf("{\"run\":\"%s\",\"failures\":[", member_text(reply, "run"));
    int result =
        client_attached(client, (uint64_t)member_number(reply, "attached"), take_rows, &rows, err);
    if (form == FAILURES_JSON && result == 0)
        (void)puts("]}");
    protocol_lines_free(&rows.lines);
    return result;
}

static const struct command_option failures_options[] = {
    {"--format", "csv", 0, "Print lat,lon,cause,status,attempts,detail, as a file to keep"},
    {NULL, NULL, 0, NULL}};

static int run_failures(struct session *session, int argc, char **argv)
{
    const char *run = "", *format = NULL;
    int status = session_words(session, argc, argv, failures_options, &format, &run, 0, 1, NULL);
    if (status != 0)
        return status;
    if (format != NULL && strcmp(format, "csv") != 0)
        return session_usage(session, "--format: %.40s is not csv", format);
    enum failure_form form = format != NULL  ? FAILURES_CSV
                             : session->json ? FAILURES_JSON
                                             : FAILURES_TABLE;
    struct error err;
    struct client *client;
    cJSON *reply = NULL;
    status = session_ask(session, "failures", run, &client, &reply, &err);
    if (status == 0)
        status = print_failures(client, reply, form, &err);
    cJSON_Delete(reply);
    client_close(client);
    return status == 0 ? EXIT_DONE : session_fail(session, &err);
}

const struct subcommand history_subcommands[] = {
    {"runs", "", NULL, "List the runs, newest first", "", "runs", "0123", run_runs},
    {"failures", "[RUN]", failures_options, "List the points that failed, and why",
     "Of the newest run by default. `start --retry-failed` asks for them again.",
     "failures --format csv", "0123", run_failures},
    {.name = NULL}};
