/* The page that Prometheus scrapes: each family of figures once, every label value from a fixed
 * list. */
#include "daemon/metrics.h"

#include <math.h>
#include <string.h>

#include "daemon/census.h"
#include "daemon/metrics_fleet.h"
#include "daemon/prometheus.h"
#include "daemon/run_stand.h"

#define GAUGE "gauge"
#define COUNTER "counter"

#define DAY 86400.0

static double unknown_below_zero(double figure)
{
    return figure < 0 ? NAN : figure;
}

/* --- serving --------------------------------------------------------------------------- */

static void print_lookups(struct prometheus *page, const struct metrics_sum *sum)
{
    static const char *const results[METRICS_RESULTS] = {"hit", "miss", "error"};
    static const char *const classes[METRICS_STATUS_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    prometheus_family(page, "refreshd_lookups_total", COUNTER, "Lookups answered, by result.");
    for (unsigned i = 0; i < METRICS_RESULTS; i++)
        prometheus_count(page, "result", results[i], sum->lookups[i]);
    prometheus_histogram(page, "refreshd_lookup_duration_seconds",
                         "Time that lookups took, without waits for the geocoder.", latency_bounds,
                         LATENCY_BOUNDS, sum->duration.buckets,
                         (double)sum->duration.nanoseconds * 1e-9);
    prometheus_family(page, "refreshd_http_requests_total", COUNTER,
                      "HTTP requests answered, by class of status.");
    for (unsigned i = 0; i < METRICS_STATUS_CLASSES; i++)
        prometheus_count(page, "class", classes[i], sum->http[i]);
    prometheus_family(page, "refreshd_switches_total", COUNTER,
                      "Switches of lookups to another generation, by result.");
    prometheus_count(page, "result", "done", sum->switches);
    prometheus_count(page, "result", "failed", sum->switch_failures);
}

static void print_serving(struct prometheus *page, const struct metrics_view *view)
{
    prometheus_one(page, "refreshd_http_connections", GAUGE, "HTTP connections open now.",
                   (double)view->connections);
    prometheus_one(page, "refreshd_generation", GAUGE, "Generation published; 0 = none.",
                   (double)view->status->generation);
    prometheus_one(page, "refreshd_serving_generation", GAUGE,
                   "Generation that lookups see; 0 = none.", (double)view->serving);
    prometheus_one(page, "refreshd_learned_entries", GAUGE,
                   "Learned points that no run has folded in yet.", (double)view->learned);
    prometheus_one(page, "refreshd_learned_entries_limit", GAUGE,
                   "Most learned points that are kept ([lookup] learned_max).",
                   (double)view->learned_max);
    prometheus_one(page, "refreshd_learned_pending", GAUGE,
                   "Missed points that the geocoder is being asked for.",
                   (double)view->learned_pending);
}

/* --- the published entries ----------------------------------------------------------------- */

static void print_entries(struct prometheus *page, const struct census_view *census)
{
    uint64_t outcomes[OUTCOME_COUNT] = {0};
    uint64_t nonempty = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < grid_tiles(census->grid); i++) {
        const struct census_tile *tile = &census->tiles[i];
        for (unsigned k = 0; k < OUTCOME_COUNT; k++)
            outcomes[k] += tile->outcomes[k];
        nonempty += tile->entries > 0;
        bytes += tile->bytes;
    }
    prometheus_family(page, "refreshd_entries", GAUGE, "Entries published, by outcome.");
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        prometheus_count(page, "outcome", outcome_names[i], outcomes[i]);
    prometheus_one(page, "refreshd_tiles_nonempty", GAUGE, "Published tiles that hold entries.",
                   (double)nonempty);
    prometheus_one(page, "refreshd_cache_bytes", GAUGE, "Bytes of the published pairs.",
                   (double)bytes);
    prometheus_one(page, "refreshd_published_timestamp_seconds", GAUGE,
                   "When the generation was published; 0 = never.", census->published);
}

static void print_ages(struct prometheus *page, const struct census_view *census)
{
    double bounds[CENSUS_BUCKETS - 1];
    for (unsigned i = 0; i < CENSUS_BUCKETS - 1; i++)
        bounds[i] = census_bucket_days[i] * DAY;
    prometheus_histogram(page, "refreshd_entry_age_seconds",
                         "Time since the entries that have a date were refreshed, as of now (a "
                         "picture, which also shrinks: no rates of it).",
                         bounds, CENSUS_BUCKETS - 1, census->by_age, census->age_sum);
    prometheus_one(page, "refreshd_entry_oldest_age_seconds", GAUGE,
                   "Age of the oldest entry that has a date.", census->oldest_age);
    prometheus_one(page, "refreshd_entries_undated", GAUGE, "Entries that were never refreshed.",
                   (double)census->undated);
    prometheus_one(page, "refreshd_entries_uncounted", GAUGE,
                   "Entries whose ages are not counted yet, or can't be read.",
                   (double)census->uncounted);
}

static void print_census(struct prometheus *page, const struct census_view *census)
{
    static const struct census_view nothing;
    if (census == NULL)
        census = &nothing;
    print_entries(page, census);
    print_ages(page, census);
}

/* --- the geocoder ------------------------------------------------------------------------- */

static void print_outcomes(struct prometheus *page, const _Atomic uint64_t counts[ASKED_OUTCOMES])
{
    for (unsigned i = 0; i < ASKED_OUTCOMES; i++)
        prometheus_count(page, "outcome", asked_outcome_name(i),
                         atomic_load_explicit(&counts[i], memory_order_relaxed));
}

static void print_geocoder(struct prometheus *page, const struct metrics_view *view)
{
    struct latency_sum duration = {0};
    latency_collect(&view->geocoder->duration, &duration);
    prometheus_family(page, "refreshd_geocoder_requests_total", COUNTER,
                      "Requests to the geocoder that ended, by the best outcome of their points.");
    print_outcomes(page, view->geocoder->requests);
    prometheus_family(page, "refreshd_geocoder_answers_total", COUNTER,
                      "Points that the geocoder was asked for, tries included, by outcome.");
    print_outcomes(page, view->geocoder->answers);
    prometheus_histogram(page, "refreshd_geocoder_duration_seconds",
                         "Time that requests to the geocoder took.", latency_bounds, LATENCY_BOUNDS,
                         duration.buckets, (double)duration.nanoseconds * 1e-9);
    prometheus_one(page, "refreshd_geocoder_in_flight_points", GAUGE,
                   "Points that a run has asked and that are not answered yet.",
                   (double)view->status->points_in_flight);
    prometheus_one(page, "refreshd_geocoder_unreachable", GAUGE,
                   "1 while a run finds that the geocoder can't be reached.",
                   view->status->unreachable);
    prometheus_one(page, "refreshd_rate_points_per_second", GAUGE,
                   "Pace in force for the points of a run; 0 = unlimited or no run.",
                   view->status->rate);
}

/* --- the run --------------------------------------------------------------------------- */

static const struct {
    enum settled outcome;
    const char *name;
} settled[SETTLED_COUNT] = {
    {SETTLED_FOUND, "found"},
    {SETTLED_NONE, "none"},
    {SETTLED_UNSURE, "unsure"},
    {SETTLED_FAILED, "failed"},
};

static void print_settled(struct prometheus *page, const char *name, const char *help,
                          const struct run_counts *counts)
{
    prometheus_family(page, name, GAUGE, help);
    for (unsigned i = 0; i < SETTLED_COUNT; i++)
        prometheus_count(page, "outcome", settled[i].name, counts->settled[settled[i].outcome]);
}

static uint64_t answered(const struct run_counts *counts)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < SETTLED_COUNT; i++)
        sum += counts->settled[i];
    return sum;
}

static void print_points(struct prometheus *page, const struct run_counts *counts)
{
    prometheus_one(page, "refreshd_run_points", GAUGE,
                   "Entries of the generation that the run makes: asked and carried.",
                   (double)counts->total);
    prometheus_one(page, "refreshd_run_points_selected", GAUGE, "Points that the run asks.",
                   (double)counts->selected);
    prometheus_one(page, "refreshd_run_points_answered", GAUGE,
                   "Points whose answer is committed, failures included.",
                   (double)answered(counts));
    print_settled(page, "refreshd_run_answers", "Committed answers, by outcome.", counts);
    prometheus_one(page, "refreshd_run_points_carried", GAUGE, "Entries that the run does not ask.",
                   (double)counts->carried);
    prometheus_one(page, "refreshd_run_points_changed", GAUGE,
                   "Entries of rebuilt tiles whose address differs from before.",
                   (double)counts->changed);
    prometheus_family(page, "refreshd_run_failures", GAUGE, "Points that failed, by cause.");
    for (unsigned i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
        prometheus_count(page, "cause", failure_cause_names[i], counts->causes[i]);
}

static void print_parts(struct prometheus *page, const struct metrics_view *view,
                        const struct run_counts *counts)
{
    const struct line_status *status = view->status;
    bool active = status->run.id[0] != '\0';
    prometheus_one(page, "refreshd_run_point_files", GAUGE, "Point files of a run.",
                   (double)(active ? status->run.parameters.shares : view->point_files));
    prometheus_one(page, "refreshd_run_point_files_done", GAUGE, "Point files done.",
                   (double)counts->shares_done);
    prometheus_one(page, "refreshd_run_point_files_active", GAUGE, "Point files being asked.",
                   status->shares_active);
    prometheus_one(page, "refreshd_run_tiles", GAUGE, "Tiles of the grid.", status->tiles);
    prometheus_one(page, "refreshd_run_tiles_rebuilt", GAUGE, "Tiles rebuilt or left as they are.",
                   (double)counts->tiles_rebuilt);
    prometheus_one(page, "refreshd_run_requests", GAUGE, "Requests that the run has sent.",
                   (double)status->requests_sent);
    prometheus_one(page, "refreshd_run_points_retried", GAUGE,
                   "Points asked again after a try that counted.", (double)status->points_retried);
}

static void print_pace(struct prometheus *page, const struct line_status *status)
{
    prometheus_one(page, "refreshd_run_points_per_second", GAUGE,
                   "Points answered a second, over the last seconds.", status->points_per_second);
    prometheus_one(page, "refreshd_run_requests_per_second", GAUGE,
                   "Requests sent a second, over the last seconds.", status->requests_per_second);
    prometheus_one(page, "refreshd_run_elapsed_seconds", GAUGE,
                   "Time that the run has worked, pauses not counted.", status->elapsed);
    prometheus_one(page, "refreshd_run_eta_seconds", GAUGE,
                   "Time until the last answer at the present pace; NaN = unknown.",
                   unknown_below_zero(status->eta));
    prometheus_one(page, "refreshd_run_deadline_fits", GAUGE,
                   "1 = finish_within can be kept, 0 = it can't, NaN = none is set or unknown.",
                   unknown_below_zero(status->deadline_fits));
}

static void print_stations(struct prometheus *page, const struct line_status *status)
{
    prometheus_family(page, "refreshd_station_busy_ratio", GAUGE,
                      "Share of the time that a station works, over the last seconds.");
    for (unsigned i = 0; i < STATION_COUNT; i++)
        prometheus_sample(page, "station", station_names[i], status->stations[i].busy);
    prometheus_family(page, "refreshd_station_queue", GAUGE, "What waits before a station.");
    for (unsigned i = 0; i < STATION_COUNT; i++)
        prometheus_count(page, "station", station_names[i], status->stations[i].queue);
}

static void print_state(struct prometheus *page, const struct line_status *status)
{
    prometheus_family(page, "refreshd_run_state", GAUGE, "1 for the state that the line is in.");
    for (unsigned i = 0; i < LINE_STATES; i++)
        prometheus_count(page, "state", line_state_names[i], status->state == i);
    enum run_stand stand = run_stand(status);
    prometheus_family(page, "refreshd_run_stopped", GAUGE,
                      "1 for what a paused or held run waits for.");
    for (unsigned i = STAND_NONE + 1; i < STANDS; i++)
        prometheus_count(page, "why", run_stand_names[i], stand == i);
}

static void print_run(struct prometheus *page, const struct metrics_view *view)
{
    static const struct run_counts none;
    const struct line_status *status = view->status;
    const struct run_counts *counts = status->run.id[0] != '\0' ? &status->run.counts : &none;
    print_state(page, status);
    print_points(page, counts);
    print_parts(page, view, counts);
    print_pace(page, status);
    print_stations(page, status);
}

static void print_last_run(struct prometheus *page, const struct run_record *run)
{
    bool ended = run->id[0] != '\0' && run->result != RESULT_NONE;
    prometheus_family(page, "refreshd_last_run_result", GAUGE,
                      "1 for what became of the run that ended last.");
    for (unsigned i = RESULT_NONE + 1; i <= RESULT_FAILED; i++)
        prometheus_count(page, "result", run_result_names[i], ended && run->result == i);
    prometheus_one(page, "refreshd_last_run_exit_status", GAUGE,
                   "What start --wait exited with for it; NaN = no run has ended.",
                   ended ? run_exit(run) : NAN);
    prometheus_one(page, "refreshd_last_run_end_timestamp_seconds", GAUGE,
                   "When it ended; 0 = no run has ended.", ended ? run->ended_at : 0);
    prometheus_one(page, "refreshd_last_run_duration_seconds", GAUGE,
                   "Time that it worked, pauses not counted.", run->elapsed);
    print_settled(page, "refreshd_last_run_answers", "Its answers, by outcome.", &run->counts);
    prometheus_one(page, "refreshd_last_run_points_changed", GAUGE,
                   "Its entries whose address differs from before.", (double)run->counts.changed);
}

/* --- the process and its disks -------------------------------------------------------------- */

static void print_disks(struct prometheus *page, const struct metrics_view *view)
{
    prometheus_family(page, "refreshd_disk_free_bytes", GAUGE,
                      "Bytes free to refreshd where a directory is.");
    prometheus_count(page, "directory", "cache", view->cache.free);
    prometheus_count(page, "directory", "state", view->state.free);
    prometheus_family(page, "refreshd_disk_size_bytes", GAUGE,
                      "Bytes of the file system that a directory is in.");
    prometheus_count(page, "directory", "cache", view->cache.size);
    prometheus_count(page, "directory", "state", view->state.size);
}

static void print_process(struct prometheus *page, const struct metrics_process *process,
                          uint32_t started)
{
    prometheus_family(page, "refreshd_build_info", GAUGE, "The version, as a label.");
    prometheus_count(page, "version", REFRESHD_VERSION, 1);
    prometheus_one(page, "refreshd_process_start_time_seconds", GAUGE,
                   "When this process began to count, unix seconds.", started);
    prometheus_one(page, "refreshd_process_cpu_seconds_total", COUNTER, "CPU time used.",
                   process->cpu_seconds);
    prometheus_one(page, "refreshd_process_resident_memory_bytes", GAUGE,
                   "Memory in use, mapped pairs that are resident included.",
                   (double)process->resident_bytes);
    prometheus_one(page, "refreshd_process_virtual_memory_bytes", GAUGE,
                   "Address space, mapped pairs included.", (double)process->virtual_bytes);
    prometheus_one(page, "refreshd_process_open_fds", GAUGE, "File descriptors open.",
                   (double)process->descriptors);
    prometheus_one(page, "refreshd_process_max_fds", GAUGE, "Most file descriptors.",
                   (double)process->descriptors_most);
    prometheus_one(page, "refreshd_process_threads", GAUGE, "Threads.", (double)process->threads);
}

int metrics_print(const struct metrics *metrics, const struct metrics_view *view,
                  struct buffer *out, struct error *err)
{
    struct prometheus page = {.out = out};
    struct metrics_sum sum;
    metrics_collect(metrics, &sum);
    print_lookups(&page, &sum);
    print_serving(&page, view);
    print_census(&page, view->census);
    print_geocoder(&page, view);
    print_run(&page, view);
    print_last_run(&page, &view->status->last_run);
    if (view->fleet != NULL)
        metrics_fleet_print(&page, view->fleet);
    print_disks(&page, view);
    print_process(&page, &view->process, sum.started);
    return prometheus_end(&page, err);
}
