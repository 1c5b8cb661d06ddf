#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "stages/circuit.h"

static struct circuit *make(void)
{
    struct circuit *circuit = circuit_create();
    assert_non_null(circuit);
    return circuit;
}

static enum circuit_leave ask(struct circuit *circuit, double now)
{
    double wait = -1;
    enum circuit_leave leave = circuit_ask(circuit, now, &wait);
    assert_true((leave == CIRCUIT_WAIT) == (wait > 0));
    return leave;
}

static void the_first_failure_without_a_reply_opens(void **state)
{
    (void)state;
    struct circuit *circuit = make();
    assert_int_equal(ask(circuit, 10), CIRCUIT_ASK);
    assert_true(circuit_refused(circuit, 10, false, "connection refused"));
    assert_int_equal(ask(circuit, 10), CIRCUIT_WAIT);
    struct circuit_view view = circuit_look(circuit);
    assert_true(view.open && view.since == 10);
    assert_string_equal(view.why, "connection refused");
    circuit_free(circuit);
    circuit_free(NULL);
}

static void a_stray_failure_among_replies_stops_nobody(void **state)
{
    (void)state;
    struct circuit *circuit = make();
    for (int i = 0; i < 10; i++) {
        double now = 10 + i * 0.1;
        assert_false(circuit_reply(circuit, now, now - 0.05, false));
        for (int j = 1; j < CIRCUIT_REFUSALS; j++)
            assert_false(circuit_refused(circuit, now, false, "x"));
        assert_int_equal(ask(circuit, now), CIRCUIT_ASK);
    }
    assert_true(circuit_refused(circuit, 10.95, false, "x"));
    assert_true(circuit_look(circuit).open); /* so many in a row */
    circuit_free(circuit);
}

static void a_failure_a_second_after_the_last_reply_opens(void **state)
{
    (void)state;
    struct circuit *circuit = make();
    (void)circuit_reply(circuit, 10, 9, false);
    assert_false(circuit_refused(circuit, 10.5, false, "x"));
    (void)circuit_reply(circuit, 11, 10.6, false);
    assert_true(circuit_refused(circuit, 12.1, false, "y"));
    assert_true(circuit_look(circuit).since == 12.1);
    circuit_free(circuit);
}

static void one_probe_a_second_is_let_through(void **state)
{
    (void)state;
    struct circuit *circuit = make();
    unsigned probes = 0;
    (void)circuit_refused(circuit, 100, false, "x");
    for (double now = 100; now < 110; now += 0.01) {
        if (ask(circuit, now) != CIRCUIT_PROBE)
            continue;
        probes++;
        assert_int_equal(ask(circuit, now + 0.001), CIRCUIT_WAIT);
        assert_false(circuit_refused(circuit, now + 0.002, true, "x"));
    }
    assert_true(probes >= 8 && probes <= 10);
    circuit_free(circuit);
}

static void a_probe_under_way_is_the_only_one(void **state)
{
    (void)state;
    struct circuit *circuit = make();
    (void)circuit_refused(circuit, 100, false, "x");
    assert_int_equal(ask(circuit, 101), CIRCUIT_PROBE);
    assert_int_equal(ask(circuit, 109), CIRCUIT_WAIT);
    (void)circuit_refused(circuit, 109, false, "of an earlier request");
    assert_int_equal(ask(circuit, 109), CIRCUIT_WAIT);
    circuit_broken(circuit, false);
    assert_int_equal(ask(circuit, 109), CIRCUIT_WAIT);
    circuit_broken(circuit, true);
    assert_int_equal(ask(circuit, 109), CIRCUIT_PROBE);
    circuit_drop(circuit);
    assert_int_equal(ask(circuit, 109.5), CIRCUIT_WAIT);
    assert_int_equal(ask(circuit, 110), CIRCUIT_PROBE);
    circuit_free(circuit);
}

static void any_reply_closes(void **state)
{
    (void)state;
    struct circuit *circuit = make();
    (void)circuit_refused(circuit, 100, false, "x");
    assert_int_equal(ask(circuit, 101), CIRCUIT_PROBE);
    assert_true(circuit_reply(circuit, 101.5, 101, true));
    assert_int_equal(ask(circuit, 101.5), CIRCUIT_ASK);
    assert_false(circuit_look(circuit).open);
    (void)circuit_refused(circuit, 200, false, "x");
    assert_int_equal(ask(circuit, 201), CIRCUIT_PROBE); /* the earlier probe is not waited for */
    circuit_free(circuit);
}

static void broken_tries_are_judged_by_what_follows(void **state)
{
    (void)state;
    struct circuit *circuit = make();
    (void)circuit_reply(circuit, 10, 9, false);
    assert_int_equal(circuit_verdict(circuit, 10.5, 10.2), CIRCUIT_UNKNOWN);
    (void)circuit_reply(circuit, 10.6, 10.1, false); /* asked before it broke */
    assert_int_equal(circuit_verdict(circuit, 10.7, 10.2), CIRCUIT_UNKNOWN);
    (void)circuit_reply(circuit, 10.8, 10.3, false);
    assert_int_equal(circuit_verdict(circuit, 10.8, 10.2), CIRCUIT_ALIVE);
    assert_int_equal(circuit_verdict(circuit, 10.9, 10.85), CIRCUIT_UNKNOWN);
    assert_int_equal(circuit_verdict(circuit, 10.86 + CIRCUIT_PATIENCE, 10.85), CIRCUIT_ALIVE);
    assert_true(circuit_refused(circuit, 12, false, "x"));
    assert_int_equal(circuit_verdict(circuit, 12, 11.9), CIRCUIT_DOWN);
    assert_int_equal(circuit_verdict(circuit, 13, 12.5), CIRCUIT_DOWN); /* broke while open */
    (void)circuit_reply(circuit, 14, 13.9, true);
    assert_int_equal(circuit_verdict(circuit, 14, 11.9), CIRCUIT_DOWN);
    assert_int_equal(circuit_verdict(circuit, 14, 13.5), CIRCUIT_ALIVE);
    circuit_free(circuit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_without_a_reply_opens),
        cmocka_unit_test(a_stray_failure_among_replies_stops_nobody),
        cmocka_unit_test(a_failure_a_second_after_the_last_reply_opens),
        cmocka_unit_test(one_probe_a_second_is_let_through),
        cmocka_unit_test(a_probe_under_way_is_the_only_one),
        cmocka_unit_test(any_reply_closes),
        cmocka_unit_test(broken_tries_are_judged_by_what_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
