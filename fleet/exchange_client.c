#include <pthread.h>
#include <stdlib.h>

#include "fleet/exchange_client_internal.h"

#define CONNECT_TIMEOUT 3.0
#define STALL_TIMEOUT 10.0
#define IDLE_CONNECTIONS 16L /* kept for the next request */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode ready; /* written once, under `once` */

static void make_ready(void)
{
    ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Only our authority counts, and only what it says of the host that we ask. */
static CURLcode set_trust(CURL *easy, const struct exchange_identity *identity)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CAINFO, identity->ca_file);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSLCERT, identity->cert_file);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSLKEY, identity->key_file);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    return code;
}

/* Nothing of the environment, no redirects, nothing but HTTPS. */
static CURLcode set_manners(CURL *easy, double connect_timeout)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* not held up by a name's lookup */
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_timeout * 1000));
    return code;
}

int exchange_client_open(struct exchange_client **out,
                         const struct exchange_client_settings *settings, struct error *err)
{
    struct exchange_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return error_memory(err, "a client of other peers");
    (void)pthread_once(&once, make_ready);
    client->connect_timeout =
        settings->connect_timeout > 0 ? settings->connect_timeout : CONNECT_TIMEOUT;
    client->stall_timeout = settings->stall_timeout > 0 ? settings->stall_timeout : STALL_TIMEOUT;
    client->easy = ready == CURLE_OK ? curl_easy_init() : NULL;
    client->multi = ready == CURLE_OK ? curl_multi_init() : NULL;
    if (client->easy == NULL || client->multi == NULL ||
        set_trust(client->easy, &settings->identity) != CURLE_OK ||
        set_manners(client->easy, client->connect_timeout) != CURLE_OK ||
        curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, client->reason) != CURLE_OK ||
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS) != CURLM_OK) {
        exchange_client_close(client);
        return error_memory(err, "a client of other peers");
    }
    *out = client;
    return 0;
}

void exchange_client_close(struct exchange_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->easy);
    (void)curl_multi_cleanup(client->multi);
    free(client);
}

void exchange_client_interrupt(struct exchange_client *client)
{
    atomic_store(&client->interrupted, true);
    (void)curl_multi_wakeup(client->multi);
}

uint64_t exchange_client_bytes(const struct exchange_client *client)
{
    return atomic_load_explicit(&client->bytes, memory_order_relaxed);
}
