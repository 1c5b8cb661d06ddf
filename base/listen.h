/* A listening TCP socket, and why there is none. */
#ifndef REFRESHD_BASE_LISTEN_H
#define REFRESHD_BASE_LISTEN_H

#include "base/error.h"

/* What the kernel may keep of a connection that is accepted: bytes that the other side does not
 * read, or sends ahead. 0 leaves it to the kernel, which adapts it to the distance. */
struct listen_buffers {
    int send, receive;
};

/* listen_open: a socket that listens on HOST:PORT, not blocking, closed on exec, and the port it
 * got (port 0 takes a free one). A name that stands for both families means IPv4. Errors name
 * `listen`. */
int listen_open(const char *listen, struct listen_buffers buffers, int *fd, unsigned *port,
                struct error *err);

#endif
