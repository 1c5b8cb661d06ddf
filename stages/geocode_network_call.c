/* One request on its way: an easy handle that is used again and again. What is the same for all
 * requests is set once; a request changes its target, and the URL only when its path differs from
 * the one before: libcurl takes a URL apart and puts it together several times for each request,
 * which costs a quarter of all it does, and a target is sent as it is. */
#include "stages/geocode_network.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_SECONDS 3.0
#define DEFAULT_SECONDS 10.0
#define BODY_KEPT ((size_t)1 << 20) /* a longer reply's memory is given back */

static int wrong_option(struct error *err, CURLcode result)
{
    if (result == CURLE_OUT_OF_MEMORY)
        return error_memory(err, "a request");
    return error_set(err, ERROR_STATE, "cannot ask the geocoder: %s", curl_easy_strerror(result));
}

static int wrong_url(struct error *err, CURLUcode result)
{
    if (result == CURLUE_OUT_OF_MEMORY)
        return error_memory(err, "a request");
    return error_set(err, ERROR_CONFIG, "[geocoder] url: %s", curl_url_strerror(result));
}

/* --- what is the same for all requests -------------------------------------------------- */

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t bytes = size * count;
    if (bytes > call->limit - call->body.used) {
        call->too_long = true;
        return 0;
    }
    return buffer_append(&call->body, data, bytes, NULL) == 0 ? bytes : 0;
}

static bool is_loopback(const char *host)
{
    struct in_addr four;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* Might libcurl send plain requests through a proxy? It has to be told whole URLs. */
static bool has_proxy(const char *url)
{
    static const char *const names[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    bool set = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        set = set || getenv(names[i]) != NULL;
    return set && strncasecmp(url, "http:", 5) == 0;
}

static CURLcode set_proxy(struct call *call, const char *url)
{
    char *host = NULL;
    CURLcode result = CURLE_OK;
    call->by_target = !has_proxy(url);
    if (curl_url_get(call->url, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_loopback(host)) {
        call->by_target = true;
        result = curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
    }
    curl_free(host);
    return result;
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static CURLcode set_tls(CURL *easy, const struct geocoder_settings *settings)
{
    CURLcode result = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (result == CURLE_OK && is_set(settings->ca_file))
        result = curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    /* With a directory of certificates libcurl reads them all for every connection. */
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    /* While the first connection's handshake has not settled whether requests may share it, the
     * others wait for that. Without TLS they would wait for its first reply. */
    if (result == CURLE_OK && strncasecmp(settings->url, "https:", 6) == 0)
        result = curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    return result;
}

static double call_timeout(const struct geocoder_settings *settings)
{
    return settings->timeout > 0 ? settings->timeout : DEFAULT_SECONDS;
}

static CURLcode set_timeouts(CURL *easy, double seconds)
{
    double connect = seconds < CONNECT_SECONDS ? seconds : CONNECT_SECONDS;
    CURLcode result = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)ceil(seconds * 1000));
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ceil(connect * 1000));
    return result;
}

/* When a connection that was used before is found dead, libcurl sends the request again by itself,
 * up to five times. But how often a point is asked, and when, is for the worker to say. */
static int before_sending(void *context, char *there, char *here, int there_port, int here_port)
{
    struct call *call = context;
    (void)there;
    (void)here;
    (void)there_port;
    (void)here_port;
    return call->sent++ > 0 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static CURLcode set_transfer(struct call *call, const struct geocoder_settings *settings)
{
    const char *agent =
        is_set(settings->user_agent) ? settings->user_agent : "refreshd/" REFRESHD_VERSION;
    CURL *easy = call->easy;
    CURLcode result;
    if ((result = curl_easy_setopt(easy, CURLOPT_CURLU, call->url)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PRIVATE, call)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_WRITEDATA, call)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->message)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_USERAGENT, agent)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->plain)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_sending)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PREREQDATA, call)) != CURLE_OK ||
        /* Otherwise a pause or a stop waits for a name server that doesn't answer. */
        (result = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)) != CURLE_OK)
        return result;
    return set_timeouts(easy, call_timeout(settings));
}

int call_create(struct call **out, const struct geocoder *geocoder, struct error *err)
{
    const struct geocoder_settings *settings = &geocoder->settings;
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return error_memory(err, "a request");
    call->geocoder = geocoder;
    call->easy = curl_easy_init();
    call->url = curl_url();
    call->plain = curl_slist_append(NULL, "Accept:");
    if (call->easy == NULL || call->url == NULL || call->plain == NULL) {
        error_memory(err, "a request");
        goto fail;
    }
    CURLUcode bad = curl_url_set(call->url, CURLUPART_URL, settings->url, 0);
    if (bad != CURLUE_OK) {
        wrong_url(err, bad);
        goto fail;
    }
    CURLcode result = set_transfer(call, settings);
    if (result == CURLE_OK)
        result = set_tls(call->easy, settings);
    if (result == CURLE_OK)
        result = set_proxy(call, settings->url);
    if (result != CURLE_OK) {
        wrong_option(err, result);
        goto fail;
    }
    *out = call;
    return 0;
fail:
    call_free(call);
    return -1;
}

void call_free(struct call *call)
{
    if (call == NULL)
        return;
    curl_easy_cleanup(call->easy);
    curl_url_cleanup(call->url);
    curl_slist_free_all(call->plain);
    curl_slist_free_all(call->headers);
    buffer_free(&call->http.query);
    buffer_free(&call->http.body);
    buffer_free(&call->target);
    buffer_free(&call->body);
    free(call);
}

/* --- what a request changes ----------------------------------------------------------------- */

static int set_path(struct call *call, struct error *err)
{
    const char *base = call->geocoder->settings.url;
    size_t length = strlen(base) + strlen(call->http.path) + 1;
    char *whole = malloc(length);
    if (whole == NULL)
        return error_memory(err, "a request");
    (void)snprintf(whole, length, "%s%s", base, call->http.path);
    call->path = NULL;
    CURLUcode bad = curl_url_set(call->url, CURLUPART_URL, whole, 0);
    free(whole);
    char *path = NULL;
    if (bad != CURLUE_OK || (bad = curl_url_get(call->url, CURLUPART_PATH, &path, 0)) != CURLUE_OK)
        return wrong_url(err, bad);
    buffer_clear(&call->target);
    int result = buffer_append(&call->target, path, strlen(path), err);
    curl_free(path);
    if (result != 0)
        return -1;
    call->target_path = call->target.used;
    call->path = call->http.path;
    return 0;
}

static int set_query(struct call *call, struct error *err)
{
    struct buffer *query = &call->http.query;
    if (buffer_reserve(query, 1, err) != 0)
        return -1;
    query->data[query->used] = '\0';
    CURLUcode bad = curl_url_set(call->url, CURLUPART_QUERY,
                                 query->used > 0 ? (const char *)query->data : NULL, 0);
    return bad == CURLUE_OK ? 0 : wrong_url(err, bad);
}

/* "/PATH?QUERY", the path being the URL's. */
static int set_target(struct call *call, struct error *err)
{
    struct buffer *target = &call->target;
    const struct buffer *query = &call->http.query;
    target->used = call->target_path;
    if ((query->used > 0 && (buffer_append(target, "?", 1, err) != 0 ||
                             buffer_append(target, query->data, query->used, err) != 0)) ||
        buffer_append(target, "", 1, err) != 0)
        return -1;
    CURLcode result = curl_easy_setopt(call->easy, CURLOPT_REQUEST_TARGET, target->data);
    return result == CURLE_OK ? 0 : wrong_option(err, result);
}

/* The headers of a POST of that content type. Expect is left out, it costs a round trip; so is
 * Accept, which says nothing. */
static int set_headers(struct call *call, const char *content_type, struct error *err)
{
    char line[200];
    (void)snprintf(line, sizeof line, "Content-Type: %s", content_type);
    const char *const lines[] = {line, "Expect:", "Accept:"};
    struct curl_slist *headers = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct curl_slist *more = curl_slist_append(headers, lines[i]);
        if (more == NULL) {
            curl_slist_free_all(headers);
            return error_memory(err, "a request");
        }
        headers = more;
    }
    CURLcode result = curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, headers);
    curl_slist_free_all(call->headers);
    call->headers = headers;
    return result == CURLE_OK ? 0 : wrong_option(err, result);
}

static int set_get(struct call *call, struct error *err)
{
    CURLcode result = curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->plain);
    if (result == CURLE_OK)
        result = curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
    return result == CURLE_OK ? 0 : wrong_option(err, result);
}

static int set_body(struct call *call, struct error *err)
{
    struct buffer *body = &call->http.body;
    const char *data = body->used > 0 ? (const char *)body->data : "";
    CURLcode result = curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, data);
    if (result == CURLE_OK)
        result = curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->used);
    return result == CURLE_OK ? 0 : wrong_option(err, result);
}

static void begin_reply(struct call *call)
{
    buffer_clear(&call->body);
    call->too_long = false;
    call->sent = 0;
    call->message[0] = '\0';
}

int call_set(struct call *call, size_t points, struct error *err)
{
    const char *content_type = call->http.content_type;
    if (call->path != call->http.path && set_path(call, err) != 0)
        return -1;
    if ((call->by_target ? set_target(call, err) : set_query(call, err)) != 0)
        return -1;
    if (content_type != call->content_type) {
        if ((content_type == NULL ? set_get(call, err) : set_headers(call, content_type, err)) != 0)
            return -1;
        call->content_type = content_type;
    }
    if (content_type != NULL && set_body(call, err) != 0)
        return -1;
    if (call->redirects > 0) {
        CURLcode result = set_timeouts(call->easy, call_timeout(&call->geocoder->settings));
        if (result != CURLE_OK)
            return wrong_option(err, result);
    }
    call->redirects = 0;
    call->limit = GEOCODER_REPLY_BYTES(points);
    begin_reply(call);
    return 0;
}

void call_rest(struct call *call)
{
    if (call->body.room > BODY_KEPT)
        buffer_free(&call->body);
}

/* --- redirects ----------------------------------------------------------------------------------
 */

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool same_part(CURLU *one, CURLU *other, CURLUPart part, unsigned flags)
{
    char *first = NULL;
    char *second = NULL;
    bool same = curl_url_get(one, part, &first, flags) == CURLUE_OK &&
                curl_url_get(other, part, &second, flags) == CURLUE_OK &&
                strcasecmp(first, second) == 0;
    curl_free(first);
    curl_free(second);
    return same;
}

static bool has_scheme(CURLU *url, const char *scheme)
{
    char *text = NULL;
    bool has =
        curl_url_get(url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK && strcasecmp(text, scheme) == 0;
    curl_free(text);
    return has;
}

static int refuse(struct call *call, CURLU *target, struct answer *failure, struct buffer *detail)
{
    char *host = NULL;
    if (target == NULL || curl_url_get(target, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        network_detail(call, failure, detail, "redirected to something that is no URL");
    else if (!same_part(call->url, target, CURLUPART_HOST, 0))
        network_detail(call, failure, detail, "redirected to another host, %s", host);
    else
        network_detail(call, failure, detail,
                       "redirected to another port or from https to http on %s", host);
    curl_free(host);
    return -1;
}

/* May the request go there, key and all? To the same server, or to its TLS side. */
static bool is_allowed(CURLU *from, CURLU *target)
{
    if (!same_part(from, target, CURLUPART_HOST, 0))
        return false;
    if (same_part(from, target, CURLUPART_SCHEME, 0))
        return same_part(from, target, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    return has_scheme(from, "http") && has_scheme(target, "https");
}

/* Send the same request to the target, in the time that is left of it. */
static bool send_to(struct call *call, const char *location)
{
    curl_off_t spent = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &spent);
    double left = call_timeout(&call->geocoder->settings) - (double)spent * 1e-6;
    call->path = NULL;
    begin_reply(call);
    return curl_easy_setopt(call->easy, CURLOPT_REQUEST_TARGET, NULL) == CURLE_OK &&
           curl_url_set(call->url, CURLUPART_URL, location, 0) == CURLUE_OK &&
           set_timeouts(call->easy, left > 0.001 ? left : 0.001) == CURLE_OK;
}

int call_follow(struct call *call, unsigned status, struct answer *failure, struct buffer *detail)
{
    char *location = NULL;
    if (!is_redirect(status))
        return 0;
    if (curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &location) != CURLE_OK ||
        location == NULL)
        return 0;
    *failure = (struct answer){
        .kind = ANSWER_FAILED, .cause = CAUSE_BAD_REPLY, .status = (uint16_t)status};
    if (call->redirects == CALL_REDIRECTS) {
        network_detail(call, failure, detail, "more than %u redirects", CALL_REDIRECTS);
        return -1;
    }
    if (status == 303 && call->content_type != NULL) {
        network_detail(call, failure, detail, "redirected away from what was posted");
        return -1;
    }
    CURLU *target = curl_url();
    if (target != NULL && curl_url_set(target, CURLUPART_URL, location, 0) != CURLUE_OK) {
        curl_url_cleanup(target);
        target = NULL;
    }
    int result = 1;
    if (target == NULL || !is_allowed(call->url, target) || !send_to(call, location))
        result = refuse(call, target, failure, detail);
    call->redirects++;
    curl_url_cleanup(target);
    return result;
}
