#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "quadtree/morton.h"
#include "stages/pointfile.h"
#include "stages/share_answers.h"
#include "tests/unit/coordination_rig.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 600
#define SHARES 12
#define SHARE_POINTS (COUNT / SHARES)

struct bench {
    struct rig *rig;
    struct coordination_rig coordination;
    struct line *line;
    struct buffer theirs[SHARES]; /* what somebody else was answered */
};

static void restart(struct bench *bench)
{
    bench->line = rig_line(bench->rig);
}

/* Somebody else's answers: those of a run that is held at the gate, and then cancelled. */
static void collect_theirs(struct bench *bench)
{
    struct line_status status;
    struct error err;
    bench->rig->settings.gate.max_changed = 0;
    bench->rig->geocoder.version = 7;
    bench->rig->geocoder.fail_every = 100;
    restart(bench);
    rig_start(bench->rig, bench->line);
    rig_wait(bench->line, LINE_HELD, &status);
    for (uint32_t share = 0; share < SHARES; share++) {
        if (share_answers_read(line_ledger(bench->line), bench->rig->answers, share, SHARE_POINTS,
                               &bench->theirs[share], &err) != 0)
            fail_msg("%s", err.message);
    }
    assert_int_equal(line_cancel(bench->line, &err), 0);
    rig_wait(bench->line, LINE_IDLE, &status);
    for (unsigned i = 0; i < COUNT; i++)
        bench->rig->geocoder.asked[i] = 0;
    bench->rig->settings.gate.max_changed = 1;
    bench->rig->geocoder.version = 1;
    bench->rig->geocoder.fail_every = 0;
}

/* A line whose runs are shared; shares from `first_elsewhere` on are somebody else's. */
static void set_up(struct bench *bench, uint32_t first_elsewhere)
{
    bench->rig = rig_open(COUNT);
    bench->rig->parameters.shares = SHARES;
    collect_theirs(bench);
    coordination_rig_open(&bench->coordination);
    for (uint32_t share = first_elsewhere; share < SHARES; share++)
        bench->coordination.share[share] = RIG_SHARE_ELSEWHERE;
    bench->rig->settings.coordination = &bench->coordination.calls;
    restart(bench);
}

static void tear_down(struct bench *bench)
{
    rig_line_close(bench->rig);
    coordination_rig_close(&bench->coordination);
    for (uint32_t share = 0; share < SHARES; share++)
        buffer_free(&bench->theirs[share]);
    rig_close(bench->rig);
}

static void make_distant(struct bench *bench, double rate)
{
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 5;
    bench->rig->parameters.rate = rate;
}

static unsigned asked(const struct bench *bench)
{
    unsigned most;
    return rig_asked(bench->rig, &most);
}

/* Which answers each share has in the generation that the run made: points of a share lie side by
 * side in its record. */
static void assert_theirs(struct bench *bench, uint32_t share, bool theirs)
{
    struct answer_reader reader;
    struct settled_answer answer;
    struct error err;
    const struct buffer *record = &bench->theirs[share];
    assert_int_equal(answer_reader_open(&reader, record->data, record->used, "theirs", &err), 0);
    while (answer_reader_next(&reader, &answer, &err) == 1) {
        char expected[64];
        unsigned number = rig_number(morton_decode(answer.code));
        (void)snprintf(expected, sizeof expected, "Street %u v%u", number, theirs ? 7 : 1);
        if (theirs && answer.settled == SETTLED_FAILED)
            (void)snprintf(expected, sizeof expected, "Old Street %u", number);
        assert_string_equal(rig_entry(bench->rig, number).street, expected);
    }
    answer_reader_close(&reader);
}

static unsigned count_failed(const struct bench *bench, uint32_t first, uint32_t end)
{
    unsigned failed = 0;
    for (uint32_t share = first; share < end; share++) {
        struct answer_batch *batch;
        const struct buffer *record = &bench->theirs[share];
        assert_int_equal(
            answer_batch_adopt(&batch, record->data, record->used, true, "theirs", NULL), 0);
        failed += (unsigned)answer_batch_counts(batch)->settled[SETTLED_FAILED];
        answer_batch_free(batch);
    }
    return failed;
}

static uint64_t settled_sum(const struct run_counts *counts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SETTLED_COUNT; i++)
        sum += counts->settled[i];
    return sum;
}

static void wait_published(struct bench *bench, struct line_status *status)
{
    rig_wait(bench->line, LINE_IDLE, status);
    assert_int_equal(status->last_run.result, RESULT_PUBLISHED);
    assert_int_equal(status->last_run.counts.shares_done, SHARES);
    assert_int_equal(settled_sum(&status->last_run.counts), COUNT);
    assert_int_equal(bench->coordination.freed, bench->coordination.opened);
}

static void the_answers_of_others_are_ours_too(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    set_up(&bench, 4);
    rig_start(bench.rig, bench.line);
    for (uint32_t share = 4; share < SHARES; share++)
        rig_push(&bench.coordination, &bench.theirs[share]);
    rig_wake(&bench.coordination);
    wait_published(&bench, &status);
    assert_int_equal(asked(&bench), 4 * SHARE_POINTS);
    for (uint32_t share = 0; share < SHARES; share++) {
        assert_theirs(&bench, share, share >= 4);
        assert_int_equal(bench.coordination.committed[share], 1);
    }
    assert_int_equal(status.last_run.counts.settled[SETTLED_FAILED],
                     count_failed(&bench, 4, SHARES));
    assert_int_equal(bench.coordination.prepared, 1);
    assert_int_equal(bench.coordination.snapshots, 1);
    tear_down(&bench);
}

static void workers_wait_for_shares_to_come(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    set_up(&bench, 0);
    rig_start(bench.rig, bench.line);
    rig_wait_for(&bench.coordination.opened, 1);
    usleep(400000);
    line_status(bench.line, &status);
    assert_int_equal(status.state, LINE_REFRESHING);
    assert_int_equal(asked(&bench), 0);
    for (uint32_t share = 0; share < SHARES; share += 2)
        bench.coordination.share[share] = RIG_SHARE_OURS;
    rig_wake(&bench.coordination);
    for (uint32_t share = 0; share < SHARES; share += 2)
        rig_wait_for(&bench.coordination.committed[share], 1);
    usleep(400000);
    for (uint32_t share = 1; share < SHARES; share += 2)
        bench.coordination.share[share] = RIG_SHARE_OURS; /* found without a wake */
    wait_published(&bench, &status);
    assert_int_equal(asked(&bench), COUNT);
    tear_down(&bench);
}

static void a_run_needs_no_questions_of_ours(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    set_up(&bench, 0);
    rig_start(bench.rig, bench.line);
    for (uint32_t share = 0; share < SHARES; share++)
        rig_push(&bench.coordination, &bench.theirs[share]);
    wait_published(&bench, &status);
    assert_int_equal(asked(&bench), 0);
    assert_theirs(&bench, 0, true);
    tear_down(&bench);
}

static void a_share_that_somebody_else_finished_first_is_theirs(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    struct error err;
    struct line_change faster = {.rate = 0, .finish_within = -1, .workers = -1, .concurrency = -1};
    double end = clock_monotonic() + PATIENCE;
    set_up(&bench, SHARES);
    make_distant(&bench, 100);
    rig_start(bench.rig, bench.line);
    while (asked(&bench) < SHARE_POINTS / 2) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
    for (uint32_t share = 0; share < 3; share++)
        rig_push(&bench.coordination, &bench.theirs[share]);
    rig_wait_for(&bench.coordination.committed[2], 1);
    assert_int_equal(line_set(bench.line, &faster, &err), 0);
    wait_published(&bench, &status);
    for (uint32_t share = 0; share < 3; share++) {
        assert_theirs(&bench, share, true);
        assert_int_equal(bench.coordination.committed[share], 1);
    }
    assert_theirs(&bench, 5, false);
    assert_int_equal(bench.coordination.opened, 1);
    tear_down(&bench);
}

static void a_complete_share_with_other_answers_is_replaced(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    set_up(&bench, 2);
    rig_start(bench.rig, bench.line);
    rig_wait_for(&bench.coordination.committed[0], 1);
    rig_wait_for(&bench.coordination.committed[1], 1);
    usleep(100000); /* its first tiles are being rebuilt, or were */
    bench.coordination.share[0] = RIG_SHARE_ELSEWHERE;
    rig_push(&bench.coordination, &bench.theirs[0]);
    rig_wait_for(&bench.coordination.opened, 2);
    assert_int_equal(bench.coordination.prepared, 2);
    line_status(bench.line, &status);
    assert_int_equal(status.state, LINE_REFRESHING);
    assert_int_equal(status.run.stop, STOP_NONE);
    assert_int_equal(settled_sum(&status.run.counts), SHARE_POINTS);
    for (uint32_t share = 0; share < SHARES; share++) {
        if (share != 1)
            rig_push(&bench.coordination, &bench.theirs[share]);
    }
    wait_published(&bench, &status);
    for (uint32_t share = 0; share < SHARES; share++)
        assert_theirs(&bench, share, share != 1);
    assert_int_equal(asked(&bench), 2 * SHARE_POINTS);
    tear_down(&bench);
}

static void beginning_again_asks_nothing_twice(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    unsigned most;
    set_up(&bench, SHARES);
    make_distant(&bench, 300);
    rig_start(bench.rig, bench.line);
    for (unsigned i = 1; i <= 3; i++) {
        rig_wait_for(&bench.coordination.opened, i);
        usleep(150000);
        rig_again(&bench.coordination);
        rig_again(&bench.coordination);
        rig_wait_for(&bench.coordination.opened, i + 1);
        line_status(bench.line, &status);
        assert_int_equal(status.state, LINE_REFRESHING);
    }
    wait_published(&bench, &status);
    assert_int_equal(rig_asked(bench.rig, &most), COUNT);
    assert_int_equal(most, 1);
    assert_true(bench.coordination.opened >= 4);
    assert_int_equal(bench.coordination.prepared, bench.coordination.opened);
    tear_down(&bench);
}

static void it_begins_again_at_a_bearable_pace(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    struct error err;
    set_up(&bench, 0);
    rig_start(bench.rig, bench.line);
    rig_wait_for(&bench.coordination.opened, 1);
    double from = clock_monotonic();
    while (clock_monotonic() - from < 1.2) {
        rig_again(&bench.coordination);
        usleep(1000);
    }
    assert_in_range(bench.coordination.opened, 2, 4 + (clock_monotonic() - from - 1.2) / 0.5);
    assert_int_equal(line_pause(bench.line, "enough", &err), 0);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "enough");
    assert_int_equal(line_cancel(bench.line, &err), 0);
    rig_wait(bench.line, LINE_IDLE, &status);
    tear_down(&bench);
}

/* What a fleet does that lost all holders of a share, or has other answers. */
static int drop_two(struct coordination_rig *rig, struct ledger *ledger, const char *answers,
                    struct error *err)
{
    const uint32_t shares[] = {0, 3};
    return rig->prepared == 2 ? share_answers_drop(ledger, answers, shares, 2, err) : 0;
}

static void a_share_that_is_taken_back_is_asked_again(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    unsigned most;
    set_up(&bench, 6);
    bench.coordination.on_prepare = drop_two;
    rig_start(bench.rig, bench.line);
    for (uint32_t share = 0; share < 6; share++)
        rig_wait_for(&bench.coordination.committed[share], 1);
    char *path = point_file_path(bench.rig->points, 3);
    assert_false(rig_exists(path));
    free(path);
    rig_again(&bench.coordination);
    rig_wait_for(&bench.coordination.committed[0], 2);
    rig_wait_for(&bench.coordination.committed[3], 2);
    for (uint32_t share = 6; share < SHARES; share++)
        bench.coordination.share[share] = RIG_SHARE_OURS;
    wait_published(&bench, &status);
    assert_int_equal(rig_asked(bench.rig, &most), COUNT + 2 * SHARE_POINTS);
    assert_int_equal(most, 2);
    for (uint32_t share = 0; share < SHARES; share++)
        assert_theirs(&bench, share, false);
    tear_down(&bench);
}

static void the_phase_waits_until_all_is_settled(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    struct error err;
    set_up(&bench, SHARES);
    bench.coordination.unsettled = true;
    rig_start(bench.rig, bench.line);
    for (uint32_t share = 0; share < SHARES; share++)
        rig_wait_for(&bench.coordination.committed[share], 1);
    usleep(500000);
    line_status(bench.line, &status);
    assert_int_equal(status.state, LINE_REFRESHING);
    assert_int_equal(bench.coordination.agreed, 0);
    assert_int_equal(line_pause(bench.line, "lunch", &err), 0);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_int_equal(line_resume(bench.line, &err), 0);
    rig_wait_for(&bench.coordination.opened, 2); /* though every tile is rebuilt */
    bench.coordination.unsettled = false;
    rig_wake(&bench.coordination);
    wait_published(&bench, &status);
    assert_int_equal(asked(&bench), COUNT);
    tear_down(&bench);
}

static void call_fail(const struct coordination_site *site, void *argument)
{
    (site->fail)(site->context, argument);
}

static void a_failure_of_theirs_pauses(void **state)
{
    (void)state;
    static struct bench bench;
    struct line_status status;
    struct error err, why;
    set_up(&bench, 0);
    rig_start(bench.rig, bench.line);
    error_set(&why, ERROR_STATE, "our certificate is refused");
    rig_with_site(&bench.coordination, call_fail, &why);
    rig_wait(bench.line, LINE_PAUSED, &status);
    assert_string_equal(status.reason, "our certificate is refused");
    for (uint32_t share = 0; share < SHARES; share++)
        bench.coordination.share[share] = RIG_SHARE_OURS;
    assert_int_equal(line_resume(bench.line, &err), 0);
    wait_published(&bench, &status);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answers_of_others_are_ours_too),
        cmocka_unit_test(workers_wait_for_shares_to_come),
        cmocka_unit_test(a_run_needs_no_questions_of_ours),
        cmocka_unit_test(a_share_that_somebody_else_finished_first_is_theirs),
        cmocka_unit_test(a_complete_share_with_other_answers_is_replaced),
        cmocka_unit_test(beginning_again_asks_nothing_twice),
        cmocka_unit_test(it_begins_again_at_a_bearable_pace),
        cmocka_unit_test(a_share_that_is_taken_back_is_asked_again),
        cmocka_unit_test(the_phase_waits_until_all_is_settled),
        cmocka_unit_test(a_failure_of_theirs_pauses),
    };
    return rig_run_group(tests, sizeof tests / sizeof *tests);
}
