/* The publication of a run: prepared, agreed on, switched at the moment that was agreed on. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "stages/publish.h"

#define SLICE 0.1 /* seconds of sleep between two looks at what is wished */

int line_agree(struct line *line, const struct run_record *run, const struct pair_id *digest,
               struct agreement *agreement, struct error *err)
{
    const struct coordination *coordination = line->coordination;
    *agreement = (struct agreement){.kind = AGREED_SWITCH};
    run_work_ends(line);
    pulse_rest(&line->pulses[THREAD_CONDUCTOR]);
    int result =
        coordination->agree(coordination->context, run, digest, &line->control, agreement, err);
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    run_work_goes_on(line);
    return result;
}

static bool is_closing(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    bool closing = line->wish == WISH_CLOSE;
    (void)pthread_mutex_unlock(&line->lock);
    return closing;
}

static void sleep_until(double moment)
{
    struct timespec until = clock_timespec(moment);
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* What is agreed on happens, whatever is wished meanwhile; only when we end it happens later. */
static int wait_for(struct line *line, double moment, struct error *err)
{
    for (;;) {
        double now = clock_monotonic();
        if (now >= moment)
            return 0;
        if (is_closing(line))
            return error_set(err, ERROR_CANCELED, "the run was stopped");
        pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
        sleep_until(moment - now > SLICE ? now + SLICE : moment);
    }
}

static int prepare(struct line *line, const struct run_record *run, struct publication **out,
                   struct error *err)
{
    struct run_input input;
    if (run_input_open(&input, line, run, err) != 0)
        return -1;
    double from = clock_monotonic();
    int result = publication_prepare(out, line->ledger, line->settings.cache_directory,
                                     cache_manifest(input.base), run, err);
    meter_add(&line->meters[STATION_PUBLISH], from);
    run_input_close(&input);
    return result;
}

/* Uses publication up. */
static int switch_at(struct line *line, struct publication *publication,
                     const struct agreement *agreement, double *at, struct error *err)
{
    if (publication_arm(publication, agreement->published, err) != 0 ||
        wait_for(line, agreement->when, err) != 0) {
        publication_withdraw(publication);
        return -1;
    }
    double from = clock_monotonic();
    int result = publication_switch(publication, at, err);
    meter_add(&line->meters[STATION_PUBLISH], from);
    return result;
}

static int end_published(struct line *line, const struct run_record *run, struct error *err)
{
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    line_look(line);
    line_event(line, 2, "stage_finished", "stage=publish generation=%" PRIu64, run->generation);
    line_event(line, 2, "run_published", "generation=%" PRIu64 " points=%" PRIu64, run->generation,
               run->counts.total);
    return record_close(line, RESULT_PUBLISHED, err);
}

int line_publish_run(struct line *line, struct error *err)
{
    const struct coordination *coordination = line->coordination;
    struct run_record run = run_copy(line);
    struct publication *publication;
    struct agreement agreement;
    double at;
    line_event(line, 2, "stage_started", "stage=publish generation=%" PRIu64, run.generation);
    if (prepare(line, &run, &publication, err) != 0)
        return -1;
    struct pair_id digest = publication_digest(publication);
    if (line_agree(line, &run, &digest, &agreement, err) != 0) {
        publication_withdraw(publication);
        return -1;
    }
    if (agreement.kind == AGREED_FAILURE) {
        publication_withdraw(publication);
        return run_give_up(line, RESULT_FAILED, agreement.reason, err);
    }
    if (switch_at(line, publication, &agreement, &at, err) != 0)
        return -1;
    coordination->switched(coordination->context, &run, &digest, at);
    return end_published(line, &run, err);
}
