/* Beginning a run, and saying beforehand what it would take. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <time.h>

#include "cachefmt/generation.h"

/* older_than as a date; what was never refreshed is older than anything. */
static void set_cutoff(struct run_parameters *parameters, uint32_t now)
{
    if (parameters->older_than <= 0)
        parameters->cutoff = UINT32_MAX;
    else if (parameters->older_than >= now)
        parameters->cutoff = 1;
    else
        parameters->cutoff = now - (uint32_t)parameters->older_than;
}

/* "20261121T020000Z-1f3a" */
static void name_run(char id[RUN_ID_BYTES], uint32_t now)
{
    uint16_t number = 0;
    struct tm parts;
    time_t seconds = now;
    char date[20];
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        number = (uint16_t)(clock_monotonic() * 1e6);
    (void)gmtime_r(&seconds, &parts);
    (void)strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &parts);
    (void)snprintf(id, RUN_ID_BYTES, "%s-%04x", date, number);
}

void line_invite(const struct run_parameters *parameters, struct line_invitation *out)
{
    uint32_t now = clock_unix();
    *out = (struct line_invitation){.parameters = *parameters, .started_at = now};
    set_cutoff(&out->parameters, now);
    name_run(out->id, now);
}

static int plan_with(struct line *line, const struct cache *cache,
                     const struct run_parameters *parameters, struct snapshot_plan *plan,
                     struct error *err)
{
    char last[RUN_ID_BYTES];
    (void)pthread_mutex_lock(&line->lock);
    memcpy(last, line->last_run.id, sizeof last);
    (void)pthread_mutex_unlock(&line->lock);
    if (parameters->retry_failed && last[0] == '\0')
        return error_set(err, ERROR_STATE, "no run has ended yet whose failures could be retried");
    struct merged merged = {.base = cache};
    return snapshot_plan(plan, &merged, parameters, line->ledger, last, NULL, NULL, err);
}

static int describe_run(struct line *line, const struct manifest *base,
                        const struct run_parameters *parameters, uint32_t now,
                        struct run_record *run, struct error *err)
{
    *run = (struct run_record){
        .parameters = *parameters,
        .phase = PHASE_SNAPSHOT,
        .base_generation = base->generation,
        .base_digest = base->digest,
        .grid = base->grid,
        .started_at = now,
    };
    name_run(run->id, now);
    (void)snprintf(run->provider, sizeof run->provider, "%s",
                   line->settings.geocoder.provider != NULL ? line->settings.geocoder.provider
                                                            : "");
    return generation_next(line->settings.cache_directory, &run->generation, err);
}

static int record_run(struct line *line, const struct run_record *run, struct error *err)
{
    struct run_record begun = *run;
    char *tables = NULL;
    if (begun.parameters.tables != NULL && run_tables(begun.parameters.tables, &tables, err) != 0)
        return -1;
    begun.parameters.tables = tables;
    int result = ledger_run_begin(line->ledger, &begun, err);
    free(tables);
    return result;
}

int run_begin(struct line *line, const struct run_record *run, struct error *err)
{
    if (record_run(line, run, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&line->lock);
    line->run = *run;
    line->run.parameters.tables = NULL;
    line->active = true;
    line->untouched = 0;
    line->tiles = grid_tiles(run->grid);
    (void)pthread_mutex_unlock(&line->lock);
    line_event(line, 2, "run_started", "generation=%" PRIu64 " points=%" PRIu64 " carried=%" PRIu64,
               run->generation, run->counts.selected, run->counts.carried);
    run_set_going(line);
    return 0;
}

/* 1 = begun, 0 = there is nothing to do, -1. */
static int start(struct line *line, const struct run_parameters *parameters, char id[RUN_ID_BYTES],
                 struct error *err)
{
    struct snapshot_plan plan = {0};
    struct cache *cache;
    struct run_record run;
    uint32_t now = clock_unix();
    struct run_parameters asked = *parameters;
    int result = -1;
    set_cutoff(&asked, now);
    if (cache_open(&cache, line->settings.cache_directory, NULL, err) != 0)
        return -1;
    if (plan_with(line, cache, &asked, &plan, err) != 0 ||
        (plan.selected == 0 && fold_forecast(line, cache, &asked, &plan, err) != 0))
        goto out;
    if (plan.selected == 0 && plan.folded == 0) {
        result = 0;
        goto out;
    }
    if (describe_run(line, cache_manifest(cache), &asked, now, &run, err) != 0)
        goto out;
    run.counts.total = plan.total;
    run.counts.selected = plan.selected;
    run.counts.carried = plan.total - plan.selected;
    if (run_begin(line, &run, err) != 0)
        goto out;
    memcpy(id, run.id, sizeof run.id);
    result = 1;
out:
    snapshot_plan_free(&plan);
    cache_close(cache);
    return result;
}

int line_start(struct line *line, const struct run_parameters *parameters, char id[RUN_ID_BYTES],
               bool *nothing, struct error *err)
{
    if (place_take(line, "a run is being begun", err) != 0)
        return -1;
    int begun = start(line, parameters, id, err);
    place_leave(line);
    if (begun < 0)
        return -1;
    *nothing = begun == 0;
    return 0;
}

/* --- the plan ------------------------------------------------------------------------- */

/* What earlier runs with this provider showed. */
struct measured {
    double pace;    /* points per second of the fastest; 0 = there was none */
    bool held_back; /* by a rate or a deadline of its own: it could have been faster */
};

static int measure(struct line *line, struct measured *out, struct error *err)
{
    struct run_record *runs = NULL;
    size_t count = 0;
    const char *provider = line->settings.geocoder.provider;
    if (ledger_history(line->ledger, 10, &runs, &count, err) != 0)
        return -1;
    *out = (struct measured){0};
    for (size_t i = 0; i < count; i++) {
        const struct run_record *run = &runs[i];
        double answered = (double)settled_points(&run->counts);
        if (provider == NULL || strcmp(run->provider, provider) != 0 || run->elapsed <= 0 ||
            answered / run->elapsed <= out->pace)
            continue;
        out->pace = answered / run->elapsed;
        out->held_back = run->parameters.rate > 0 || run->parameters.finish_within > 0;
    }
    free(runs);
    return 0;
}

static double lesser_pace(double rate, double pace)
{
    return rate > 0 && rate < pace ? rate : pace;
}

/* What is sure is the measured pace or the rate, whichever is less; what is possible is more than
 * that when the fastest run was held back, or none was measured. */
static void forecast(struct line_plan *plan, const struct run_parameters *parameters,
                     const struct measured *measured)
{
    double points = (double)plan->points, within = parameters->finish_within;
    bool known = measured->pace > 0;
    double possible =
        lesser_pace(parameters->rate, known && !measured->held_back ? measured->pace : INFINITY);
    double sure = known ? lesser_pace(parameters->rate, measured->pace) : possible;
    plan->points_per_second = measured->pace;
    plan->duration = isinf(sure) ? -1 : points / sure;
    plan->deadline_fits = -1;
    if (within <= 0)
        return;
    if (points / possible > within)
        plan->deadline_fits = 0;
    else if (known && points / sure <= within)
        plan->deadline_fits = 1;
    if (plan->duration >= 0 && plan->duration <= within)
        plan->duration = 0.95 * within;
}

int line_plan(struct line *line, const struct run_parameters *parameters, struct line_plan *plan,
              struct error *err)
{
    struct run_parameters asked = *parameters;
    struct snapshot_plan snapshot = {0};
    struct measured measured;
    struct statvfs space;
    struct cache *cache;
    set_cutoff(&asked, clock_unix());
    if (cache_open(&cache, line->settings.cache_directory, NULL, err) != 0)
        return -1;
    int result = plan_with(line, cache, &asked, &snapshot, err);
    if (result == 0)
        result = fold_forecast(line, cache, &asked, &snapshot, err);
    cache_close(cache);
    if (result != 0) {
        snapshot_plan_free(&snapshot);
        return -1;
    }
    struct line_plan out = {
        .points = snapshot.selected,
        .carried = snapshot.total - snapshot.selected,
        .requests = snapshot.selected,
        .disk_bytes = snapshot.disk_bytes,
    };
    unsigned batch = line_batch(line);
    out.requests = (snapshot.selected + batch - 1) / batch;
    snapshot_plan_free(&snapshot);
    if (statvfs(line->settings.state_directory, &space) == 0)
        out.disk_free = (uint64_t)space.f_bavail * space.f_frsize;
    if (measure(line, &measured, err) != 0)
        return -1;
    forecast(&out, &asked, &measured);
    *plan = out;
    return 0;
}
