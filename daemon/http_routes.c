#include "daemon/http_routes.h"

const struct http_path http_paths[] = {
    {"/reverse", http_route_reverse},
    {"/status", http_route_status},
    {"/healthz", http_route_healthz},
    {NULL, NULL},
};
