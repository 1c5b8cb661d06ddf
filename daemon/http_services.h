/* What the routes of the HTTP server look at. All of it may be used from any thread. */
#ifndef REFRESHD_DAEMON_HTTP_SERVICES_H
#define REFRESHD_DAEMON_HTTP_SERVICES_H

#include <stdatomic.h>

#include "config/config.h"
#include "stages/learner.h"
#include "stages/line.h"
#include "stages/lookup.h"

struct fleet;
struct metrics;
struct metrics_shard;
struct census;
struct api_cache;
struct history;
struct reports;

/* Settings that a reload changes while lookups go on. */
struct lookup_limits {
    _Atomic double radius;        /* metres */
    _Atomic double fetch_timeout; /* seconds */
    _Atomic bool fetch;           /* on_miss = fetch */
    _Atomic uint64_t learned_max;
};

struct http_services {
    const struct config *config; /* as started: point files and grid for status */
    struct lookup_limits *limits;
    struct line *line;
    struct fleet *fleet; /* NULL: this server is alone */
    struct follower *follower;
    struct lookups *lookups;
    struct learned *learned; /* NULL: nothing is learned */
    struct learner *learner; /* NULL: likewise */
    struct metrics *metrics;
    struct census *census;   /* ages and counts by tile of the published generation */
    struct history *history; /* throughput of the last hour */
    struct api_cache *documents;
    struct reports *reports;
};

/* One thread's own: made by the server when the thread serves its first request. */
struct http_desk {
    struct lookup_reader *lookups;
    struct follow_reader *follow;
    struct metrics_shard *metrics;
};

#endif
