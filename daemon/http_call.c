#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "daemon/http_internal.h"
#include "daemon/log.h"

/* Bytes of a body that are read, to be ignored: enough for what clients send by habit. */
#define MOST_BODY_BYTES (64 << 10)

/* --- what a request is about ------------------------------------------------------- */

static const char *header(const struct http_call *call, const char *name)
{
    return MHD_lookup_connection_value(call->mhd, MHD_HEADER_KIND, name);
}

static bool is_read_only(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* RFC 9112, 3.2.2: a server takes the absolute form as well, `GET http://host/path`. */
static const char *path_of(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0)
        scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0)
        return url;
    const char *path = strchr(url + scheme, '/');
    return path != NULL ? path : "/";
}

static const struct http_path *find_path(const struct http *http, const char *url)
{
    url = path_of(url);
    for (const struct http_path *at = http->settings.paths; at->path != NULL; at++)
        if (strcmp(at->path, url) == 0)
            return at;
    return NULL;
}

static bool header_too_large(const struct http_call *call)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL && info->header_size > call->http->settings.max_header;
}

static bool body_too_large(const struct http_call *call)
{
    const char *length = header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL && strtoull(length, NULL, 10) > MOST_BODY_BYTES;
}

static bool too_many(struct http_call *call, const struct http_connection *connection)
{
    double wait;
    if (call->http->rate == NULL ||
        rate_take(call->http->rate, connection->client, clock_monotonic(), &wait))
        return false;
    call->retry_after = wait > 3600 ? 3600 : (unsigned)wait + 1;
    return true;
}

static const struct refusal *
refusal_of(struct http_call *call, const struct http_connection *connection, const char *method)
{
    if (too_many(call, connection))
        return &refuse_rate;
    if (header_too_large(call))
        return &refuse_header;
    if (!is_read_only(method))
        return &refuse_method;
    if (call->has_nul)
        return &refuse_nul;
    return call->path == NULL ? &refuse_path : NULL;
}

/* The request's head is there, its body may follow. */
static enum MHD_Result begin(struct http_call *call, struct http_connection *connection,
                             const char *url, const char *method)
{
    http_connection_renew(connection, &call->http->crowd);
    call->path = find_path(call->http, url);
    call->begun = false;
    call->body_bytes = 0;
    call->refusal = refusal_of(call, connection, method);
    memset(call->state, 0, sizeof call->state);
    if (body_too_large(call))
        return reply_refuse(call, call->refusal != NULL ? call->refusal : &refuse_body);
    return MHD_YES;
}

/* --- its answer -------------------------------------------------------------------- */

/* After this nothing of the call may be touched: its route may run again on the serving thread as
 * soon as http_resume has been called. */
static void suspend(struct http_call *call)
{
    struct http *http = call->http;
    struct MHD_Connection *mhd = call->mhd;
    int running = CALL_RUNNING;
    (void)pthread_mutex_lock(&http->lock);
    http->suspended++;
    (void)pthread_mutex_unlock(&http->lock);
    http_connection_hold(http_connection_of(mhd));
    MHD_suspend_connection(mhd);
    if (!atomic_compare_exchange_strong(&call->waiting, &running, CALL_SUSPENDED))
        http_continue(http, mhd);
}

static enum MHD_Result run_route(struct http_call *call)
{
    struct desk *desk = call->desk;
    struct http_reply reply = {.status = MHD_HTTP_OK,
                               .content_type = "application/json; charset=utf-8",
                               .cache_control = "no-store",
                               .body = desk->body};
    desk->body = (struct buffer){0};
    call->begun = true;
    atomic_store(&call->waiting, CALL_RUNNING);
    if (call->path->route(call, &reply) == HTTP_REPLY)
        return reply_send(call, &reply);
    desk->body = reply.body;
    buffer_clear(&desk->body);
    suspend(call);
    return MHD_YES;
}

static enum MHD_Result answer(struct http_call *call)
{
    struct error err;
    struct desk *desk = desk_mine(call->http, &err);
    call->desk = desk;
    if (desk == NULL) {
        log_failure(LOG_LEVEL_ERROR, "http_thread_failed", &err);
        return reply_refuse(call, &refuse_memory);
    }
    if (call->refusal != NULL)
        return reply_refuse(call, call->refusal);
    /* Either http_close sees that this desk is busy, or this sees that it is closing. */
    atomic_store(&desk->busy, true);
    enum MHD_Result result = !call->begun && atomic_load(&call->http->closing)
                                 ? reply_refuse(call, &refuse_closing)
                                 : run_route(call);
    atomic_store_explicit(&desk->busy, false, memory_order_release);
    return result;
}

enum MHD_Result call_handle(void *context, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *upload,
                            size_t *upload_bytes, void **slot)
{
    struct http_connection *connection = http_connection_of(mhd);
    (void)context;
    (void)version;
    (void)upload;
    if (connection == NULL)
        return MHD_NO;
    struct http_call *call = &connection->call;
    if (*slot == NULL) {
        *slot = call;
        return begin(call, connection, url, method);
    }
    if (*upload_bytes > 0) {
        call->body_bytes += *upload_bytes;
        *upload_bytes = 0;
        return call->body_bytes <= MOST_BODY_BYTES ? MHD_YES : MHD_NO;
    }
    if (call->begun) /* it waited for us; now it has its time again to take the reply */
        http_connection_renew(connection, &call->http->crowd);
    return answer(call);
}

void call_completed(void *context, struct MHD_Connection *mhd, void **slot,
                    enum MHD_RequestTerminationCode code)
{
    struct http *http = context;
    struct http_connection *connection = http_connection_of(mhd);
    (void)code;
    *slot = NULL;
    if (connection == NULL)
        return;
    connection->call.has_nul = false;
    http_connection_renew(connection, &http->crowd);
}

size_t call_unescape(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    size_t length = MHD_http_unescape(text);
    if (memchr(text, '\0', length) != NULL) {
        struct http_connection *connection = http_connection_of(mhd);
        if (connection != NULL)
            connection->call.has_nul = true;
    }
    return length;
}

/* --- for routes -------------------------------------------------------------------- */

const struct http_services *http_services(const struct http_call *call)
{
    return call->http->settings.services;
}

struct http_desk *http_desk(const struct http_call *call)
{
    return &call->desk->public;
}

void *http_state(struct http_call *call)
{
    return call->state;
}

void http_resume(struct http_call *call)
{
    struct http *http = call->http;
    struct MHD_Connection *mhd = call->mhd;
    if (atomic_exchange(&call->waiting, CALL_RESUMED) == CALL_SUSPENDED)
        http_continue(http, mhd);
}

struct parameters {
    bool (*each)(void *context, const char *name, const char *value);
    void *context;
};

static enum MHD_Result on_parameter(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct parameters *parameters = context;
    (void)kind;
    return parameters->each(parameters->context, name, value != NULL ? value : "") ? MHD_YES
                                                                                   : MHD_NO;
}

void http_parameters(const struct http_call *call,
                     bool (*each)(void *context, const char *name, const char *value),
                     void *context)
{
    struct parameters parameters = {each, context};
    (void)MHD_get_connection_values(call->mhd, MHD_GET_ARGUMENT_KIND, on_parameter, &parameters);
}
