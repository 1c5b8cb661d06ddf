#include "fleet/exchange_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/thread.h"

#define THREADS 2
#define CONNECTIONS 512    /* over all threads: a few of each of a hundred peers */
#define IDLE_SECONDS 60    /* after which a connection that moves no byte is closed */
#define MEMORY (16u << 10) /* of a connection, for the request's and the reply's head */

static void on_message(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* What clients do wrong is theirs to know, so nothing is said but why the start failed. */
static void on_message(void *context, const char *format, va_list arguments)
{
    struct exchange_server *server = context;
    char text[400];
    if (atomic_load(&server->started))
        return;
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    (void)error_set(&server->start, ERROR_IO, "cannot serve other peers: %s", text);
}

static struct MHD_Daemon *start_daemon(struct exchange_server *server,
                                       const struct exchange_credentials *texts)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, server->listener, NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, texts->key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, texts->cert},
        {MHD_OPTION_HTTPS_MEM_TRUST, 0, texts->ca},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)exchange_priorities},
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)guests_notify, &server->guests},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)request_unescape, server},
        {MHD_OPTION_THREAD_POOL_SIZE, THREADS, NULL},
        {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(flags, 0, NULL, NULL, request_handle, server,
                            MHD_OPTION_EXTERNAL_LOGGER, on_message, server, MHD_OPTION_ARRAY,
                            options, MHD_OPTION_END);
}

static int start_deaf(struct exchange_server *server, const struct exchange_credentials *texts,
                      struct error *err)
{
    sigset_t before;
    thread_deafen(&before);
    server->mhd = start_daemon(server, texts);
    thread_hear(&before);
    if (server->mhd != NULL) {
        atomic_store(&server->started, true);
        return 0;
    }
    if (server->start.code != ERROR_NONE && err != NULL)
        *err = server->start;
    else
        (void)error_memory(err, "the server for other peers");
    return -1;
}

int exchange_server_open(struct exchange_server **out, const char *listen,
                         const struct exchange_identity *identity,
                         const struct exchange_shelves *shelves, struct error *err)
{
    static const struct listen_buffers buffers = {0, 0};
    struct exchange_credentials texts;
    if (credentials_read(&texts, identity, err) != 0)
        return -1;
    int result = -1;
    struct exchange_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        error_memory(err, "the server for other peers");
        goto out;
    }
    server->shelves = *shelves;
    server->listener = -1;
    guests_open(&server->guests, CONNECTIONS / THREADS, &server->refused);
    parcels_open(&server->parcels);
    if (listen_open(listen, buffers, &server->listener, &server->port, err) != 0 ||
        start_deaf(server, &texts, err) != 0) {
        exchange_server_close(server);
        goto out;
    }
    *out = server;
    result = 0;
out:
    credentials_free(&texts);
    return result;
}

/* Not MHD_quiesce_daemon: it takes the listener from the threads' epoll sets while a thread may be
 * doing so itself, and the second of the two ends the process. */
void exchange_server_close(struct exchange_server *server)
{
    if (server == NULL)
        return;
    if (server->mhd != NULL)
        MHD_stop_daemon(server->mhd); /* closes the listener */
    else if (server->listener >= 0)
        (void)close(server->listener);
    parcels_close(&server->parcels);
    guests_close(&server->guests);
    free(server);
}

unsigned exchange_server_port(const struct exchange_server *server)
{
    return server->port;
}

struct exchange_figures exchange_server_figures(struct exchange_server *server)
{
    return (struct exchange_figures){
        .requests = atomic_load_explicit(&server->requests, memory_order_relaxed),
        .refused = atomic_load_explicit(&server->refused, memory_order_relaxed),
        .bytes_sent = atomic_load_explicit(&server->bytes_sent, memory_order_relaxed),
    };
}
