#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/http_internal.h"
#include "daemon/log.h"

/* Files that refreshd has open besides connections: pairs being opened, the ledger, the geocoder's
 * connections, the control socket. */
#define OTHER_FILES 1024
#define FEWEST_CONNECTIONS 16

/* With this share of the connections open, who is idle is worth less than who waits to come in. */
#define CROWDED(most) ((most) - (most) / 8)
#define CROWDED_PATIENCE 10 /* that part of the timeout */

static uint64_t now_milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Let the process open enough files for `most` connections, and return how many there can be. */
static unsigned allow_connections(unsigned most)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)most + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return most;
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = {.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max,
                                .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    if (limit.rlim_cur >= wanted)
        return most;
    rlim_t left =
        limit.rlim_cur > 2 * OTHER_FILES ? limit.rlim_cur - OTHER_FILES : limit.rlim_cur / 2;
    unsigned possible = left > FEWEST_CONNECTIONS ? (unsigned)left : FEWEST_CONNECTIONS;
    if (possible >= most)
        return most;
    log_event(LOG_LEVEL_WARNING, "http_connections_limited",
              "max_connections=%u possible=%u open_files=%llu "
              "advice=\"raise the limit of open files (LimitNOFILE) to %llu\"",
              most, possible, (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
    return possible;
}

/* --- the sweep --------------------------------------------------------------------- */

/* shutdown(2) and no more: the serving thread sees the end of the connection and closes it. The
 * lock keeps the descriptor from being closed and used again meanwhile. */
static void sweep_shard(struct shard *shard, uint64_t now, uint64_t sooner)
{
    (void)pthread_mutex_lock(&shard->lock);
    for (struct connection *c = shard->first; c != NULL; c = c->next) {
        uint64_t due = atomic_load_explicit(&c->due, memory_order_relaxed);
        if (due != DUE_NEVER && due <= now + sooner) {
            (void)shutdown(c->fd, SHUT_RDWR);
            atomic_store_explicit(&c->due, DUE_NEVER, memory_order_relaxed);
        }
    }
    (void)pthread_mutex_unlock(&shard->lock);
}

static void sweep(struct connections *connections)
{
    unsigned open = atomic_load_explicit(&connections->open, memory_order_relaxed);
    uint64_t patience = connections->patience;
    if (open >= CROWDED(connections->most))
        patience = patience / CROWDED_PATIENCE < 1000 ? 1000 : patience / CROWDED_PATIENCE;
    uint64_t sooner = patience < connections->patience ? connections->patience - patience : 0;
    uint64_t now = now_milliseconds();
    for (unsigned i = 0; i < SHARDS; i++)
        sweep_shard(&connections->shards[i], now, sooner);
}

static void *run_sweep(void *argument)
{
    struct connections *connections = argument;
    uint64_t interval = connections->patience / 20;
    interval = interval < 50 ? 50 : interval > 500 ? 500 : interval;
    (void)pthread_setname_np(pthread_self(), "http-sweep");
    (void)pthread_mutex_lock(&connections->lock);
    while (!connections->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)interval * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&connections->wake, &connections->lock, &until);
        if (connections->stopping)
            break;
        (void)pthread_mutex_unlock(&connections->lock);
        sweep(connections);
        (void)pthread_mutex_lock(&connections->lock);
    }
    (void)pthread_mutex_unlock(&connections->lock);
    return NULL;
}

int connections_open(struct connections *connections, unsigned most, double timeout,
                     struct error *err)
{
    pthread_condattr_t monotonic;
    connections->most = allow_connections(most);
    connections->patience = (uint64_t)(timeout * 1000);
    for (unsigned i = 0; i < SHARDS; i++)
        (void)pthread_mutex_init(&connections->shards[i].lock, NULL);
    (void)pthread_mutex_init(&connections->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&connections->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&connections->thread, NULL, run_sweep, connections) != 0)
        return error_memory(err, "a thread");
    connections->running = true;
    return 0;
}

void connections_close(struct connections *connections)
{
    if (connections->running) {
        (void)pthread_mutex_lock(&connections->lock);
        connections->stopping = true;
        (void)pthread_cond_signal(&connections->wake);
        (void)pthread_mutex_unlock(&connections->lock);
        (void)pthread_join(connections->thread, NULL);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        (void)pthread_mutex_destroy(&connections->shards[i].lock);
    (void)pthread_cond_destroy(&connections->wake);
    (void)pthread_mutex_destroy(&connections->lock);
}

/* --- one connection ---------------------------------------------------------------- */

static void *started(struct http *http, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL || fd == NULL) {
        free(connection);
        return NULL;
    }
    connection->fd = fd->connect_fd;
    connection->client = address != NULL ? rate_client(address->client_addr) : 0;
    connection->call.http = http;
    connection->call.mhd = mhd;
    connection_renew(connection, &http->connections);
    struct shard *shard = &http->connections.shards[(unsigned)connection->fd % SHARDS];
    connection->shard = shard;
    (void)pthread_mutex_lock(&shard->lock);
    connection->next = shard->first;
    if (shard->first != NULL)
        shard->first->previous = connection;
    shard->first = connection;
    (void)pthread_mutex_unlock(&shard->lock);
    atomic_fetch_add_explicit(&http->connections.open, 1, memory_order_relaxed);
    return connection;
}

static void closed(struct http *http, struct connection *connection)
{
    struct shard *shard = connection->shard;
    (void)pthread_mutex_lock(&shard->lock);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        shard->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    (void)pthread_mutex_unlock(&shard->lock);
    atomic_fetch_sub_explicit(&http->connections.open, 1, memory_order_relaxed);
    free(connection);
}

void connections_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                        enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = started(context, mhd);
    } else if (*socket_context != NULL) {
        closed(context, *socket_context);
        *socket_context = NULL;
    }
}

struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

void connection_renew(struct connection *connection, const struct connections *connections)
{
    atomic_store_explicit(&connection->due, now_milliseconds() + connections->patience,
                          memory_order_relaxed);
}

void connection_hold(struct connection *connection)
{
    atomic_store_explicit(&connection->due, DUE_NEVER, memory_order_relaxed);
}

unsigned http_connections(const struct http_call *call)
{
    return atomic_load_explicit(&call->http->connections.open, memory_order_relaxed);
}
