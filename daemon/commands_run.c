/* Commands about the active run. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/key.h"
#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/pause_wait.h"
#include "daemon/report_config.h"
#include "daemon/steer.h"
#include "tables/tables.h"

/* A number within the bounds of the configuration key it stands in for. 1 = *out written. */
static int bounded(const struct job *job, const char *section, const char *name, double *out,
                   struct error *err)
{
    const struct config_key *key = config_key_find(section, name);
    return protocol_number(job->request.arguments, name, key->least, key->most, out, err);
}

static int bounded_count(const struct job *job, const char *section, const char *name,
                         unsigned *out, struct error *err)
{
    const struct config_key *key = config_key_find(section, name);
    uint64_t value;
    int got = protocol_whole(job->request.arguments, name, (uint64_t)key->least,
                             (uint64_t)key->most, &value, err);
    if (got > 0)
        *out = (unsigned)value;
    return got;
}

static void from_config(const struct config *config, struct run_parameters *parameters)
{
    memset(parameters, 0, sizeof *parameters);
    parameters->older_than = config->refresh.older_than;
    parameters->finish_within = config->refresh.finish_within;
    parameters->rate = config->geocoder.rate;
    parameters->workers = config->refresh.workers;
    parameters->concurrency = config->geocoder.concurrency;
    parameters->shares = config->refresh.point_files;
    parameters->publish_tiles = config->refresh.publish == CONFIG_PUBLISH_TILE;
    parameters->tables = tables_of_a_run;
}

static int read_tiles(struct job *job, struct run_parameters *parameters)
{
    const char *list = NULL;
    int got = protocol_text(job->request.arguments, "tiles", &list, &job->error);
    if (got <= 0)
        return got;
    struct line_status status;
    line_status(job->daemon->line, &status);
    parameters->some_tiles = true;
    return protocol_tiles(list, status.tiles, parameters->tiles, &job->error);
}

/* Whether the run is to be one of the fleet. */
static int read_fleet(struct job *job, bool *fleet)
{
    *fleet = false;
    if (protocol_flag(job->request.arguments, "fleet", fleet, &job->error) < 0)
        return -1;
    if (*fleet && job->daemon->fleet == NULL)
        return error_set(&job->error, ERROR_USAGE,
                         "there is no fleet: [peers] endpoints is empty; configure it and restart "
                         "refreshd, or start without --fleet");
    return 0;
}

/* What the run counts: *text, which the caller frees. */
static int read_tables(struct job *job, struct run_parameters *parameters, char **text)
{
    const char *extra = NULL;
    if (protocol_text(job->request.arguments, "tables", &extra, &job->error) < 0 ||
        report_config_text(job->daemon->config, extra, text, &job->error) != 0)
        return -1;
    parameters->tables = *text;
    return 0;
}

/* The configuration's values where the request says nothing else. *tables is the caller's to free,
 * when the parameters are of no more use. */
static int read_parameters(struct job *job, struct run_parameters *parameters, bool *fleet,
                           char **tables)
{
    struct error *err = &job->error;
    from_config(job->daemon->config, parameters);
    int given = bounded(job, "refresh", "older_than", &parameters->older_than, err);
    if (given < 0 ||
        bounded(job, "refresh", "finish_within", &parameters->finish_within, err) < 0 ||
        bounded(job, "geocoder", "rate", &parameters->rate, err) < 0 ||
        bounded_count(job, "refresh", "workers", &parameters->workers, err) < 0 ||
        protocol_flag(job->request.arguments, "retry_failed", &parameters->retry_failed, err) < 0 ||
        read_fleet(job, fleet) < 0 || read_tiles(job, parameters) < 0 ||
        read_tables(job, parameters, tables) != 0)
        return -1;
    if (parameters->retry_failed && given == 0)
        parameters->older_than = 0;
    double now = clock_unix();
    parameters->cutoff = UINT32_MAX;
    if (parameters->older_than > 0)
        parameters->cutoff =
            parameters->older_than < now ? (uint32_t)(now - parameters->older_than) : 0;
    return 0;
}

static cJSON *fits_item(int fits)
{
    return fits < 0 ? cJSON_CreateNull() : cJSON_CreateBool(fits);
}

static cJSON *seconds_item(double seconds)
{
    return seconds < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(seconds);
}

int command_plan(struct job *job)
{
    struct run_parameters parameters;
    struct line_plan plan;
    bool fleet;
    char *tables = NULL;
    if (read_parameters(job, &parameters, &fleet, &tables) != 0)
        return -1;
    free(tables);
    parameters.tables = NULL; /* a plan counts nothing */
    if (line_plan(job->daemon->line, &parameters, &plan, &job->error) != 0 || command_ok(job) != 0)
        return -1;
    if (command_add(job, "points", cJSON_CreateNumber((double)plan.points)) != 0 ||
        command_add(job, "carried", cJSON_CreateNumber((double)plan.carried)) != 0 ||
        command_add(job, "requests", cJSON_CreateNumber((double)plan.requests)) != 0 ||
        command_add(job, "points_per_s",
                    plan.points_per_second > 0 ? cJSON_CreateNumber(plan.points_per_second)
                                               : cJSON_CreateNull()) != 0 ||
        command_add(job, "duration_s", seconds_item(plan.duration)) != 0 ||
        command_add(job, "disk_bytes", cJSON_CreateNumber((double)plan.disk_bytes)) != 0 ||
        command_add(job, "disk_free", cJSON_CreateNumber((double)plan.disk_free)) != 0)
        return -1;
    return command_add(job, "deadline_fits", fits_item(plan.deadline_fits));
}

/* A run of this peer alone, of which its operator may not have thought. */
static int start_alone(struct job *job, const struct run_parameters *parameters,
                       char id[RUN_ID_BYTES], bool *nothing)
{
    struct daemon *daemon = job->daemon;
    if (steer_fleet_runs(daemon))
        return error_set(&job->error, ERROR_STATE,
                         "a run of the fleet is active; join it by start --fleet, or let it end");
    if (line_start(daemon->line, parameters, id, nothing, &job->error) != 0)
        return -1;
    if (daemon->fleet != NULL && !*nothing)
        log_event(LOG_LEVEL_WARNING, "run_alone", "run=%s", id);
    return 0;
}

static int add_warning(struct job *job)
{
    return command_add(
        job, "warning",
        cJSON_CreateString("this peer refreshes alone, without --fleet: afterwards its cache "
                           "differs from that of the other peers, until the fleet's next run "
                           "brings it back to theirs"));
}

static int start(struct job *job, const struct run_parameters *parameters, bool fleet)
{
    struct line_plan plan = {.duration = -1, .deadline_fits = -1};
    char id[RUN_ID_BYTES] = "";
    bool nothing = false;
    struct daemon *daemon = job->daemon;
    /* A plan walks the whole index: only when its answer is needed. */
    if (parameters->finish_within > 0 && !steer_is_active(daemon) &&
        line_plan(daemon->line, parameters, &plan, &job->error) != 0)
        return -1;
    int started = fleet ? steer_start(daemon, parameters, id, &nothing, &job->error)
                        : start_alone(job, parameters, id, &nothing);
    if (started != 0 || command_ok(job) != 0 ||
        command_add(job, "run", nothing ? cJSON_CreateNull() : cJSON_CreateString(id)) != 0 ||
        command_add(job, "duration_s", seconds_item(plan.duration)) != 0)
        return -1;
    if (daemon->fleet != NULL && !fleet && !nothing && add_warning(job) != 0)
        return -1;
    return command_add(job, "deadline_fits", fits_item(plan.deadline_fits));
}

int command_start(struct job *job)
{
    struct run_parameters parameters;
    bool fleet;
    char *tables = NULL;
    if (read_parameters(job, &parameters, &fleet, &tables) != 0)
        return -1;
    int result = start(job, &parameters, fleet);
    free(tables);
    return result;
}

int command_pause(struct job *job)
{
    return steer_pause(job->daemon, PAUSED_BY_OPERATOR, &job->error);
}

int command_resume(struct job *job)
{
    return steer_resume(job->daemon, &job->error) != 0 ? -1 : command_ok(job);
}

int command_cancel(struct job *job)
{
    return steer_cancel(job->daemon, &job->error) != 0 ? -1 : command_ok(job);
}

int command_set(struct job *job)
{
    struct line_change change = {-1, -1, -1, -1};
    unsigned workers = 0, concurrency = 0;
    struct error *err = &job->error;
    int given[] = {bounded(job, "geocoder", "rate", &change.rate, err),
                   bounded(job, "refresh", "finish_within", &change.finish_within, err),
                   bounded_count(job, "refresh", "workers", &workers, err),
                   bounded_count(job, "geocoder", "concurrency", &concurrency, err)};
    bool any = false;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        if (given[i] < 0)
            return -1;
        any = any || given[i] > 0;
    }
    if (!any)
        return error_set(err, ERROR_USAGE,
                         "nothing to set; say one of rate=N workers=N finish_within=D "
                         "concurrency=N");
    if (given[2] > 0)
        change.workers = (int)workers;
    if (given[3] > 0)
        change.concurrency = (int)concurrency;
    return steer_set(job->daemon, &change, err) != 0 ? -1 : command_ok(job);
}

int command_publish(struct job *job)
{
    bool force = false, held = false;
    char run[RUN_ID_BYTES];
    struct daemon *daemon = job->daemon;
    bool fleet = steer_is_fleet(daemon);
    steer_run(daemon, run);
    if (protocol_flag(job->request.arguments, "force", &force, &job->error) < 0 ||
        steer_publish(daemon, force, &held, &job->error) != 0 || command_ok(job) != 0)
        return -1;
    struct line_status status;
    line_status(daemon->line, &status);
    if (command_add(job, "run", cJSON_CreateString(run)) != 0 ||
        command_add(job, "held", cJSON_CreateBool(held)) != 0 ||
        (fleet && command_add(job, "fleet", cJSON_CreateTrue()) != 0))
        return -1;
    return command_add(job, "reason",
                       held ? cJSON_CreateString(status.reason) : cJSON_CreateNull());
}
