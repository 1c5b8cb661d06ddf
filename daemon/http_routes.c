#include "daemon/http_routes.h"

const struct http_path http_paths[] = {
    {"/", http_route_dashboard},
    {"/reverse", http_route_reverse},
    {"/status", http_route_status},
    {"/healthz", http_route_healthz},
    {"/api/status", http_route_api_status},
    {"/api/tiles", http_route_api_tiles},
    {"/api/history", http_route_api_history},
    {"/api/generations", http_route_api_generations},
    {"/api/peers", http_route_api_peers},
    {"/api/report", http_route_api_report},
    {"/metrics", http_route_metrics},
    {NULL, NULL},
};
