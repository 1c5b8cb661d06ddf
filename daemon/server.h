/* The control socket: accepts connections, cuts requests out of their bytes, carries replies back.
 * What requests mean is the business of commands.c.
 *
 *   server_open(&server, &loop, &settings, err);
 *   server_begin(server, err);
 *   ... requests arrive; each is answered by exactly one connection_reply or connection_fail,
 *   ... at once or later; the next request of the connection waits until then
 *   server_close(server);    begins to close; once the loop has nothing left:
 *   server_free(server);
 *
 * Access is by the socket's permissions. All functions belong to the loop's thread. */
#ifndef REFRESHD_DAEMON_SERVER_H
#define REFRESHD_DAEMON_SERVER_H

#include <sys/socket.h>
#include <uv.h>

#include "daemon/protocol.h"

#define SERVER_CONNECTIONS 256

struct server;
struct connection;

struct server_settings {
    const char *path;  /* of the socket; a stale one is replaced */
    const char *group; /* that may connect besides our user; "" = our own group */
    /* A request: line is NUL-terminated and valid during the call. */
    void (*request)(void *context, struct connection *connection, const char *line, size_t length);
    void *context;
};

/* server_open: take the path of the socket. Whoever connects waits until server_begin. */
int server_open(struct server **out, uv_loop_t *loop, const struct server_settings *settings,
                struct error *err);

/* server_begin: answer. */
int server_begin(struct server *server, struct error *err);

/* server_close: remove the socket, end all connections. Those with a request in the works end when
 * it is answered. */
void server_close(struct server *server); /* NULL is allowed */
void server_free(struct server *server);  /* NULL is allowed; after the loop has run out */

/* connection_reply: answer the request. Takes reply over, and spool, a file of which the first
 * `attached` bytes follow the reply (-1 and 0: none). */
void connection_reply(struct connection *connection, cJSON *reply, int spool, uint64_t attached);
void connection_fail(struct connection *connection, const struct error *err);

/* Who is at the other end, as the kernel says. */
const struct ucred *connection_peer(const struct connection *connection);

/* A request whose bytes follow it. */
struct upload {
    /* More bytes. */
    void (*bytes)(struct upload *upload, const unsigned char *data, size_t length);
    /* The connection ended before it was answered: it must not be used any more. */
    void (*gone)(struct upload *upload);
};

/* connection_upload: send `ready`, then hand what comes to upload until the connection is answered.
 * Whatever the client still sends after the answer is dropped and the connection ends with it. */
void connection_upload(struct connection *connection, struct upload *upload, cJSON *ready);

/* connection_hold: stop or go on reading the bytes of an upload. */
void connection_hold(struct connection *connection, bool hold);

#endif
