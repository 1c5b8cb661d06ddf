/* Checks on network addresses as people write them. Pure functions on text. */
#ifndef REFRESHD_CONFIG_URL_H
#define REFRESHD_CONFIG_URL_H

#include <stdbool.h>

/* url_is_base: http:// or https://, a host, perhaps a port and a path; no user, query or
 * fragment, nothing but printable ASCII. */
bool url_is_base(const char *text);

/* url_is_endpoint: as url_is_base without a path; http:// for loopback hosts only. */
bool url_is_endpoint(const char *text);

/* url_is_address: HOST:PORT or [IPV6]:PORT, the port from 1 to 65535. */
bool url_is_address(const char *text);

#endif
