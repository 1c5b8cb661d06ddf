/* The file system side of the control socket. */
#ifndef REFRESHD_DAEMON_SERVER_SOCKET_H
#define REFRESHD_DAEMON_SERVER_SOCKET_H

#include "base/error.h"

/* server_socket_bind: a bound stream socket at path, mode 0660 and of the group when group isn't
 * "". It does not listen yet, so nobody can connect before the mode is right. A socket that nobody
 * listens on is replaced; ERROR_BUSY when somebody does. *fd is the caller's. */
int server_socket_bind(const char *path, const char *group, int *fd, struct error *err);

#endif
