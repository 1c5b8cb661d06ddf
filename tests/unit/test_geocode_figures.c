#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "stages/geocode_figures.h"

static struct answer failed(enum failure_cause cause)
{
    return (struct answer){.kind = ANSWER_FAILED, .cause = cause};
}

static unsigned asked_outcome(enum failure_cause cause)
{
    return ASKED_FAILED + (unsigned)cause - 1;
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(asked_outcome_name(ASKED_FOUND), "found");
    assert_string_equal(asked_outcome_name(ASKED_NONE), "none");
    for (unsigned cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++)
        assert_string_equal(asked_outcome_name(asked_outcome(cause)), failure_cause_names[cause]);
    assert_int_equal(asked_outcome(CAUSE_COUNT - 1), ASKED_OUTCOMES - 1);
}

static void test_best_answer(void **state)
{
    (void)state;
    struct geocode_figures figures = {0};
    const struct answer answers[] = {failed(CAUSE_HTTP_5XX),
                                     {.kind = ANSWER_EMPTY},
                                     {.kind = ANSWER_FOUND},
                                     {.kind = ANSWER_FOUND},
                                     failed(CAUSE_TIMEOUT)};
    geocode_figures_note(&figures, 0.1, answers, 5);
    assert_int_equal(figures.requests[ASKED_FOUND], 1);
    geocode_figures_note(&figures, 0.1, answers, 2);
    assert_int_equal(figures.requests[ASKED_NONE], 1);
    geocode_figures_note(&figures, 0.1, answers, 1);
    assert_int_equal(figures.requests[asked_outcome(CAUSE_HTTP_5XX)], 1);
    geocode_figures_note(&figures, 0.1, &answers[4], 1);
    assert_int_equal(figures.requests[asked_outcome(CAUSE_TIMEOUT)], 1);

    assert_int_equal(figures.answers[ASKED_FOUND], 2);
    assert_int_equal(figures.answers[ASKED_NONE], 2);
    assert_int_equal(figures.answers[asked_outcome(CAUSE_HTTP_5XX)], 3);
    assert_int_equal(figures.answers[asked_outcome(CAUSE_TIMEOUT)], 2);
}

static void test_every_failure_has_a_place(void **state)
{
    (void)state;
    struct geocode_figures figures = {0};
    for (unsigned cause = CAUSE_NONE; cause < CAUSE_COUNT; cause++) {
        struct answer answer = failed(cause);
        geocode_figures_note(&figures, 1, &answer, 1);
    }
    uint64_t sum = 0;
    for (unsigned i = 0; i < ASKED_OUTCOMES; i++)
        sum += figures.requests[i];
    assert_int_equal(sum, CAUSE_COUNT);
    assert_int_equal(figures.requests[asked_outcome(CAUSE_INTERNAL)], 2); /* no cause given */
}

static void test_durations(void **state)
{
    (void)state;
    struct geocode_figures figures = {0};
    struct latency_sum sum = {0};
    const struct answer found = {.kind = ANSWER_FOUND};
    geocode_figures_note(&figures, 0.25, &found, 1);
    geocode_figures_note(&figures, 0.75, &found, 1);
    latency_collect(&figures.duration, &sum);
    assert_int_equal(sum.nanoseconds, 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_best_answer),
        cmocka_unit_test(test_every_failure_has_a_place),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
