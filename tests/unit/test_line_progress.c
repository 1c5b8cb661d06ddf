#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/clock.h"
#include "stages/pulse.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 2000

static void a_pulse_is_heard_until_it_rests(void **state)
{
    (void)state;
    struct pulse pulse = {0};
    assert_true(pulse_silence(&pulse, clock_monotonic()) == 0);
    pulse_beat(&pulse);
    assert_true(pulse_silence(&pulse, clock_monotonic() + 5) >= 5);
    pulse_rest(&pulse);
    assert_true(pulse_silence(&pulse, clock_monotonic() + 5) == 0);
    pulse_beat(NULL);
    pulse_rest(NULL);
}

static void wait_due(struct line *line, bool due, struct line_progress *progress)
{
    double end = clock_monotonic() + PATIENCE;
    for (line_progress(line, progress); progress->due != due; line_progress(line, progress)) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
}

static void wait_moved(struct line *line, uint64_t from)
{
    struct line_progress progress;
    double end = clock_monotonic() + PATIENCE;
    for (line_progress(line, &progress); progress.moved == from; line_progress(line, &progress)) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
}

/* Whoever works is silent from time to time, whoever rests never: their silence is 0. */
static void wait_rest(struct line *line)
{
    struct line_progress progress;
    double end = clock_monotonic() + PATIENCE;
    for (line_progress(line, &progress); progress.silent > 0; line_progress(line, &progress)) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
}

static void a_run_is_due_while_nothing_outside_holds_it_up(void **state)
{
    (void)state;
    struct rig *rig = rig_open(COUNT);
    struct line_progress progress;
    struct line_status status;
    struct error err;
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 5;
    rig->parameters.rate = 100;
    rig->settings.geocoder.timeout = 3;
    struct line *line = rig_line(rig);
    line_progress(line, &progress);
    assert_false(progress.due);
    assert_true(progress.silent == 0);

    rig_start(rig, line);
    wait_due(line, true, &progress);
    assert_true(progress.patience > 6 && progress.patience < 60);
    wait_moved(line, progress.moved);

    rig->geocoder.trouble = RIG_DOWN;
    wait_due(line, false, &progress);
    rig->geocoder.trouble = RIG_WELL;
    wait_due(line, true, &progress);

    struct line_change slow = {0.01, -1, -1, -1};
    assert_int_equal(line_set(line, &slow, &err), 0);
    double end = clock_monotonic() + PATIENCE;
    for (; progress.patience < 200; line_progress(line, &progress))
        assert_true(clock_monotonic() < end);

    assert_int_equal(line_pause(line, "by hand", &err), 0);
    rig_wait(line, LINE_PAUSED, &status);
    wait_due(line, false, &progress);
    wait_rest(line);
    usleep(50000);
    wait_rest(line); /* nobody works */
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pulse_is_heard_until_it_rests),
        cmocka_unit_test(a_run_is_due_while_nothing_outside_holds_it_up),
    };
    return rig_run_tests(tests);
}
