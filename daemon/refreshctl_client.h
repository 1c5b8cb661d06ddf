/* A connection to refreshd. Calls wait for the reply. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_CLIENT_H
#define REFRESHD_DAEMON_REFRESHCTL_CLIENT_H

#include <stdio.h>

#include "daemon/protocol.h"

struct client;

/* client_open: ERROR_UNREACHABLE names the socket and how to start the daemon. */
int client_open(struct client **out, const char *socket, struct error *err);

/* client_again: connect anew after the connection was lost. What of a reply was read is dropped. */
int client_again(struct client *client, struct error *err);
void client_close(struct client *client); /* NULL is allowed */

/* client_call: send a command, taking arguments over (NULL = none), and wait for its reply. A reply
 * that is not ok is an error with its code. *reply is the caller's to delete. */
int client_call(struct client *client, const char *command, cJSON *arguments, cJSON **reply,
                struct error *err);

/* client_attached: read the bytes attached to the last reply, piece by piece. A result other than
 * 0 of the callback ends it and is returned. */
typedef int client_piece(void *context, const void *data, size_t bytes);
int client_attached(struct client *client, uint64_t bytes, client_piece *piece, void *context,
                    struct error *err);

/* client_upload: after a reply that says to go ahead, send all of fd, then wait for the reply that
 * ends it. name is the input's, for messages. */
int client_upload(struct client *client, int fd, const char *name, cJSON **reply,
                  struct error *err);

#endif
