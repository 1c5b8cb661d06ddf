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
#include "stages/line.h"

struct metrics;
struct metrics_shard;
struct census_view;

enum metrics_result { METRICS_HIT, METRICS_MISS, METRICS_ERROR, METRICS_RESULTS };

int metrics_create(struct metrics **out, struct error *err);
void metrics_free(struct metrics *metrics); /* NULL is allowed */

/* metrics_shard: a shard of one's own; lives as long as metrics. Any thread; NULL and err when out
 * of memory. */
struct metrics_shard *metrics_shard(struct metrics *metrics, struct error *err);

/* metrics_lookup: one lookup was answered in so many seconds. The shard's thread. */
void metrics_lookup(struct metrics_shard *shard, enum metrics_result result, double seconds);

/* metrics_http: one HTTP request was answered with this status. The shard's thread. */
void metrics_http(struct metrics_shard *shard, unsigned status);

/* metrics_lookups: lookups answered so far, over all shards. Any thread. */
uint64_t metrics_lookups(const struct metrics *metrics);

/* What metrics_print can't know by itself; filled by its caller. */
struct metrics_view {
    const struct line_status *status;
    const struct census_view *census; /* NULL: nothing is published */
    const struct geocode_figures *geocoder;
    uint64_t learned, learned_pending, learned_max;
    uint64_t connections;            /* HTTP, open now */
    uint64_t state_free, cache_free; /* bytes free to us where the two directories are */
    uint64_t cache_bytes;            /* of the published generation's files */
};

int metrics_print(const struct metrics *metrics, const struct metrics_view *view,
                  struct buffer *out, struct error *err);

#endif
