#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/etcd_internal.h"

struct watching {
    struct etcd *etcd;
    const char *prefix;
    double silence, last; /* when something came last, clock_monotonic */
    size_t seen;          /* bytes of etcd->reply that hold no newline */
    size_t had;           /* bytes of it when it was looked at last */
    bool created;
    int64_t revision; /* events before it were not asked for */
    etcd_watch_callback *callback;
    void *context;
    int returned;
    struct error err; /* filled when the watch itself ended the transfer with an error */
};

/* --- one message ---------------------------------------------------------------------------- */

static int end_with(struct watching *watching, enum error_code code, const char *why)
{
    struct etcd *etcd = watching->etcd;
    (void)error_set(&watching->err, code, "etcd at %s: %s", etcd->endpoints[etcd->current], why);
    return -1;
}

static int tell(struct watching *watching, const struct etcd_message *message)
{
    int64_t newest = message->events[message->count - 1].mod_revision;
    if (message->events[0].mod_revision < watching->revision)
        return end_with(watching, ERROR_UNREACHABLE, "the watch tells what was not asked for");
    watching->revision = newest + 1;
    watching->returned =
        watching->callback(watching->context, message->events, message->count, newest);
    return watching->returned;
}

static int heed(struct watching *watching, const struct etcd_message *message)
{
    if (message->failed) {
        (void)etcd_set_refusal(watching->etcd, &message->failure, 200, &watching->err);
        return -1;
    }
    if (message->compact_revision > 0)
        return end_with(watching, ERROR_MISSING, "the revision to watch from is compacted");
    if (message->canceled)
        return end_with(watching, ERROR_UNREACHABLE, "the watch was canceled");
    watching->created = watching->created || message->created;
    return message->count == 0 ? 0 : tell(watching, message);
}

static int read_line(struct watching *watching, const char *line, size_t bytes)
{
    struct etcd_body body = {&watching->etcd->tree, line, bytes};
    struct etcd_message message;
    struct error why = {0};
    if (bytes == 0)
        return 0;
    if (etcd_read_message(&body, watching->prefix, &message, &why) != 0)
        return end_with(watching, why.code == ERROR_MEMORY ? ERROR_MEMORY : ERROR_UNREACHABLE,
                        why.message);
    int result = heed(watching, &message);
    etcd_message_free(&message);
    return result;
}

/* --- the stream ----------------------------------------------------------------------------- */

/* All whole lines of what came; the rest moves to the front. */
static int read_lines(struct watching *watching)
{
    struct buffer *reply = &watching->etcd->reply;
    size_t begin = 0;
    int result = 0;
    while (result == 0 && watching->seen < reply->used) {
        const char *data = (const char *)reply->data;
        const char *end = memchr(data + watching->seen, '\n', reply->used - watching->seen);
        watching->seen = end == NULL ? reply->used : (size_t)(end - data) + 1;
        if (end == NULL)
            break;
        result = read_line(watching, data + begin, (size_t)(end - data) - begin);
        begin = watching->seen;
    }
    if (begin > 0) {
        memmove(reply->data, reply->data + begin, reply->used - begin);
        reply->used -= begin;
        watching->seen -= begin;
    }
    return result;
}

static int step(void *context)
{
    struct watching *watching = context;
    const struct etcd *etcd = watching->etcd;
    double now = clock_monotonic();
    long status = 0;
    if (etcd->reply.used != watching->had) {
        (void)curl_easy_getinfo(etcd->easy, CURLINFO_RESPONSE_CODE, &status);
        int result = status == 200 ? read_lines(watching) : 0;
        watching->last = clock_monotonic();
        watching->had = etcd->reply.used;
        return result;
    }
    double patience = watching->created ? watching->silence : etcd->timeout;
    return now - watching->last <= patience
               ? 0
               : end_with(watching, ERROR_UNREACHABLE, "the watch is silent");
}

/* 0 = another member may do better, 1 = returned is set, -1. */
static int watch_member(struct watching *watching, struct error *err)
{
    struct etcd *etcd = watching->etcd;
    CURLcode result;
    long status = 0;
    watching->seen = watching->had = 0;
    watching->last = clock_monotonic();
    watching->err.code = ERROR_NONE;
    int ended = etcd_transfer(etcd, "/v3/watch", 0, step, watching, &result, err);
    if (ended < 0)
        return -1;
    if (ended == 1 && watching->err.code == ERROR_NONE)
        return 1;
    if (ended == 1) {
        *err = watching->err;
        return err->code == ERROR_UNREACHABLE ? 0 : -1;
    }
    (void)curl_easy_getinfo(etcd->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && status == 200)
        (void)error_set(err, ERROR_UNREACHABLE, "etcd at %s: the watch ended",
                        etcd->endpoints[etcd->current]);
    else
        (void)etcd_set_failure(etcd, result, status, err);
    return err->code == ERROR_UNREACHABLE ? 0 : -1;
}

static int build(struct buffer *request, const char *prefix, int64_t revision, struct error *err)
{
    buffer_clear(request);
    if (etcd_add(request, err, "{\"create_request\":{") != 0 ||
        etcd_add_range(request, prefix, NULL, err) != 0)
        return -1;
    return etcd_add(request, err, ",\"start_revision\":\"%" PRId64 "\",\"progress_notify\":true}}",
                    revision);
}

int etcd_watch(struct etcd *etcd, const char *prefix, int64_t revision, double silence,
               etcd_watch_callback *callback, void *context, struct error *err)
{
    struct watching watching = {.etcd = etcd,
                                .prefix = prefix,
                                .silence = silence,
                                .revision = revision,
                                .callback = callback,
                                .context = context};
    struct error last = {0};
    int got = 0;
    if (build(&etcd->request, prefix, revision, err) != 0)
        return -1;
    for (size_t tried = 0; got == 0 && !watching.created && tried < etcd->endpoint_count; tried++) {
        got = watch_member(&watching, &last);
        if (got == 0)
            etcd_next_member(etcd);
    }
    if (got == 1)
        return watching.returned;
    if (err != NULL)
        *err = last;
    return -1;
}
