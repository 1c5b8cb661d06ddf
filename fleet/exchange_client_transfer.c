#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "fleet/exchange_client_internal.h"

#define HEADER_LIMIT ((size_t)64 << 10)    /* bytes of a reply's head */
#define REFUSAL_LIMIT ((uint64_t)64 << 10) /* bytes that are read of a reply that is of no use */
#define URL_BYTES 400

struct reply {
    struct exchange_client *client;
    struct sink *sink;
    uint64_t asked;       /* from this byte on */
    uint64_t range_first; /* as Content-Range says; UINT64_MAX = not said */
    size_t header_bytes;
    uint64_t refusal_bytes;
    double patience; /* until then a byte has to come */
    bool begun;
    bool failed; /* err says why: it is not libcurl that failed */
    struct error err;
};

/* The connection is there, and libcurl's own timeout over: from now on bytes have to come. */
static int on_connected(void *context, char *theirs, char *ours, int their_port, int our_port)
{
    struct reply *reply = context;
    (void)theirs;
    (void)ours;
    (void)their_port;
    (void)our_port;
    reply->patience = clock_monotonic() + reply->client->stall_timeout;
    return CURL_PREREQFUNC_OK;
}

/* --- what comes ------------------------------------------------------------------------ */

static size_t fail(struct reply *reply)
{
    reply->failed = true;
    return 0; /* less than came: libcurl ends the transfer */
}

static size_t on_header(char *data, size_t one, size_t bytes, void *context)
{
    static const char name[] = "content-range:";
    struct reply *reply = context;
    char line[80];
    (void)one;
    reply->header_bytes += bytes;
    if (reply->header_bytes > HEADER_LIMIT) {
        (void)error_set(&reply->err, ERROR_CORRUPT, "the head of the reply has no end");
        return fail(reply);
    }
    if (bytes >= sizeof line || bytes < sizeof name ||
        strncasecmp(data, name, sizeof name - 1) != 0)
        return bytes;
    unsigned long long first;
    memcpy(line, data, bytes);
    line[bytes] = '\0';
    if (sscanf(line + sizeof name - 1, " bytes %20llu-", &first) == 1)
        reply->range_first = first;
    return bytes;
}

static long status_of(const struct reply *reply)
{
    long status = 0;
    (void)curl_easy_getinfo(reply->client->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* The first bytes of a body that is of use: does it begin where we asked? */
static int begin(struct reply *reply, long status)
{
    reply->begun = true;
    if (status == 200)
        return sink_restart(reply->sink, &reply->err);
    if (reply->range_first == reply->asked && reply->asked > 0)
        return 0;
    return error_set(&reply->err, ERROR_CORRUPT, "the reply begins somewhere else");
}

static size_t on_body(char *data, size_t one, size_t bytes, void *context)
{
    struct reply *reply = context;
    struct exchange_client *client = reply->client;
    long status = status_of(reply);
    (void)one;
    atomic_fetch_add_explicit(&client->bytes, bytes, memory_order_relaxed);
    if (status != 200 && status != 206) {
        reply->refusal_bytes += bytes;
        return reply->refusal_bytes <= REFUSAL_LIMIT ? bytes : 0;
    }
    reply->patience = clock_monotonic() + client->stall_timeout;
    if ((!reply->begun && begin(reply, status) != 0) ||
        sink_take(reply->sink, data, bytes, &reply->err) != 0)
        return fail(reply);
    return bytes;
}

/* --- one request ----------------------------------------------------------------------- */

/* Addresses are what peers say of themselves: a host's name or address and a port, nothing that
 * means anything else in a URL. */
static bool is_address(const char *address)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t length = *address == '[' ? strspn(address + 1, "0123456789abcdefABCDEF:.") + 1
                                    : strspn(address, letters);
    const char *rest = address + length;
    if (*address == '[') {
        if (length < 3 || *rest != ']')
            return false;
        rest++;
    }
    size_t digits = *rest == ':' ? strspn(rest + 1, "0123456789") : 0;
    return length > 0 && digits > 0 && digits <= 5 && rest[1 + digits] == '\0';
}

static int prepare(struct reply *reply, const char *address, const struct exchange_name *name,
                   struct error *err)
{
    char path[EXCHANGE_PATH_BYTES], url[URL_BYTES], range[32];
    CURL *easy = reply->client->easy;
    int length =
        snprintf(url, sizeof url, "https://%s%s", address, exchange_name_print(name, path));
    if (!is_address(address) || length >= (int)sizeof url)
        return error_set(err, ERROR_UNREACHABLE,
                         "\"%.100s\" is not an address of the form "
                         "HOST:PORT",
                         address);
    (void)snprintf(range, sizeof range, "%llu-", (unsigned long long)reply->asked);
    if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_RANGE, reply->asked > 0 ? range : NULL) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, reply) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, reply) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply) != CURLE_OK)
        return error_memory(err, "a request");
    return 0;
}

static int canceled(struct error *err)
{
    return error_set(err, ERROR_CANCELED, "fetching from other peers was stopped");
}

/* Wait for events, a wake-up, or the end of patience. */
static void wait_for_more(struct exchange_client *client, double until)
{
    double left = ceil((until - clock_monotonic()) * 1000);
    int milliseconds = left < 1 ? 1 : left > 1000 ? 1000 : (int)left;
    (void)curl_multi_poll(client->multi, NULL, 0, milliseconds, NULL);
}

/* 0 = it ended and *code says how; -1 = it was ended. */
static int run(struct reply *reply, CURLcode *code, struct error *err)
{
    struct exchange_client *client = reply->client;
    for (;;) {
        int running, left;
        const CURLMsg *message;
        if (atomic_load(&client->interrupted))
            return canceled(err);
        if (curl_multi_perform(client->multi, &running) != CURLM_OK)
            return error_memory(err, "a request");
        while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
            if (message->msg == CURLMSG_DONE) {
                *code = message->data.result;
                return 0;
            }
        }
        if (clock_monotonic() >= reply->patience)
            return error_set(err, ERROR_UNREACHABLE, "nothing came for %g s",
                             client->stall_timeout);
        wait_for_more(client, reply->patience);
    }
}

/* --- what came of it ------------------------------------------------------------------- */

static int judge_failure(const struct reply *reply, CURLcode code, struct error *err)
{
    const char *reason = reply->client->reason;
    enum error_code kind = ERROR_UNREACHABLE;
    if (code == CURLE_OUT_OF_MEMORY)
        return error_memory(err, "a request");
    if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE)
        kind = ERROR_CONFIG; /* our own files */
    return error_set(err, kind, "%s", reason[0] != '\0' ? reason : curl_easy_strerror(code));
}

static int judge(struct reply *reply, struct error *err)
{
    const struct sink *sink = reply->sink;
    long status = status_of(reply);
    if (status == 404)
        return error_set(err, ERROR_MISSING, "it is not there");
    if (status == 416)
        return error_set(err, ERROR_CORRUPT, "it ends before byte %llu",
                         (unsigned long long)reply->asked);
    if (status != 200 && status != 206)
        return error_set(err, ERROR_UNREACHABLE, "the reply's status is %ld", status);
    if (!reply->begun && begin(reply, status) != 0) { /* no body at all */
        *err = reply->err;
        return -1;
    }
    if (sink->exact && sink->have != sink->most)
        return error_set(err, ERROR_CORRUPT, "it has %llu bytes, not %llu",
                         (unsigned long long)sink->have, (unsigned long long)sink->most);
    return 0;
}

int transfer(struct exchange_client *client, const char *address, const struct exchange_name *name,
             struct sink *sink, struct error *err)
{
    CURLcode code = CURLE_OK;
    struct reply reply = {.client = client,
                          .sink = sink,
                          .asked = sink->have,
                          .range_first = UINT64_MAX,
                          .patience =
                              clock_monotonic() + client->connect_timeout + client->stall_timeout};
    client->reason[0] = '\0';
    if (prepare(&reply, address, name, err) != 0)
        return -1;
    if (curl_multi_add_handle(client->multi, client->easy) != CURLM_OK)
        return error_memory(err, "a request");
    int result = run(&reply, &code, err);
    if (result == 0 && reply.failed) {
        *err = reply.err;
        result = -1;
    } else if (result == 0) {
        result = code == CURLE_OK ? judge(&reply, err) : judge_failure(&reply, code, err);
    }
    (void)curl_multi_remove_handle(client->multi, client->easy);
    return result;
}

int transfer_pause(struct exchange_client *client, double seconds, struct error *err)
{
    double until = clock_monotonic() + seconds;
    while (!atomic_load(&client->interrupted)) {
        if (clock_monotonic() >= until)
            return 0;
        wait_for_more(client, until);
    }
    return canceled(err);
}
