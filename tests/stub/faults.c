#include "tests/stub/faults.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "tests/stub/emit.h"

#define HUGE_BYTES 10000000u
#define NESTED_DEPTH 100000u

typedef const struct fault_values values_t;

/* --- a batch's rows -------------------------------------------------------------- */

static void rows_missing(values_t *values, struct rows *rows, struct knowledge *knowledge)
{
    (void)values;
    (void)knowledge;
    if (rows->count < 2)
        return;
    size_t middle = rows->count-- / 2;
    memmove(&rows->row[middle], &rows->row[middle + 1],
            (rows->count - middle) * sizeof rows->row[0]);
}

static void rows_extra(values_t *values, struct rows *rows, struct knowledge *knowledge)
{
    (void)values;
    (void)knowledge;
    (void)rows_add(rows, (struct point){485000000, 25000000});
}

static void rows_reordered(values_t *values, struct rows *rows, struct knowledge *knowledge)
{
    (void)values;
    (void)knowledge;
    for (size_t i = 0, j = rows->count; i + 1 < j; i++) {
        struct row row = rows->row[i];
        rows->row[i] = rows->row[--j];
        rows->row[j] = row;
    }
}

/* The first row instead of the second. */
static void rows_duplicated(values_t *values, struct rows *rows, struct knowledge *knowledge)
{
    (void)values;
    (void)knowledge;
    if (rows->count > 1)
        rows->row[1] = rows->row[0];
}

/* --- what the geocoder knows ------------------------------------------------------- */

static void far_away(values_t *values, struct rows *rows, struct knowledge *knowledge)
{
    (void)rows;
    knowledge->shift = (int)values->bytes;
}

static void empty(values_t *values, struct rows *rows, struct knowledge *knowledge)
{
    (void)values;
    (void)rows;
    knowledge->nothing = true;
}

/* --- bodies ------------------------------------------------------------------------ */

static void set_body(struct reply *reply, unsigned status, const char *type, const char *text)
{
    reply->status = status;
    reply->content_type = type;
    buffer_clear(&reply->body);
    emit_bytes(&reply->body, text, strlen(text));
}

static void add_retry_after(values_t *values, struct reply *reply)
{
    char date[64];
    if (values->retry_after != 0)
        emit(&reply->headers, "Retry-After: %u\r\n", (unsigned)values->retry_after);
    if (values->retry_date == 0)
        return;
    /* Up to the next whole second: the client must not come earlier than it was told. */
    time_t then = time(NULL) + (time_t)ceil(values->retry_date) + 1;
    struct tm parts;
    (void)gmtime_r(&then, &parts);
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    emit(&reply->headers, "Retry-After: %s\r\n", date);
}

static void status(values_t *values, const struct request *request, struct reply *reply)
{
    (void)request;
    set_body(reply, values->status == 0 ? 500 : values->status, "text/plain",
             values->text == NULL ? "told so by the script\n" : values->text);
    add_retry_after(values, reply);
}

static void body(values_t *values, const struct request *request, struct reply *reply)
{
    (void)request;
    set_body(reply, values->status == 0 ? 200 : values->status,
             values->type == NULL ? "application/json" : values->type,
             values->text == NULL ? "" : values->text);
    add_retry_after(values, reply);
}

static void html(values_t *values, const struct request *request, struct reply *reply)
{
    (void)request;
    set_body(reply, values->status == 0 ? 200 : values->status, "text/html",
             "<!DOCTYPE html><html><head><title>Oops</title></head><body>An error.</body></html>");
}

/* Bytes that are no UTF-8 in the middle of the first text that has a space in it. */
static void invalid_utf8(values_t *values, const struct request *request, struct reply *reply)
{
    (void)values;
    (void)request;
    unsigned char *space = memchr(reply->body.data, ' ', reply->body.used);
    if (space != NULL)
        *space = 0xff;
}

static void huge(values_t *values, const struct request *request, struct reply *reply)
{
    (void)request;
    static const char filling[] = "                                                            \n";
    size_t wanted = values->bytes == 0 ? HUGE_BYTES : values->bytes;
    buffer_clear(&reply->body);
    while (reply->body.used < wanted)
        emit_bytes(&reply->body, filling, sizeof filling - 1);
}

static void nested(values_t *values, const struct request *request, struct reply *reply)
{
    (void)request;
    size_t depth = values->bytes == 0 ? NESTED_DEPTH : values->bytes;
    buffer_clear(&reply->body);
    for (size_t i = 0; i < depth; i++)
        emit_bytes(&reply->body, "{\"a\":[", 6);
    for (size_t i = 0; i < depth; i++)
        emit_bytes(&reply->body, "]}", 2);
}

/* The last row ends in its middle, and the reply as if that were right. */
static void body_cut(values_t *values, const struct request *request, struct reply *reply)
{
    (void)values;
    (void)request;
    reply->body.used -= reply->body.used < 40 ? reply->body.used : 40;
}

/* where=same: the same request with `again=1`, which is not redirected any more; where=loop: the
 * same request; else a base that path and query are added to. */
static void redirect(values_t *values, const struct request *request, struct reply *reply)
{
    struct text again;
    const char *to = values->text == NULL ? "same" : values->text;
    bool same = strcmp(to, "same") == 0;
    if (same && query_value(request, "again", &again))
        return;
    set_body(reply, values->status == 0 ? 302 : values->status, "text/plain", "elsewhere\n");
    emit(&reply->headers, "Location: %s%.*s?%.*s%s\r\n", same || strcmp(to, "loop") == 0 ? "" : to,
         (int)request->path.length, request->path.at, (int)request->query.length, request->query.at,
         same ? "&again=1" : "");
}

static void delay(values_t *values, const struct request *request, struct reply *reply)
{
    (void)request;
    reply->delay_ms = values->ms;
}

static const struct fault faults[] = {
    {.name = "rows_missing", .before = rows_missing},
    {.name = "rows_extra", .before = rows_extra},
    {.name = "rows_reordered", .before = rows_reordered},
    {.name = "rows_duplicated", .before = rows_duplicated},
    {.name = "far", .before = far_away},
    {.name = "empty", .before = empty},
    {.name = "status", .after = status},
    {.name = "body", .after = body},
    {.name = "html", .after = html},
    {.name = "invalid_utf8", .after = invalid_utf8},
    {.name = "huge", .after = huge},
    {.name = "nested", .after = nested},
    {.name = "body_cut", .after = body_cut},
    {.name = "redirect", .after = redirect},
    {.name = "delay", .after = delay},
    {.name = "hang", .silent = true, .ending = ENDING_HANG},
    {.name = "reset_before", .silent = true, .ending = ENDING_RESET},
    {.name = "reset_middle", .half = true, .ending = ENDING_RESET},
    {.name = "close_before", .silent = true, .ending = ENDING_CLOSE},
    {.name = "truncated", .half = true, .ending = ENDING_CLOSE},
    {.name = "stalled", .half = true, .ending = ENDING_HANG},
    {.name = "chunked", .framing = FRAMING_CHUNKED},
    {.name = "chunked_broken", .framing = FRAMING_CHUNKED_BROKEN},
    {.name = "chunked_open", .framing = FRAMING_CHUNKED_OPEN, .ending = ENDING_CLOSE},
    {.name = "length_long", .framing = FRAMING_LENGTH_LONG, .ending = ENDING_HANG},
    {.name = "length_short", .framing = FRAMING_LENGTH_SHORT},
    {.name = "close", .ending = ENDING_CLOSE},
    {.name = "close_said", .ending = ENDING_CLOSE_SAID},
    {.name = "http10", .framing = FRAMING_OLD, .ending = ENDING_CLOSE},
};

void fault_spoil(const struct fault *fault, const struct fault_values *values,
                 const struct request *request, struct reply *reply)
{
    if (fault->after != NULL)
        fault->after(values, request, reply);
    reply->framing = fault->framing;
    reply->ending = fault->ending;
    reply->silent = fault->silent;
    if (fault->half)
        reply->cut = reply->body.used / 2;
}

const struct fault *fault_find(const char *name)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (strcmp(faults[i].name, name) == 0)
            return &faults[i];
    return NULL;
}
