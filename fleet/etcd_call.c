#include <math.h>
#include <stdio.h>

#include "fleet/etcd_internal.h"

#define KEPT_ROOM ((size_t)4 << 20) /* a longer reply's memory is given back */

/* Codes of gRPC. */
enum {
    CODE_INVALID_ARGUMENT = 3,
    CODE_NOT_FOUND = 5,
    CODE_PERMISSION_DENIED = 7,
    CODE_FAILED_PRECONDITION = 9,
    CODE_OUT_OF_RANGE = 11,
    CODE_UNIMPLEMENTED = 12,
    CODE_UNAUTHENTICATED = 16
};

void etcd_next_member(struct etcd *etcd)
{
    etcd->current = (etcd->current + 1) % etcd->endpoint_count;
}

/* --- failures ------------------------------------------------------------------------------- */

static enum error_code meaning(int code)
{
    switch (code) {
    case CODE_NOT_FOUND:
    case CODE_OUT_OF_RANGE:
        return ERROR_MISSING;
    case CODE_INVALID_ARGUMENT:
        return ERROR_VALUE;
    case CODE_PERMISSION_DENIED:
    case CODE_FAILED_PRECONDITION:
    case CODE_UNIMPLEMENTED:
    case CODE_UNAUTHENTICATED:
        return ERROR_STATE;
    default:
        return ERROR_UNREACHABLE;
    }
}

int etcd_set_refusal(struct etcd *etcd, const struct etcd_failure *failure, long status,
                     struct error *err)
{
    const char *endpoint = etcd->endpoints[etcd->current];
    if (failure->code == 0)
        return error_set(err, ERROR_UNREACHABLE, "etcd at %s: HTTP status %ld: %s", endpoint,
                         status, failure->message);
    return error_set(err, meaning(failure->code), "etcd at %s: %s", endpoint, failure->message);
}

int etcd_set_failure(struct etcd *etcd, CURLcode result, long status, struct error *err)
{
    const char *endpoint = etcd->endpoints[etcd->current];
    struct etcd_body body = {&etcd->tree, (const char *)etcd->reply.data, etcd->reply.used};
    struct etcd_failure failure;
    if (etcd->too_long)
        return error_set(err, ERROR_UNREACHABLE, "etcd at %s: the reply is too long", endpoint);
    if (result != CURLE_OK)
        return error_set(err, ERROR_UNREACHABLE, "etcd at %s: %s", endpoint,
                         etcd->message[0] != '\0' ? etcd->message : curl_easy_strerror(result));
    etcd_read_failure(&body, &failure);
    return etcd_set_refusal(etcd, &failure, status, err);
}

/* --- one member ----------------------------------------------------------------------------- */

static int prepare(struct etcd *etcd, const char *path, double seconds, struct error *err)
{
    char url[2000];
    CURL *easy = etcd->easy;
    double connect = seconds > 0 ? seconds : etcd->timeout;
    CURLcode result;
    etcd->message[0] = '\0';
    etcd->sent = 0;
    etcd->too_long = false;
    buffer_clear(&etcd->reply);
    int length = snprintf(url, sizeof url, "%s%s", etcd->endpoints[etcd->current], path);
    if (length < 0 || (size_t)length >= sizeof url)
        return error_set(err, ERROR_CONFIG, "the URL of etcd is too long");
    if ((result = curl_easy_setopt(easy, CURLOPT_URL, url)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, etcd->request.data)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                   (curl_off_t)etcd->request.used)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ceil(connect * 1000))) !=
            CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)ceil(seconds * 1000))) !=
            CURLE_OK)
        return error_set(err, ERROR_STATE, "cannot ask etcd: %s", curl_easy_strerror(result));
    return 0;
}

/* 0 = ended by itself, 1 = by step, -1 = interrupted. */
static int run_transfer(struct etcd *etcd, etcd_step *step, void *context)
{
    int running = 1;
    for (;;) {
        if (atomic_load(&etcd->interrupted))
            return -1;
        if (curl_multi_perform(etcd->multi, &running) != CURLM_OK)
            return 0;
        if (step != NULL && step(context) != 0)
            return 1;
        if (running == 0)
            return 0;
        (void)curl_multi_poll(etcd->multi, NULL, 0, ETCD_STEP_MS, NULL);
    }
}

int etcd_transfer(struct etcd *etcd, const char *path, double seconds, etcd_step *step,
                  void *context, CURLcode *result, struct error *err)
{
    int left;
    if (prepare(etcd, path, seconds, err) != 0)
        return -1;
    if (curl_multi_add_handle(etcd->multi, etcd->easy) != CURLM_OK)
        return error_memory(err, "a request");
    int ended = run_transfer(etcd, step, context);
    CURLMsg *told = curl_multi_info_read(etcd->multi, &left);
    *result = told != NULL && told->msg == CURLMSG_DONE ? told->data.result : CURLE_RECV_ERROR;
    (void)curl_multi_remove_handle(etcd->multi, etcd->easy);
    return ended < 0 ? error_set(err, ERROR_CANCELED, "interrupted") : ended;
}

/* --- the cluster ---------------------------------------------------------------------------- */

enum attempt { ATTEMPT_DONE, ATTEMPT_FINAL, ATTEMPT_NEXT };

static enum attempt read_answer(struct etcd *etcd, etcd_read_reply *read, void *context,
                                struct error *err)
{
    struct etcd_body body = {&etcd->tree, (const char *)etcd->reply.data, etcd->reply.used};
    if (read(&body, context, err) == 0)
        return ATTEMPT_DONE;
    if (err->code == ERROR_MEMORY)
        return ATTEMPT_FINAL;
    err->code = ERROR_UNREACHABLE;
    (void)error_prefix(err, "etcd at %s", etcd->endpoints[etcd->current]);
    return ATTEMPT_NEXT;
}

static enum attempt ask_member(struct etcd *etcd, const char *path, etcd_read_reply *read,
                               void *context, struct error *err)
{
    CURLcode result;
    long status = 0;
    if (etcd_transfer(etcd, path, etcd->timeout, NULL, NULL, &result, err) != 0)
        return ATTEMPT_FINAL;
    (void)curl_easy_getinfo(etcd->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && status == 200)
        return read_answer(etcd, read, context, err);
    (void)etcd_set_failure(etcd, result, status, err);
    return err->code == ERROR_UNREACHABLE && !etcd->too_long ? ATTEMPT_NEXT : ATTEMPT_FINAL;
}

static void give_back(struct etcd *etcd)
{
    if (etcd->reply.room > KEPT_ROOM) {
        buffer_free(&etcd->reply);
        json_tree_free(&etcd->tree);
    }
}

int etcd_call(struct etcd *etcd, const char *path, etcd_read_reply *read, void *context,
              bool *repeated, struct error *err)
{
    struct error last = {0};
    enum attempt attempt = ATTEMPT_NEXT;
    unsigned sent = 0;
    for (size_t tried = 0; attempt == ATTEMPT_NEXT && tried < etcd->endpoint_count; tried++) {
        attempt = ask_member(etcd, path, read, context, &last);
        sent += etcd->sent;
        if (attempt == ATTEMPT_NEXT)
            etcd_next_member(etcd);
    }
    if (repeated != NULL)
        *repeated = sent > 1;
    give_back(etcd);
    if (attempt == ATTEMPT_DONE)
        return 0;
    if (err != NULL)
        *err = last;
    return -1;
}
