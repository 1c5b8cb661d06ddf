#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/learner_rig.h"
#include "tests/unit/patience.h"

static struct learner_rig rig;

static int set_up(void **state)
{
    (void)state;
    learner_rig_open(&rig, 5, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    learner_rig_close(&rig);
    return 0;
}

static void a_point_is_learned(void **state)
{
    (void)state;
    struct entry entry;
    uint32_t before = clock_unix();
    assert_int_equal(learner_rig_fetch(&rig, 7, 10), FETCH_LEARNED);
    assert_int_equal(learned_count(rig.table.learned), 1);
    assert_int_equal(learned_begin(rig.table.reader, NULL), 0);
    assert_int_equal(learned_at(rig.table.reader, learner_point(7), &entry, NULL), 1);
    assert_int_equal(entry.outcome, OUTCOME_FOUND);
    assert_in_range(entry.refreshed_at, before, clock_unix());
    assert_memory_equal(entry.address.field[FIELD_STREET].data, "Street 7", 8);
    learned_end(rig.table.reader);
    learner_rig_settle(&rig);
    /* Who had looked before it was learned asks in vain, and nobody else is asked. */
    assert_int_equal(learner_rig_fetch(&rig, 7, 10), FETCH_LEARNED);
    assert_int_equal(rig.asked[7], 1);
}

static void an_empty_answer_is_confirmed_by_another_one(void **state)
{
    (void)state;
    rig.mood = MOOD_EMPTY;
    assert_int_equal(learner_rig_fetch(&rig, 3, 10), FETCH_NONE);
    assert_int_equal(learner_rig_outcome(&rig, 3), OUTCOME_UNSURE);
    assert_int_equal(learner_rig_fetch(&rig, 3, 10), FETCH_NONE);
    assert_int_equal(learner_rig_outcome(&rig, 3), OUTCOME_NONE);
    assert_int_equal(rig.asked[3], 2);
    assert_int_equal(learner_rig_fetch(&rig, 3, 10), FETCH_NONE);
    assert_int_equal(rig.asked[3], 2);
    assert_int_equal(learner_rig_fetch(&rig, 4, 10), FETCH_NONE);
    rig.mood = MOOD_FOUND;
    assert_int_equal(learner_rig_fetch(&rig, 4, 10), FETCH_LEARNED);
    assert_int_equal(learner_rig_outcome(&rig, 4), OUTCOME_FOUND);
}

/* Somebody looked before the first empty answer came, but asks only after it. */
static void one_empty_answer_does_not_confirm_itself(void **state)
{
    (void)state;
    struct learner_wait wait;
    double looked_at = clock_monotonic();
    rig.mood = MOOD_EMPTY;
    assert_int_equal(learner_rig_fetch(&rig, 3, 10), FETCH_NONE);
    learner_wait_begin(&rig, &wait, 3, 10);
    assert_int_equal(learner_wait_end(&wait), FETCH_NONE);
    assert_int_equal(rig.asked[3], 2);
    assert_int_equal(learner_rig_fetch(&rig, 4, 10), FETCH_NONE);
    wait.waiter.point = learner_point(4);
    wait.waiter.looked_at = looked_at;
    atomic_store(&wait.result, -1);
    learner_fetch(rig.learner, &wait.waiter);
    assert_int_equal(learner_wait_end(&wait), FETCH_NONE);
    assert_int_equal(rig.asked[4], 1);
    assert_int_equal(learner_rig_outcome(&rig, 4), OUTCOME_UNSURE);
}

static void a_fault_that_passes_is_asked_again(void **state)
{
    (void)state;
    rig.mood = MOOD_FLAKY;
    assert_int_equal(learner_rig_fetch(&rig, 9, 10), FETCH_LEARNED);
    assert_int_equal(rig.asked[9], 2);
    rig.mood = MOOD_WRONG;
    assert_int_equal(learner_rig_fetch(&rig, 10, 10), FETCH_FAILED);
    assert_int_equal(rig.asked[10], 1);
    assert_int_equal(learner_rig_outcome(&rig, 10), OUTCOME_COUNT);
}

static void a_point_that_failed_rests(void **state)
{
    (void)state;
    rig.mood = MOOD_WRONG;
    double begun = clock_monotonic();
    unsigned asked = 0;
    while (rig.asked[5] < 2) {
        assert_int_equal(learner_rig_fetch(&rig, 5, 10), FETCH_FAILED);
        asked++;
    }
    assert_true(clock_monotonic() - begun > 0.99);
    assert_true(asked > 20);
    learner_rig_settle(&rig);
}

static void a_waiter_is_told_in_time(void **state)
{
    (void)state;
    struct learner_wait first, second;
    rig.latency_ms = 600;
    double begun = clock_monotonic();
    learner_wait_begin(&rig, &first, 1, 5);
    learner_wait_begin(&rig, &second, 1, 0.1);
    assert_int_equal(learner_wait_end(&second), FETCH_TIMEOUT);
    assert_true(second.ended_at - begun >= 0.0999);
    assert_int_equal(learner_rig_fetch(&rig, 2, 0.05), FETCH_TIMEOUT);
    assert_int_equal(learner_rig_fetch(&rig, 2, 0), FETCH_TIMEOUT);
    assert_int_equal(learner_wait_end(&first), FETCH_LEARNED);
    /* The question goes on without the waiter. */
    learner_rig_settle(&rig);
    assert_int_equal(learner_rig_outcome(&rig, 2), OUTCOME_FOUND);
    assert_int_equal(rig.asked[2], 1);
}

static void retries_end_when_nobody_waits(void **state)
{
    (void)state;
    rig.mood = MOOD_BROKEN;
    assert_int_equal(learner_rig_fetch(&rig, 1, 0.02), FETCH_TIMEOUT);
    learner_rig_settle(&rig);
    assert_int_equal(rig.asked[1], 3); /* retries = 2 */
    struct learner_wait wait;
    double end = clock_monotonic() + PATIENCE;
    learner_wait_begin(&rig, &wait, 2, PATIENCE);
    while (rig.asked[2] < 4 && clock_monotonic() < end)
        usleep(1000);
    assert_true(rig.asked[2] >= 4);
    assert_int_equal(atomic_load(&wait.result), -1);
    rig.mood = MOOD_FOUND;
    assert_int_equal(learner_wait_end(&wait), FETCH_LEARNED);
}

static void the_table_never_has_more_than_it_may(void **state)
{
    (void)state;
    struct learner_wait waits[20];
    unsigned learned = 0, full = 0;
    learner_set_most(rig.learner, 8);
    for (unsigned i = 0; i < 20; i++)
        learner_wait_begin(&rig, &waits[i], i, 10);
    for (unsigned i = 0; i < 20; i++) {
        enum fetch_result result = learner_wait_end(&waits[i]);
        learned += result == FETCH_LEARNED;
        full += result == FETCH_FULL;
    }
    assert_int_equal(learned, 8);
    assert_int_equal(full, 12);
    learner_rig_settle(&rig);
    assert_int_equal(learned_count(rig.table.learned), 8);
    assert_int_equal(rig.requests, 8);
    learner_set_most(rig.learner, 9);
    assert_int_equal(learner_rig_fetch(&rig, 30, 10), FETCH_LEARNED);
    assert_int_equal(learner_rig_fetch(&rig, 31, 10), FETCH_FULL);
}

static void without_a_connection_waiters_fail_at_once(void **state)
{
    (void)state;
    rig.mood = MOOD_REFUSED;
    double begun = clock_monotonic();
    assert_int_equal(learner_rig_fetch(&rig, 1, 10), FETCH_FAILED);
    assert_true(clock_monotonic() - begun < 3 * SLOW);
    /* One question a second looks whether it is back. */
    begun = clock_monotonic();
    unsigned before = rig.requests;
    for (unsigned i = 10; clock_monotonic() - begun < 1.5; i++) {
        assert_int_equal(learner_rig_fetch(&rig, i % 1000, 10), FETCH_FAILED);
        usleep(2000);
    }
    assert_in_range(rig.requests - before, 1, 2 + (unsigned)(clock_monotonic() - begun));
    rig.mood = MOOD_FOUND;
    begun = clock_monotonic();
    unsigned number = 1000;
    while (learner_rig_fetch(&rig, number++, 10) != FETCH_LEARNED) {
        assert_true(clock_monotonic() - begun < 2 * SLOW);
        usleep(2000);
    }
}

static void a_used_up_quota_stops_all_questions(void **state)
{
    (void)state;
    rig.mood = MOOD_QUOTA;
    assert_int_equal(learner_rig_fetch(&rig, 1, 10), FETCH_FAILED);
    for (unsigned i = 2; i < 50; i++)
        assert_int_equal(learner_rig_fetch(&rig, i, 10), FETCH_FAILED);
    assert_int_equal(rig.requests, 1);
    assert_int_equal(rig.events, 1);
    assert_string_equal(rig.event, "learner_stopped");
    assert_int_equal(learner_pending(rig.learner), 0);
}

static void refusals_bring_quiet(void **state)
{
    (void)state;
    rig.mood = MOOD_BUSY;
    bool quiet = false;
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(learner_rig_fetch(&rig, i, 0.01), FETCH_TIMEOUT);
        quiet = quiet || limiter_look(rig.limiter, clock_monotonic()).quiet_left > 0;
    }
    assert_true(quiet);
    assert_true(rig.requests < 30);
}

static void the_rate_holds(void **state)
{
    (void)state;
    struct learner_wait waits[60];
    limiter_set_rate(rig.limiter, 20);
    double begun = clock_monotonic();
    for (unsigned i = 0; i < 60; i++)
        learner_wait_begin(&rig, &waits[i], i, 10);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(learner_wait_end(&waits[i]), FETCH_LEARNED);
    double took = clock_monotonic() - begun;
    assert_true(took > 2.0 && took < 4 * SLOW);
}

static void a_disk_that_is_full_costs_nothing_else(void **state)
{
    (void)state;
    struct rlimit before, small;
    assert_int_equal(learner_rig_fetch(&rig, 1, 10), FETCH_LEARNED);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(learner_rig_fetch(&rig, 2, 10), FETCH_FAILED);
    for (unsigned i = 3; i < 20; i++)
        assert_int_equal(learner_rig_fetch(&rig, i, 10), FETCH_FAILED);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rig.events, 1);
    assert_string_equal(rig.event, "learned_not_stored");
    assert_int_equal(learner_rig_outcome(&rig, 1), OUTCOME_FOUND);
    assert_true(rig.requests < 5);
}

static void closing_tells_who_waits(void **state)
{
    (void)state;
    struct learner_wait waits[20];
    rig.latency_ms = 20000;
    for (unsigned i = 0; i < 20; i++)
        learner_wait_begin(&rig, &waits[i], i / 2, 100);
    double begun = clock_monotonic();
    learner_close(rig.learner);
    assert_true(clock_monotonic() - begun < 10); /* an answer takes twice as long */
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(atomic_load(&waits[i].result), FETCH_GIVEN_UP);
    rig.latency_ms = 1;
    learner_rig_begin(&rig);
    assert_int_equal(learner_rig_fetch(&rig, 1, 10), FETCH_LEARNED);
}

/* Every answer that came before the close is kept, and who was told of it is right. */
static void closing_keeps_what_was_answered(void **state)
{
    (void)state;
    struct learner_wait *waits = calloc(600, sizeof *waits);
    assert_non_null(waits);
    for (unsigned round = 0; round < 10; round++) {
        rig.latency_ms = round % 3;
        for (unsigned i = 0; i < 60; i++)
            learner_wait_begin(&rig, &waits[60 * round + i], 60 * round + i, 100);
        usleep(round * 700);
        learner_close(rig.learner);
        for (unsigned i = 60 * round; i < 60 * round + 60; i++) {
            int result = atomic_load(&waits[i].result);
            assert_true(result == FETCH_LEARNED || result == FETCH_GIVEN_UP);
            if (result == FETCH_LEARNED)
                assert_int_equal(learner_rig_outcome(&rig, i), OUTCOME_FOUND);
        }
        learner_rig_begin(&rig);
    }
    free(waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_point_is_learned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_answer_is_confirmed_by_another_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_empty_answer_does_not_confirm_itself, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fault_that_passes_is_asked_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_point_that_failed_rests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_waiter_is_told_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retries_end_when_nobody_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_table_never_has_more_than_it_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_connection_waiters_fail_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_used_up_quota_stops_all_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_bring_quiet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_rate_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full_costs_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_tells_who_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_keeps_what_was_answered, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
