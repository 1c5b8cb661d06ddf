#include "stages/line_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bring elapsed and requests up to now. The lock is held. */
static void settle_clock(struct line *line)
{
    if (!line->working)
        return;
    double now = clock_monotonic();
    line->run.elapsed += now - line->work_since;
    line->work_since = now;
    line->run.requests = atomic_load(&line->figures.sent);
}

struct run_record run_copy(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    settle_clock(line);
    struct run_record run = line->run;
    (void)pthread_mutex_unlock(&line->lock);
    return run;
}

int run_save(struct line *line, struct error *err)
{
    (void)pthread_mutex_lock(&line->lock);
    line->parameters_changed = false;
    (void)pthread_mutex_unlock(&line->lock);
    struct run_record run = run_copy(line);
    return ledger_run_update(line->ledger, &run, err);
}

int run_reload(struct line *line, struct error *err)
{
    struct run_record fresh;
    int known = ledger_run(line->ledger, &fresh, err);
    if (known < 0)
        return -1;
    if (known == 0)
        return error_set(err, ERROR_CORRUPT, "%s/ledger has lost the active run",
                         line->settings.state_directory);
    (void)pthread_mutex_lock(&line->lock);
    line->run.counts = fresh.counts;
    line->run.log_end = fresh.log_end;
    line->run.phase = fresh.phase;
    (void)pthread_mutex_unlock(&line->lock);
    return 0;
}

int run_enter(struct line *line, enum run_phase phase, struct error *err)
{
    struct run_record run = run_copy(line);
    run.phase = phase;
    if (ledger_run_update(line->ledger, &run, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&line->lock);
    line->run.phase = phase;
    (void)pthread_mutex_unlock(&line->lock);
    return 0;
}

int run_stop(struct line *line, enum run_stop stop, const char *reason, struct error *err)
{
    (void)pthread_mutex_lock(&line->lock);
    line->run.stop = stop;
    if (reason != line->run.reason)
        (void)snprintf(line->run.reason, sizeof line->run.reason, "%s", reason);
    (void)pthread_mutex_unlock(&line->lock);
    return run_save(line, err);
}

void run_work_begins(struct line *line)
{
    line->working = true;
    line->work_since = clock_monotonic();
    atomic_store(&line->figures.sent, line->run.requests);
    atomic_store(&line->figures.retried, line->run.counts.retried);
}

void run_work_goes_on(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    line->working = true;
    line->work_since = clock_monotonic();
    (void)pthread_mutex_unlock(&line->lock);
}

void run_work_ends(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    settle_clock(line);
    line->working = false;
    (void)pthread_cond_broadcast(&line->changed);
    (void)pthread_mutex_unlock(&line->lock);
}

/* What is kept of a run that ends. */
struct closing {
    enum run_result result;
    struct buffer tally;
    struct counted counted;
};

/* A report never keeps a run from ending: what can't be counted is not in it. */
static void closing_begin(struct closing *closing, struct line *line, enum run_result result)
{
    struct error own = {0};
    struct run_record run = run_copy(line);
    *closing = (struct closing){.result = result};
    int lacking = report_at_end(line, &closing->tally, &closing->counted.answers, &own);
    if (lacking != 0)
        line_event(line, 1, "report_incomplete",
                   "counted=%" PRIu64 " answers=%" PRIu64 " error=\"%s\"", closing->counted.answers,
                   settled_points(&run.counts), own.message);
    closing->counted.data = lacking >= 0 ? closing->tally.data : NULL;
    closing->counted.bytes = closing->tally.used;
}

static int close_run(struct line *line, const struct closing *closing, bool keeps_report,
                     struct error *err)
{
    struct run_record run = run_copy(line);
    run.result = closing->result;
    run.ended_at = clock_unix();
    if (ledger_run_end(line->ledger, &run, keeps_report ? &closing->counted : NULL, err) != 0)
        return -1;
    /* Active until its files are gone: whoever sees no run may change the cache at once. */
    struct error own;
    if (clean_up(line, &own) != 0)
        line_tell(line, 1, "clean_up_failed", "error", own.message);
    line_last_run(line);
    (void)pthread_mutex_lock(&line->lock);
    line->active = false;
    line->run = (struct run_record){0};
    line->untouched = 0;
    (void)pthread_mutex_unlock(&line->lock);
    return 0;
}

int record_close(struct line *line, enum run_result result, struct error *err)
{
    struct closing closing;
    closing_begin(&closing, line, result);
    int closed = close_run(line, &closing, true, err);
    buffer_free(&closing.tally);
    return closed;
}

/* On a full disk first what the run occupies goes, then the report. */
static int close_given_up(struct line *line, enum run_result result, struct error *err)
{
    struct closing closing;
    closing_begin(&closing, line, result);
    int closed = close_run(line, &closing, true, err);
    if (closed != 0 && err->code == ERROR_DISK_FULL) {
        (void)clean_up(line, NULL);
        closed = close_run(line, &closing, true, err);
    }
    if (closed != 0 && err->code == ERROR_DISK_FULL)
        closed = close_run(line, &closing, false, err);
    buffer_free(&closing.tally);
    return closed;
}

int run_give_up(struct line *line, enum run_result result, const char *reason, struct error *err)
{
    struct error own;
    (void)pthread_mutex_lock(&line->lock);
    if (reason != NULL)
        (void)snprintf(line->run.reason, sizeof line->run.reason, "%s", reason);
    (void)pthread_mutex_unlock(&line->lock);
    int closed = close_given_up(line, result, &own);
    if (closed != 0 && err != NULL)
        *err = own;
    if (closed == 0 && result == RESULT_FAILED && reason != NULL)
        line_tell(line, 0, "run_failed", "reason", reason);
    return closed;
}

struct gate_limits run_limits(const struct line *line, const struct run_record *run)
{
    struct gate_limits limits = line->settings.gate;
    struct geocoder_settings geocoder = line->settings.geocoder;
    line->coordination->settings(line->coordination->context, run, &limits, &geocoder);
    return limits;
}
