/* Throughput of the last hour, sampled by the loop, so that a dashboard opened late has a curve. */
#ifndef REFRESHD_DAEMON_HISTORY_H
#define REFRESHD_DAEMON_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "stages/line.h"

#define HISTORY_SAMPLES 720
#define HISTORY_INTERVAL 5.0 /* seconds */

struct history_sample {
    uint32_t time; /* unix seconds */
    float points_per_second, requests_per_second, lookups_per_second;
};

struct history;

struct history *history_create(void); /* NULL when out of memory */
void history_free(struct history *history);

/* history_add: one sample now; lookups is the total so far. The loop's thread. */
void history_add(struct history *history, uint32_t now, const struct line_status *status,
                 uint64_t lookups);

/* history_take: the samples, oldest first, into out[HISTORY_SAMPLES]; returns how many. Any
 * thread. */
size_t history_take(struct history *history, struct history_sample *out);

#endif
