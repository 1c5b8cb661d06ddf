/* What the line shows of itself. */
#include "stages/line_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BUSY_ENOUGH 0.5 /* a station busier than that may be called the bottleneck */
#define PACE_KEPT 0.8   /* who keeps so much of the pace is held up by nothing else */
#define SAMPLES_LATELY 4

const char *const line_state_names[LINE_STATES] = {
    "idle", "snapshot", "refreshing", "paused", "held", "publishing", "failed",
};

const char *const station_names[STATION_COUNT] = {
    "snapshot", "geocode", "write", "rebuild", "publish",
};

uint64_t settled_points(const struct run_counts *counts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SETTLED_COUNT; i++)
        sum += counts->settled[i];
    return sum;
}

/* --- samples -------------------------------------------------------------------------- */

void status_reset(struct line *line)
{
    line->sample_count = 0;
    line->sample_next = 0;
}

static const struct sample *newest_sample(const struct line *line)
{
    return &line->samples[(line->sample_next + SAMPLES - 1) % SAMPLES];
}

/* The sample that many before the newest, or the oldest. */
static const struct sample *earlier_sample(const struct line *line, unsigned back)
{
    unsigned from = back < line->sample_count ? back + 1 : line->sample_count;
    return &line->samples[(line->sample_next + SAMPLES - from) % SAMPLES];
}

/* The lock is held. */
static void take_sample(struct line *line, uint64_t answered)
{
    struct sample sample = {
        .time = clock_monotonic(),
        .answered = answered,
        .sent = atomic_load(&line->figures.sent),
    };
    if (line->sample_count > 0 && sample.time - newest_sample(line)->time < SAMPLE_INTERVAL)
        return;
    for (size_t i = 0; i < STATION_COUNT; i++)
        sample.busy_ns[i] = atomic_load(&line->meters[i].busy_ns);
    line->samples[line->sample_next] = sample;
    line->sample_next = (line->sample_next + 1) % SAMPLES;
    if (line->sample_count < SAMPLES)
        line->sample_count++;
}

/* --- rates ----------------------------------------------------------------------------- */

/* How full the workers keep their requests' places: a distant geocoder keeps nobody busy. */
static double occupancy(struct line *line)
{
    double places = (double)atomic_load(&line->meters[STATION_GEOCODE].threads) *
                    atomic_load(&line->control.concurrency);
    double points = (double)atomic_load(&line->figures.in_flight);
    double batch = line_batch(line);
    double share = places > 0 ? points / batch / places : 0;
    return share < 1 ? share : 1;
}

static double answered_per_second(const struct sample *old, const struct sample *new)
{
    /* Answers may have been taken back. */
    double answered = new->answered > old->answered ? (double)(new->answered - old->answered) : 0;
    return answered / (new->time - old->time);
}

static void fill_rates(struct line *line, struct line_status *status)
{
    if (line->sample_count < 2)
        return;
    const struct sample *old = earlier_sample(line, SAMPLES);
    const struct sample *new = newest_sample(line);
    double seconds = new->time - old->time;
    status->points_per_second = answered_per_second(old, new);
    status->requests_per_second = (double)(new->sent - old->sent) / seconds;
    for (size_t i = 0; i < STATION_COUNT; i++) {
        unsigned threads = atomic_load(&line->meters[i].threads);
        double busy = (double)(new->busy_ns[i] - old->busy_ns[i]) * 1e-9 / seconds /
                      (threads > 0 ? threads : 1);
        status->stations[i].busy = busy < 1 ? busy : 1;
    }
    double places = occupancy(line);
    if (places > status->stations[STATION_GEOCODE].busy)
        status->stations[STATION_GEOCODE].busy = places;
}

/* Is the pace all that holds the workers up, now or over the last seconds? */
static bool keeps_pace(const struct line *line, const struct line_status *status)
{
    if (status->rate <= 0 || line->sample_count < 2)
        return false;
    double lately = answered_per_second(earlier_sample(line, SAMPLES_LATELY), newest_sample(line));
    return fmax(lately, status->points_per_second) >= PACE_KEPT * status->rate;
}

static enum station bottleneck(const struct line_status *status, bool paced)
{
    if (status->run.id[0] != '\0' && status->run.phase == PHASE_SNAPSHOT)
        return STATION_SNAPSHOT;
    if (status->state == LINE_PUBLISHING)
        return STATION_PUBLISH;
    enum station worst = STATION_GEOCODE;
    bool asking = settled_points(&status->run.counts) < status->run.counts.selected;
    if (status->state == LINE_REFRESHING && !asking)
        return STATION_REBUILD;
    if (paced)
        return STATION_GEOCODE;
    for (enum station i = STATION_WRITE; i <= STATION_REBUILD; i++) {
        if (status->stations[i].busy > BUSY_ENOUGH &&
            status->stations[i].busy > status->stations[worst].busy)
            worst = i;
    }
    return worst;
}

/* --- the whole picture ------------------------------------------------------------------- */

static enum line_state state_of(const struct line *line)
{
    static const enum line_state of_phase[] = {
        [PHASE_SNAPSHOT] = LINE_SNAPSHOT,
        [PHASE_REFRESH] = LINE_REFRESHING,
        [PHASE_PUBLISH] = LINE_PUBLISHING,
    };
    if (!line->active)
        return line->last_run.result == RESULT_FAILED ? LINE_FAILED : LINE_IDLE;
    if (line->run.stop == STOP_HELD && line->wish != WISH_WORK)
        return LINE_HELD;
    if (line->wish == WISH_PAUSE || (line->run.stop == STOP_PAUSED && line->wish != WISH_WORK))
        return LINE_PAUSED;
    return of_phase[line->run.phase];
}

static void fill_queues(struct line *line, struct line_status *status)
{
    struct refresh *refresh = line->refresh;
    if (refresh == NULL)
        return;
    const struct run_counts *counts = &status->run.counts;
    uint64_t shares = refresh->run.parameters.shares;
    status->shares_active = claims_active(refresh->claims);
    uint64_t taken = counts->shares_done + status->shares_active;
    status->stations[STATION_GEOCODE].queue = shares > taken ? shares - taken : 0;
    status->stations[STATION_WRITE].queue = channel_length(refresh->channel);
    status->stations[STATION_REBUILD].queue = refresh->tiles_ready;
}

/* Counts from the ledger, so that they are never ahead of or behind what is committed. */
static struct run_counts committed_counts(struct line *line, const struct run_record *run)
{
    struct run_record fresh;
    if (ledger_run(line->ledger, &fresh, NULL) > 0 && strcmp(fresh.id, run->id) == 0)
        return fresh.counts;
    return run->counts;
}

/* Why the workers wait or go slowly, if they do; circuit and limiter first, because they say what
 * happens now. */
static void fill_pace_reason(struct line *line, struct line_status *status)
{
    struct refresh *refresh = line->refresh;
    if (refresh == NULL || refresh->pool == NULL || line->wish != WISH_WORK)
        return;
    struct circuit_view circuit = geocode_circuit(refresh->pool);
    struct limiter_view pace = limiter_look(line->limiter, clock_monotonic());
    char http[32] = "";
    status->unreachable = circuit.open;
    if (pace.status != 0)
        (void)snprintf(http, sizeof http, " (HTTP %u)", pace.status);
    if (pace.held)
        (void)snprintf(status->reason, sizeof status->reason,
                       "nothing may be asked now: no part of the run's rate is ours");
    else if (circuit.open)
        (void)snprintf(status->reason, sizeof status->reason,
                       "the geocoder can't be reached for %.0f s: %s; asking again once a second",
                       clock_monotonic() - circuit.since, circuit.why);
    else if (pace.quiet_left > 0 && pace.asked_for)
        (void)snprintf(status->reason, sizeof status->reason,
                       "the geocoder asked for %.0f s of quiet%s", pace.quiet, http);
    else if (pace.quiet_left > 0)
        (void)snprintf(status->reason, sizeof status->reason,
                       "the geocoder refuses%s; quiet for %.0f s", http, pace.quiet);
    else if (pace.lowered && status->reason[0] == '\0')
        (void)snprintf(status->reason, sizeof status->reason,
                       "backing off to %.3g points/s: the geocoder refused%s", pace.pace, http);
}

static void fill_run(struct line *line, struct line_status *status)
{
    status->run = line->run;
    status->elapsed = line->run.elapsed;
    if (line->working)
        status->elapsed += clock_monotonic() - line->work_since;
    status->draining =
        line->wish == WISH_PAUSE || line->wish == WISH_CANCEL || line->wish == WISH_FAIL;
    if (line->wish == WISH_PAUSE && line->run.stop == STOP_NONE)
        (void)snprintf(status->reason, sizeof status->reason, "%s", line->pause_reason);
    else if (line->run.stop != STOP_NONE)
        (void)snprintf(status->reason, sizeof status->reason, "%s", line->run.reason);
    status->requests_sent = line->working ? atomic_load(&line->figures.sent) : line->run.requests;
    status->points_retried = line->working ? atomic_load(&line->figures.retried) : 0;
    status->points_in_flight = atomic_load(&line->figures.in_flight);
    status->rate = line->run.parameters.rate;
    double pace = line->working && line->run.phase == PHASE_REFRESH
                      ? limiter_look(line->limiter, clock_monotonic()).pace
                      : 0;
    if (pace > 0) /* the stations may not have taken up the rate yet */
        status->rate = pace;
}

static void fill_forecast(struct line_status *status)
{
    const struct run_counts *counts = &status->run.counts;
    const struct run_parameters *parameters = &status->run.parameters;
    double left = (double)(counts->selected - settled_points(counts));
    status->eta = -1;
    status->deadline_fits = -1;
    if (status->state != LINE_REFRESHING)
        return;
    if (left == 0)
        status->eta = 0;
    else if (status->points_per_second > 0 && !status->unreachable)
        status->eta = left / status->points_per_second;
    if (parameters->finish_within <= 0)
        return;
    double until = status->run.started_at + parameters->finish_within - clock_unix();
    if (until <= 0 || (parameters->rate > 0 && left / parameters->rate > until))
        status->deadline_fits = 0;
    else if (status->eta >= 0)
        status->deadline_fits = status->eta <= 1.1 * until;
}

void line_status(struct line *line, struct line_status *status)
{
    memset(status, 0, sizeof *status);
    struct run_record run = run_copy(line);
    bool active = run.id[0] != '\0';
    struct run_counts counts = active ? committed_counts(line, &run) : run.counts;
    (void)pthread_mutex_lock(&line->lock);
    status->state = state_of(line);
    status->generation = line->generation;
    status->tiles = line->tiles;
    status->last_run = line->last_run;
    if (line->active) {
        fill_run(line, status);
        fill_pace_reason(line, status);
        if (strcmp(line->run.id, run.id) == 0)
            status->run.counts = counts;
        if (line->working)
            take_sample(line, settled_points(&status->run.counts));
        if (line->working)
            fill_rates(line, status);
        fill_queues(line, status);
        if (!line->working && status->points_retried == 0)
            status->points_retried = status->run.counts.retried;
        status->run.counts.tiles_rebuilt += line->untouched;
    } else if (status->state == LINE_FAILED) {
        (void)snprintf(status->reason, sizeof status->reason, "%s", line->last_run.reason);
    }
    bool paced = line->active && line->working && keeps_pace(line, status);
    (void)pthread_mutex_unlock(&line->lock);
    fill_forecast(status);
    status->bottleneck = bottleneck(status, paced);
}

void status_note_bottleneck(struct line *line)
{
    struct line_status status;
    line_status(line, &status);
    atomic_store(&line->control.bottleneck, status.bottleneck);
}
