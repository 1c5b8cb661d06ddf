/* The routes of refreshd, for their table (http_routes.c). */
#ifndef REFRESHD_DAEMON_HTTP_ROUTES_H
#define REFRESHD_DAEMON_HTTP_ROUTES_H

#include "daemon/http.h"

http_route http_route_reverse; /* http_reverse.c */
http_route http_route_status;  /* http_health.c */
http_route http_route_healthz; /* http_health.c */

#endif
