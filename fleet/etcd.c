#include "fleet/etcd.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/etcd_internal.h"

#define TIMEOUT_SECONDS 1.5

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode ready; /* written once, under `once` */

static void make_ready(void)
{
    ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- what is the same for all calls ------------------------------------------------------- */

static size_t take_reply(char *data, size_t size, size_t count, void *context)
{
    struct etcd *etcd = context;
    size_t bytes = size * count;
    etcd->too_long = bytes > ETCD_REPLY_LIMIT - etcd->reply.used;
    if (etcd->too_long)
        return 0;
    return buffer_append(&etcd->reply, data, bytes, NULL) == 0 ? bytes : 0;
}

/* libcurl sends a request again by itself when a connection that was used before is found dead. */
static int before_sending(void *context, char *there, char *here, int there_port, int here_port)
{
    struct etcd *etcd = context;
    (void)there;
    (void)here;
    (void)there_port;
    (void)here_port;
    etcd->sent++;
    return CURL_PREREQFUNC_OK;
}

static CURLcode set_transfer(struct etcd *etcd)
{
    CURL *easy = etcd->easy;
    CURLcode result;
    if ((result = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_reply)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_WRITEDATA, etcd)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, etcd->message)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, etcd->headers)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_sending)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PREREQDATA, etcd)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PROXY, "")) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L)) != CURLE_OK ||
        (result = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")) != CURLE_OK)
        return result;
    return curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* libcurl copies the texts, and reads the files for each connection. */
static CURLcode set_tls(CURL *easy, const struct etcd_settings *settings)
{
    CURLcode result = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (result == CURLE_OK && is_set(settings->ca_file)) {
        result = curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
        if (result == CURLE_OK)
            result = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (result == CURLE_OK && is_set(settings->cert_file))
        result = curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->cert_file);
    if (result == CURLE_OK && is_set(settings->key_file))
        result = curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->key_file);
    return result;
}

static int make_headers(struct etcd *etcd, struct error *err)
{
    /* A member that is cut off from the others says so instead of being silent. */
    static const char *const lines[] = {"Grpc-Metadata-hasleader: true",
                                        "Content-Type: application/json", "Accept:", "Expect:"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct curl_slist *longer = curl_slist_append(etcd->headers, lines[i]);
        if (longer == NULL)
            return error_memory(err, "a client of etcd");
        etcd->headers = longer;
    }
    return 0;
}

static int make_handles(struct etcd *etcd, const struct etcd_settings *settings, struct error *err)
{
    etcd->multi = curl_multi_init();
    etcd->easy = curl_easy_init();
    if (etcd->multi == NULL || etcd->easy == NULL)
        return error_memory(err, "a client of etcd");
    CURLcode result = set_transfer(etcd);
    if (result == CURLE_OK)
        result = set_tls(etcd->easy, settings);
    if (result != CURLE_OK)
        return error_set(err, ERROR_STATE, "cannot ask etcd: %s", curl_easy_strerror(result));
    return 0;
}

/* --- endpoints ---------------------------------------------------------------------------- */

static int check_endpoint(const char *endpoint, struct error *err)
{
    char *scheme = NULL, *path = NULL;
    CURLU *url = curl_url();
    if (url == NULL)
        return error_memory(err, "a URL");
    bool good = curl_url_set(url, CURLUPART_URL, endpoint, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
                strcmp(path, "/") == 0 && strpbrk(endpoint, "?#@") == NULL;
    curl_free(scheme);
    curl_free(path);
    curl_url_cleanup(url);
    return good ? 0
                : error_set(err, ERROR_CONFIG, "the URL of etcd \"%s\" is not http(s)://HOST:PORT",
                            endpoint);
}

static int copy_endpoints(struct etcd *etcd, const struct etcd_settings *settings,
                          struct error *err)
{
    if (settings->endpoint_count == 0)
        return error_set(err, ERROR_CONFIG, "no URL of etcd is given");
    etcd->endpoints = calloc(settings->endpoint_count, sizeof *etcd->endpoints);
    if (etcd->endpoints == NULL)
        return error_memory(err, "the URLs of etcd");
    for (; etcd->endpoint_count < settings->endpoint_count; etcd->endpoint_count++) {
        const char *endpoint = settings->endpoints[etcd->endpoint_count];
        size_t length = strlen(endpoint);
        if (check_endpoint(endpoint, err) != 0)
            return -1;
        char *copy = strndup(endpoint, length - (endpoint[length - 1] == '/'));
        if (copy == NULL)
            return error_memory(err, "the URLs of etcd");
        etcd->endpoints[etcd->endpoint_count] = copy;
    }
    return 0;
}

/* --- the whole ---------------------------------------------------------------------------- */

int etcd_open(struct etcd **out, const struct etcd_settings *settings, struct error *err)
{
    struct etcd *etcd = calloc(1, sizeof *etcd);
    if (etcd == NULL)
        return error_memory(err, "a client of etcd");
    atomic_init(&etcd->interrupted, false);
    etcd->timeout = settings->timeout > 0 ? settings->timeout : TIMEOUT_SECONDS;
    (void)pthread_once(&once, make_ready);
    if (ready != CURLE_OK) {
        (void)error_set(err, ERROR_STATE, "cannot ask etcd: %s", curl_easy_strerror(ready));
        goto fail;
    }
    if (make_headers(etcd, err) != 0 || make_handles(etcd, settings, err) != 0 ||
        copy_endpoints(etcd, settings, err) != 0)
        goto fail;
    *out = etcd;
    return 0;
fail:
    etcd_close(etcd);
    return -1;
}

void etcd_close(struct etcd *etcd)
{
    if (etcd == NULL)
        return;
    curl_easy_cleanup(etcd->easy);
    (void)curl_multi_cleanup(etcd->multi);
    curl_slist_free_all(etcd->headers);
    for (size_t i = 0; i < etcd->endpoint_count; i++)
        free(etcd->endpoints[i]);
    free(etcd->endpoints);
    buffer_free(&etcd->request);
    buffer_free(&etcd->reply);
    json_tree_free(&etcd->tree);
    free(etcd);
}

void etcd_interrupt(struct etcd *etcd)
{
    atomic_store(&etcd->interrupted, true);
    (void)curl_multi_wakeup(etcd->multi);
}
