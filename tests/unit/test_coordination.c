#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/generation.h"
#include "tests/unit/coordination_rig.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 600

static void make_distant(struct shared_line *bench, double rate)
{
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 5;
    bench->rig->parameters.rate = rate;
}

static unsigned asked(const struct shared_line *bench)
{
    unsigned most;
    return rig_asked(bench->rig, &most);
}

static void wait_asked(const struct shared_line *bench, unsigned count)
{
    double end = clock_monotonic() + PATIENCE;
    while (asked(bench) < count) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
}

/* Wait until the status has these words in its reason, or a pace between the two. */
static void wait_status(const struct shared_line *bench, const char *words, double least,
                        double most)
{
    struct line_status status;
    double end = clock_monotonic() + PATIENCE;
    do {
        if (clock_monotonic() > end)
            fail_msg("waited for %s%.3g at %.3g (%s)", words, least, status.rate, status.reason);
        usleep(1000);
        line_status(bench->line, &status);
    } while (strstr(status.reason, words) == NULL || status.rate < least || status.rate > most);
    assert_int_equal(status.state, LINE_REFRESHING);
}

static void alone_nothing_is_asked_of_anybody(void **state)
{
    (void)state;
    struct agreement agreement = {.when = 77};
    struct error err;
    struct run_record run = {.id = "20261121T020000Z-1f3a"};
    struct gate_limits limits = {.max_lost = 0.5}, before = limits;
    struct geocoder_settings geocoder = {.language = "de"};
    struct pair_id digest = {{0}};
    uint64_t count = 7;
    const struct coordination *alone = &coordination_alone;
    alone->settings(alone->context, &run, &limits, &geocoder);
    assert_memory_equal(&limits, &before, sizeof limits);
    assert_string_equal(geocoder.language, "de");
    assert_int_equal(alone->freeze(alone->context, &run, NULL, "/nowhere", &count, NULL, &err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(alone->snapshot_taken(alone->context, &run, &digest, NULL, &err), 0);
    assert_int_equal(alone->prepare(alone->context, &run, NULL, "/nowhere", NULL, &err), 0);
    assert_true(alone->pace(alone->context, &run) == 1);
    assert_int_equal(alone->agree(alone->context, &run, &digest, NULL, &agreement, &err), 0);
    assert_int_equal(agreement.kind, AGREED_SWITCH);
    assert_true(agreement.when == 0);
    assert_int_equal(agreement.published, 0);
    alone->switched(alone->context, &run, &digest, 0);
}

static void the_pace_is_part_of_the_rate(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    make_distant(&bench, 400);
    bench.coordination.pace = 0.25;
    rig_start(bench.rig, bench.line);
    wait_asked(&bench, 20);
    wait_status(&bench, "", 99, 101);
    line_status(bench.line, &status);
    assert_true(status.run.parameters.rate == 400);
    bench.coordination.pace = 0.5;
    line_repace(bench.line);
    wait_status(&bench, "", 199, 201);
    struct line_change change = {.rate = 0, .finish_within = -1, .workers = -1, .concurrency = -1};
    assert_int_equal(line_set(bench.line, &change, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    shared_line_close(&bench);
}

/* A part of the points left in the time that is left. */
static void the_pace_is_part_of_the_deadline(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    make_distant(&bench, 0);
    bench.rig->parameters.finish_within = 20;
    bench.coordination.pace = 0.1;
    rig_start(bench.rig, bench.line);
    rig_wait_for(&bench.coordination.opened, 1);
    wait_status(&bench, "", 2.8, 9);
    bench.coordination.pace = 1;
    line_repace(bench.line);
    struct line_change change = {.rate = -1, .finish_within = 1, .workers = -1, .concurrency = -1};
    assert_int_equal(line_set(bench.line, &change, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    shared_line_close(&bench);
}

static void without_a_part_nothing_is_asked(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct line_progress progress;
    const double rates[] = {0, 5000};
    for (size_t i = 0; i < 2; i++) {
        shared_line_open(&bench, COUNT);
        make_distant(&bench, rates[i]);
        bench.coordination.pace = 0;
        rig_start(bench.rig, bench.line);
        rig_wait_for(&bench.coordination.opened, 1);
        wait_status(&bench, "nothing may be asked now", 0, INFINITY);
        usleep(300000);
        assert_int_equal(asked(&bench), 0);
        line_progress(bench.line, &progress);
        assert_false(progress.due);
        bench.coordination.pace = 1;
        line_repace(bench.line);
        rig_wait(bench.line, LINE_IDLE, &status);
        assert_int_equal(asked(&bench), COUNT);
        assert_false(limiter_look(line_limiter(bench.line), clock_monotonic()).held);
        shared_line_close(&bench);
    }
}

static void a_stop_at_no_pace_lets_others_ask_again(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    bench.coordination.pace = 0;
    rig_start(bench.rig, bench.line);
    rig_wait_for(&bench.coordination.opened, 1);
    assert_int_equal(line_pause(bench.line, "lunch", &err), 0);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_false(limiter_look(line_limiter(bench.line), clock_monotonic()).held);
    assert_int_equal(line_cancel(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    shared_line_close(&bench);
}

/* --- settings ------------------------------------------------------------------------------ */

static char language[16];

static int open_geocoder(struct geocoder **out, const struct geocoder_settings *settings,
                         struct error *err)
{
    (void)snprintf(language, sizeof language, "%s",
                   settings->language != NULL ? settings->language : "");
    return rig_geocoder_open(out, settings, err);
}

static void the_settings_of_the_run_hold(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    bool held = false;
    shared_line_open(&bench, COUNT);
    bench.rig->settings.open_geocoder = open_geocoder;
    bench.rig->settings.geocoder.language = "de";
    bench.line = rig_line(bench.rig);
    bench.coordination.language = "fr";
    bench.coordination.sets_limits = true;
    bench.coordination.limits = bench.rig->settings.gate;
    bench.coordination.limits.max_changed = 0;
    rig_start(bench.rig, bench.line);
    rig_wait(bench.line, LINE_HELD, &status);
    assert_string_equal(language, "fr");
    assert_int_equal(line_publish(bench.line, false, &held, &err), 0);
    assert_true(held);
    bench.coordination.limits.max_changed = 1;
    assert_int_equal(line_publish(bench.line, false, &held, &err), 0);
    assert_false(held);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    shared_line_close(&bench);
}

static void the_budget_of_the_run_holds(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    bench.rig->geocoder.fail_every = 100;
    bench.coordination.sets_limits = true;
    bench.coordination.limits = bench.rig->settings.gate;
    bench.coordination.limits.max_failed = 0;
    rig_start(bench.rig, bench.line);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_non_null(strstr(status.reason, LINE_BUDGET_REASON));
    assert_int_equal(line_cancel(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    shared_line_close(&bench);
}

/* --- what may go wrong ----------------------------------------------------------------------- */

static void a_snapshot_that_others_do_not_have_pauses(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    bench.coordination.snapshot_error = "our points are not the fleet's";
    rig_start(bench.rig, bench.line);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "our points are not the fleet's");
    assert_int_equal(status.run.phase, PHASE_SNAPSHOT);
    struct pair_id first = bench.coordination.snapshot;
    bench.coordination.snapshot_error = NULL;
    assert_int_equal(line_resume(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(bench.coordination.snapshots, 2);
    assert_memory_equal(&first, &bench.coordination.snapshot, sizeof first);
    assert_int_equal(asked(&bench), COUNT);
    shared_line_close(&bench);
}

/* The digest does not depend on what has a number of its own on each peer. */
static void the_snapshot_is_the_same_under_other_numbers(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    struct pair_id seen[2];
    shared_line_open(&bench, COUNT);
    for (unsigned i = 0; i < 2; i++) {
        struct line_invitation invitation = {
            .id = "20261121T020000Z-00aa",
            .parameters = bench.rig->parameters,
            .generation = 5 + 10 * i,
            .started_at = clock_unix() - i,
        };
        invitation.parameters.cutoff = UINT32_MAX;
        invitation.parameters.rate = 1 + i;
        line_status(bench.line, &status);
        struct manifest *manifest;
        assert_int_equal(generation_current(bench.rig->cache, &manifest, NULL), 0);
        invitation.base_digest = manifest->digest;
        manifest_free(manifest);
        assert_int_equal(line_join(bench.line, &invitation, &err), 0);
        rig_wait_for(&bench.coordination.opened, i + 1);
        seen[i] = bench.coordination.snapshot;
        assert_int_equal(line_cancel(bench.line, &err), 0);
        rig_wait(bench.line, LINE_IDLE, &status);
    }
    assert_memory_equal(&seen[0], &seen[1], sizeof seen[0]);
    shared_line_close(&bench);
}

static void a_freeze_can_wait_and_fail(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct line_progress progress;
    struct error err;
    shared_line_open(&bench, COUNT);
    bench.coordination.freeze_waits = true;
    rig_start(bench.rig, bench.line);
    rig_wait_for(&bench.coordination.frozen, 1);
    usleep(300000);
    line_status(bench.line, &status);
    assert_int_equal(status.state, LINE_SNAPSHOT);
    line_progress(bench.line, &progress);
    assert_true(progress.silent == 0);
    assert_int_equal(line_pause(bench.line, "lunch", &err), 0);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "lunch");
    bench.coordination.freeze_waits = false;
    bench.coordination.freeze_error = "nobody has the learned points";
    assert_int_equal(line_resume(bench.line, &err), 0);
    rig_wait_for(&bench.coordination.frozen, 2);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "nobody has the learned points");
    bench.coordination.freeze_error = NULL;
    assert_int_equal(line_resume(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    shared_line_close(&bench);
}

static void a_phase_that_can_not_be_prepared_pauses(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    bench.coordination.prepare_error = "etcd does not answer";
    rig_start(bench.rig, bench.line);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "etcd does not answer");
    assert_int_equal(asked(&bench), 0);
    bench.coordination.prepare_error = NULL;
    assert_int_equal(line_resume(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    shared_line_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_nothing_is_asked_of_anybody),
        cmocka_unit_test(the_pace_is_part_of_the_rate),
        cmocka_unit_test(the_pace_is_part_of_the_deadline),
        cmocka_unit_test(without_a_part_nothing_is_asked),
        cmocka_unit_test(a_stop_at_no_pace_lets_others_ask_again),
        cmocka_unit_test(the_settings_of_the_run_hold),
        cmocka_unit_test(the_budget_of_the_run_holds),
        cmocka_unit_test(a_snapshot_that_others_do_not_have_pauses),
        cmocka_unit_test(the_snapshot_is_the_same_under_other_numbers),
        cmocka_unit_test(a_freeze_can_wait_and_fail),
        cmocka_unit_test(a_phase_that_can_not_be_prepared_pauses),
    };
    return rig_run_group(tests, sizeof tests / sizeof *tests);
}
