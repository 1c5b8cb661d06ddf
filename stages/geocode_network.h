/* Inside the network transport: libcurl on a libuv loop, one call, and what went wrong. Private to
 * geocode_network*.c; everything belongs to the thread of the loop. */
#ifndef REFRESHD_STAGES_GEOCODE_NETWORK_H
#define REFRESHD_STAGES_GEOCODE_NETWORK_H

#include <curl/curl.h>

#include "stages/geocode_internal.h"

/* --- geocode_network_loop.c: transfers of one curl multi handle on the loop -------- */

struct transfers;

/* A transfer ended; its handle is no longer one of the transfers and may be added again. */
typedef void transfer_ended(void *context, CURL *easy, CURLcode result);

/* Nothing can be transferred any more (out of memory inside libcurl). */
typedef void transfers_failed(void *context, const struct error *err);

int transfers_open(struct transfers **out, uv_loop_t *loop, transfer_ended *ended,
                   transfers_failed *failed, void *context, struct error *err);

/* transfers_prepare: give a new easy handle what it needs to be one of these transfers. */
int transfers_prepare(struct transfers *transfers, CURL *easy, struct error *err);

/* transfers_add: begin. `ended` is called exactly once for it, never before this returns, unless
 * the transfer is removed first. */
int transfers_add(struct transfers *transfers, CURL *easy, struct error *err);
void transfers_remove(struct transfers *transfers, CURL *easy);

/* transfers_close: end all connections. Every easy handle must have been removed. Memory is freed
 * when the loop has closed its handles. NULL is allowed. */
void transfers_close(struct transfers *transfers);

/* --- geocode_network_call.c: one request on its way --------------------------------- */

#define CALL_REDIRECTS 3u /* most redirects followed for one request */

/* An easy handle with what it sends and receives; used again and again. */
struct call {
    struct call *next_made;
    struct call *next_free;
    struct request *request; /* NULL: at rest */
    const struct geocoder *geocoder;
    CURL *easy;
    CURLU *url;
    const char *path; /* that url has now; NULL = url is not the geocoder's */
    bool by_target;   /* the query is told as target, not in url */
    struct buffer target;
    size_t target_path; /* of it, the path's bytes */
    const char *content_type;
    struct curl_slist *plain;   /* headers of a GET */
    struct curl_slist *headers; /* of a POST, or NULL */
    struct geocoder_request http;
    struct buffer body; /* of the reply */
    size_t limit;       /* longest body read */
    bool too_long;
    unsigned sent; /* how often it was sent where it goes now; at most once */
    unsigned redirects;
    char message[CURL_ERROR_SIZE];
};

/* call_create: a call at rest, with all that does not depend on the request. */
int call_create(struct call **out, const struct geocoder *geocoder, struct error *err);
void call_free(struct call *call); /* not one of the transfers; NULL is allowed */

/* call_set: make it ready to send call->http, which asks about `points` points. */
int call_set(struct call *call, size_t points, struct error *err);

/* call_rest: give back what a long reply needed. */
void call_rest(struct call *call);

/* call_follow: the call ended with a reply. 1 when the reply was a redirect and the call is ready
 * to be sent there, 0 when the reply is to be read, -1 when the redirect is refused: failure says
 * why. */
int call_follow(struct call *call, unsigned status, struct answer *failure, struct buffer *detail);

/* --- geocode_network_failure.c: why there is no reply -------------------------------- */

/* network_failure: the failure of a call that ended with this result and no usable reply. The
 * answer's detail is written to `detail`, in one line that holds no part of the query. */
void network_failure(const struct call *call, CURLcode result, struct answer *failure,
                     struct buffer *detail);

/* network_detail: write one line for a person; nothing of the query is left in it. */
void network_detail(const struct call *call, struct answer *failure, struct buffer *detail,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
