/* An HTTP server with routes of the tests' own on a free loopback port, and a client that sends and
 * reads bytes as they are. */
#ifndef REFRESHD_TESTS_UNIT_HTTP_RIG_H
#define REFRESHD_TESTS_UNIT_HTTP_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/http.h"

/* Every field but `listen` and `paths` may be changed before http_rig_open. */
struct http_settings http_rig_settings(const struct http_path *paths);
struct http *http_rig_open(const struct http_settings *settings);

int http_rig_connect(const struct http *http);
void http_rig_send(int fd, const char *text);

/* http_rig_read_reply: one reply of a connection that stays open: head and body by its
 * Content-Length (none after HEAD). Returns its bytes, NUL-terminated, or NULL when the connection
 * ended first. The caller frees it. */
char *http_rig_read_reply(int fd, bool head_only);

/* http_rig_ask: one request on a connection of its own; the whole reply. */
char *http_rig_ask(const struct http *http, const char *request);

unsigned http_rig_status(const char *reply);

/* http_rig_header: the header's value, "" when it is not there. Valid until the next call. */
const char *http_rig_header(const char *reply, const char *name);
const char *http_rig_body(const char *reply);

/* http_rig_ended: wait until the server has closed the connection; false after so many seconds. */
bool http_rig_ended(int fd, double seconds);

#endif
