#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/generation.h"
#include "tests/unit/coordination_rig.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 300

static struct manifest *published(const struct shared_line *bench)
{
    struct manifest *manifest;
    assert_int_equal(generation_current(bench->rig->cache, &manifest, NULL), 0);
    return manifest;
}

static size_t generations(const struct shared_line *bench)
{
    struct generation_row *rows;
    size_t count;
    assert_int_equal(generation_list(bench->rig->cache, &rows, &count, NULL), 0);
    free(rows);
    return count;
}

static bool has_leftovers(const struct shared_line *bench)
{
    char path[100];
    (void)snprintf(path, sizeof path, "%s/MANIFEST.tmp", bench->rig->cache);
    return rig_exists(path);
}

/* A run that waits for the decision. */
static void begin_undecided(struct shared_line *bench)
{
    struct line_status status;
    bench->coordination.undecided = true;
    rig_start(bench->rig, bench->line);
    rig_wait_for(&bench->coordination.agreed, 1);
    line_status(bench->line, &status);
    assert_int_equal(status.state, LINE_PUBLISHING);
    assert_int_equal(rig_generation(bench->rig), 1);
    assert_int_equal(generations(bench), 1);
    assert_true(has_leftovers(bench));
}

static void what_is_agreed_on_is_switched(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    shared_line_open(&bench, COUNT);
    bench.coordination.agreement.published = 1700000007;
    begin_undecided(&bench);
    double from = clock_wall();
    bench.coordination.undecided = false;
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_int_equal(bench.coordination.switched, 1);
    assert_true(bench.coordination.switched_at >= from - 0.05 &&
                bench.coordination.switched_at <= clock_wall() + 0.05);
    struct manifest *manifest = published(&bench);
    assert_int_equal(manifest->generation, 2);
    assert_int_equal(manifest->published, 1700000007);
    assert_memory_equal(&bench.coordination.digest, &manifest->digest, sizeof manifest->digest);
    assert_memory_equal(&bench.coordination.switched_digest, &manifest->digest,
                        sizeof manifest->digest);
    manifest_free(manifest);
    shared_line_close(&bench);
}

/* The wait for the decision is neither work nor a hang. */
static void waiting_is_not_working(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status before, after;
    struct line_progress progress;
    shared_line_open(&bench, COUNT);
    begin_undecided(&bench);
    line_status(bench.line, &before);
    usleep(700000);
    line_status(bench.line, &after);
    line_progress(bench.line, &progress);
    assert_true(after.elapsed == before.elapsed);
    assert_true(progress.silent == 0);
    assert_false(progress.due);
    bench.coordination.undecided = false;
    rig_wait(bench.line, LINE_IDLE, &after);
    assert_true(after.last_run.elapsed < before.elapsed + 0.6);
    shared_line_close(&bench);
}

static void the_wait_can_be_paused_and_cancelled(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    begin_undecided(&bench);
    assert_int_equal(line_pause(bench.line, "for lunch", &err), 0);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "for lunch");
    assert_false(has_leftovers(&bench));
    rig_line_close(bench.rig);
    bench.line = rig_line(bench.rig);
    assert_int_equal(line_resume(bench.line, &err), 0);
    rig_wait_for(&bench.coordination.agreed, 2);
    assert_int_equal(line_cancel(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_CANCELLED);
    assert_int_equal(bench.coordination.switched, 0);
    assert_false(has_leftovers(&bench));
    assert_int_equal(rig_generation(bench.rig), 1);
    assert_int_equal(generations(&bench), 1);
    unsigned most;
    assert_int_equal(rig_asked(bench.rig, &most), COUNT);
    shared_line_close(&bench);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    shared_line_open(&bench, COUNT);
    bench.coordination.agreement.kind = AGREED_FAILURE;
    (void)snprintf(bench.coordination.agreement.reason, sizeof bench.coordination.agreement.reason,
                   "a and b differ");
    rig_start(bench.rig, bench.line);
    rig_wait(bench.line, LINE_FAILED, &status);
    assert_int_equal(status.last_run.result, RESULT_FAILED);
    assert_string_equal(status.last_run.reason, "a and b differ");
    assert_int_equal(bench.coordination.switched, 0);
    assert_int_equal(rig_generation(bench.rig), 1);
    assert_int_equal(generations(&bench), 1);
    assert_false(has_leftovers(&bench));
    shared_line_close(&bench);
}

static void a_run_fails_while_it_waits(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    begin_undecided(&bench);
    assert_int_equal(line_fail(bench.line, "the fleet has another generation", &err), 0);
    rig_wait(bench.line, LINE_FAILED, &status);
    assert_string_equal(status.reason, "the fleet has another generation");
    assert_int_equal(generations(&bench), 1);
    shared_line_close(&bench);
}

static void the_switch_is_at_its_moment(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    double best = INFINITY;
    for (int i = 0; i < 5 && best > 0.02; i++) {
        shared_line_open(&bench, COUNT);
        begin_undecided(&bench);
        double moment = clock_monotonic() + 1.03, wall = clock_wall() + 1.03;
        bench.coordination.agreement.when = moment;
        bench.coordination.undecided = false;
        while (clock_monotonic() < moment - 0.05) {
            assert_int_equal(rig_generation(bench.rig), 1);
            usleep(5000);
        }
        rig_wait(bench.line, LINE_IDLE, &status);
        assert_true(bench.coordination.switched_at >= wall - 0.005);
        best = fmin(best, bench.coordination.switched_at - wall);
        shared_line_close(&bench);
    }
    assert_true(best <= 0.02);
}

static void a_decided_switch_happens_in_spite_of_wishes(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    for (int cancel = 0; cancel < 2; cancel++) {
        shared_line_open(&bench, COUNT);
        begin_undecided(&bench);
        bench.coordination.agreement.when = clock_monotonic() + 2 * SLOW;
        bench.coordination.undecided = false;
        rig_wait_for(&bench.coordination.decided, 1);
        assert_int_equal(
            cancel ? line_cancel(bench.line, &err) : line_pause(bench.line, "too late", &err), 0);
        rig_wait(bench.line, LINE_IDLE, &status);
        assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
        assert_int_equal(rig_generation(bench.rig), 2);
        assert_int_equal(bench.coordination.switched, 1);
        shared_line_close(&bench);
    }
}

static void an_end_before_it_puts_it_off(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    struct error err;
    shared_line_open(&bench, COUNT);
    begin_undecided(&bench);
    bench.coordination.agreement.when = clock_monotonic() + 3600;
    bench.coordination.undecided = false;
    rig_wait_for(&bench.coordination.decided, 1);
    double from = clock_monotonic();
    rig_line_close(bench.rig);
    assert_true(clock_monotonic() - from < 5);
    assert_int_equal(rig_generation(bench.rig), 1);
    assert_int_equal(generations(&bench), 1);
    bench.coordination.agreement.when = 1; /* past */
    bench.line = rig_line(bench.rig);
    assert_int_equal(line_continue(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(rig_generation(bench.rig), 2);
    assert_int_equal(bench.coordination.switched, 1);
    shared_line_close(&bench);
}

static void a_run_without_work_is_agreed_on_too(void **state)
{
    (void)state;
    static struct shared_line bench;
    struct line_status status;
    shared_line_open(&bench, COUNT);
    struct manifest *manifest = published(&bench);
    struct line_invitation invitation = {
        .id = "20261121T020000Z-00aa",
        .parameters = bench.rig->parameters,
        .base_digest = manifest->digest,
        .generation = 2,
        .started_at = clock_unix(),
    };
    invitation.parameters.cutoff = RIG_OLD_DATE;
    assert_int_equal(line_join(bench.line, &invitation, NULL), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    assert_int_equal(bench.coordination.agreed, 1);
    assert_int_equal(bench.coordination.switched, 1);
    assert_memory_equal(&bench.coordination.digest, &manifest->digest, sizeof manifest->digest);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_int_equal(rig_generation(bench.rig), 1);
    manifest_free(manifest);
    shared_line_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_agreed_on_is_switched),
        cmocka_unit_test(waiting_is_not_working),
        cmocka_unit_test(the_wait_can_be_paused_and_cancelled),
        cmocka_unit_test(a_failure_leaves_nothing),
        cmocka_unit_test(a_run_fails_while_it_waits),
        cmocka_unit_test(the_switch_is_at_its_moment),
        cmocka_unit_test(a_decided_switch_happens_in_spite_of_wishes),
        cmocka_unit_test(an_end_before_it_puts_it_off),
        cmocka_unit_test(a_run_without_work_is_agreed_on_too),
    };
    return rig_run_group(tests, sizeof tests / sizeof *tests);
}
