#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/thread.h"
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
    for (struct http_connection *c = shard->first; c != NULL; c = c->next) {
        uint64_t due = atomic_load_explicit(&c->due, memory_order_relaxed);
        if (due != DUE_NEVER && due <= now + sooner) {
            (void)shutdown(c->fd, SHUT_RDWR);
            atomic_store_explicit(&c->due, DUE_NEVER, memory_order_relaxed);
        }
    }
    (void)pthread_mutex_unlock(&shard->lock);
}

static void sweep(struct http_crowd *crowd)
{
    unsigned open = atomic_load_explicit(&crowd->open, memory_order_relaxed);
    uint64_t patience = crowd->patience;
    if (open >= CROWDED(crowd->most))
        patience = patience / CROWDED_PATIENCE < 1000 ? 1000 : patience / CROWDED_PATIENCE;
    uint64_t sooner = patience < crowd->patience ? crowd->patience - patience : 0;
    uint64_t now = now_milliseconds();
    for (unsigned i = 0; i < SHARDS; i++)
        sweep_shard(&crowd->shards[i], now, sooner);
}

static void *run_sweep(void *argument)
{
    struct http_crowd *crowd = argument;
    uint64_t interval = crowd->patience / 20;
    interval = interval < 50 ? 50 : interval > 500 ? 500 : interval;
    (void)pthread_mutex_lock(&crowd->lock);
    while (!crowd->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)interval * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&crowd->wake, &crowd->lock, &until);
        if (crowd->stopping)
            break;
        (void)pthread_mutex_unlock(&crowd->lock);
        sweep(crowd);
        (void)pthread_mutex_lock(&crowd->lock);
    }
    (void)pthread_mutex_unlock(&crowd->lock);
    return NULL;
}

int crowd_open(struct http_crowd *crowd, unsigned most, double timeout, struct error *err)
{
    pthread_condattr_t monotonic;
    crowd->most = allow_connections(most);
    crowd->patience = (uint64_t)(timeout * 1000);
    for (unsigned i = 0; i < SHARDS; i++)
        (void)pthread_mutex_init(&crowd->shards[i].lock, NULL);
    (void)pthread_mutex_init(&crowd->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&crowd->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (thread_start(&crowd->thread, "http-sweep", run_sweep, crowd, err) != 0)
        return -1;
    crowd->running = true;
    return 0;
}

void crowd_close(struct http_crowd *crowd)
{
    if (crowd->running) {
        (void)pthread_mutex_lock(&crowd->lock);
        crowd->stopping = true;
        (void)pthread_cond_signal(&crowd->wake);
        (void)pthread_mutex_unlock(&crowd->lock);
        (void)pthread_join(crowd->thread, NULL);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        (void)pthread_mutex_destroy(&crowd->shards[i].lock);
    (void)pthread_cond_destroy(&crowd->wake);
    (void)pthread_mutex_destroy(&crowd->lock);
}

/* --- one connection ---------------------------------------------------------------- */

static void *started(struct http *http, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL || fd == NULL) {
        free(connection);
        return NULL;
    }
    connection->fd = fd->connect_fd;
    connection->client = address != NULL ? rate_client(address->client_addr) : 0;
    connection->call.http = http;
    connection->call.mhd = mhd;
    http_connection_renew(connection, &http->crowd);
    struct shard *shard = &http->crowd.shards[(unsigned)connection->fd % SHARDS];
    connection->shard = shard;
    (void)pthread_mutex_lock(&shard->lock);
    connection->next = shard->first;
    if (shard->first != NULL)
        shard->first->previous = connection;
    shard->first = connection;
    (void)pthread_mutex_unlock(&shard->lock);
    atomic_fetch_add_explicit(&http->crowd.open, 1, memory_order_relaxed);
    return connection;
}

static void closed(struct http *http, struct http_connection *connection)
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
    atomic_fetch_sub_explicit(&http->crowd.open, 1, memory_order_relaxed);
    free(connection);
}

void crowd_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                  enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = started(context, mhd);
    } else if (*socket_context != NULL) {
        closed(context, *socket_context);
        *socket_context = NULL;
    }
}

struct http_connection *http_connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

void http_connection_renew(struct http_connection *connection, const struct http_crowd *crowd)
{
    atomic_store_explicit(&connection->due, now_milliseconds() + crowd->patience,
                          memory_order_relaxed);
}

void http_connection_hold(struct http_connection *connection)
{
    atomic_store_explicit(&connection->due, DUE_NEVER, memory_order_relaxed);
}

unsigned http_connections(const struct http_call *call)
{
    return atomic_load_explicit(&call->http->crowd.open, memory_order_relaxed);
}
