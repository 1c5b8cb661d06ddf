/* The transport to providers that are asked over HTTP: one multi handle on the worker's loop, and
 * as many calls as were ever in flight at once, used again and again. */
#include "stages/geocode_network.h"

#include <stdlib.h>

#define RETRY_AFTER_MOST 86400.0 /* seconds */

struct network_transport {
    struct transport transport; /* first: start, cancel and close get a pointer to it */
    const struct geocoder *geocoder;
    void *session;
    struct answer *answers; /* transport.points of them */
    struct buffer detail;   /* of a failure */
    struct transfers *transfers;
    struct call *calls; /* all */
    struct call *free_calls;
    transport_done *done;
    void *context;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode ready; /* written once, under `once` */

static void make_ready(void)
{
    ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- calls ---------------------------------------------------------------------------- */

static struct call *take_call(struct network_transport *network, struct error *err)
{
    struct call *call = network->free_calls;
    if (call != NULL) {
        network->free_calls = call->next_free;
        return call;
    }
    if (call_create(&call, network->geocoder, err) != 0)
        return NULL;
    if (transfers_prepare(network->transfers, call->easy, err) != 0) {
        call_free(call);
        return NULL;
    }
    call->next_made = network->calls;
    network->calls = call;
    return call;
}

static void free_call(struct network_transport *network, struct call *call)
{
    call_rest(call);
    call->next_free = network->free_calls;
    network->free_calls = call;
}

/* --- what came of it -------------------------------------------------------------------- */

static double retry_after(CURL *easy)
{
    curl_off_t seconds = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0)
        return 0;
    return (double)seconds < RETRY_AFTER_MOST ? (double)seconds : RETRY_AFTER_MOST;
}

static void finish(struct network_transport *network, struct call *call, const struct error *err)
{
    struct request *request = call->request;
    call->request = NULL;
    network->done(network->context, request, err == NULL ? network->answers : NULL, err);
    free_call(network, call);
}

static void finish_failed(struct network_transport *network, struct call *call,
                          const struct answer *failure)
{
    for (size_t i = 0; i < call->request->count; i++)
        network->answers[i] = *failure;
    finish(network, call, NULL);
}

static void finish_reply(struct network_transport *network, struct call *call)
{
    struct request *request = call->request;
    struct error err;
    struct geocoder_reply reply = {.status = request->status,
                                   .body = call->body.used > 0 ? (const char *)call->body.data : "",
                                   .size = call->body.used};
    int result = network->geocoder->provider->read(network->session, request->points,
                                                   request->count, &reply, network->answers, &err);
    finish(network, call, result == 0 ? NULL : &err);
}

static void call_ended(void *context, CURL *easy, CURLcode result)
{
    struct network_transport *network = context;
    struct call *call = NULL;
    struct answer failure;
    struct error err;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
    call->request->done_at = clock_monotonic();
    call->request->bytes = call->body.used;
    if (result != CURLE_OK) {
        call->request->status = 0;
        call->request->retry_after = 0;
        network_failure(call, result, &failure, &network->detail);
        finish_failed(network, call, &failure);
        return;
    }
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    call->request->status = status > 0 ? (unsigned)status : 0;
    call->request->retry_after = retry_after(easy);
    int follow = call_follow(call, call->request->status, &failure, &network->detail);
    if (follow < 0)
        finish_failed(network, call, &failure);
    else if (follow == 0)
        finish_reply(network, call);
    else if (transfers_add(network->transfers, easy, &err) != 0)
        finish(network, call, &err);
}

static void all_failed(void *context, const struct error *err)
{
    struct network_transport *network = context;
    for (struct call *call = network->calls; call != NULL; call = call->next_made) {
        if (call->request == NULL)
            continue;
        transfers_remove(network->transfers, call->easy);
        finish(network, call, err);
    }
}

/* --- the transport ------------------------------------------------------------------------ */

static int network_start(struct transport *transport, struct request *request, struct error *err)
{
    struct network_transport *network = (struct network_transport *)transport;
    struct call *call = take_call(network, err);
    if (call == NULL)
        return -1;
    request->status = 0;
    request->retry_after = 0;
    if (network->geocoder->provider->ask(network->session, request->points, request->count,
                                         &call->http, err) != 0 ||
        call_set(call, request->count, err) != 0 ||
        transfers_add(network->transfers, call->easy, err) != 0) {
        free_call(network, call);
        return -1;
    }
    call->request = request;
    return 0;
}

static void network_cancel(struct transport *transport)
{
    struct network_transport *network = (struct network_transport *)transport;
    for (struct call *call = network->calls; call != NULL; call = call->next_made) {
        if (call->request == NULL)
            continue;
        transfers_remove(network->transfers, call->easy);
        call->request = NULL;
        free_call(network, call);
    }
}

static void network_transport_free(struct network_transport *network)
{
    for (struct call *call = network->calls, *next; call != NULL; call = next) {
        next = call->next_made;
        call_free(call);
    }
    transfers_close(network->transfers);
    if (network->session != NULL)
        network->geocoder->provider->session_close(network->session);
    free(network->answers);
    buffer_free(&network->detail);
    free(network);
}

static void network_transport_close(struct transport *transport)
{
    network_cancel(transport);
    network_transport_free((struct network_transport *)transport);
}

int transport_network_open(struct transport **out, uv_loop_t *loop, const struct geocoder *geocoder,
                           transport_done *done, void *context, struct error *err)
{
    (void)pthread_once(&once, make_ready);
    if (ready != CURLE_OK)
        return error_set(err, ERROR_STATE, "cannot use libcurl: %s", curl_easy_strerror(ready));
    struct network_transport *network = calloc(1, sizeof *network);
    if (network == NULL)
        return error_memory(err, "a worker");
    network->transport = (struct transport){
        .start = network_start,
        .cancel = network_cancel,
        .close = network_transport_close,
        .points = geocoder_batch(geocoder->provider, geocoder->settings.batch),
    };
    network->geocoder = geocoder;
    network->done = done;
    network->context = context;
    network->answers = calloc(network->transport.points, sizeof *network->answers);
    if (network->answers == NULL) {
        error_memory(err, "a worker");
        goto fail;
    }
    if (geocoder->provider->session_open(geocoder->state, &network->session, err) != 0 ||
        transfers_open(&network->transfers, loop, call_ended, all_failed, network, err) != 0)
        goto fail;
    *out = &network->transport;
    return 0;
fail:
    network_transport_free(network);
    return -1;
}
