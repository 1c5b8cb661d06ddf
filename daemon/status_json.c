#include "daemon/status_json.h"

#include <math.h>
#include <string.h>

#include "daemon/fleet_json.h"
#include "daemon/json_maker.h"
#include "daemon/run_stand.h"

static uint64_t answered(const struct run_counts *counts)
{
    uint64_t sum = 0;
    for (int i = 0; i < SETTLED_COUNT; i++)
        sum += counts->settled[i];
    return sum;
}

cJSON *points_json(const struct run_counts *counts)
{
    struct json_maker points = json_make();
    json_add_count(&points, "total", counts->total);
    json_add_count(&points, "answered", answered(counts));
    json_add_count(&points, "found", counts->settled[SETTLED_FOUND]);
    json_add_count(&points, "none", counts->settled[SETTLED_NONE]);
    json_add_count(&points, "unsure", counts->settled[SETTLED_UNSURE]);
    json_add_count(&points, "failed", counts->settled[SETTLED_FAILED]);
    json_add_count(&points, "carried", counts->carried);
    json_add_count(&points, "changed", counts->changed);
    return json_end(&points);
}

static cJSON *failures_json(const struct run_counts *counts)
{
    struct json_maker failures = json_make();
    for (int i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
        json_add_count(&failures, failure_cause_names[i], counts->causes[i]);
    return json_end(&failures);
}

static cJSON *run_requests_json(const struct run_record *run)
{
    struct json_maker requests = json_make();
    json_add_count(&requests, "sent", run->requests);
    json_add_count(&requests, "retried", run->counts.retried);
    return json_end(&requests);
}

cJSON *run_json(const struct run_record *run)
{
    struct json_maker document = json_make();
    bool ended = run->result != RESULT_NONE;
    json_add_text(&document, "run", run->id);
    json_add_text(&document, "result", ended ? run_result_names[run->result] : "");
    json_add(&document, "exit", ended ? cJSON_CreateNumber(run_exit(run)) : cJSON_CreateNull());
    json_add_text(&document, "reason", run->reason);
    json_add_count(&document, "generation", run->generation);
    json_add_count(&document, "base_generation", run->base_generation);
    json_add_count(&document, "started_at", run->started_at);
    json_add(&document, "ended_at", ended ? cJSON_CreateNumber(run->ended_at) : cJSON_CreateNull());
    json_add_figure(&document, "elapsed_s", run->elapsed);
    json_add_text(&document, "provider", run->provider);
    json_add_flag(&document, "forced", run->forced);
    json_add(&document, "points", points_json(&run->counts));
    json_add(&document, "requests", run_requests_json(run));
    json_add(&document, "failures", failures_json(&run->counts));
    return json_end(&document);
}

static cJSON *stations_json(const struct line_status *status)
{
    cJSON *stations = cJSON_CreateArray();
    bool failed = stations == NULL;
    for (int i = 0; i < STATION_COUNT && !failed; i++) {
        struct json_maker station = json_make();
        json_add_text(&station, "name", station_names[i]);
        json_add_figure(&station, "busy", status->stations[i].busy);
        json_add_count(&station, "queue", status->stations[i].queue);
        cJSON *item = json_end(&station);
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
    struct json_maker files = json_make();
    json_add_count(&files, "total",
                   active ? status->run.parameters.shares : config->refresh.point_files);
    json_add_count(&files, "done", active ? status->run.counts.shares_done : 0);
    json_add_count(&files, "active", status->shares_active);
    return json_end(&files);
}

static cJSON *tiles_json(const struct line_status *status, const struct config *config)
{
    uint32_t fresh = config->cache.grid.rows * config->cache.grid.columns;
    struct json_maker tiles = json_make();
    json_add_count(&tiles, "total", status->tiles > 0 ? status->tiles : fresh);
    json_add_count(&tiles, "rebuilt",
                   status->run.id[0] != '\0' ? status->run.counts.tiles_rebuilt : 0);
    return json_end(&tiles);
}

static cJSON *requests_json(const struct line_status *status)
{
    struct json_maker requests = json_make();
    json_add_count(&requests, "sent", status->requests_sent);
    json_add_count(&requests, "retried", status->points_retried);
    json_add_count(&requests, "in_flight", status->points_in_flight);
    json_add_figure(&requests, "per_s", status->requests_per_second);
    return json_end(&requests);
}

static cJSON *fits_json(int fits)
{
    return fits < 0 ? cJSON_CreateNull() : cJSON_CreateBool(fits);
}

static cJSON *learned_json(const struct learned_counts *counts)
{
    struct json_maker learned = json_make();
    json_add_count(&learned, "entries", counts->entries);
    json_add_count(&learned, "pending", counts->pending);
    json_add_count(&learned, "max", counts->most);
    return json_end(&learned);
}

cJSON *status_json(const struct line_status *status, const struct config *config,
                   const struct learned_counts *learned, const struct fleet_status *fleet)
{
    struct run_counts none = {0};
    const struct run_record *run = &status->run;
    bool active = run->id[0] != '\0';
    const struct run_counts *counts = active ? &run->counts : &none;
    struct json_maker document = json_make();
    json_add_text(&document, "state", line_state_names[status->state]);
    json_add_text(&document, "run", run->id);
    json_add_count(&document, "generation", status->generation);
    json_add_text(&document, "reason", status->reason);
    int standing = run_standing_exit(status);
    json_add(&document, "exit", standing < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(standing));
    json_add_flag(&document, "draining", status->draining);
    json_add(&document, "points", points_json(counts));
    json_add_count(&document, "selected", counts->selected);
    json_add(&document, "point_files", point_files_json(status, config));
    json_add(&document, "tiles", tiles_json(status, config));
    json_add(&document, "requests", requests_json(status));
    json_add_figure(&document, "points_per_s", status->points_per_second);
    json_add_figure(&document, "rate", status->rate);
    json_add(&document, "workers", cJSON_CreateNumber(active ? run->parameters.workers : 0));
    json_add_figure(&document, "elapsed_s", status->elapsed);
    json_add_figure(&document, "eta_s", status->eta < 0 ? NAN : status->eta);
    json_add(&document, "deadline_fits", fits_json(status->deadline_fits));
    json_add(&document, "stations", stations_json(status));
    json_add_text(&document, "bottleneck", active ? station_names[status->bottleneck] : "");
    json_add(&document, "failures", failures_json(counts));
    json_add(&document, "learned", learned_json(learned));
    if (fleet != NULL)
        json_add(&document, "fleet", fleet_json(fleet));
    json_add(&document, "last_run",
             status->last_run.id[0] != '\0' ? run_json(&status->last_run) : cJSON_CreateNull());
    return json_end(&document);
}

cJSON *status_now(struct line *line, struct fleet *fleet, const struct config *config,
                  const struct learned_counts *learned)
{
    struct line_status status;
    struct fleet_status shared;
    if (fleet != NULL)
        fleet_status(fleet, &shared);
    line_status(line, &status);
    if (fleet != NULL)
        fleet_show_run(&status, &shared);
    return status_json(&status, config, learned, fleet != NULL ? &shared : NULL);
}
