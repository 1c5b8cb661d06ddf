/* The refresh phase: workers, writer and rebuild, started in the order of the data's way back and
 * stopped in its order. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL_BATCHES 64
#define CHANNEL_BYTES ((size_t)4 << 20)
#define SUPERVISE_INTERVAL 0.25
#define SAVE_INTERVAL 10.0
#define PROGRESS_INTERVAL 60.0
#define AGAIN_INTERVAL 0.5 /* seconds at least from one beginning of the phase to the next */

void refresh_fail(struct refresh *refresh, const struct error *err)
{
    struct line *line = refresh->line;
    (void)pthread_mutex_lock(&line->lock);
    if (!refresh->failed) {
        refresh->failed = true;
        refresh->failure = *err;
    }
    (void)pthread_cond_broadcast(&line->changed);
    (void)pthread_mutex_unlock(&line->lock);
}

/* --- events of the stations ------------------------------------------------------ */

static void worker_failed(void *context, const struct error *err)
{
    struct refresh *refresh = context;
    if (err->code != ERROR_STATE) /* that is the geocoder's refusal, which pauses the run */
        line_tell(refresh->line, 0, "worker_failed", "error", err->message);
    refresh_fail(refresh, err);
}

static void writer_failed(void *context, const struct error *err)
{
    refresh_fail(context, err);
}

static void tile_ready(void *context, uint32_t tile)
{
    rebuild_ready(context, tile);
}

static void share_done(void *context, uint32_t share)
{
    struct refresh *refresh = context;
    claims_committed(refresh->claims, share);
}

static void share_replaced(void *context, uint32_t share)
{
    site_replace(context, share);
}

static void group_committed(void *context, const struct answer_counts *group)
{
    struct refresh *refresh = context;
    if (group->settled[SETTLED_FAILED] == 0)
        return;
    (void)pthread_mutex_lock(&refresh->line->lock);
    (void)pthread_cond_broadcast(&refresh->line->changed);
    (void)pthread_mutex_unlock(&refresh->line->lock);
}

/* --- start ------------------------------------------------------------------------ */

/* What becomes of a tile: nothing is to be done, its points must be answered first, or, when
 * learned points are all there is, it can be rebuilt at once. */
static int open_tile(struct refresh *refresh, uint32_t tile, uint64_t selected, uint64_t folded,
                     struct error *err)
{
    struct tile_record record;
    bool touched = selected > 0 || folded > 0;
    int rebuilt = touched ? ledger_tile(refresh->line->ledger, tile, &record, err) : 1;
    if (rebuilt < 0)
        return -1;
    refresh->tile_states[tile] = rebuilt ? TILE_REBUILT : selected > 0 ? TILE_WAITING : TILE_READY;
    refresh->tiles_pending += !rebuilt;
    refresh->tiles_ready += !rebuilt && selected == 0;
    return touched;
}

/* Where each tile's points begin in the run's order, and which tiles still need work. */
static int list_tiles(struct refresh *refresh, const uint64_t *folded, struct error *err)
{
    struct line *line = refresh->line;
    uint32_t tiles = grid_tiles(refresh->run.grid);
    uint64_t *first = refresh->first_ordinal_of_tile;
    uint32_t untouched = 0;
    if (ledger_selected_by_tile(line->ledger, first + 1, tiles, err) != 0)
        return -1;
    for (uint32_t tile = 0; tile < tiles; tile++) {
        int touched = open_tile(refresh, tile, first[tile + 1], folded[tile], err);
        if (touched < 0)
            return -1;
        untouched += !touched;
        first[tile + 1] += first[tile];
    }
    if (first[tiles] != refresh->run.counts.selected)
        return error_set(
            err, ERROR_CORRUPT,
            "%s/ledger: the tiles of the run have %" PRIu64 " points to ask, not %" PRIu64,
            line->settings.state_directory, first[tiles], refresh->run.counts.selected);
    (void)pthread_mutex_lock(&line->lock);
    line->untouched = untouched;
    (void)pthread_mutex_unlock(&line->lock);
    return 0;
}

static int open_tiles(struct refresh *refresh, struct error *err)
{
    uint32_t tiles = grid_tiles(refresh->run.grid);
    uint64_t *folded = calloc(tiles, sizeof *folded);
    int result = -1;
    refresh->first_ordinal_of_tile =
        calloc((size_t)tiles + 1, sizeof *refresh->first_ordinal_of_tile);
    refresh->tile_states = calloc(tiles, 1);
    if (folded == NULL || refresh->first_ordinal_of_tile == NULL || refresh->tile_states == NULL)
        error_memory(err, "the tiles");
    else if (ledger_folded_by_tile(refresh->line->ledger, folded, tiles, err) == 0)
        result = list_tiles(refresh, folded, err);
    free(folded);
    return result;
}

/* Our part of what the run may ask. */
static void set_pace(struct line *line, const struct run_record *run)
{
    double part = line->coordination->pace(line->coordination->context, run);
    uint64_t left = run->counts.selected - settled_points(&run->counts);
    double seconds = 0;
    if (run->parameters.finish_within > 0) {
        seconds = run->started_at + run->parameters.finish_within - clock_unix();
        if (seconds < 0.001)
            seconds = 0.001;
    }
    limiter_hold(line->limiter, part <= 0);
    limiter_set_rate(line->limiter, run->parameters.rate * (part > 0 ? part : 1));
    limiter_set_deadline(line->limiter, clock_monotonic(), seconds,
                         (uint64_t)ceil((double)left * (part > 0 ? part : 1)));
    atomic_store(&line->control.workers, run->parameters.workers);
    atomic_store(&line->control.concurrency, run->parameters.concurrency);
}

static int start_writer(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    struct writer_settings settings = {
        .points_directory = line->points_directory,
        .answers_directory = line->answers_directory,
        .points = refresh->run.counts.selected,
        .shares = refresh->run.parameters.shares,
        .first_ordinal_of_tile = refresh->first_ordinal_of_tile,
        .tiles = grid_tiles(refresh->run.grid),
        .pulse = &line->pulses[THREAD_WRITER],
    };
    struct writer_events events = {
        .tile_ready = tile_ready,
        .share_done = share_done,
        .replaced = share_replaced,
        .committed = group_committed,
        .failed = writer_failed,
        .context = refresh,
    };
    return writer_start(&refresh->writer, &settings, refresh->channel, line->ledger, refresh->log,
                        &line->meters[STATION_WRITE], &events, err);
}

static int start_workers(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    struct geocode_settings settings = {
        .points_directory = line->points_directory,
        .points = refresh->run.counts.selected,
        .shares = refresh->run.parameters.shares,
        .batch = line_batch(line),
        .retries = line->settings.retries,
        .peer = line->coordination->peer,
    };
    struct geocode_parts parts = {
        .geocoder = refresh->geocoder,
        .ledger = line->ledger,
        .claims = refresh->claims,
        .limiter = line->limiter,
        .control = &line->control,
        .channel = refresh->channel,
        .figures = &line->figures,
        .meter = &line->meters[STATION_GEOCODE],
    };
    struct geocode_pool *pool;
    memcpy(settings.run, refresh->run.id, sizeof settings.run);
    if (geocode_start(&pool, &settings, &parts, worker_failed, refresh, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&line->lock);
    refresh->pool = pool;
    (void)pthread_mutex_unlock(&line->lock);
    return 0;
}

static int open_geocoder(struct refresh *refresh, struct error *err)
{
    const struct line *line = refresh->line;
    struct gate_limits limits = line->settings.gate;
    struct geocoder_settings settings = line->settings.geocoder;
    line->coordination->settings(line->coordination->context, &refresh->run, &limits, &settings);
    if (line->settings.open_geocoder != NULL)
        return line->settings.open_geocoder(&refresh->geocoder, &settings, err);
    return geocoder_open(&refresh->geocoder, &settings, err);
}

static int open_tables(struct refresh *refresh, struct error *err)
{
    char *text;
    int found = ledger_run_tables(refresh->line->ledger, &text, err);
    if (found != 1)
        return found;
    int result = tables_parse(&refresh->tables, text, err);
    free(text);
    return result;
}

static int refresh_start(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    bool asks = settled_points(&refresh->run.counts) < refresh->run.counts.selected;
    if (run_input_open(&refresh->input, line, &refresh->run, err) != 0 ||
        open_tables(refresh, err) != 0 || (asks && open_geocoder(refresh, err) != 0) ||
        answer_log_open(&refresh->log, line->answers_directory, refresh->run.log_end, err) != 0 ||
        channel_create(&refresh->channel, CHANNEL_BATCHES, CHANNEL_BYTES, err) != 0 ||
        site_open_claims(refresh, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&line->lock);
    line->refresh = refresh;
    status_reset(line); /* rates are those of this phase, not of a snapshot that a disk held up */
    (void)pthread_mutex_unlock(&line->lock);
    set_pace(line, &refresh->run);
    atomic_store(&line->control.bottleneck, STATION_GEOCODE); /* until a round knows better */
    if (rebuild_start(refresh, err) != 0 || start_writer(refresh, err) != 0)
        return -1;
    return asks ? start_workers(refresh, err) : 0;
}

/* --- stop ------------------------------------------------------------------------- */

/* Returns -1 with the writer's error when what was left could not be committed. */
static int refresh_stop(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    int result = 0;
    (void)pthread_mutex_lock(&line->lock);
    struct geocode_pool *pool = refresh->pool;
    refresh->pool = NULL;
    (void)pthread_mutex_unlock(&line->lock);
    geocode_join(pool);
    if (refresh->channel != NULL)
        channel_close(refresh->channel);
    if (refresh->writer != NULL)
        result = writer_join(refresh->writer, err);
    rebuild_stop(refresh);
    (void)pthread_mutex_lock(&line->lock);
    line->refresh = NULL;
    limiter_hold(line->limiter, false);
    limiter_set_rate(line->limiter, line->settings.rate);
    limiter_set_deadline(line->limiter, clock_monotonic(), 0, 0);
    (void)pthread_mutex_unlock(&line->lock);
    claims_free(refresh->claims); /* what is behind them may use all the rest */
    free(refresh->done);
    if (refresh->channel != NULL)
        channel_free(refresh->channel);
    answer_log_close(refresh->log);
    geocoder_close(refresh->geocoder);
    tables_free(refresh->tables);
    run_input_close(&refresh->input);
    return result;
}

/* --- while it runs ----------------------------------------------------------------- */

static int check_budget(struct line *line, struct error *err)
{
    struct run_record run = run_copy(line);
    double limit = run_limits(line, &run).max_failed;
    uint64_t failed = run.counts.settled[SETTLED_FAILED];
    bool allowed = run.forced || strncmp(run.reason, BUDGET_REASON, sizeof BUDGET_REASON - 1) == 0;
    if (allowed || (double)failed <= limit * (double)run.counts.selected)
        return 0;
    return error_set(err, ERROR_STATE,
                     BUDGET_REASON ": %" PRIu64 " of %" PRIu64
                                   " points failed (limit %.3g%%); resume goes on all the same",
                     failed, run.counts.selected, 100 * limit);
}

/* What is due now and then while the stations work. Times are clock_monotonic. */
struct rounds {
    double saved, reported;
    bool asking; /* points are left to ask */
    struct line_spell down, quiet;
};

static void report_progress(struct refresh *refresh, struct rounds *rounds, double now)
{
    bool asking = rounds->asking;
    struct run_record run = run_copy(refresh->line);
    rounds->asking = settled_points(&run.counts) < run.counts.selected;
    if (asking && !rounds->asking)
        line_tell_geocoded(refresh->line, &run);
    if (now - rounds->reported < PROGRESS_INTERVAL)
        return;
    rounds->reported = now;
    line_tell_progress(refresh->line);
}

static void report_geocoder(struct refresh *refresh, struct rounds *rounds, double now)
{
    if (refresh->pool == NULL) /* nothing is left to ask */
        return;
    struct circuit_view circuit = geocode_circuit(refresh->pool);
    struct limiter_view pace = limiter_look(refresh->line->limiter, now);
    line_tell_circuit(refresh->line, &rounds->down, &circuit, now);
    line_tell_quiet(refresh->line, &rounds->quiet, &pace, now);
}

static int make_round(struct refresh *refresh, struct rounds *rounds, struct error *err)
{
    struct line *line = refresh->line;
    double now = clock_monotonic();
    if (run_reload(line, err) != 0 || check_budget(line, err) != 0)
        return -1;
    status_note_bottleneck(line);
    report_geocoder(refresh, rounds, now);
    if (now - rounds->saved >= SAVE_INTERVAL) {
        rounds->saved = now;
        if (run_save(line, err) != 0)
            return -1;
    }
    report_progress(refresh, rounds, now);
    return 0;
}

/* The lock is held. */
static bool is_complete(const struct refresh *refresh)
{
    return refresh->tiles_pending == 0 && claims_settled(refresh->claims);
}

/* What is new since the last look. */
struct news {
    bool failed, stopped, again, complete;
    bool changed; /* parameters */
    bool paced, wake;
};

static bool is_new(const struct refresh *refresh)
{
    const struct line *line = refresh->line;
    return refresh->failed || refresh->again_wanted || refresh->wake_wanted ||
           line->wish != WISH_WORK || line->parameters_changed || line->pace_changed;
}

/* Wait for news, for a while, and take note of them. */
static struct news wait_for_news(struct refresh *refresh, struct error *failure)
{
    struct line *line = refresh->line;
    (void)pthread_mutex_lock(&line->lock);
    if (!is_new(refresh) && !is_complete(refresh))
        line_sleep(line, SUPERVISE_INTERVAL);
    struct news news = {
        .failed = refresh->failed,
        /* Also when a resume came right after the pause: the stations have seen the pause. */
        .stopped = line->wish != WISH_WORK || control_ending(&line->control),
        .again = refresh->again_wanted,
        .complete = is_complete(refresh),
        .changed = line->parameters_changed,
        .paced = line->pace_changed,
        .wake = refresh->wake_wanted,
    };
    line->pace_changed = false;
    refresh->wake_wanted = false;
    if (news.failed)
        *failure = refresh->failure;
    (void)pthread_mutex_unlock(&line->lock);
    return news;
}

/* Let everybody follow. */
static int follow(struct refresh *refresh, const struct news *news, struct error *err)
{
    if (news->changed || news->paced) {
        struct run_record run = run_copy(refresh->line);
        set_pace(refresh->line, &run);
    }
    if (refresh->pool != NULL && (news->changed || news->paced || news->wake))
        geocode_wake(refresh->pool);
    return news->changed ? run_save(refresh->line, err) : 0;
}

static int supervise(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    struct rounds rounds = {
        .saved = clock_monotonic(), .reported = clock_monotonic(), .asking = refresh->pool != NULL};
    for (;;) {
        pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
        struct news news = wait_for_news(refresh, err);
        if (news.failed)
            return -1;
        if (news.stopped || news.again)
            return error_set(err, ERROR_CANCELED, "the run was stopped");
        if (make_round(refresh, &rounds, err) != 0)
            return -1;
        if (news.complete)
            return 0;
        if (follow(refresh, &news, err) != 0)
            return -1;
    }
}

/* 0, 1 = the phase is to begin anew, -1. */
static int run_stations(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    struct error stopped;
    int result = refresh_start(refresh, err);
    if (result == 0)
        result = supervise(refresh, err);
    if (result != 0)
        atomic_store(&line->control.stop, true);
    if (refresh_stop(refresh, &stopped) != 0 && (result == 0 || err->code == ERROR_CANCELED)) {
        *err = stopped;
        return -1;
    }
    /* Also when somebody wanted it just before all was complete. */
    if (!refresh->again_wanted || (result != 0 && err->code != ERROR_CANCELED))
        return result;
    return site_drop_replaced(refresh, err) == 0 ? 1 : -1;
}

static void tell_start(const struct refresh *refresh)
{
    struct line *line = refresh->line;
    uint64_t left = refresh->run.counts.selected - settled_points(&refresh->run.counts);
    if (left > 0)
        line_event(line, 2, "stage_started", "stage=geocode points=%" PRIu64, left);
    if (refresh->tiles_pending > 0)
        line_event(line, 2, "stage_started", "stage=rebuild tiles=%u", refresh->tiles_pending);
}

/* What the ledger has as the phase begins: what was committed while the stations stopped last time
 * is known to it alone, and the answer log is cut where its record says. */
static int prepare(struct line *line, struct error *err)
{
    const struct coordination *coordination = line->coordination;
    if (run_reload(line, err) != 0)
        return -1;
    struct run_record run = run_copy(line);
    pulse_rest(&line->pulses[THREAD_CONDUCTOR]);
    int result = coordination->prepare(coordination->context, &run, line->ledger,
                                       line->answers_directory, &line->control, err);
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    return result == 0 ? run_reload(line, err) : -1;
}

/* 0, 1 = the phase is to begin anew, -1. */
static int refresh_once(struct line *line, bool first, struct error *err)
{
    if (prepare(line, err) != 0)
        return -1;
    struct refresh refresh = {.line = line, .run = run_copy(line)};
    (void)pthread_cond_init(&refresh.tiles_changed, NULL);
    int result = open_tiles(&refresh, err);
    if (result == 0 && first)
        tell_start(&refresh);
    if (result == 0)
        result = run_stations(&refresh, err);
    free(refresh.first_ordinal_of_tile);
    free(refresh.tile_states);
    free(refresh.replaced);
    (void)pthread_cond_destroy(&refresh.tiles_changed);
    return result;
}

/* The stations have stopped to begin anew: lower the flag that stopped them, unless somebody wished
 * otherwise meanwhile. */
static int begin_again(struct line *line, double since, struct error *err)
{
    (void)pthread_mutex_lock(&line->lock);
    double wait;
    while (line->wish == WISH_WORK && (wait = since + AGAIN_INTERVAL - clock_monotonic()) > 0) {
        pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
        line_sleep(line, wait);
    }
    bool goes_on = line->wish == WISH_WORK;
    if (goes_on)
        atomic_store(&line->control.stop, false);
    (void)pthread_mutex_unlock(&line->lock);
    return goes_on ? 0 : error_set(err, ERROR_CANCELED, "the run was stopped");
}

int line_refresh(struct line *line, struct error *err)
{
    int result = 1;
    for (bool first = true; result > 0; first = false) {
        double since = clock_monotonic();
        result = refresh_once(line, first, err);
        if (result > 0 && begin_again(line, since, err) != 0)
            return -1;
    }
    if (result == 0)
        result = run_reload(line, err);
    if (result == 0) {
        struct run_record run = run_copy(line);
        line_event(line, 2, "stage_finished", "stage=rebuild tiles=%" PRIu64,
                   run.counts.tiles_rebuilt);
    }
    return result;
}
