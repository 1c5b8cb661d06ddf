#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "daemon/http_internal.h"

/* Below this a compressed reply is hardly smaller: what matters then is packets, not bytes. */
#define SMALLEST_GZIP 200

/* A body up to this size is copied, so that the desk keeps its memory for the next one. */
#define MOST_COPIED (32 << 10)

#define REFUSAL(code, text)                                                                        \
    {                                                                                              \
        code, "{\"error\":{\"code\":" #code ",\"message\":\"" text "\"}}"                          \
    }

const struct refusal refuse_nul = REFUSAL(400, "The request has a NUL in it");
const struct refusal refuse_path = REFUSAL(404, "There is no such path");
const struct refusal refuse_method = REFUSAL(405, "Only GET and HEAD are answered");
const struct refusal refuse_body = REFUSAL(413, "The body is too large; none is needed");
const struct refusal refuse_rate = REFUSAL(429, "Too many requests; wait before the next");
const struct refusal refuse_header = REFUSAL(431, "The request line and headers are too large");
const struct refusal refuse_memory = REFUSAL(503, "The server is short of memory; try again");
const struct refusal refuse_closing = REFUSAL(503, "The server is stopping");

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static const char *request_header(const struct http_call *call, const char *name)
{
    return MHD_lookup_connection_value(call->mhd, MHD_HEADER_KIND, name);
}

static struct MHD_Response *of_static(const void *bytes, size_t length)
{
    return MHD_create_response_from_buffer(length, (void *)(uintptr_t)bytes,
                                           MHD_RESPMEM_PERSISTENT);
}

/* Takes over the memory of a large body. */
static struct MHD_Response *of_body(struct buffer *body)
{
    if (body->used <= MOST_COPIED && body->room <= 2 * MOST_COPIED)
        return MHD_create_response_from_buffer(body->used, body->data, MHD_RESPMEM_MUST_COPY);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(body->used, body->data, free);
    if (response != NULL)
        *body = (struct buffer){0};
    return response;
}

/* The response is given up in any case. */
static enum MHD_Result queue(struct http_call *call, unsigned status, bool complete,
                             struct MHD_Response *response)
{
    enum MHD_Result result = MHD_NO; /* closes the connection */
    if (complete) {
        result = MHD_queue_response(call->mhd, status, response);
        const struct http_desks *desks = call->http->settings.desks;
        if (desks != NULL && call->desk != NULL)
            desks->replied(&call->desk->public, status);
    }
    MHD_destroy_response(response);
    return result;
}

static bool add_common(struct MHD_Response *response, const char *content_type,
                       const char *cache_control)
{
    return add(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) &&
           add(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache_control) &&
           add(response, "X-Content-Type-Options", "nosniff");
}

/* --- bodies ------------------------------------------------------------------------ */

static enum MHD_Result send_body(struct http_call *call, struct http_reply *reply)
{
    bool compressible = reply->body.used >= SMALLEST_GZIP;
    bool small = compressible &&
                 gzip_accepted(request_header(call, MHD_HTTP_HEADER_ACCEPT_ENCODING)) &&
                 gzip_body(call->desk, &reply->body);
    struct MHD_Response *response = of_body(small ? &call->desk->small : &reply->body);
    if (response == NULL)
        return MHD_NO;
    bool complete = add_common(response, reply->content_type, reply->cache_control) &&
                    add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, "*") &&
                    (!compressible || add(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding")) &&
                    (!small || add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip"));
    return queue(call, reply->status, complete, response);
}

enum MHD_Result reply_refuse(struct http_call *call, const struct refusal *refusal)
{
    char seconds[16];
    struct MHD_Response *response = of_static(refusal->body, strlen(refusal->body));
    if (response == NULL)
        return MHD_NO;
    bool complete = add_common(response, "application/json; charset=utf-8", "no-store") &&
                    add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if (refusal == &refuse_method)
        complete = complete && add(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (refusal == &refuse_rate) {
        (void)snprintf(seconds, sizeof seconds, "%u", call->retry_after);
        complete = complete && add(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (refusal == &refuse_closing)
        complete = complete && add(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return queue(call, refusal->status, complete, response);
}

/* --- assets ------------------------------------------------------------------------ */

/* RFC 9110, 13.1.2: the weak comparison, so W/ does not matter. */
static bool has_etag(const char *if_none_match, const char *etag)
{
    size_t length = strlen(etag);
    for (const char *at = if_none_match; at != NULL && *at != '\0'; at += strcspn(at, ",")) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        if (strncmp(at, etag, length) == 0 && strchr(" \t,", at[length]) != NULL)
            return true;
    }
    return false;
}

static enum MHD_Result send_asset(struct http_call *call, const struct http_reply *reply)
{
    char etag[80];
    const struct http_asset *asset = reply->asset;
    bool small =
        asset->gzip != NULL && gzip_accepted(request_header(call, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    bool known = has_etag(request_header(call, MHD_HTTP_HEADER_IF_NONE_MATCH), asset->etag);
    struct MHD_Response *response = known   ? of_static("", 0)
                                    : small ? of_static(asset->gzip, asset->gzip_bytes)
                                            : of_static(asset->plain, asset->plain_bytes);
    if (response == NULL)
        return MHD_NO;
    /* One tag for two encodings can only be a weak one. */
    (void)snprintf(etag, sizeof etag, "%s%s", asset->gzip != NULL ? "W/" : "", asset->etag);
    bool complete =
        add_common(response, reply->content_type, reply->cache_control) &&
        add(response, MHD_HTTP_HEADER_ETAG, etag) &&
        (asset->gzip == NULL || add(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding")) &&
        (known || !small || add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip")) &&
        (asset->security_policy == NULL ||
         add(response, "Content-Security-Policy", asset->security_policy));
    return queue(call, known ? MHD_HTTP_NOT_MODIFIED : reply->status, complete, response);
}

enum MHD_Result reply_send(struct http_call *call, struct http_reply *reply)
{
    enum MHD_Result result =
        reply->asset != NULL ? send_asset(call, reply) : send_body(call, reply);
    call->desk->body = reply->body;
    buffer_clear(&call->desk->body);
    return result;
}
