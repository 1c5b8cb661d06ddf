/* /metrics: gathers what the page shows. */
#include <sys/statvfs.h>

#include "base/clock.h"
#include "daemon/census.h"
#include "daemon/http_routes.h"
#include "daemon/metrics.h"
#include "fleet/fleet.h"

static struct metrics_disk disk_of(const char *directory)
{
    struct statvfs figures;
    if (statvfs(directory, &figures) != 0)
        return (struct metrics_disk){0};
    return (struct metrics_disk){
        .free = (uint64_t)figures.f_bavail * figures.f_frsize,
        .size = (uint64_t)figures.f_blocks * figures.f_frsize,
    };
}

static uint64_t serving_generation(struct follow_reader *reader)
{
    const struct cache *cache = follow_hold(reader);
    uint64_t generation = cache != NULL ? cache_manifest(cache)->generation : 0;
    follow_let_go(reader);
    return generation;
}

static int print(const struct http_call *call, struct buffer *out, struct error *err)
{
    const struct http_services *services = http_services(call);
    struct line_status status;
    struct census_view census;
    int counted = census_view_take(services->census, clock_unix(), &census, err);
    if (counted < 0)
        return -1;
    line_status(services->line, &status);
    struct metrics_view view = {
        .status = &status,
        .census = counted > 0 ? &census : NULL,
        .geocoder = line_figures(services->line),
        .point_files = services->config->refresh.point_files,
        .serving = serving_generation(http_desk(call)->follow),
        .learned = services->learned != NULL ? learned_count(services->learned) : 0,
        .learned_pending = services->learner != NULL ? learner_pending(services->learner) : 0,
        .learned_max = atomic_load(&services->limits->learned_max),
        .connections = http_connections(call),
        .state = disk_of(services->config->refresh.state_directory),
        .cache = disk_of(services->config->cache.directory),
    };
    struct fleet_status fleet;
    if (services->fleet != NULL) {
        fleet_status(services->fleet, &fleet);
        view.fleet = &fleet;
    }
    metrics_process(&view.process);
    int result = metrics_print(services->metrics, &view, out, err);
    if (counted > 0)
        census_view_free(&census);
    return result;
}

enum http_next http_route_metrics(struct http_call *call, struct http_reply *reply)
{
    struct error err;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (print(call, &reply->body, &err) != 0) {
        buffer_clear(&reply->body);
        reply->status = 500;
        (void)buffer_append(&reply->body, "out of memory\n", 14, NULL);
    }
    return HTTP_REPLY;
}
