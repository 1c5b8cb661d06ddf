#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 2000
#define SLOW_RATE 500 /* so that a run outlasts what is done to it, on a slow machine too */

static void assert_once(const struct rig *rig)
{
    unsigned most;
    assert_int_equal(rig_asked(rig, &most), rig->count);
    assert_int_equal(most, 1);
}

/* version 0 is the address before any run. */
static void assert_street(struct rig *rig, unsigned number, unsigned version)
{
    char expected[64];
    struct rig_entry entry = rig_entry(rig, number);
    if (version == 0)
        (void)snprintf(expected, sizeof expected, "Old Street %u", number);
    else
        (void)snprintf(expected, sizeof expected, "Street %u v%u", number, version);
    assert_string_equal(entry.street, expected);
}

/* Wait until at least `answers` are committed. */
static void wait_answers(struct line *line, uint64_t answers)
{
    struct line_status status;
    double end = clock_monotonic() + PATIENCE;
    do {
        line_status(line, &status);
        if (clock_monotonic() > end)
            fail_msg("waited for %u answers in state %s (%s)", (unsigned)answers,
                     line_state_names[status.state], status.reason);
        usleep(1000);
    } while (status.run.counts.settled[SETTLED_FOUND] < answers);
}

/* Let the rest of a run go as fast as it can. */
static void hurry(struct line *line)
{
    struct error err;
    struct line_change fast = {.rate = 0, .finish_within = -1, .workers = -1, .concurrency = -1};
    if (line_set(line, &fast, &err) != 0 && line_is_active(line))
        fail_msg("%s", err.message);
}

static void a_run_refreshes_every_entry(void **state)
{
    (void)state;
    struct line_status status;
    struct rig *rig = rig_open(COUNT);
    struct line *line = rig_line(rig);
    line_status(line, &status);
    assert_int_equal(status.state, LINE_IDLE);
    assert_int_equal(status.generation, 1);
    assert_int_equal(status.tiles, 576);
    rig_start(rig, line);
    assert_true(line_is_active(line));
    rig_wait(line, LINE_IDLE, &status);
    assert_false(line_is_active(line));
    assert_int_equal(status.generation, 2);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_int_equal(status.last_run.counts.total, COUNT);
    assert_int_equal(status.last_run.counts.settled[SETTLED_FOUND], COUNT);
    assert_int_equal(status.last_run.counts.changed, COUNT);
    assert_true(status.last_run.elapsed > 0);
    assert_once(rig);
    assert_int_equal(rig_generation(rig), 2);
    assert_street(rig, 0, 1);
    assert_street(rig, COUNT - 1, 1);
    assert_true(rig_entry(rig, 7).refreshed_at > RIG_OLD_DATE);
    assert_false(rig_exists(rig->points));
    assert_false(rig_exists(rig->answers));
    rig_close(rig);
}

static void nothing_stale_makes_no_run(void **state)
{
    (void)state;
    char id[RUN_ID_BYTES];
    bool nothing = false;
    struct error err;
    struct line_plan plan;
    struct rig *rig = rig_open(50);
    struct line *line = rig_line(rig);
    rig->parameters.older_than = 3600.0 * 24 * 365 * 40;
    assert_int_equal(line_plan(line, &rig->parameters, &plan, &err), 0);
    assert_int_equal(plan.points, 0);
    assert_int_equal(plan.carried, 50);
    assert_int_equal(line_start(line, &rig->parameters, id, &nothing, &err), 0);
    assert_true(nothing);
    assert_false(line_is_active(line));
    assert_int_equal(line_pause(line, "", &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(line_resume(line, &err), -1);
    assert_int_equal(line_cancel(line, &err), -1);
    rig_close(rig);
}

static void pause_drains_and_survives_a_restart(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 20;
    rig->parameters.rate = SLOW_RATE;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    wait_answers(line, 1);
    assert_int_equal(line_pause(line, "for lunch", &err), 0);
    assert_int_equal(line_pause(line, "for lunch", &err), 0);
    rig_wait(line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "for lunch");
    assert_int_equal(status.points_in_flight, 0);
    unsigned most;
    unsigned asked = rig_asked(rig, &most);
    assert_true(asked < COUNT);
    uint64_t answered = status.run.counts.settled[SETTLED_FOUND];
    assert_int_equal(answered, asked);
    line = rig_line(rig);
    assert_int_equal(line_continue(line, &err), 0);
    usleep(50000);
    rig_wait(line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "for lunch");
    assert_int_equal(status.run.counts.settled[SETTLED_FOUND], answered);
    assert_int_equal(rig_asked(rig, &most), asked);
    assert_int_equal(line_resume(line, &err), 0);
    hurry(line);
    rig_wait(line, LINE_IDLE, &status);
    assert_once(rig);
    assert_int_equal(rig_generation(rig), 2);
    rig_close(rig);
}

static void pauses_without_a_restart_lose_nothing(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 5;
    rig->parameters.rate = SLOW_RATE;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    for (uint64_t answers = 10; answers < 500; answers += 120) {
        wait_answers(line, answers);
        assert_int_equal(line_pause(line, "", &err), 0);
        if (answers > 200)
            rig_wait(line, LINE_PAUSED, &status);
        assert_int_equal(line_resume(line, &err), 0);
    }
    hurry(line);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_once(rig);
    rig_close(rig);
}

static void closing_at_any_time_loses_and_repeats_nothing(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 5;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    unsigned closings = 0;
    useconds_t longest = 30000; /* grows, so that a slow machine gets done as well */
    for (useconds_t wait = 0; line_is_active(line); wait = (wait * 3 + 1500) % longest) {
        usleep(wait);
        longest += 10000;
        double from = clock_monotonic();
        rig_line_close(rig);
        assert_true(clock_monotonic() - from < PATIENCE);
        closings++;
        line = rig_line(rig);
        assert_int_equal(line_continue(line, &err), 0);
    }
    assert_true(closings > 3);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_int_equal(status.last_run.counts.settled[SETTLED_FOUND], COUNT);
    assert_once(rig);
    rig_close(rig);
}

static void cancel_leaves_the_cache_as_it_was(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 5;
    rig->parameters.rate = SLOW_RATE;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    wait_answers(line, 200);
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_CANCELLED);
    assert_int_equal(rig_generation(rig), 1);
    assert_street(rig, 5, 0);
    assert_false(rig_exists(rig->points));
    assert_false(rig_exists(rig->answers));
    rig->parameters.rate = 0;
    rig_start(rig, line);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(rig_generation(rig), 2);
    rig_close(rig);
}

static void a_held_run_waits_for_a_person(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    bool held = false;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.move_every = 10;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_HELD, &status);
    assert_non_null(strstr(status.reason, "max_country_changed"));
    assert_int_equal(rig_generation(rig), 1);
    assert_int_equal(line_resume(line, &err), -1);
    line = rig_line(rig);
    assert_int_equal(line_continue(line, &err), 0);
    rig_wait(line, LINE_HELD, &status);
    assert_int_equal(line_publish(line, false, &held, &err), 0);
    assert_true(held);
    rig_wait(line, LINE_HELD, &status);
    assert_int_equal(line_publish(line, true, &held, &err), 0);
    assert_false(held);
    rig_wait(line, LINE_IDLE, &status);
    assert_true(status.last_run.forced);
    assert_int_equal(rig_generation(rig), 2);
    assert_once(rig);
    assert_string_equal(rig_entry(rig, 10).countrycode, "xx");
    rig_close(rig);
}

static void a_held_run_can_be_cancelled(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(500);
    rig->geocoder.move_every = 10;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_HELD, &status);
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(rig_generation(rig), 1);
    rig_close(rig);
}

static void an_overdrawn_budget_pauses_once(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.fail_every = 10;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_PAUSED, &status);
    assert_non_null(strstr(status.reason, "failure budget"));
    assert_int_equal(rig_generation(rig), 1);
    assert_int_equal(line_resume(line, &err), 0);
    rig_wait(line, LINE_HELD, &status);
    assert_non_null(strstr(status.reason, "max_failed"));
    assert_int_equal(status.run.counts.settled[SETTLED_FAILED], COUNT / 10);
    assert_int_equal(status.run.counts.causes[CAUSE_BAD_REQUEST], COUNT / 10);
    assert_once(rig);
    rig_close(rig);
}

static void failures_keep_what_was_and_transient_ones_are_asked_again(void **state)
{
    (void)state;
    struct line_status status;
    unsigned most;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.fail_every = 50;
    rig->geocoder.flaky_every = 7;
    rig->geocoder.empty_every = 11;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_IDLE, &status);
    const struct run_counts *counts = &status.last_run.counts;
    assert_int_equal(counts->settled[SETTLED_FAILED], COUNT / 50);
    unsigned flaky = 0;
    unsigned unsure = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        flaky += i % 7 == 0 && i % 50 != 0;
        unsure += i % 11 == 0 && i % 50 != 0;
    }
    assert_int_equal(counts->settled[SETTLED_UNSURE], unsure);
    assert_int_equal(counts->retried, flaky);
    assert_int_equal(rig_asked(rig, &most), COUNT + flaky);
    assert_int_equal(most, 2);
    struct rig_entry failed = rig_entry(rig, 50);
    assert_string_equal(failed.street, "Old Street 50");
    assert_int_equal(failed.refreshed_at, RIG_OLD_DATE);
    assert_int_equal(failed.outcome, OUTCOME_FOUND);
    struct rig_entry empty = rig_entry(rig, 11);
    assert_string_equal(empty.street, "Old Street 11");
    assert_int_equal(empty.refreshed_at, RIG_OLD_DATE);
    assert_int_equal(empty.outcome, OUTCOME_UNSURE);
    rig->geocoder.fail_every = 0;
    rig->parameters.retry_failed = true;
    rig->geocoder.version = 2;
    rig_start(rig, line);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.counts.selected, COUNT / 50);
    assert_int_equal(status.last_run.counts.carried, COUNT - COUNT / 50);
    assert_street(rig, 50, 2);
    assert_street(rig, 51, 1);
    rig_close(rig);
}

static void second_empty_answers_are_lost_addresses(void **state)
{
    (void)state;
    struct line_status status;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.empty_every = 10;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_IDLE, &status);
    rig_start(rig, line);
    rig_wait(line, LINE_HELD, &status);
    assert_non_null(strstr(status.reason, "max_lost"));
    rig_close(rig);
}

static void changes_act_at_once(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 20;
    rig->parameters.workers = 4;
    rig->parameters.concurrency = 4;
    rig->parameters.rate = 200;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    wait_answers(line, 20);
    struct line_change fewer = {.rate = -1, .finish_within = -1, .workers = 1, .concurrency = 1};
    assert_int_equal(line_set(line, &fewer, &err), 0);
    wait_answers(line, 60);
    atomic_store(&rig->geocoder.in_flight_most, 0);
    wait_answers(line, 90);
    assert_int_equal(rig->geocoder.in_flight_most, 1);
    rig->geocoder.latency_ms = 300; /* long enough for all that may be in flight to get there */
    struct line_change more = {.rate = 0, .finish_within = -1, .workers = 8, .concurrency = 16};
    assert_int_equal(line_set(line, &more, &err), 0);
    double end = clock_monotonic() + PATIENCE;
    while (rig->geocoder.in_flight_most <= 32) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
    rig->geocoder.latency_ms = 1;
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.parameters.workers, 8);
    assert_once(rig);
    rig_close(rig);
}

static void tiles_are_shown_as_they_are_ready(void **state)
{
    (void)state;
    struct line_status status;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 5;
    rig->parameters.publish_tiles = true;
    rig->parameters.rate = SLOW_RATE;
    struct line *line = rig_line(rig);
    bool partly = false;
    rig_start(rig, line);
    while (line_is_active(line)) {
        line_status(line, &status);
        if (rig_generation(rig) == 2 && status.run.counts.tiles_rebuilt < 576) {
            bool first = rig_entry(rig, 0).refreshed_at > RIG_OLD_DATE;
            bool last = rig_entry(rig, 96).refreshed_at > RIG_OLD_DATE;
            partly = partly || (first && !last);
        }
        if (partly)
            hurry(line);
        usleep(2000);
    }
    assert_true(partly);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(rig_generation(rig), 2);
    assert_street(rig, 96, 1);
    rig_close(rig);
}

/* Change one byte in the middle of the first file found in a directory. */
static void damage_a_file(const char *directory, char path[400])
{
    DIR *list = opendir(directory);
    struct dirent *entry;
    char byte;
    assert_non_null(list);
    do {
        entry = readdir(list);
        assert_non_null(entry);
    } while (entry->d_name[0] == '.');
    (void)snprintf(path, 400, "%s/%s", directory, entry->d_name);
    closedir(list);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    off_t middle = lseek(fd, 0, SEEK_END) / 2;
    assert_int_equal(pread(fd, &byte, 1, middle), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, middle), 1);
    close(fd);
}

static void a_damaged_file_pauses_with_its_name(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    char path[400];
    for (int answers = 0; answers < 2; answers++) {
        struct rig *rig = rig_open(COUNT);
        rig->geocoder.distant = true;
        rig->geocoder.latency_ms = 5;
        rig->parameters.rate = SLOW_RATE;
        rig->parameters.shares = 4;
        struct line *line = rig_line(rig);
        rig_start(rig, line);
        wait_answers(line, 200);
        assert_int_equal(line_pause(line, "", &err), 0);
        rig_wait(line, LINE_PAUSED, &status);
        rig_line_close(rig);
        damage_a_file(answers ? rig->answers : rig->points, path);
        line = rig_line(rig);
        assert_int_equal(line_resume(line, &err), 0);
        rig_wait(line, LINE_PAUSED, &status);
        if (strstr(status.reason, path) == NULL)
            fail_msg("%s is not in: %s", path, status.reason);
        assert_int_equal(rig_generation(rig), 1);
        assert_int_equal(line_cancel(line, &err), 0);
        rig_wait(line, LINE_IDLE, &status);
        rig_close(rig);
    }
}

static void more_point_files_than_points(void **state)
{
    (void)state;
    struct line_status status;
    struct rig *rig = rig_open(30);
    rig->parameters.shares = 4096;
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 300;
    rig->parameters.workers = 1;
    rig->parameters.concurrency = 30;
    struct line *line = rig_line(rig);
    double from = clock_monotonic();
    rig_start(rig, line);
    rig_wait(line, LINE_IDLE, &status);
    assert_true(clock_monotonic() - from < 15 * SLOW); /* 30 questions one by one, and more */
    assert_true(rig->geocoder.in_flight_most > 10);
    assert_once(rig);
    rig_close(rig);
}

/* The line asks as fast as it may, which a busy machine makes it reach late. */
static void wait_pace(struct line *line, double pace, struct line_status *status)
{
    double until = clock_monotonic() + PATIENCE;
    do {
        assert_true(clock_monotonic() < until);
        (void)usleep(20000);
        line_status(line, status);
        assert_int_equal(status->state, LINE_REFRESHING);
    } while (status->points_per_second < 0.7 * pace || status->requests_per_second < 0.7 * pace ||
             status->bottleneck != STATION_GEOCODE || status->shares_active == 0);
    assert_true(status->points_per_second < 1.5 * pace);
    assert_true(status->requests_per_second < 1.5 * pace);
}

static void status_tells_pace_and_deadline(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.distant = true;
    rig->parameters.rate = 100;
    rig->parameters.finish_within = 1;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    wait_answers(line, 150);
    wait_pace(line, 100, &status);
    assert_true(status.eta > 0 && status.eta < COUNT);
    assert_true(status.rate > 80 && status.rate <= 100);
    assert_int_equal(status.deadline_fits, 0);
    assert_true(status.requests_sent >= 150);
    struct line_change longer = {
        .rate = -1, .finish_within = 3600, .workers = -1, .concurrency = -1};
    assert_int_equal(line_set(line, &longer, &err), 0);
    line_status(line, &status);
    assert_int_equal(status.deadline_fits, 1);
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_CANCELLED);
    rig_close(rig);
}

static void a_second_start_is_refused(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    char id[RUN_ID_BYTES];
    bool nothing;
    struct rig *rig = rig_open(500);
    rig->parameters.rate = 100;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    assert_int_equal(line_start(line, &rig->parameters, id, &nothing, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_refreshes_every_entry),
        cmocka_unit_test(nothing_stale_makes_no_run),
        cmocka_unit_test(pause_drains_and_survives_a_restart),
        cmocka_unit_test(pauses_without_a_restart_lose_nothing),
        cmocka_unit_test(closing_at_any_time_loses_and_repeats_nothing),
        cmocka_unit_test(cancel_leaves_the_cache_as_it_was),
        cmocka_unit_test(a_held_run_waits_for_a_person),
        cmocka_unit_test(a_held_run_can_be_cancelled),
        cmocka_unit_test(an_overdrawn_budget_pauses_once),
        cmocka_unit_test(failures_keep_what_was_and_transient_ones_are_asked_again),
        cmocka_unit_test(second_empty_answers_are_lost_addresses),
        cmocka_unit_test(changes_act_at_once),
        cmocka_unit_test(tiles_are_shown_as_they_are_ready),
        cmocka_unit_test(a_damaged_file_pauses_with_its_name),
        cmocka_unit_test(more_point_files_than_points),
        cmocka_unit_test(status_tells_pace_and_deadline),
        cmocka_unit_test(a_second_start_is_refused),
    };
    return rig_run_tests(tests);
}
