#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/learner_rig.h"
#include "tests/unit/patience.h"

enum { THREADS = 64, POINTS = 40 };

static struct learner_rig rig;
static _Atomic unsigned results[FETCH_RESULTS];
static _Atomic unsigned begun;

static void many_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < FETCH_RESULTS; i++)
        atomic_store(&results[i], 0);
    atomic_store(&begun, 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* All threads begin together. */
static void line_up(void)
{
    atomic_fetch_add(&begun, 1);
    while (atomic_load(&begun) < THREADS)
        usleep(100);
}

static void *ask_for_all(void *argument)
{
    uintptr_t me = (uintptr_t)argument;
    struct learner_wait waits[POINTS];
    line_up();
    for (unsigned i = 0; i < POINTS; i++)
        learner_wait_begin(&rig, &waits[i], (i * 7 + (unsigned)me * 3) % POINTS, 20);
    for (unsigned i = 0; i < POINTS; i++)
        atomic_fetch_add(&results[learner_wait_end(&waits[i])], 1);
    return NULL;
}

static void each_point_is_asked_once(void **state)
{
    (void)state;
    static const unsigned latencies[] = {0, 1, 20};
    for (int round = 0; round < 3; round++) {
        learner_rig_open(&rig, latencies[round], round == 1 ? 10 : 1);
        many_threads(ask_for_all);
        assert_int_equal(results[FETCH_LEARNED], THREADS * POINTS);
        for (unsigned i = 0; i < POINTS; i++)
            assert_int_equal(rig.asked[i], 1);
        assert_int_equal(learned_count(rig.table.learned), POINTS);
        learner_rig_settle(&rig);
        learner_rig_close(&rig);
    }
}

/* What many do: look, and ask when nothing is there. */
static void *look_and_ask(void *argument)
{
    (void)argument;
    struct learned_reader *reader;
    struct learner_wait wait;
    struct entry entry;
    if (learned_reader_open(&reader, rig.table.learned, NULL) != 0)
        return NULL;
    line_up();
    for (unsigned i = 0; i < 200; i++) {
        unsigned number = i * 5 % 100;
        int found = learned_begin(reader, NULL);
        if (found == 0) {
            found = learned_at(reader, learner_point(number), &entry, NULL);
            learned_end(reader);
        }
        if (found != 0)
            continue;
        learner_wait_begin(&rig, &wait, number, 20);
        atomic_fetch_add(&results[learner_wait_end(&wait)], 1);
    }
    learned_reader_close(reader);
    return NULL;
}

static void who_looks_finds_what_others_learned(void **state)
{
    (void)state;
    learner_rig_open(&rig, 1, 1);
    many_threads(look_and_ask);
    assert_int_equal(results[FETCH_FAILED] + results[FETCH_TIMEOUT] + results[FETCH_NONE], 0);
    for (unsigned i = 0; i < 100; i += 5)
        assert_int_equal(rig.asked[i], 1);
    assert_int_equal(learned_count(rig.table.learned), 20);
    learner_rig_close(&rig);
}

/* Everything at once: faults, short times, points that rest and are asked again. */
static void *ask_in_trouble(void *argument)
{
    uintptr_t me = (uintptr_t)argument;
    struct learner_wait wait;
    line_up();
    for (unsigned i = 0; i < 60; i++) {
        if (me == 0)
            atomic_store(&rig.mood, (int)(i % 6));
        learner_wait_begin(&rig, &wait, (i * 13 + (unsigned)me) % 300, (i + me) % 3 * 0.01);
        atomic_fetch_add(&results[learner_wait_end(&wait)], 1);
    }
    return NULL;
}

static void trouble_ends_in_peace(void **state)
{
    (void)state;
    learner_rig_open(&rig, 2, 3);
    learner_set_most(rig.learner, 200);
    many_threads(ask_in_trouble);
    unsigned all = 0;
    for (int i = 0; i < FETCH_RESULTS; i++)
        all += results[i];
    assert_int_equal(all, THREADS * 60);
    assert_true(learned_count(rig.table.learned) <= 200);
    rig.mood = MOOD_FOUND;
    learner_rig_settle(&rig);
    assert_true(learned_count(rig.table.learned) <= 200);
    learner_set_most(rig.learner, 1000);
    double end = clock_monotonic() + PATIENCE;
    while (learner_rig_fetch(&rig, 1001, 5) != FETCH_LEARNED)
        assert_true(clock_monotonic() < end);
    learner_rig_close(&rig);
}

/* More different points than are remembered at a time, of a geocoder that never answers. */
static void memory_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct learner_wait *waits = calloc(COUNT, sizeof *waits);
    unsigned failed = 0, timeouts = 0;
    assert_non_null(waits);
    double timeout = SANITIZED ? 4 : 1;
    learner_rig_open(&rig, 60000, 1);
    double began = clock_monotonic();
    for (unsigned i = 0; i < COUNT; i++)
        learner_wait_begin(&rig, &waits[i], i, timeout);
    bool all_at_once = clock_monotonic() - began < timeout;
    assert_true(learner_pending(rig.learner) <= 16384);
    for (unsigned i = 0; i < COUNT; i++) {
        enum fetch_result result = learner_wait_end(&waits[i]);
        failed += result == FETCH_FAILED;
        timeouts += result == FETCH_TIMEOUT;
    }
    assert_int_equal(failed + timeouts, COUNT);
    assert_true(failed <= COUNT - 10000);
    if (all_at_once)
        assert_true(failed >= COUNT - 16384);
    free(waits);
    /* Points that nobody waits for make way. */
    double end = clock_monotonic() + PATIENCE;
    while (learner_pending(rig.learner) > 5000)
        assert_true(clock_monotonic() < end);
    assert_int_equal(learner_rig_fetch(&rig, 30000, 0.01), FETCH_TIMEOUT);
    learner_rig_close(&rig);
}

static void requests_carry_several_points(void **state)
{
    (void)state;
    struct learner_wait waits[100];
    learner_rig_open(&rig, 20, 10);
    for (unsigned i = 0; i < 100; i++)
        learner_wait_begin(&rig, &waits[i], i, 20);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(learner_wait_end(&waits[i]), FETCH_LEARNED);
    assert_int_equal(rig.largest_request, 10);
    assert_true(rig.requests < 40);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(rig.asked[i], 1);
    learner_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_point_is_asked_once),
        cmocka_unit_test(who_looks_finds_what_others_learned),
        cmocka_unit_test(trouble_ends_in_peace),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(requests_carry_several_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
