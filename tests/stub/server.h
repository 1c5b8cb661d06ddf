/* Connections: bytes in, replies out, in the way the reply says. */
#ifndef REFRESHD_TESTS_STUB_SERVER_H
#define REFRESHD_TESTS_STUB_SERVER_H

#include <uv.h>

#include "tests/stub/stub.h"
#include "tests/stub/tls.h"

struct connection;

struct server {
    uv_loop_t *loop;
    struct stub *stub;
    struct tls *tls; /* NULL = plain HTTP */
    uv_tcp_t listener;
    struct connection *connections;
};

/* server_listen: on an IPv4 address; port 0 is any free one. The port, or a negative libuv error.
 */
int server_listen(struct server *server, const char *host, int port);

/* server_close: end all connections; their handles close as the loop is run on. */
void server_close(struct server *server);

#endif
