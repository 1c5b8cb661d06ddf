/* The route /api/report: the report of a run, of the newest without `run`. */
#include <stdio.h>
#include <string.h>

#include "daemon/http_routes.h"
#include "daemon/report_json.h"
#include "daemon/reports.h"
#include "daemon/reverse.h"

#define MOST_BYTES ((size_t)4 << 20) /* of one document */
#define NO_RUN "{\"run\":null,\"tables\":[]}"

int http_make_report(const void *context, const char *run, struct buffer *out, struct error *err)
{
    struct line *line = (struct line *)context;
    struct run_report report;
    int found = line_report(line, run, &report, err);
    if (found <= 0)
        return found < 0 ? -1 : error_set(err, ERROR_MISSING, "there is no run %s any more", run);
    size_t start = out->used;
    int result = report_text(&report, true, out, err);
    run_report_free(&report);
    if (result == 0 && out->used - start > MOST_BYTES) {
        buffer_free(out);
        return error_set(err, ERROR_VALUE,
                         "the report is too large for HTTP; `refreshctl report %s` has it", run);
    }
    return result;
}

/* What a call remembers while the report is made. */
struct waiting {
    struct reports_waiter waiter;
    bool asked;
};
_Static_assert(sizeof(struct waiting) <= HTTP_STATE_BYTES, "a call has room for what it waits for");

static void made(struct reports_waiter *waiter)
{
    http_resume(waiter->context);
}

static bool take_run(void *context, const char *name, const char *value)
{
    char *run = context;
    if (strcmp(name, "run") == 0)
        (void)snprintf(run, RUN_ID_BYTES + 1, "%s", value);
    return true;
}

static enum http_next refuse(struct http_reply *reply, unsigned status, const char *message)
{
    reply->status = status;
    buffer_clear(&reply->body);
    (void)reverse_print_error(status, message, &reply->body, NULL);
    return HTTP_REPLY;
}

/* 1 = *record; 0, after saying so: there is none. */
static int find(struct http_call *call, struct run_record *record, struct http_reply *reply)
{
    char run[RUN_ID_BYTES + 1] = "";
    struct error err;
    http_parameters(call, take_run, run);
    int found = strlen(run) < RUN_ID_BYTES
                    ? ledger_find_run(line_ledger(http_services(call)->line), run, record, &err)
                    : 0;
    if (found == 0 && run[0] == '\0')
        (void)buffer_append(&reply->body, NO_RUN, strlen(NO_RUN), NULL);
    else if (found <= 0)
        (void)refuse(reply, found < 0 ? 500 : 404,
                     found < 0 ? err.message : "There is no such run");
    return found > 0;
}

enum http_next http_route_api_report(struct http_call *call, struct http_reply *reply)
{
    struct run_record record;
    struct error err;
    struct waiting *waiting = http_state(call);
    if (!find(call, &record, reply))
        return HTTP_REPLY;
    waiting->waiter = (struct reports_waiter){.done = made, .context = call};
    struct reports_waiter *waiter = waiting->asked ? NULL : &waiting->waiter;
    waiting->asked = true;
    int answer = reports_read(http_services(call)->reports, record.id, record.result != RESULT_NONE,
                              waiter, &reply->body, &err);
    if (answer == REPORTS_WAIT)
        return HTTP_WAIT;
    if (answer == REPORTS_BUSY)
        return refuse(reply, 503, "Other reports are being made; try again");
    return answer < 0 ? refuse(reply, 500, err.message) : HTTP_REPLY;
}
