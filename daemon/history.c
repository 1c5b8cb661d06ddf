#include "daemon/history.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

struct history {
    /* The loop's thread alone. */
    bool begun;
    double last_time; /* clock_monotonic */
    uint64_t last_lookups;

    pthread_mutex_t lock; /* guards what follows */
    struct history_sample samples[HISTORY_SAMPLES];
    size_t count, next;
};

struct history *history_create(void)
{
    struct history *history = calloc(1, sizeof *history);
    if (history != NULL)
        (void)pthread_mutex_init(&history->lock, NULL);
    return history;
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    (void)pthread_mutex_destroy(&history->lock);
    free(history);
}

/* Since the sample before; the first one can't say. */
static double lookup_rate(struct history *history, uint64_t lookups)
{
    double now = clock_monotonic();
    double seconds = now - history->last_time;
    double rate = 0;
    if (history->begun && seconds > 0 && lookups > history->last_lookups)
        rate = (double)(lookups - history->last_lookups) / seconds;
    history->begun = true;
    history->last_time = now;
    history->last_lookups = lookups;
    return rate;
}

void history_add(struct history *history, uint32_t now, const struct line_status *status,
                 uint64_t lookups)
{
    struct history_sample sample = {
        .time = now,
        .points_per_second = (float)status->points_per_second,
        .requests_per_second = (float)status->requests_per_second,
        .lookups_per_second = (float)lookup_rate(history, lookups),
    };
    (void)pthread_mutex_lock(&history->lock);
    history->samples[history->next] = sample;
    history->next = (history->next + 1) % HISTORY_SAMPLES;
    if (history->count < HISTORY_SAMPLES)
        history->count++;
    (void)pthread_mutex_unlock(&history->lock);
}

size_t history_take(struct history *history, struct history_sample *out)
{
    (void)pthread_mutex_lock(&history->lock);
    size_t count = history->count;
    size_t first = (history->next + HISTORY_SAMPLES - count) % HISTORY_SAMPLES;
    for (size_t i = 0; i < count; i++)
        out[i] = history->samples[(first + i) % HISTORY_SAMPLES];
    (void)pthread_mutex_unlock(&history->lock);
    return count;
}
