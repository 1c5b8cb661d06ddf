#include "daemon/serving.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/api_cache.h"
#include "daemon/census.h"
#include "daemon/folded.h"
#include "daemon/geocoder_config.h"
#include "daemon/history.h"
#include "daemon/http.h"
#include "daemon/log.h"
#include "daemon/http_routes.h"
#include "daemon/metrics.h"
#include "daemon/reports.h"

struct serving {
    struct serving_settings settings;
    struct lookup_limits limits;
    struct folded folded; /* the follower's thread, but while opening; */
    uint64_t told;        /* so is the generation that was logged last */
    struct follower *follower;
    struct lookups *lookups;
    struct learner *learner;
    struct metrics *metrics; /* before the follower, whose thread counts switches */
    struct history *history;
    struct api_cache *documents;
    struct reports *reports;
    uv_timer_t sampler;
    bool sampling;
    struct http_services services;
    struct http *http;

    pthread_mutex_t lock;
    struct census *census; /* lock: switches tell it */
};

/* --- learned points ---------------------------------------------------------------------- */

/* NULL when out of memory. */
static char *learned_directory(const struct config *config)
{
    char *path;
    return asprintf(&path, "%s/learned", config->refresh.state_directory) < 0 ? NULL : path;
}

int serving_learned(struct learned **out, const struct config *config, struct error *err)
{
    char *directory = learned_directory(config);
    if (directory == NULL)
        return error_memory(err, "a file name");
    int result = 0;
    *out = NULL;
    if (config->http.listen[0] != '\0' || access(directory, F_OK) == 0)
        result = learned_open(out, directory, false, err);
    free(directory);
    if (result == 0 || err->code != ERROR_DISK_FULL)
        return result;
    log_failure(LOG_LEVEL_WARNING, "nothing_is_learned", err);
    *out = NULL;
    return 0;
}

static void remove_folded(struct serving *serving, const struct cache *now)
{
    struct error err;
    uint64_t dropped = 0;
    if (serving->settings.learned == NULL)
        return;
    if (folded_remove(&serving->folded, serving->settings.learned, now, &dropped, &err) != 0)
        log_failure(LOG_LEVEL_ERROR, "learned_failed", &err);
    else if (dropped > 0)
        log_event(LOG_LEVEL_INFO, "learned_folded", "entries=%" PRIu64, dropped);
}

struct learned_counts serving_counts(const struct serving *serving, const struct config *config)
{
    struct learned_counts counts = {.most = config->lookup.learned_max};
    if (serving == NULL)
        return counts;
    if (serving->settings.learned != NULL)
        counts.entries = learned_count(serving->settings.learned);
    if (serving->learner != NULL)
        counts.pending = learner_pending(serving->learner);
    return counts;
}

/* --- switches ---------------------------------------------------------------------------- */

static void on_switch(void *context, const struct cache *now)
{
    struct serving *serving = context;
    metrics_switch(serving->metrics, true);
    (void)pthread_mutex_lock(&serving->lock);
    if (serving->census != NULL)
        census_changed(serving->census);
    (void)pthread_mutex_unlock(&serving->lock);
    uint64_t generation = cache_manifest(now)->generation;
    if (generation != serving->told) /* publish = tile switches hundreds of times to the same */
        log_event(LOG_LEVEL_INFO, "serving_generation", "generation=%" PRIu64, generation);
    serving->told = generation;
    remove_folded(serving, now);
}

static void on_failed_switch(void *context, const struct error *err)
{
    struct serving *serving = context;
    metrics_switch(serving->metrics, false);
    log_failure(LOG_LEVEL_ERROR, "switch_failed", err);
}

/* A run may have ended just before the daemon did: what it folded in is still in the table. */
static int remove_at_start(struct serving *serving, struct error *err)
{
    struct follow_reader *reader;
    if (follow_reader_open(&reader, serving->follower, err) != 0)
        return -1;
    const struct cache *now = follow_hold(reader);
    if (now != NULL)
        remove_folded(serving, now);
    follow_let_go(reader);
    follow_reader_close(reader);
    return 0;
}

static int open_follower(struct serving *serving, struct error *err)
{
    struct follow_settings settings = {
        .directory = serving->settings.config->cache.directory,
        .may_be_missing = true,
        .switched = on_switch,
        .failed = on_failed_switch,
        .context = serving,
    };
    return follower_open(&serving->follower, &settings, err);
}

/* --- throughput ---------------------------------------------------------------------------- */

static void on_sample(uv_timer_t *timer)
{
    struct serving *serving = timer->data;
    struct line_status status;
    line_status(serving->settings.line, &status);
    history_add(serving->history, clock_unix(), &status, metrics_lookups(serving->metrics));
}

static int open_history(struct serving *serving, struct error *err)
{
    serving->history = history_create();
    if (serving->history == NULL)
        return error_memory(err, "the history of throughput");
    (void)uv_timer_init(serving->settings.loop, &serving->sampler);
    serving->sampler.data = serving;
    serving->sampling = true;
    uint64_t interval = (uint64_t)(HISTORY_INTERVAL * 1000);
    (void)uv_timer_start(&serving->sampler, on_sample, 0, interval);
    uv_unref((uv_handle_t *)&serving->sampler);
    return 0;
}

static void close_history(struct serving *serving)
{
    if (serving->sampling) {
        uv_close((uv_handle_t *)&serving->sampler, NULL);
        (void)uv_run(serving->settings.loop, UV_RUN_NOWAIT);
    }
    history_free(serving->history);
}

/* --- parts in order ------------------------------------------------------------------------ */

static int open_learner(struct serving *serving, struct error *err)
{
    const struct config *config = serving->settings.config;
    struct line *line = serving->settings.line;
    struct learner_settings settings = {
        .geocoder = geocoder_config(config),
        .retries = config->geocoder.retries,
        .concurrency = config->geocoder.concurrency,
        .learned = serving->settings.learned,
        .limiter = line_limiter(line),
        .figures = line_figures(line),
        .event = log_stage,
    };
    if (settings.learned == NULL)
        return 0;
    return learner_open(&serving->learner, &settings, err);
}

static int open_census(struct serving *serving, struct error *err)
{
    struct census *census;
    if (census_open(&census, serving->follower, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&serving->lock);
    serving->census = census;
    (void)pthread_mutex_unlock(&serving->lock);
    return 0;
}

static void close_census(struct serving *serving)
{
    (void)pthread_mutex_lock(&serving->lock);
    struct census *census = serving->census;
    serving->census = NULL;
    (void)pthread_mutex_unlock(&serving->lock);
    census_close(census);
}

static int open_http(struct serving *serving, struct error *err)
{
    const struct config *config = serving->settings.config;
    serving->services = (struct http_services){
        .config = config,
        .limits = &serving->limits,
        .line = serving->settings.line,
        .fleet = serving->settings.fleet,
        .follower = serving->follower,
        .lookups = serving->lookups,
        .learned = serving->settings.learned,
        .learner = serving->learner,
        .metrics = serving->metrics,
        .census = serving->census,
        .history = serving->history,
        .documents = serving->documents,
        .reports = serving->reports,
    };
    struct http_settings settings = {
        .listen = config->http.listen,
        .threads = config->http.threads,
        .max_connections = config->http.max_connections,
        .max_header = (size_t)config->http.max_header,
        .timeout = config->http.timeout,
        .client_rate = config->http.client_rate,
        .paths = http_paths,
        .desks = &http_desks,
        .services = &serving->services,
    };
    if (http_open(&serving->http, &settings, err) == 0)
        return 0;
    return config_locate(config, "http", "listen", err);
}

static int open_parts(struct serving *serving, struct error *err)
{
    const struct serving_settings *settings = &serving->settings;
    if (metrics_create(&serving->metrics, err) != 0 || open_follower(serving, err) != 0 ||
        remove_at_start(serving, err) != 0)
        return -1;
    if (settings->config->http.listen[0] == '\0')
        return 0;
    if (lookups_open(&serving->lookups, serving->follower, settings->learned, err) != 0 ||
        open_learner(serving, err) != 0 || open_census(serving, err) != 0 ||
        open_history(serving, err) != 0 || api_cache_create(&serving->documents, err) != 0 ||
        reports_open(&serving->reports, http_make_report, settings->line, err) != 0)
        return -1;
    serving_reload(serving, settings->config);
    if (open_http(serving, err) != 0)
        return -1;
    log_event(LOG_LEVEL_INFO, "http_listening", "address=%s", settings->config->http.listen);
    return 0;
}

int serving_open(struct serving **out, const struct serving_settings *settings, struct error *err)
{
    *out = NULL;
    if (settings->config->http.listen[0] == '\0' && settings->learned == NULL)
        return 0;
    struct serving *serving = calloc(1, sizeof *serving);
    if (serving == NULL)
        return error_memory(err, "the lookups");
    serving->settings = *settings;
    (void)pthread_mutex_init(&serving->lock, NULL);
    if (open_parts(serving, err) != 0) {
        serving_close(serving);
        return -1;
    }
    *out = serving;
    return 0;
}

void serving_close(struct serving *serving)
{
    if (serving == NULL)
        return;
    learner_stop(serving->learner);
    reports_stop(serving->reports);
    http_close(serving->http);
    reports_close(serving->reports);
    api_cache_free(serving->documents);
    close_history(serving);
    close_census(serving);
    learner_close(serving->learner);
    lookups_close(serving->lookups);
    follower_close(serving->follower);
    metrics_free(serving->metrics);
    folded_free(&serving->folded);
    (void)pthread_mutex_destroy(&serving->lock);
    free(serving);
}

void serving_reload(struct serving *serving, const struct config *config)
{
    if (serving == NULL)
        return;
    bool fetch = config->lookup.on_miss == CONFIG_ON_MISS_FETCH;
    atomic_store(&serving->limits.radius, config->lookup.radius);
    atomic_store(&serving->limits.fetch_timeout, config->lookup.fetch_timeout);
    atomic_store(&serving->limits.learned_max, config->lookup.learned_max);
    atomic_store(&serving->limits.fetch, fetch);
    if (serving->learner != NULL)
        learner_set_most(serving->learner, config->lookup.learned_max);
}
