/* bench_bare_curl URL REQUESTS CONCURRENCY: a bare libcurl loop on epoll, tuned, that throws the
 * replies away: easy handles used again, sockets left armed, one target told per request. Prints
 * requests per second and microseconds of CPU per request. */
#include <curl/curl.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define SOCKETS 65536

static struct {
    CURLM *multi;
    int epoll;
    bool due;
    unsigned long sent, ended, wanted;
    unsigned char armed[SOCKETS];
} bench;

static size_t throw_away(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static int timeout_changed(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    (void)context;
    if (timeout_ms == 0)
        bench.due = true;
    return 0;
}

static int socket_changed(CURL *easy, curl_socket_t socket, int what, void *context, void *unused)
{
    (void)easy;
    (void)context;
    (void)unused;
    if (what == CURL_POLL_REMOVE || bench.armed[socket] == what)
        return 0;
    struct epoll_event event = {.data.fd = socket,
                                .events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
                                          (what & CURL_POLL_OUT ? EPOLLOUT : 0u)};
    int action = bench.armed[socket] == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    bench.armed[socket] = (unsigned char)what;
    return epoll_ctl(bench.epoll, action, socket, &event);
}

static int close_socket(void *context, curl_socket_t socket)
{
    (void)context;
    bench.armed[socket] = 0;
    return close(socket);
}

static void send_one(CURL *easy)
{
    char target[120];
    unsigned long n = bench.sent++;
    (void)snprintf(target, sizeof target,
                   "/reverse?format=jsonv2&lat=%lu.%07lu&lon=%lu.%07lu&zoom=18&addressdetails=1",
                   n % 80, n % 9999991, n % 170, n * 31 % 9999991);
    (void)curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target);
    if (curl_multi_add_handle(bench.multi, easy) != CURLM_OK)
        exit(1);
}

static void make(const char *base)
{
    CURL *easy = curl_easy_init();
    CURLU *url = curl_url();
    if (easy == NULL || url == NULL || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK)
        exit(1);
    curl_easy_setopt(easy, CURLOPT_CURLU, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, throw_away);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "refreshd/" REFRESHD_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    send_one(easy);
}

static void take_ended(void)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(bench.multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        if (message->data.result != CURLE_OK) {
            fprintf(stderr, "%s\n", curl_easy_strerror(message->data.result));
            exit(1);
        }
        curl_multi_remove_handle(bench.multi, easy);
        bench.ended++;
        if (bench.sent < bench.wanted)
            send_one(easy);
    }
}

static void turn(void)
{
    struct epoll_event events[1024];
    int running;
    int count = epoll_wait(bench.epoll, events, 1024, bench.due ? 0 : 1000);
    for (int i = 0; i < count; i++) {
        int what = (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(bench.multi, events[i].data.fd, what, &running);
    }
    take_ended();
    while (bench.due) {
        bench.due = false;
        curl_multi_socket_action(bench.multi, CURL_SOCKET_TIMEOUT, 0, &running);
        take_ended();
    }
}

int main(int count, char **words)
{
    if (count != 4)
        return 2;
    bench.wanted = strtoul(words[2], NULL, 10);
    unsigned long concurrency = strtoul(words[3], NULL, 10);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bench.epoll = epoll_create1(EPOLL_CLOEXEC);
    bench.multi = curl_multi_init();
    if (bench.multi == NULL || bench.epoll < 0)
        return 1;
    curl_multi_setopt(bench.multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
    curl_multi_setopt(bench.multi, CURLMOPT_TIMERFUNCTION, timeout_changed);
    double began = clock_monotonic();
    for (unsigned long i = 0; i < concurrency; i++)
        make(words[1]);
    while (bench.ended < bench.wanted)
        turn();
    double took = clock_monotonic() - began;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    printf("%.0f %.3f\n", (double)bench.ended / took, cpu * 1e6 / (double)bench.ended);
    return 0;
}
