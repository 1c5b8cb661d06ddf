#include "base/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

static int split(const char *listen, char host[256], const char **port, struct error *err)
{
    const char *colon = strrchr(listen, ':');
    const char *name = listen;
    size_t length = colon == NULL ? 0 : (size_t)(colon - listen);
    if (length > 1 && name[0] == '[' && name[length - 1] == ']') {
        name++;
        length -= 2;
    }
    if (colon == NULL || length == 0 || length >= 256 || colon[1] == '\0')
        return error_set(err, ERROR_CONFIG, "%s: use HOST:PORT", listen);
    memcpy(host, name, length);
    host[length] = '\0';
    *port = colon + 1;
    return 0;
}

static const char *advice(int reason)
{
    switch (reason) {
    case EADDRINUSE:
        return "; another program has that port: stop it or choose another port";
    case EADDRNOTAVAIL:
        return "; this machine has no such address: use one that it has, or 0.0.0.0 for all";
    case EACCES:
        return "; choose a port from 1024 on, or give refreshd CAP_NET_BIND_SERVICE";
    case EMFILE:
    case ENFILE:
        return "; raise the limit of open files (LimitNOFILE=, ulimit -n)";
    default:
        return "";
    }
}

static int set_buffer(int fd, int option, int bytes)
{
    return bytes == 0 ? 0 : setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes);
}

/* An open socket, or -1 with errno. */
static int open_socket(const struct addrinfo *address, struct listen_buffers buffers)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        set_buffer(fd, SO_SNDBUF, buffers.send) == 0 &&
        set_buffer(fd, SO_RCVBUF, buffers.receive) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return -1;
}

/* The first address that can be listened on. A name that stands for both families means IPv4. */
static int open_any(const struct addrinfo *addresses, struct listen_buffers buffers)
{
    static const int families[] = {AF_INET, AF_INET6};
    int reason = EADDRNOTAVAIL;
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next) {
            if (a->ai_family != families[f])
                continue;
            int fd = open_socket(a, buffers);
            if (fd >= 0)
                return fd;
            reason = errno;
        }
    }
    errno = reason;
    return -1;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    memset(&bound, 0, sizeof bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0)
        return 0;
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

int listen_open(const char *listen, struct listen_buffers buffers, int *fd, unsigned *port,
                struct error *err)
{
    char host[256];
    const char *service = NULL;
    struct addrinfo *addresses;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (split(listen, host, &service, err) != 0)
        return -1;
    int failed = getaddrinfo(host, service, &hints, &addresses);
    if (failed != 0)
        return error_set(err, ERROR_CONFIG,
                         "cannot listen on %s: %s; use an address of this machine", listen,
                         gai_strerror(failed));
    int opened = open_any(addresses, buffers);
    int reason = errno;
    freeaddrinfo(addresses);
    if (opened < 0)
        return error_set(err, reason == EADDRINUSE ? ERROR_BUSY : ERROR_IO,
                         "cannot listen on %s: %s%s", listen, strerror(reason), advice(reason));
    *fd = opened;
    *port = port_of(opened);
    return 0;
}
