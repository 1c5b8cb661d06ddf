#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/patience.h"
#include "cachefmt/generation.h"
#include "tests/unit/line_rig.h"

#define COUNT 500

static struct line_invitation invite(const struct rig *rig)
{
    struct line_invitation invitation = {
        .id = "20261121T020000Z-00aa",
        .parameters = rig->parameters,
        .generation = 9,
        .started_at = clock_unix() - 5,
        .provider = "rig",
    };
    struct manifest *manifest;
    assert_int_equal(generation_current(rig->cache, &manifest, NULL), 0);
    invitation.base_digest = manifest->digest;
    invitation.parameters.cutoff = UINT32_MAX;
    manifest_free(manifest);
    return invitation;
}

static void join(struct line *line, const struct line_invitation *invitation)
{
    struct error err;
    if (line_join(line, invitation, &err) != 0)
        fail_msg("%s", err.message);
}

static void a_joined_run_is_run_as_it_was_begun(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    struct line *line = rig_line(rig);
    struct line_invitation invitation = invite(rig);
    join(line, &invitation);
    assert_int_equal(line_join(line, &invitation, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    rig_wait(line, LINE_IDLE, &status);
    assert_string_equal(status.last_run.id, invitation.id);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_int_equal(status.last_run.started_at, invitation.started_at);
    assert_int_equal(status.last_run.counts.settled[SETTLED_FOUND], COUNT);
    assert_int_equal(rig_generation(rig), 9);
    invitation = invite(rig); /* its number is taken */
    (void)snprintf(invitation.id, sizeof invitation.id, "20261121T020000Z-00ab");
    join(line, &invitation);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(rig_generation(rig), 10);
    rig_close(rig);
}

static void the_cutoff_is_taken_as_it_is(void **state)
{
    (void)state;
    struct line_status status;
    struct rig *rig = rig_open(COUNT);
    struct line *line = rig_line(rig);
    struct line_invitation invitation = invite(rig);
    invitation.parameters.cutoff = RIG_OLD_DATE;
    invitation.parameters.older_than = 1;
    join(line, &invitation);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    assert_int_equal(status.last_run.counts.selected, 0);
    assert_int_equal(rig_generation(rig), 1);
    rig_close(rig);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct error err;
    struct rig *rig = rig_open(COUNT);
    struct line *line = rig_line(rig);
    struct line_invitation good = invite(rig);
    struct line_invitation bad = good;
    bad.base_digest.bytes[3] ^= 1;
    assert_int_equal(line_join(line, &bad, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_non_null(strstr(err.message, "digest"));
    bad = good;
    bad.parameters.retry_failed = true;
    bad.retry_of = "20261121T010000Z-0001";
    assert_int_equal(line_join(line, &bad, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_non_null(strstr(err.message, "20261121T010000Z-0001"));
    bad = good;
    bad.id[0] = '\0';
    assert_int_equal(line_join(line, &bad, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    bad = good;
    bad.parameters.shares = 0;
    assert_int_equal(line_join(line, &bad, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_false(line_is_active(line));
    rig_close(rig);
}

static void failures_of_the_last_run_are_asked_again(void **state)
{
    (void)state;
    struct line_status status;
    struct rig *rig = rig_open(COUNT);
    rig->geocoder.fail_every = 50;
    struct line *line = rig_line(rig);
    struct line_invitation invitation = invite(rig);
    join(line, &invitation);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.counts.settled[SETTLED_FAILED], COUNT / 50);
    rig->geocoder.fail_every = 0;
    char last[RUN_ID_BYTES];
    memcpy(last, status.last_run.id, sizeof last);
    invitation = invite(rig);
    (void)snprintf(invitation.id, sizeof invitation.id, "20261121T020000Z-00ab");
    invitation.parameters.retry_failed = true;
    invitation.retry_of = last;
    join(line, &invitation);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.counts.selected, COUNT / 50);
    assert_int_equal(status.last_run.counts.settled[SETTLED_FOUND], COUNT / 50);
    rig_close(rig);
}

static void whoever_occupies_it_is_alone(void **state)
{
    (void)state;
    struct error err;
    struct line_status status;
    char id[RUN_ID_BYTES];
    bool nothing;
    struct rig *rig = rig_open(COUNT);
    struct line *line = rig_line(rig);
    struct line_invitation invitation = invite(rig);
    assert_int_equal(line_occupy(line, "the cache is being fetched", &err), 0);
    assert_int_equal(line_occupy(line, "something else", &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_string_equal(err.message, "the cache is being fetched; try again when it is done");
    assert_int_equal(line_start(line, &rig->parameters, id, &nothing, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(line_join(line, &invitation, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    line_vacate(line);
    rig_start(rig, line);
    assert_int_equal(line_occupy(line, "something else", &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(line_occupy(line, "something else", &err), 0);
    line_vacate(line);
    rig_close(rig);
}

static void a_run_can_be_failed_in_any_state(void **state)
{
    (void)state;
    struct error err;
    struct line_status status;
    for (int paused = 0; paused < 2; paused++) {
        struct rig *rig = rig_open(COUNT);
        rig->geocoder.distant = true;
        rig->geocoder.latency_ms = 5;
        rig->parameters.rate = 200;
        struct line *line = rig_line(rig);
        assert_int_equal(line_fail(line, "nothing", &err), -1);
        assert_int_equal(err.code, ERROR_STATE);
        rig_start(rig, line);
        if (paused) {
            assert_int_equal(line_pause(line, "lunch", &err), 0);
            rig_wait(line, LINE_PAUSED, &status);
        }
        assert_int_equal(line_fail(line, "two peers differ", &err), 0);
        (void)line_cancel(line, &err); /* too late, or nothing any more */
        rig_wait(line, LINE_FAILED, &status);
        assert_int_equal(status.last_run.result, RESULT_FAILED);
        assert_string_equal(status.last_run.reason, "two peers differ");
        assert_string_equal(status.reason, "two peers differ");
        assert_false(rig_exists(rig->points));
        assert_int_equal(rig_generation(rig), 1);
        rig_line_close(rig);
        line = rig_line(rig);
        line_status(line, &status);
        assert_int_equal(status.state, LINE_FAILED);
        assert_string_equal(status.last_run.reason, "two peers differ");
        rig->parameters.rate = 0;
        rig_start(rig, line);
        rig_wait(line, LINE_IDLE, &status);
        rig_line_close(rig);
        rig_close(rig);
    }
}

/* --- from many threads --------------------------------------------------------------------- */

enum { THREADS = 6, ROUNDS = 30 };

struct crowd {
    struct rig *rig;
    struct line *line;
    _Atomic unsigned begun, occupied;
    _Atomic int inside;
};

static void *jostle(void *argument)
{
    struct crowd *crowd = argument;
    struct line *line = crowd->line;
    struct line_change change = {.rate = 0, .finish_within = -1, .workers = -1, .concurrency = -1};
    struct error err;
    char id[RUN_ID_BYTES];
    bool nothing, held;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (line_occupy(line, "the cache is being changed", &err) == 0) {
            assert_int_equal(atomic_fetch_add(&crowd->inside, 1), 0);
            assert_false(line_is_active(line));
            atomic_fetch_sub(&crowd->inside, 1);
            atomic_fetch_add(&crowd->occupied, 1);
            line_vacate(line);
        }
        if (line_start(line, &crowd->rig->parameters, id, &nothing, &err) == 0)
            atomic_fetch_add(&crowd->begun, 1);
        (void)line_set(line, &change, &err);
        (void)line_pause(line, "jostled", &err);
        line_repace(line);
        (void)line_resume(line, &err);
        (void)line_publish(line, true, &held, &err);
        if (i % 3 == 0)
            (void)line_cancel(line, &err);
        if (i % 3 == 1)
            (void)line_fail(line, "jostled", &err);
    }
    return NULL;
}

static void calls_from_many_threads_take_turns(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    pthread_t threads[THREADS];
    struct rig *rig = rig_open(60);
    struct crowd crowd = {.rig = rig};
    rig->parameters.rate = 2000;
    rig->parameters.shares = 8;
    crowd.line = rig_line(rig);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, jostle, &crowd), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(crowd.begun > 0 && crowd.occupied > 0);
    (void)line_cancel(crowd.line, &err);
    double end = clock_monotonic() + PATIENCE;
    while (line_is_active(crowd.line)) {
        assert_true(clock_monotonic() < end);
        usleep(2000);
    }
    rig_start(rig, crowd.line);
    rig_wait(crowd.line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_joined_run_is_run_as_it_was_begun),
        cmocka_unit_test(the_cutoff_is_taken_as_it_is),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(failures_of_the_last_run_are_asked_again),
        cmocka_unit_test(whoever_occupies_it_is_alone),
        cmocka_unit_test(a_run_can_be_failed_in_any_state),
        cmocka_unit_test(calls_from_many_threads_take_turns),
    };
    return rig_run_group(tests, sizeof tests / sizeof *tests);
}
