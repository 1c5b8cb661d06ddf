/* refreshctl report. */
#include "daemon/refreshctl_report.h"

#include <stdio.h>

#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_tables.h"
#include "daemon/refreshctl_text.h"

enum report_form report_form(const struct session *session, bool csv)
{
    return csv ? REPORT_CSV : session->json ? REPORT_JSON : REPORT_TEXT;
}

int report_print(const struct session *session, cJSON *document, enum report_form form,
                 const struct buffer *head)
{
    struct buffer text = {0};
    struct error err;
    if (form == REPORT_JSON)
        return session_print(session, document, EXIT_DONE);
    const cJSON *tables = member(document, "tables");
    int result = form == REPORT_CSV ? print_tables_csv(tables, &text, &err)
                                    : print_tables(tables, &text, &err);
    if (result == 0 && form == REPORT_TEXT)
        (void)fwrite(head->data, 1, head->used, stdout);
    if (result == 0)
        (void)fwrite(text.data, 1, text.used, stdout);
    buffer_free(&text);
    cJSON_Delete(document);
    return result == 0 ? EXIT_DONE : session_fail(session, &err);
}

/* What the run did, in figures. */
static int append_head(const cJSON *report, struct buffer *out, struct error *err)
{
    static const char *const names[] = {"total",  "found",   "none",   "unsure",
                                        "failed", "carried", "changed"};
    const cJSON *points = member(report, "points");
    const char *result = member_text(report, "result"), *reason = member_text(report, "reason");
    if (append_format(out, err, "run %s, %s%s%s\n", member_text(report, "run"),
                      result[0] != '\0' ? result : "active", reason[0] != '\0' ? ": " : "",
                      reason) != 0)
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char count[FIGURE_BYTES];
        if (append_format(out, err, "  %-8s %14s\n", names[i],
                          figure_count(member_number(points, names[i]), count)) != 0)
            return -1;
    }
    return append_format(out, err, "\n");
}

struct piece {
    struct buffer *text;
    struct error *err;
};

static int take_piece(void *context, const void *data, size_t bytes)
{
    struct piece *piece = context;
    return buffer_append(piece->text, data, bytes, piece->err);
}

static int ask(struct session *session, const char *run, cJSON **report, struct error *err)
{
    struct buffer text = {0};
    struct piece piece = {&text, err};
    struct client *client;
    cJSON *reply = NULL;
    int result = session_ask(session, "report", run, &client, &reply, err);
    if (result == 0)
        result = client_attached(client, (uint64_t)member_number(reply, "attached"), take_piece,
                                 &piece, err);
    client_close(client);
    cJSON_Delete(reply);
    if (result == 0) {
        *report = cJSON_ParseWithLength((const char *)text.data, text.used);
        if (*report == NULL)
            result = error_set(err, ERROR_VALUE, "refreshd sent a report that is not JSON");
    }
    buffer_free(&text);
    return result;
}

static const struct command_option report_options[] = {
    {"--csv", NULL, 0, "Print a line for each index and value, as a file to keep"},
    {NULL, NULL, 0, NULL}};

static int run_report(struct session *session, int argc, char **argv)
{
    const char *run = "";
    bool csv = false;
    int status = session_words(session, argc, argv, report_options, &csv, &run, 0, 1, NULL);
    if (status != 0)
        return status;
    struct error err = {.code = ERROR_NONE};
    struct buffer head = {0};
    cJSON *report = NULL;
    status = ask(session, run, &report, &err);
    if (status == 0)
        status = append_head(report, &head, &err);
    if (status == 0) {
        status = report_print(session, report, report_form(session, csv), &head);
    } else {
        cJSON_Delete(report);
        status = session_fail(session, &err);
    }
    buffer_free(&head);
    return status;
}

const struct subcommand report_subcommands[] = {
    {"report", "[RUN]", report_options, "Show what a run changed",
     "Of the newest run by default, which may be active. Each table has its text as a title;\n"
     "those of a run are said by [report] in the configuration and by start --table. Long ones\n"
     "end early for people; --json and --csv have all of it. CSV has the columns\n"
     "table, one for each index field that occurs, position (in a list, from 1), value,\n"
     "count and error (of top), and value2, value3 when a table has several expressions.",
     "report 20261121T020000Z-1f3a", "0123", run_report},
    {.name = NULL}};
