/* The conductor: the thread that takes the run through its phases as the caller wishes. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- snapshot ------------------------------------------------------------------------ */

static int write_snapshot(struct line *line, const struct run_record *run,
                          const struct merged *merged, struct snapshot_plan *plan,
                          struct pair_id *points, struct error *err)
{
    char last[RUN_ID_BYTES];
    (void)pthread_mutex_lock(&line->lock);
    memcpy(last, line->last_run.id, sizeof last);
    (void)pthread_mutex_unlock(&line->lock);
    if (snapshot_plan(plan, merged, &run->parameters, line->ledger, last, &line->control,
                      &line->snapshot_progress, err) != 0)
        return -1;
    if (snapshot_check_space(plan, line->settings.state_directory, line->settings.cache_directory,
                             err) != 0)
        return -1;
    return snapshot_write(plan, merged, &run->parameters, line->ledger, last,
                          line->points_directory, run->id, points, &line->control,
                          &line->snapshot_progress, err);
}

/* Which learned points the run folds in is recorded before its phase says that they stay. */
static int record_snapshot(struct line *line, const struct snapshot_plan *plan,
                           const struct folded_set *folded, struct error *err)
{
    struct run_counts counts = {
        .total = plan->total,
        .selected = plan->selected,
        .carried = plan->total - plan->selected,
        .folded = plan->folded,
    };
    (void)pthread_mutex_lock(&line->lock);
    line->run.folded = *folded;
    uint32_t tiles = grid_tiles(line->run.grid);
    (void)pthread_mutex_unlock(&line->lock);
    if (run_save(line, err) != 0)
        return -1;
    return ledger_snapshot_done(line->ledger, &counts, plan->selected_by_tile, plan->folded_by_tile,
                                tiles, err);
}

/* What seemed to be there to do when the run began is not: the generation stays as it is, if those
 * who share the run think so too. */
static int end_without_work(struct line *line, const struct run_record *run, struct error *err)
{
    struct agreement agreement;
    if (line_agree(line, run, &run->base_digest, &agreement, err) != 0)
        return -1;
    if (agreement.kind == AGREED_FAILURE)
        return run_give_up(line, RESULT_FAILED, agreement.reason, err) == 0 ? 1 : -1;
    line->coordination->switched(line->coordination->context, run, &run->base_digest, clock_wall());
    (void)pthread_mutex_lock(&line->lock);
    line->run.generation = line->run.base_generation;
    (void)pthread_mutex_unlock(&line->lock);
    line_event(line, 2, "run_published", "nothing_to_do=true");
    return record_close(line, RESULT_PUBLISHED, err) == 0 ? 1 : -1;
}

/* Those who share the run must have the same snapshot. */
static int tell_snapshot(struct line *line, const struct run_record *run,
                         const struct snapshot_plan *plan, const struct pair_id *points,
                         const struct folded_set *folded, struct error *err)
{
    const struct coordination *coordination = line->coordination;
    struct pair_id digest = snapshot_digest(plan, points, folded);
    pulse_rest(&line->pulses[THREAD_CONDUCTOR]);
    int result =
        coordination->snapshot_taken(coordination->context, run, &digest, &line->control, err);
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    return result;
}

static int make_snapshot(struct line *line, const struct run_record *run, struct run_input *input,
                         struct snapshot_plan *plan, struct error *err)
{
    struct folded_set folded;
    struct pair_id points;
    if (fold_freeze(line, run, input, &folded, err) != 0 ||
        write_snapshot(line, run, &input->merged, plan, &points, err) != 0)
        return -1;
    if (plan->folded == 0 && fold_forget(line, input, &folded, err) != 0)
        return -1;
    if (tell_snapshot(line, run, plan, &points, &folded, err) != 0)
        return -1;
    if (plan->selected == 0 && plan->folded == 0)
        return end_without_work(line, run, err);
    return record_snapshot(line, plan, &folded, err);
}

/* 0, 1 = there is nothing to do and the run has ended, -1. */
static int take_snapshot(struct line *line, struct error *err)
{
    struct run_record run = run_copy(line);
    struct snapshot_plan plan = {0};
    struct run_input input;
    line_event(line, 2, "stage_started", "stage=snapshot generation=%" PRIu64, run.base_generation);
    if (run_input_open(&input, line, &run, err) != 0)
        return -1;
    double from = clock_monotonic();
    int result = make_snapshot(line, &run, &input, &plan, err);
    meter_add(&line->meters[STATION_SNAPSHOT], from);
    if (result == 0)
        line_event(line, 2, "stage_finished",
                   "stage=snapshot points=%" PRIu64 " carried=%" PRIu64 " folded=%" PRIu64,
                   plan.selected, plan.total - plan.selected, plan.folded);
    snapshot_plan_free(&plan);
    run_input_close(&input);
    return result == 0 ? run_reload(line, err) : result;
}

/* --- the gate -------------------------------------------------------------------------- */

/* 0 = passed, 1 = held, -1. */
static int pass_gate(struct line *line, struct error *err)
{
    struct run_record run = run_copy(line);
    char reason[600];
    if (!run.forced) {
        struct gate_limits limits = run_limits(line, &run);
        int held = gate_check(line->ledger, &run, &limits, reason, err);
        if (held < 0)
            return -1;
        if (held > 0) {
            if (run_stop(line, STOP_HELD, reason, err) != 0)
                return -1;
            line_tell(line, 1, "run_held", "reason", reason);
            return 1;
        }
    }
    return run_enter(line, PHASE_PUBLISH, err);
}

/* --- the run through its phases ------------------------------------------------------- */

/* Until it is published or held (0), or can't go on (-1). */
static int run_phases(struct line *line, struct error *err)
{
    for (;;) {
        struct run_record run = run_copy(line);
        int result = 0;
        pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
        if (control_ending(&line->control))
            return error_set(err, ERROR_CANCELED, "the run was stopped");
        switch (run.phase) {
        case PHASE_SNAPSHOT:
            result = take_snapshot(line, err);
            break;
        case PHASE_REFRESH:
            result = line_refresh(line, err);
            if (result == 0)
                result = pass_gate(line, err);
            break;
        default:
            return line_publish_run(line, err);
        }
        if (result != 0)
            return result > 0 ? 0 : -1;
    }
}

/* A run that stood still goes on; what its reason was is of no interest any more, but for an
 * overdrawn budget, which is not to stop it a second time. */
static int take_up(struct line *line, struct error *err)
{
    struct run_record run = run_copy(line);
    bool overdrawn = strncmp(run.reason, BUDGET_REASON, sizeof BUDGET_REASON - 1) == 0;
    if (run.stop == STOP_NONE)
        return 0;
    if (run_stop(line, STOP_NONE, overdrawn ? run.reason : "", err) != 0)
        return -1;
    line_event(line, 2, "run_resumed", "answered=%" PRIu64, settled_points(&run.counts));
    return 0;
}

static void wish_granted(struct line *line, enum wish wish)
{
    (void)pthread_mutex_lock(&line->lock);
    if (line->wish == wish)
        line->wish = WISH_REST;
    (void)pthread_cond_broadcast(&line->changed);
    (void)pthread_mutex_unlock(&line->lock);
}

static bool begin_work(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    bool begin = line->wish == WISH_WORK && line->active;
    if (begin) {
        atomic_store(&line->control.stop, false);
        atomic_store(&line->control.abandon, false);
        run_work_begins(line);
        status_reset(line);
    }
    (void)pthread_mutex_unlock(&line->lock);
    return begin;
}

/* The run can't go on by itself: it waits for a person. */
static void pause_for(struct line *line, const char *reason)
{
    struct error own;
    if (run_stop(line, STOP_PAUSED, reason, &own) != 0)
        line_tell(line, 0, "ledger_failed", "error", own.message);
    line_tell(line, 1, "run_paused", "reason", reason);
}

static void work(struct line *line)
{
    struct error err;
    if (!begin_work(line)) {
        wish_granted(line, WISH_WORK);
        return;
    }
    int result = take_up(line, &err);
    if (result == 0)
        result = run_phases(line, &err);
    if (result == 0 || err.code != ERROR_CANCELED) {
        if (result != 0)
            pause_for(line, err.message);
        wish_granted(line, WISH_WORK);
    } else if (run_save(line, &err) != 0) {
        line_tell(line, 1, "ledger_failed", "error", err.message);
    }
    run_work_ends(line);
}

/* The wish to pause, when nothing is in flight any more. */
static void pause_run(struct line *line)
{
    struct run_record run = run_copy(line);
    char reason[600];
    (void)pthread_mutex_lock(&line->lock);
    bool pause = line->active && line->run.stop == STOP_NONE;
    memcpy(reason, line->pause_reason, sizeof reason);
    (void)pthread_mutex_unlock(&line->lock);
    if (pause)
        pause_for(line, strncmp(run.reason, BUDGET_REASON, sizeof BUDGET_REASON - 1) == 0
                            ? run.reason
                            : reason);
    wish_granted(line, WISH_PAUSE);
}

static void cancel_run(struct line *line)
{
    struct error err;
    struct run_record run = run_copy(line);
    if (run.id[0] != '\0') {
        (void)run_reload(line, &err);
        if (run_give_up(line, RESULT_CANCELLED, NULL, &err) != 0)
            pause_for(line, err.message);
        else
            line_event(line, 2, "run_cancelled", "cancelled=%s", run.id);
    }
    wish_granted(line, WISH_CANCEL);
}

static void fail_run(struct line *line)
{
    struct error err;
    struct run_record run = run_copy(line);
    char reason[600];
    (void)pthread_mutex_lock(&line->lock);
    memcpy(reason, line->fail_reason, sizeof reason);
    (void)pthread_mutex_unlock(&line->lock);
    if (run.id[0] != '\0') {
        (void)run_reload(line, &err);
        if (run_give_up(line, RESULT_FAILED, reason, &err) != 0)
            pause_for(line, err.message);
    }
    wish_granted(line, WISH_FAIL);
}

static enum wish next_wish(struct line *line, bool *save)
{
    (void)pthread_mutex_lock(&line->lock);
    pulse_rest(&line->pulses[THREAD_CONDUCTOR]);
    while (line->wish == WISH_REST && !line->parameters_changed)
        (void)pthread_cond_wait(&line->changed, &line->lock);
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    enum wish wish = line->wish;
    *save = line->parameters_changed && line->active;
    line->parameters_changed = false;
    (void)pthread_mutex_unlock(&line->lock);
    return wish;
}

void *conductor_thread(void *argument)
{
    struct line *line = argument;
    struct error err;
    enum wish wish;
    bool save;
    (void)nice(line->settings.niceness); /* on Linux: of this thread and those that it starts */
    while ((wish = next_wish(line, &save)) != WISH_CLOSE) {
        if (save && run_save(line, &err) != 0)
            line_tell(line, 1, "ledger_failed", "error", err.message);
        if (wish == WISH_WORK)
            work(line);
        else if (wish == WISH_PAUSE)
            pause_run(line);
        else if (wish == WISH_CANCEL)
            cancel_run(line);
        else if (wish == WISH_FAIL)
            fail_run(line);
    }
    return NULL;
}
