#include "daemon/status_json.h"

#include <math.h>
#include <string.h>

#include "daemon/run_stand.h"

/* An object under construction: the first failed allocation makes it NULL in the end. */
struct maker {
    cJSON *object;
    bool failed;
};

static struct maker make(void)
{
    struct maker maker = {cJSON_CreateObject(), false};
    maker.failed = maker.object == NULL;
    return maker;
}

static void add(struct maker *maker, const char *name, cJSON *item)
{
    if (item == NULL || maker->failed || !cJSON_AddItemToObject(maker->object, name, item)) {
        cJSON_Delete(item);
        maker->failed = true;
    }
}

static void add_count(struct maker *maker, const char *name, uint64_t count)
{
    add(maker, name, cJSON_CreateNumber((double)count));
}

/* Rounded to a thousandth: more digits say nothing and are hard to read. */
static void add_figure(struct maker *maker, const char *name, double figure)
{
    add(maker, name, cJSON_CreateNumber(round(figure * 1000) / 1000));
}

static void add_text(struct maker *maker, const char *name, const char *text)
{
    add(maker, name, text[0] != '\0' ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static cJSON *end(struct maker *maker)
{
    if (!maker->failed)
        return maker->object;
    cJSON_Delete(maker->object);
    return NULL;
}

static uint64_t answered(const struct run_counts *counts)
{
    uint64_t sum = 0;
    for (int i = 0; i < SETTLED_COUNT; i++)
        sum += counts->settled[i];
    return sum;
}

cJSON *points_json(const struct run_counts *counts)
{
    struct maker points = make();
    add_count(&points, "total", counts->total);
    add_count(&points, "answered", answered(counts));
    add_count(&points, "found", counts->settled[SETTLED_FOUND]);
    add_count(&points, "none", counts->settled[SETTLED_NONE]);
    add_count(&points, "unsure", counts->settled[SETTLED_UNSURE]);
    add_count(&points, "failed", counts->settled[SETTLED_FAILED]);
    add_count(&points, "carried", counts->carried);
    add_count(&points, "changed", counts->changed);
    return end(&points);
}

static cJSON *failures_json(const struct run_counts *counts)
{
    struct maker failures = make();
    for (int i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
        add_count(&failures, failure_cause_names[i], counts->causes[i]);
    return end(&failures);
}

static cJSON *run_requests_json(const struct run_record *run)
{
    struct maker requests = make();
    add_count(&requests, "sent", run->requests);
    add_count(&requests, "retried", run->counts.retried);
    return end(&requests);
}

cJSON *run_json(const struct run_record *run)
{
    struct maker document = make();
    bool ended = run->result != RESULT_NONE;
    add_text(&document, "run", run->id);
    add_text(&document, "result", ended ? run_result_names[run->result] : "");
    add(&document, "exit", ended ? cJSON_CreateNumber(run_exit(run)) : cJSON_CreateNull());
    add_text(&document, "reason", run->reason);
    add_count(&document, "generation", run->generation);
    add_count(&document, "base_generation", run->base_generation);
    add_count(&document, "started_at", run->started_at);
    add(&document, "ended_at", ended ? cJSON_CreateNumber(run->ended_at) : cJSON_CreateNull());
    add_figure(&document, "elapsed_s", run->elapsed);
    add_text(&document, "provider", run->provider);
    add(&document, "forced", cJSON_CreateBool(run->forced));
    add(&document, "points", points_json(&run->counts));
    add(&document, "requests", run_requests_json(run));
    add(&document, "failures", failures_json(&run->counts));
    return end(&document);
}

static cJSON *stations_json(const struct line_status *status)
{
    cJSON *stations = cJSON_CreateArray();
    bool failed = stations == NULL;
    for (int i = 0; i < STATION_COUNT && !failed; i++) {
        struct maker station = make();
        add_text(&station, "name", station_names[i]);
        add_figure(&station, "busy", status->stations[i].busy);
        add_count(&station, "queue", status->stations[i].queue);
        cJSON *item = end(&station);
        failed = item == NULL || !cJSON_AddItemToArray(stations, item);
    }
    if (!failed)
        return stations;
    cJSON_Delete(stations);
    return NULL;
}

static cJSON *point_files_json(const struct line_status *status, const struct config *config)
{
    bool active = status->run.id[0] != '\0';
    struct maker files = make();
    add_count(&files, "total",
              active ? status->run.parameters.shares : config->refresh.point_files);
    add_count(&files, "done", active ? status->run.counts.shares_done : 0);
    add_count(&files, "active", status->shares_active);
    return end(&files);
}

static cJSON *tiles_json(const struct line_status *status, const struct config *config)
{
    uint32_t fresh = config->cache.grid.rows * config->cache.grid.columns;
    struct maker tiles = make();
    add_count(&tiles, "total", status->tiles > 0 ? status->tiles : fresh);
    add_count(&tiles, "rebuilt", status->run.id[0] != '\0' ? status->run.counts.tiles_rebuilt : 0);
    return end(&tiles);
}

static cJSON *requests_json(const struct line_status *status)
{
    struct maker requests = make();
    add_count(&requests, "sent", status->requests_sent);
    add_count(&requests, "retried", status->points_retried);
    add_count(&requests, "in_flight", status->points_in_flight);
    add_figure(&requests, "per_s", status->requests_per_second);
    return end(&requests);
}

static cJSON *fits_json(int fits)
{
    return fits < 0 ? cJSON_CreateNull() : cJSON_CreateBool(fits);
}

static cJSON *learned_json(const struct learned_counts *counts)
{
    struct maker learned = make();
    add_count(&learned, "entries", counts->entries);
    add_count(&learned, "pending", counts->pending);
    add_count(&learned, "max", counts->most);
    return end(&learned);
}

cJSON *status_json(const struct line_status *status, const struct config *config,
                   const struct learned_counts *learned)
{
    struct run_counts none = {0};
    const struct run_record *run = &status->run;
    bool active = run->id[0] != '\0';
    const struct run_counts *counts = active ? &run->counts : &none;
    struct maker document = make();
    add_text(&document, "state", line_state_names[status->state]);
    add_text(&document, "run", run->id);
    add_count(&document, "generation", status->generation);
    add_text(&document, "reason", status->reason);
    int standing = run_standing_exit(status);
    add(&document, "exit", standing < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(standing));
    add(&document, "draining", cJSON_CreateBool(status->draining));
    add(&document, "points", points_json(counts));
    add_count(&document, "selected", counts->selected);
    add(&document, "point_files", point_files_json(status, config));
    add(&document, "tiles", tiles_json(status, config));
    add(&document, "requests", requests_json(status));
    add_figure(&document, "points_per_s", status->points_per_second);
    add_figure(&document, "rate", status->rate);
    add(&document, "workers", cJSON_CreateNumber(active ? run->parameters.workers : 0));
    add_figure(&document, "elapsed_s", status->elapsed);
    add(&document, "eta_s",
        status->eta < 0 ? cJSON_CreateNull()
                        : cJSON_CreateNumber(round(status->eta * 1000) / 1000));
    add(&document, "deadline_fits", fits_json(status->deadline_fits));
    add(&document, "stations", stations_json(status));
    add_text(&document, "bottleneck", active ? station_names[status->bottleneck] : "");
    add(&document, "failures", failures_json(counts));
    add(&document, "learned", learned_json(learned));
    add(&document, "last_run",
        status->last_run.id[0] != '\0' ? run_json(&status->last_run) : cJSON_CreateNull());
    return end(&document);
}
