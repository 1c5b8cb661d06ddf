/* The routes of refreshd, for their table (http_routes.c). */
#ifndef REFRESHD_DAEMON_HTTP_ROUTES_H
#define REFRESHD_DAEMON_HTTP_ROUTES_H

#include "daemon/http.h"

http_route http_route_reverse; /* http_reverse.c */
http_route http_route_status;  /* http_health.c */
http_route http_route_healthz; /* http_health.c */
http_route http_route_metrics; /* http_metrics.c */

http_route http_route_dashboard; /* http_dashboard.c */

/* http_api.c: what the dashboard shows, in JSON (daemon/dashboard/DESIGN.md) */
http_route http_route_api_status; /* the document of status --json */
http_route http_route_api_tiles;  /* figures of every tile and its progress in the run */
http_route http_route_api_peers;  /* the document of peers --json, and what its figures are of */
http_route http_route_api_history;
http_route http_route_api_generations;

/* http_report.c: the document of report --json, long tables cut */
http_route http_route_api_report;

/* http_make_report: makes it, for reports_open; context is the line. */
int http_make_report(const void *context, const char *run, struct buffer *out, struct error *err);

#endif
