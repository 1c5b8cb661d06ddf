/* The metrics of refreshd, as Prometheus reads them
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4).
 *
 *   metrics_create(&metrics, err);
 *   shard = metrics_shard(metrics, err);            one for each thread that looks up
 *   metrics_lookup(shard, METRICS_HIT, seconds);    no lock, no shared cache line
 *   metrics_print(metrics, &view, &buffer, err);
 *   metrics_free(metrics);                          with its shards */
#ifndef REFRESHD_DAEMON_METRICS_H
#define REFRESHD_DAEMON_METRICS_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/latency.h"
#include "stages/line.h"

struct metrics;
struct metrics_shard;
struct census_view;
struct fleet_status;

enum metrics_result { METRICS_HIT, METRICS_MISS, METRICS_ERROR, METRICS_RESULTS };
#define METRICS_STATUS_CLASSES 5 /* 1xx to 5xx */

int metrics_create(struct metrics **out, struct error *err);
void metrics_free(struct metrics *metrics); /* NULL is allowed */

/* metrics_shard: a shard of one's own; lives as long as metrics. Any thread; NULL and err when out
 * of memory. */
struct metrics_shard *metrics_shard(struct metrics *metrics, struct error *err);

/* metrics_lookup: one lookup was answered in so many seconds. The shard's thread. */
void metrics_lookup(struct metrics_shard *shard, enum metrics_result result, double seconds);

/* metrics_http: one HTTP request was answered with this status. The shard's thread. */
void metrics_http(struct metrics_shard *shard, unsigned status);

/* metrics_switch: lookups were switched to a new generation, or it could not be opened. Any
 * thread. */
void metrics_switch(struct metrics *metrics, bool succeeded);

/* Sums over the shards; each figure only grows. */
struct metrics_sum {
    uint64_t lookups[METRICS_RESULTS];
    uint64_t http[METRICS_STATUS_CLASSES];
    struct latency_sum duration; /* of lookups */
    uint64_t switches, switch_failures;
    uint32_t started; /* unix seconds: metrics_create */
};

/* metrics_collect: any thread. */
void metrics_collect(const struct metrics *metrics, struct metrics_sum *out);

/* metrics_lookups: how many were answered so far, whatever came of them. Any thread. */
uint64_t metrics_lookups(const struct metrics *metrics);

/* What the kernel says of this process. */
struct metrics_process {
    double cpu_seconds;
    uint64_t resident_bytes, virtual_bytes;
    uint64_t descriptors, descriptors_most;
    uint64_t threads;
};

/* metrics_process: what can't be read is 0. */
void metrics_process(struct metrics_process *out);

/* Bytes where a directory is; 0, 0 = unknown. */
struct metrics_disk {
    uint64_t free; /* to us */
    uint64_t size;
};

/* What metrics_print can't know by itself; filled by its caller. */
struct metrics_view {
    const struct line_status *status;
    const struct census_view *census; /* NULL: nothing is published */
    const struct geocode_figures *geocoder;
    const struct fleet_status *fleet; /* NULL: this server is alone */
    struct metrics_process process;
    uint64_t point_files; /* of a run that would start now */
    uint64_t serving;     /* generation that lookups see; 0 = none */
    uint64_t learned, learned_pending, learned_max;
    uint64_t connections; /* HTTP, open now */
    struct metrics_disk state, cache;
};

/* metrics_print: append all of it. -1: out of memory; out then holds a part. */
int metrics_print(const struct metrics *metrics, const struct metrics_view *view,
                  struct buffer *out, struct error *err);

#endif
