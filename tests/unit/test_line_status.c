#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stages/line_internal.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 2000

/* Wait until the run is refreshed with `words` in the reason ("" = without one). */
static void wait_reason(struct line *line, const char *words, struct line_status *status)
{
    double end = clock_monotonic() + PATIENCE;
    for (;;) {
        line_status(line, status);
        bool fits =
            words[0] != '\0' ? strstr(status->reason, words) != NULL : status->reason[0] == '\0';
        if (status->state == LINE_REFRESHING && fits &&
            status->run.counts.settled[SETTLED_FOUND] > 0)
            return;
        if (clock_monotonic() > end)
            fail_msg("waited for \"%s\" in state %s (%s)", words, line_state_names[status->state],
                     status->reason);
        usleep(1000);
    }
}

/* A run at a slow pace that has begun to get answers. */
static struct line *begin(struct rig **rig)
{
    struct line_status status;
    *rig = rig_open(COUNT);
    (*rig)->geocoder.distant = true;
    (*rig)->geocoder.latency_ms = 5;
    (*rig)->parameters.rate = 500;
    struct line *line = rig_line(*rig);
    rig_start(*rig, line);
    wait_reason(line, "", &status);
    return line;
}

static void end(struct rig *rig, struct line *line)
{
    struct line_status status;
    struct error err;
    struct line_change fast = {.rate = 0, .finish_within = -1, .workers = -1, .concurrency = -1};
    rig->geocoder.trouble = RIG_WELL;
    assert_int_equal(line_set(line, &fast, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_int_equal(status.last_run.counts.settled[SETTLED_FAILED], 0);
    rig_close(rig);
}

static void a_geocoder_that_is_down_is_told(void **state)
{
    (void)state;
    struct rig *rig;
    struct line_status status;
    struct error err;
    struct line *line = begin(&rig);
    rig->geocoder.trouble = RIG_DOWN;
    wait_reason(line, "the geocoder can't be reached for ", &status);
    assert_non_null(strstr(status.reason, " s: told to; asking again once a second"));
    assert_true(status.eta < 0 && status.unreachable);
    double from = clock_monotonic();
    assert_int_equal(line_pause(line, "by hand", &err), 0);
    rig_wait(line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "by hand");
    assert_int_equal(line_resume(line, &err), 0);
    wait_reason(line, "can't be reached", &status);
    assert_true(clock_monotonic() - from < 5 * SLOW);
    end(rig, line);
}

static void a_used_up_quota_pauses_until_a_person_resumes(void **state)
{
    (void)state;
    struct rig *rig;
    struct line_status status;
    struct error err;
    struct line *line = begin(&rig);
    rig->geocoder.trouble = RIG_QUOTA;
    rig_wait(line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "quota: the geocoder says: told to (HTTP 402); resume when "
                                       "it is renewed");
    assert_int_equal(status.run.counts.settled[SETTLED_FAILED], 0);
    assert_int_equal(rig->events_failed, 0);
    unsigned asked = rig->geocoder.requests;
    assert_int_equal(line_resume(line, &err), 0);
    rig_wait(line, LINE_PAUSED, &status); /* still used up */
    assert_true(rig->geocoder.requests > asked);
    rig->geocoder.trouble = RIG_WELL;
    assert_int_equal(line_resume(line, &err), 0);
    end(rig, line);
}

static void refusals_are_told_with_the_pace(void **state)
{
    (void)state;
    struct rig *rig;
    struct line_status status;
    struct error err;
    struct line *line = begin(&rig);
    rig->geocoder.trouble = RIG_BUSY;
    wait_reason(line, "the geocoder refuses (HTTP 429); quiet for ", &status);
    rig->geocoder.trouble = RIG_WELL;
    wait_reason(line, "points/s: the geocoder refused (HTTP 429)", &status);
    assert_non_null(strstr(status.reason, "backing off to "));
    assert_true(status.rate > 0 && status.rate <= 500);
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    rig_close(rig);
}

static void the_bottleneck_is_noted_for_the_stations(void **state)
{
    (void)state;
    struct rig *rig;
    struct line_status status;
    struct line *line = begin(&rig);
    double deadline = clock_monotonic() + PATIENCE;
    atomic_store(&line->control.bottleneck, STATION_PUBLISH);
    for (unsigned noted = STATION_PUBLISH; noted == STATION_PUBLISH;) {
        assert_true(clock_monotonic() < deadline);
        noted = atomic_load(&line->control.bottleneck);
        line_status(line, &status);
        assert_true(noted == STATION_PUBLISH || noted == status.bottleneck);
        usleep(1000);
    }
    end(rig, line);
}

static double rate_in_force(struct line *line)
{
    return limiter_look(line_limiter(line), clock_monotonic()).pace;
}

static void the_rate_of_the_settings_is_in_force_at_rest(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->settings.rate = 70;
    rig->parameters.rate = 500;
    struct line *line = rig_line(rig);
    assert_true(rate_in_force(line) == 70);
    rig_start(rig, line);
    wait_reason(line, "", &status);
    assert_true(rate_in_force(line) == 500);
    line_set_rate_at_rest(line, 80);
    assert_true(rate_in_force(line) == 500);
    assert_int_equal(line_pause(line, "test", &err), 0);
    rig_wait(line, LINE_PAUSED, &status);
    assert_true(rate_in_force(line) == 80);
    line_set_rate_at_rest(line, 0);
    assert_true(rate_in_force(line) == 0);
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_geocoder_that_is_down_is_told),
        cmocka_unit_test(a_used_up_quota_pauses_until_a_person_resumes),
        cmocka_unit_test(refusals_are_told_with_the_pace),
        cmocka_unit_test(the_bottleneck_is_noted_for_the_stations),
        cmocka_unit_test(the_rate_of_the_settings_is_in_force_at_rest),
    };
    return rig_run_tests(tests);
}
