#include "fleet/exchange_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLOCK ((size_t)64 << 10) /* bytes read and sent at once */

/* --- replies --------------------------------------------------------------------------- */

static enum MHD_Result send_and_forget(struct MHD_Connection *mhd, unsigned status,
                                       struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(mhd, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_empty(struct MHD_Connection *mhd, unsigned status, const char *header,
                                   const char *value)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    if (header != NULL && MHD_add_response_header(response, header, value) != MHD_YES) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return send_and_forget(mhd, status, response);
}

/* thing is taken over, on failure too. */
static enum MHD_Result reply_thing(struct MHD_Connection *mhd, struct thing *thing)
{
    unsigned status = thing->first > 0 ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
    char range[80];
    struct MHD_Response *response = MHD_create_response_from_callback(
        thing->bytes - thing->first, BLOCK, thing_read, thing, thing_drop);
    if (response == NULL) {
        thing_drop(thing);
        return MHD_NO;
    }
    (void)snprintf(range, sizeof range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, thing->first,
                   thing->bytes - 1, thing->bytes);
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                "application/octet-stream") != MHD_YES ||
        (thing->first > 0 &&
         MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, range) != MHD_YES)) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return send_and_forget(mhd, status, response);
}

/* --- what is asked for ------------------------------------------------------------------- */

/* `bytes=N-` and nothing else is a range; all other forms are as if not there (RFC 9110, 14.2). */
static uint64_t first_byte(struct MHD_Connection *mhd)
{
    const char *text = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
    uint64_t first = 0;
    if (text == NULL || strncmp(text, "bytes=", 6) != 0)
        return 0;
    const char *digits = text + 6;
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || length > 18 || strcmp(digits + length, "-") != 0)
        return 0;
    for (size_t i = 0; i < length; i++)
        first = first * 10 + (uint64_t)(digits[i] - '0');
    return first;
}

static enum MHD_Result reply_outside(struct MHD_Connection *mhd, uint64_t bytes)
{
    char range[40];
    (void)snprintf(range, sizeof range, "bytes */%" PRIu64, bytes);
    return reply_empty(mhd, MHD_HTTP_RANGE_NOT_SATISFIABLE, MHD_HTTP_HEADER_CONTENT_RANGE, range);
}

static enum MHD_Result answer(struct exchange_server *server, struct MHD_Connection *mhd,
                              const char *path)
{
    struct exchange_name name;
    struct thing *thing;
    struct error err;
    bool named = exchange_name_parse(path, &name) &&
                 MHD_get_connection_values(mhd, MHD_GET_ARGUMENT_KIND, NULL, NULL) == 0;
    int found = named ? thing_find(server, &name, &thing, &err) : 0;
    if (found == 0)
        return reply_empty(mhd, MHD_HTTP_NOT_FOUND, NULL, NULL);
    if (found < 0)
        return reply_empty(mhd, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, NULL);
    thing->first = first_byte(mhd);
    if (thing->first > 0 && thing->first >= thing->bytes) {
        uint64_t bytes = thing->bytes;
        thing_drop(thing);
        return reply_outside(mhd, bytes);
    }
    return reply_thing(mhd, thing);
}

enum MHD_Result request_handle(void *context, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_bytes, void **slot)
{
    static char begun;
    struct exchange_server *server = context;
    (void)version;
    (void)upload;
    if (*slot == NULL) {
        *slot = &begun;
        return guest_let_in(mhd) != NULL ? MHD_YES : MHD_NO;
    }
    if (*upload_bytes > 0)
        return MHD_NO;
    atomic_fetch_add_explicit(&server->requests, 1, memory_order_relaxed);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return reply_empty(mhd, MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_HEADER_ALLOW, "GET");
    return answer(server, mhd, url);
}

size_t request_unescape(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}
