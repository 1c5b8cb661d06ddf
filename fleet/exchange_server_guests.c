#include "fleet/exchange_internal.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

#define TRUST 10.0 /* seconds until the certificate of a connection is looked at again */
#define SPARE 12   /* connections: libmicrohttpd takes in up to ten at a time */

void guests_open(struct guests *guests, unsigned most, _Atomic uint64_t *refused)
{
    (void)pthread_mutex_init(&guests->lock, NULL);
    guests->first = NULL;
    guests->most = most;
    guests->refused = refused;
}

void guests_close(struct guests *guests)
{
    (void)pthread_mutex_destroy(&guests->lock);
}

/* shutdown(2) and no more: the thread that serves it, which is the calling one, sees the end of the
 * connection and closes it. */
static void make_room(struct guests *guests, pthread_t thread)
{
    unsigned count = 0;
    struct guest *oldest = NULL;
    for (struct guest *guest = guests->first; guest != NULL; guest = guest->next) {
        if (!pthread_equal(guest->thread, thread))
            continue;
        count++;
        if (!guest->known && guest->fd >= 0)
            oldest = guest;
    }
    if (count + SPARE <= guests->most || oldest == NULL)
        return;
    (void)shutdown(oldest->fd, SHUT_RDWR);
    oldest->fd = -1;
}

static struct guest *arrived(struct guests *guests, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *session =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    struct guest *guest = calloc(1, sizeof *guest);
    if (guest == NULL || fd == NULL || session == NULL) {
        free(guest);
        return NULL;
    }
    guest->guests = guests;
    guest->thread = pthread_self();
    guest->fd = fd->connect_fd;
    guest->session = session->tls_session;
    peer_demand(guest->session);
    (void)pthread_mutex_lock(&guests->lock);
    make_room(guests, guest->thread);
    guest->next = guests->first;
    if (guest->next != NULL)
        guest->next->previous = guest;
    guests->first = guest;
    (void)pthread_mutex_unlock(&guests->lock);
    return guest;
}

static void left(struct guests *guests, struct guest *guest)
{
    (void)pthread_mutex_lock(&guests->lock);
    if (guest->previous != NULL)
        guest->previous->next = guest->next;
    else
        guests->first = guest->next;
    if (guest->next != NULL)
        guest->next->previous = guest->previous;
    (void)pthread_mutex_unlock(&guests->lock);
    if (!guest->known)
        atomic_fetch_add(guests->refused, 1);
    free(guest);
}

void guests_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                   enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = arrived(context, mhd);
    } else if (*socket_context != NULL) {
        left(context, *socket_context);
        *socket_context = NULL;
    }
}

/* A certificate may expire while its connection lives. The thread that serves the connection. */
static bool is_trusted(struct guest *guest)
{
    double now = clock_monotonic();
    if (guest->trusted_until > now)
        return true;
    bool trusted = peer_is_trusted(guest->session);
    guest->trusted_until = trusted ? now + TRUST : 0;
    return trusted;
}

struct guest *guest_let_in(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct guest *guest = info != NULL ? info->socket_context : NULL;
    if (guest == NULL || !is_trusted(guest))
        return NULL;
    (void)pthread_mutex_lock(&guest->guests->lock);
    guest->known = true;
    (void)pthread_mutex_unlock(&guest->guests->lock);
    return guest;
}
