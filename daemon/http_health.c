/* /healthz for whoever restarts refreshd, /status as Nominatim has it
 * (https://nominatim.org/release-docs/latest/api/Status/). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/history.h"
#include "daemon/http_routes.h"
#include "daemon/reverse.h"

/* The loop takes a sample every HISTORY_INTERVAL seconds; without one for so long it hangs. */
#define LOOP_SILENCE 60

static void put(struct http_reply *reply, const char *text)
{
    (void)buffer_append(&reply->body, text, strlen(text), NULL);
}

static void plain(struct http_reply *reply, unsigned status, const char *text)
{
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    put(reply, text);
}

/* Before the first sample it lives. */
static bool loop_lives(const struct http_services *services)
{
    struct history_sample samples[HISTORY_SAMPLES];
    size_t count = history_take(services->history, samples);
    return count == 0 || clock_unix() <= samples[count - 1].time + LOOP_SILENCE;
}

enum http_next http_route_healthz(struct http_call *call, struct http_reply *reply)
{
    struct line_status status;
    const struct http_services *services = http_services(call);
    line_status(services->line, &status); /* a line that hangs lets this hang */
    if (loop_lives(services))
        plain(reply, 200, "ok");
    else
        plain(reply, 503, "the loop hangs");
    return HTTP_REPLY;
}

/* --- /status ----------------------------------------------------------------------- */

enum status_format { STATUS_TEXT, STATUS_JSON, STATUS_UNKNOWN };

static bool read_format(void *context, const char *name, const char *value)
{
    enum status_format *format = context;
    if (strcmp(name, "format") == 0)
        *format = strcmp(value, "json") == 0   ? STATUS_JSON
                  : strcmp(value, "text") == 0 ? STATUS_TEXT
                                               : STATUS_UNKNOWN;
    return true;
}

static void put_published(struct http_reply *reply, const struct manifest *manifest)
{
    char date[32], text[256];
    struct tm utc;
    time_t published = manifest->published;
    (void)gmtime_r(&published, &utc);
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    (void)snprintf(text, sizeof text,
                   "{\"status\":0,\"message\":\"OK\",\"data_updated\":\"%s\","
                   "\"software_version\":\"" REFRESHD_VERSION "\",\"generation\":%llu}",
                   date, (unsigned long long)manifest->generation);
    put(reply, text);
}

enum http_next http_route_status(struct http_call *call, struct http_reply *reply)
{
    enum status_format format = STATUS_TEXT;
    struct follow_reader *reader = http_desk(call)->follow;
    http_parameters(call, read_format, &format);
    if (format == STATUS_UNKNOWN) {
        reply->status = 400;
        (void)reverse_print_error(reply->status, "Parameter 'format' must be one of: text, json",
                                  &reply->body, NULL);
        return HTTP_REPLY;
    }
    const struct cache *cache = follow_hold(reader);
    if (cache == NULL && format == STATUS_JSON)
        put(reply, "{\"status\":700,\"message\":\"No database\"}");
    else if (cache == NULL)
        plain(reply, 500, "ERROR: No database");
    else if (format == STATUS_JSON)
        put_published(reply, cache_manifest(cache));
    else
        plain(reply, 200, "OK");
    follow_let_go(reader);
    return HTTP_REPLY;
}
