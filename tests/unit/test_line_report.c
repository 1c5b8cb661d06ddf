/* Reports of a run at any moment of it: every committed answer counts once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stages/report.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 2000
#define TABLES                                                                                     \
    "all = count\nchanged = count when changed\nfailed = count when outcome == \"failed\"\n"

static struct run_report read_report(struct line *line, const char *run)
{
    struct run_report report;
    struct error err;
    int found = line_report(line, run, &report, &err);
    if (found < 0)
        fail_msg("%s", err.message);
    assert_int_equal(found, 1);
    return report;
}

/* The one number of a table without an index; nothing emitted: no row. */
static uint64_t value_of(const struct run_report *report, const char *name)
{
    struct error err;
    cJSON *tables = tally_json(report->tally, &err);
    const cJSON *table;
    uint64_t value = 0;
    bool known = false;
    assert_non_null(tables);
    cJSON_ArrayForEach(table, tables)
    {
        const cJSON *rows = cJSON_GetObjectItem(table, "rows");
        if (strcmp(cJSON_GetObjectItem(table, "name")->valuestring, name) != 0)
            continue;
        known = true;
        if (cJSON_GetArraySize(rows) > 0)
            value =
                (uint64_t)cJSON_GetObjectItem(cJSON_GetArrayItem(rows, 0), "value")->valuedouble;
    }
    assert_true(known);
    cJSON_Delete(tables);
    return value;
}

static uint64_t answers(const struct run_counts *counts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SETTLED_COUNT; i++)
        sum += counts->settled[i];
    return sum;
}

static struct rig *open_rig(void)
{
    struct rig *rig = rig_open(COUNT);
    rig->settings.gate.max_changed = rig->settings.gate.max_failed = 1;
    rig->settings.gate.max_country_changed = rig->settings.gate.max_lost = 1;
    return rig;
}

static void start(struct rig *rig)
{
    rig->parameters.tables = TABLES;
    rig->geocoder.move_every = 3;
    rig->geocoder.fail_every = 7;
    rig->geocoder.version = 2;
    rig_start(rig, rig->line);
}

/* The report counts what the record of the same moment has. Returns the number of answers. */
static uint64_t assert_exact(struct line *line, const char *run)
{
    struct run_report report = read_report(line, run);
    uint64_t sum = answers(&report.run.counts);
    assert_non_null(report.tally);
    assert_int_equal(report.answers, sum);
    assert_int_equal(value_of(&report, "all"), sum);
    assert_int_equal(value_of(&report, "failed"), report.run.counts.settled[SETTLED_FAILED]);
    run_report_free(&report);
    return sum;
}

static uint64_t wait_answers(struct line *line, uint64_t least)
{
    double end = clock_monotonic() + PATIENCE;
    struct line_status status;
    for (;;) {
        line_status(line, &status);
        if (answers(&status.run.counts) >= least || status.run.id[0] == '\0')
            return answers(&status.run.counts);
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
}

static void a_line_that_closes_ends_its_reports(void **state)
{
    (void)state;
    struct rig *rig = open_rig();
    struct run_report report;
    struct error err;
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 1;
    rig->parameters.rate = 4000;
    struct line *line = rig_line(rig);
    start(rig);
    (void)wait_answers(line, 100);
    assert_int_equal(line_pause(line, "a test", &err), 0);
    assert_true(assert_exact(line, "") < COUNT);
    line_end_reports(line);
    assert_int_equal(line_report(line, "", &report, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    rig_close(rig);
}

static void every_answer_counts_once_at_any_moment(void **state)
{
    (void)state;
    struct rig *rig = open_rig();
    struct line_status status;
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 1;
    rig->parameters.rate = 4000;
    struct line *line = rig_line(rig);
    start(rig);
    uint64_t seen = 0;
    for (uint64_t least = 100; least < COUNT; least += 300) {
        (void)wait_answers(line, least);
        uint64_t now = assert_exact(line, "");
        assert_true(now >= seen);
        seen = now;
        assert_int_equal(line_pause(line, "look", NULL), 0);
        rig_wait(line, LINE_PAUSED, &status);
        assert_int_equal(assert_exact(line, ""), answers(&status.run.counts));
        line = rig_line(rig);
        assert_int_equal(assert_exact(line, ""), answers(&status.run.counts));
        assert_int_equal(line_resume(line, NULL), 0);
    }
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(assert_exact(line, status.last_run.id), COUNT);
    struct run_report report = read_report(line, "");
    assert_int_equal(value_of(&report, "changed"), report.run.counts.changed);
    assert_int_equal(report.run.result, RESULT_PUBLISHED);
    run_report_free(&report);
    rig_close(rig);
}

/* Ask until something is rebuilt and something is not, then pause. */
static void pause_midway(struct rig *rig, struct line_status *status)
{
    rig->geocoder.distant = true;
    rig->geocoder.latency_ms = 1;
    rig->parameters.rate = 4000;
    struct line *line = rig_line(rig);
    start(rig);
    (void)wait_answers(line, COUNT / 2);
    assert_int_equal(line_pause(line, "look", NULL), 0);
    rig_wait(line, LINE_PAUSED, status);
    assert_true(status->run.counts.tiles_rebuilt > 0);
    assert_true(answers(&status->run.counts) < COUNT);
}

static void a_cancelled_run_keeps_its_report(void **state)
{
    (void)state;
    struct rig *rig = open_rig();
    struct line_status status;
    pause_midway(rig, &status);
    uint64_t sum = answers(&status.run.counts);
    assert_int_equal(line_cancel(rig->line, NULL), 0);
    rig_wait(rig->line, LINE_IDLE, &status);
    assert_int_equal(assert_exact(rig->line, ""), sum);
    struct line *line = rig_line(rig);
    assert_int_equal(assert_exact(line, status.last_run.id), sum);
    rig_close(rig);
}

static void a_failed_run_keeps_its_report(void **state)
{
    (void)state;
    struct rig *rig = open_rig();
    struct line_status status;
    pause_midway(rig, &status);
    uint64_t sum = answers(&status.run.counts);
    assert_int_equal(line_fail(rig->line, "others did not agree", NULL), 0);
    rig_wait(rig->line, LINE_FAILED, &status);
    assert_int_equal(assert_exact(rig->line, ""), sum);
    rig_close(rig);
}

/* Break every file of the answer log. */
static void damage_answers(const struct rig *rig)
{
    DIR *directory = opendir(rig->answers);
    struct dirent *item;
    assert_non_null(directory);
    while ((item = readdir(directory)) != NULL) {
        char path[400], bytes[4096];
        (void)snprintf(path, sizeof path, "%s/%s", rig->answers, item->d_name);
        int fd = item->d_name[0] != '.' ? open(path, O_WRONLY) : -1;
        if (fd < 0)
            continue;
        memset(bytes, 'x', sizeof bytes);
        for (off_t at = 0; at < (1 << 20) && at < lseek(fd, 0, SEEK_END); at += sizeof bytes)
            assert_true(pwrite(fd, bytes, sizeof bytes, at) > 0);
        (void)close(fd);
    }
    (void)closedir(directory);
}

static void damaged_answers_are_not_counted(void **state)
{
    (void)state;
    struct rig *rig = open_rig();
    struct line_status status;
    pause_midway(rig, &status);
    uint64_t sum = answers(&status.run.counts);
    damage_answers(rig);
    struct run_report report = read_report(rig->line, "");
    uint64_t rebuilt = report.answers;
    assert_true(rebuilt > 0 && rebuilt < sum);
    assert_int_equal(value_of(&report, "all"), rebuilt);
    assert_int_equal(value_of(&report, "changed"), report.run.counts.changed);
    run_report_free(&report);
    assert_int_equal(line_cancel(rig->line, NULL), 0);
    rig_wait(rig->line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_CANCELLED);
    report = read_report(rig->line, "");
    assert_int_equal(report.answers, rebuilt);
    assert_int_equal(value_of(&report, "all"), rebuilt);
    run_report_free(&report);
    rig_close(rig);
}

static void a_run_without_tables_has_none(void **state)
{
    (void)state;
    struct rig *rig = open_rig();
    struct line_status status;
    struct run_report report;
    struct error err;
    struct line *line = rig_line(rig);
    assert_int_equal(line_report(line, "", &report, &err), 0);
    rig_start(rig, line);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(line_report(line, "another", &report, &err), 0);
    report = read_report(line, "");
    assert_null(report.tally);
    assert_null(report.tables);
    assert_int_equal(report.answers, 0);
    run_report_free(&report);
    rig_close(rig);
}

static void wrong_tables_begin_no_run(void **state)
{
    (void)state;
    struct rig *rig = rig_open(COUNT);
    char id[RUN_ID_BYTES];
    bool nothing;
    struct error err;
    struct line *line = rig_line(rig);
    rig->parameters.tables = "all = count of";
    assert_int_equal(line_start(line, &rig->parameters, id, &nothing, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_non_null(strstr(err.message, "column"));
    assert_false(line_is_active(line));
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_closes_ends_its_reports),
        cmocka_unit_test(every_answer_counts_once_at_any_moment),
        cmocka_unit_test(a_cancelled_run_keeps_its_report),
        cmocka_unit_test(a_failed_run_keeps_its_report),
        cmocka_unit_test(damaged_answers_are_not_counted),
        cmocka_unit_test(a_run_without_tables_has_none),
        cmocka_unit_test(wrong_tables_begin_no_run),
    };
    return rig_run_tests(tests);
}
