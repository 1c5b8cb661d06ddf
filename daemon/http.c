#include "daemon/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/thread.h"
#include "daemon/http_internal.h"

/* Beside the bytes of the request, libmicrohttpd keeps its parsed headers and the reply's headers
 * in the memory of a connection. */
#define BESIDE_HEADER 2048

/* Clients are many and replies are small. */
static const struct listen_buffers buffers = {.send = 128 << 10, .receive = 32 << 10};

/* What clients do wrong is theirs to know, so nothing is said but why the start failed. */
static void on_message(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void on_message(void *context, const char *format, va_list arguments)
{
    struct http *http = context;
    char text[400];
    if (atomic_load(&http->started))
        return;
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    (void)error_set(&http->start, ERROR_IO, "cannot listen on %s: %s", http->settings.listen, text);
}

static struct MHD_Daemon *start_daemon(struct http *http, unsigned threads)
{
    size_t memory = http->settings.max_header + BESIDE_HEADER;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, http->listener, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, http->crowd.most, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)memory, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)crowd_notify, http},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)call_completed, http},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)call_unescape, http},
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
        {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(flags, 0, NULL, NULL, call_handle, http, MHD_OPTION_EXTERNAL_LOGGER,
                            on_message, http, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static int start_deaf(struct http *http, struct error *err)
{
    sigset_t before;
    unsigned most = http->crowd.most;
    unsigned threads = http->settings.threads < most ? http->settings.threads : most;
    thread_deafen(&before);
    http->mhd = start_daemon(http, threads);
    thread_hear(&before);
    if (http->mhd != NULL) {
        atomic_store(&http->started, true);
        return 0;
    }
    if (http->start.code != ERROR_NONE && err != NULL)
        *err = http->start;
    else
        (void)error_memory(err, "the HTTP server");
    return -1;
}

int http_open(struct http **out, const struct http_settings *settings, struct error *err)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return error_memory(err, "the HTTP server");
    http->settings = *settings;
    http->listener = -1;
    (void)pthread_mutex_init(&http->lock, NULL);
    (void)pthread_cond_init(&http->resumed, NULL);
    if (crowd_open(&http->crowd, settings->max_connections, settings->timeout, err) != 0 ||
        listen_open(settings->listen, buffers, &http->listener, &http->port, err) != 0 ||
        (settings->client_rate > 0 && rate_open(&http->rate, settings->client_rate, err) != 0) ||
        start_deaf(http, err) != 0) {
        http_close(http);
        return -1;
    }
    http->settings.listen = NULL; /* the caller's */
    *out = http;
    return 0;
}

void http_continue(struct http *http, struct MHD_Connection *mhd)
{
    MHD_resume_connection(mhd);
    (void)pthread_mutex_lock(&http->lock);
    http->suspended--;
    (void)pthread_cond_signal(&http->resumed);
    (void)pthread_mutex_unlock(&http->lock);
}

/* No route runs or waits any more, and none begins. */
static void wait_for_routes(struct http *http)
{
    static const struct timespec moment = {.tv_nsec = 1000000};
    (void)pthread_mutex_lock(&http->lock);
    struct desk *desks = http->desks; /* grows at its head; a desk that comes sees `closing` */
    (void)pthread_mutex_unlock(&http->lock);
    for (struct desk *desk = desks; desk != NULL; desk = desk->next)
        while (atomic_load(&desk->busy))
            (void)nanosleep(&moment, NULL);
    (void)pthread_mutex_lock(&http->lock);
    while (http->suspended > 0)
        (void)pthread_cond_wait(&http->resumed, &http->lock);
    (void)pthread_mutex_unlock(&http->lock);
}

/* libmicrohttpd must have no suspended connection when it is stopped. Not MHD_quiesce_daemon: it
 * takes the listener from the threads' epoll sets while a thread may be doing so itself, and the
 * second of the two ends the process. Whoever comes meanwhile is refused by `closing`. */
static void stop(struct http *http)
{
    atomic_store(&http->closing, true);
    wait_for_routes(http);
    MHD_stop_daemon(http->mhd);
    http->listener = -1; /* libmicrohttpd has closed it */
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    if (http->mhd != NULL)
        stop(http);
    desks_close(http);
    rate_close(http->rate);
    if (http->listener >= 0)
        (void)close(http->listener);
    crowd_close(&http->crowd);
    (void)pthread_cond_destroy(&http->resumed);
    (void)pthread_mutex_destroy(&http->lock);
    free(http);
}

unsigned http_port(const struct http *http)
{
    return http->port;
}
