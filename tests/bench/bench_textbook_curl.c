/* bench_textbook_curl URL REQUESTS CONCURRENCY: libcurl on libuv as tutorials have it: a new easy
 * handle and a URL text for each request, a poll handle started and stopped as libcurl says,
 * completions taken after each event, the reply read with cJSON. Prints requests per second and
 * microseconds of CPU per request. */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <uv.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/buffer.h"
#include "base/clock.h"

struct context {
    uv_poll_t poll;
    curl_socket_t socket;
};

static uv_loop_t *loop;
static uv_timer_t timer;
static CURLM *multi;
static const char *base;
static unsigned long sent, ended, wanted;

static size_t keep(char *data, size_t size, size_t count, void *context)
{
    return buffer_append(context, data, size * count, NULL) == 0 ? size * count : 0;
}

static void send_one(void)
{
    char url[300];
    unsigned long n = sent++;
    struct buffer *body = calloc(1, sizeof *body);
    CURL *easy = curl_easy_init();
    if (body == NULL || easy == NULL)
        exit(1);
    (void)snprintf(url, sizeof url,
                   "%s?format=jsonv2&lat=%lu.%07lu&lon=%lu.%07lu&zoom=18&addressdetails=1", base,
                   n % 80, n % 9999991, n % 170, n * 31 % 9999991);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, body);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "refreshd/" REFRESHD_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_multi_add_handle(multi, easy);
}

static void check_multi(void)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        struct buffer *body;
        if (message->data.result != CURLE_OK)
            exit(1);
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &body);
        cJSON *tree = cJSON_ParseWithLength((const char *)body->data, body->used);
        if (cJSON_GetObjectItemCaseSensitive(tree, "display_name") == NULL)
            exit(1);
        cJSON_Delete(tree);
        buffer_free(body);
        free(body);
        curl_multi_remove_handle(multi, easy);
        curl_easy_cleanup(easy);
        ended++;
        if (sent < wanted)
            send_one();
    }
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
    int running;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    struct context *context = poll->data;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(multi, context->socket, flags, &running);
    check_multi();
}

static void timer_fired(uv_timer_t *handle)
{
    int running;
    (void)handle;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    check_multi();
}

static int timeout_changed(CURLM *unused, long timeout_ms, void *context)
{
    (void)unused;
    (void)context;
    if (timeout_ms < 0)
        uv_timer_stop(&timer);
    else
        uv_timer_start(&timer, timer_fired, timeout_ms == 0 ? 1 : (uint64_t)timeout_ms, 0);
    return 0;
}

static void free_context(uv_handle_t *handle)
{
    free(handle->data);
}

static int socket_changed(CURL *easy, curl_socket_t socket, int what, void *unused, void *socketp)
{
    struct context *context = socketp;
    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        if (context != NULL) {
            uv_poll_stop(&context->poll);
            uv_close((uv_handle_t *)&context->poll, free_context);
            curl_multi_assign(multi, socket, NULL);
        }
        return 0;
    }
    if (context == NULL) {
        context = calloc(1, sizeof *context);
        if (context == NULL)
            exit(1);
        context->socket = socket;
        uv_poll_init_socket(loop, &context->poll, socket);
        context->poll.data = context;
        curl_multi_assign(multi, socket, context);
    }
    int events = 0;
    if (what != CURL_POLL_IN)
        events |= UV_WRITABLE;
    if (what != CURL_POLL_OUT)
        events |= UV_READABLE;
    uv_poll_start(&context->poll, events, socket_ready);
    return 0;
}

int main(int count, char **words)
{
    if (count != 4)
        return 2;
    base = words[1];
    wanted = strtoul(words[2], NULL, 10);
    unsigned long concurrency = strtoul(words[3], NULL, 10);
    curl_global_init(CURL_GLOBAL_ALL);
    loop = uv_default_loop();
    uv_timer_init(loop, &timer);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timeout_changed);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)concurrency);
    double began = clock_monotonic();
    for (unsigned long i = 0; i < concurrency; i++)
        send_one();
    while (ended < wanted)
        uv_run(loop, UV_RUN_ONCE);
    double took = clock_monotonic() - began;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    printf("%.0f %.3f\n", (double)ended / took, cpu * 1e6 / (double)ended);
    return 0;
}
