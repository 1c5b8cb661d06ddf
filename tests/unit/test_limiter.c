#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "stages/limiter.h"

enum { GRANTS = 400000 };

struct grants {
    double at[GRANTS];
    size_t points[GRANTS];
    size_t count;
    size_t total;
};

static struct grants grants;

static double random_share(void)
{
    static uint64_t seed = 88172645463325252u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static void note(double now, size_t points)
{
    assert_true(grants.count < GRANTS);
    grants.at[grants.count] = now;
    grants.points[grants.count++] = points;
    grants.total += points;
}

/* Take from `from` to `until`, waking up to `late` seconds after the moment asked for. */
static void take_all(struct limiter *limiter, double from, double until, size_t wanted, double late)
{
    for (double now = from; now < until;) {
        double wait = 0;
        size_t granted = limiter_take(limiter, now, wanted, &wait);
        assert_true(granted <= wanted);
        if (granted > 0)
            note(now, granted);
        else
            assert_true(wait > 0);
        now += granted > 0 ? 1e-6 : wait + late * random_share();
    }
}

/* The most points in any window of one second. */
static size_t fullest_second(void)
{
    size_t most = 0, inside = 0, first = 0;
    for (size_t i = 0; i < grants.count; i++) {
        inside += grants.points[i];
        while (grants.at[i] - grants.at[first] >= 1.0)
            inside -= grants.points[first++];
        most = inside > most ? inside : most;
    }
    return most;
}

static struct limiter *make_limiter(double rate)
{
    struct limiter *limiter = limiter_create();
    assert_non_null(limiter);
    limiter_set_rate(limiter, rate);
    grants.count = grants.total = 0;
    return limiter;
}

static void no_second_holds_more_than_the_rate(void **state)
{
    (void)state;
    static const double rates[] = {0.5, 1,   2,   3,   7,   10,  19.5, 20,   50,    99, 100,
                                   199, 200, 201, 250, 399, 400, 450,  1000, 12345, 1e6};
    static const size_t batches[] = {1, 3, 100, 1000};
    static const double lateness[] = {0, 0.001, 0.015, 0.3};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++)
        for (size_t b = 0; b < 4; b++)
            for (size_t l = 0; l < 4; l++) {
                double seconds = rates[r] < 10 ? 100 : rates[r] > 1000 ? 3 : 20;
                struct limiter *limiter = make_limiter(rates[r]);
                if (rates[r] / (double)batches[b] * seconds < GRANTS)
                    take_all(limiter, 1000, 1000 + seconds, batches[b], lateness[l]);
                assert_true(fullest_second() <= (size_t)ceil(rates[r]));
                limiter_free(limiter);
                limiter_free(NULL);
            }
}

static void whole_requests_are_granted_within_the_rate(void **state)
{
    (void)state;
    static const double rates[] = {1, 10, 99, 100, 150, 250, 1000, 1999, 12345};
    static const size_t batches[] = {3, 100, 1000};
    static const double lateness[] = {0, 0.015, 0.3};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++)
        for (size_t b = 0; b < 3; b++)
            for (size_t l = 0; l < 3; l++) {
                double whole = fmin((double)batches[b], rates[r]);
                struct limiter *limiter = make_limiter(rates[r]);
                limiter_set_batch(limiter, (unsigned)batches[b]);
                take_all(limiter, 1000, 1040, batches[b], lateness[l]);
                assert_true(fullest_second() <= (size_t)rates[r]);
                assert_true((double)grants.total >= 0.99 * whole * (double)grants.count / 2);
                if (lateness[l] < 0.1)
                    assert_true((double)grants.total >= 0.93 * rates[r] * 40 - whole);
                limiter_free(limiter);
            }
}

static void requests_of_all_sizes_together_keep_to_the_rate(void **state)
{
    (void)state;
    static const double rates[] = {10, 99, 150, 250, 390, 1000};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        struct limiter *limiter = make_limiter(rates[r]);
        limiter_set_batch(limiter, 100);
        for (double now = 50; now < 250;) {
            double wait = 0;
            size_t wanted = random_share() < 0.5 ? 100 : 1 + (size_t)(random_share() * 99);
            size_t granted = limiter_take(limiter, now, wanted, &wait);
            if (granted > 0)
                note(now, granted);
            now += granted > 0 ? 1e-6 : wait + 0.02 * random_share();
        }
        assert_true(fullest_second() <= (size_t)rates[r]);
        assert_true((double)grants.total > 0.6 * rates[r] * 200);
        limiter_free(limiter);
    }
}

static void most_of_the_rate_is_used(void **state)
{
    (void)state;
    static const double rates[] = {0.5, 1, 3, 20, 100, 250, 1000, 5000};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        double seconds = rates[r] < 10 ? 1000 : 60;
        struct limiter *limiter = make_limiter(rates[r]);
        take_all(limiter, 5, 5 + seconds, 100, 0.015);
        assert_true((double)grants.total >= 0.95 * rates[r] * seconds);
        limiter_free(limiter);
    }
}

static void idle_time_gives_no_burst(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(100);
    take_all(limiter, 0, 1, 10, 0);
    take_all(limiter, 3600, 3602, 10, 0);
    assert_true(fullest_second() <= 100);
    limiter_free(limiter);
}

static void without_a_rate_everything_is_granted(void **state)
{
    (void)state;
    double wait;
    struct limiter *limiter = make_limiter(0);
    assert_int_equal(limiter_take(limiter, 1, 1000000, &wait), 1000000);
    assert_int_equal(limiter_take(limiter, 1, 5, &wait), 5);
    assert_true(limiter_look(limiter, 1).pace == 0);
    limiter_free(limiter);
}

static void a_change_of_rate_acts_on_the_next_take(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(0.01);
    assert_int_equal(limiter_take(limiter, 10, 1, &wait), 1);
    assert_int_equal(limiter_take(limiter, 11, 1, &wait), 0);
    assert_true(wait > 90);
    limiter_set_rate(limiter, 1000);
    assert_int_equal(limiter_take(limiter, 11, 1, &wait), 1);
    limiter_set_rate(limiter, 1e6);
    assert_true(limiter_take(limiter, 12, 10000, &wait) > 1000);
    limiter_set_rate(limiter, 1);
    assert_int_equal(limiter_take(limiter, 12.1, 1, &wait), 0);
    assert_true(wait < 1.1);
    assert_true(limiter_look(limiter, 12.1).pace == 1);
    limiter_free(limiter);
}

/* Ask for `points` one after another; the moment of the last. */
static double run_points(struct limiter *limiter, double from, size_t points, size_t wanted)
{
    double now = from;
    size_t asked = 0;
    while (asked < points) {
        double wait = 0;
        size_t left = points - asked;
        size_t granted = limiter_take(limiter, now, wanted < left ? wanted : left, &wait);
        asked += granted;
        if (granted > 0)
            note(now, granted);
        else
            now += wait + 0.001 * random_share();
    }
    return now;
}

static void a_deadline_is_met_evenly(void **state)
{
    (void)state;
    static const size_t points[] = {5, 100, 5000, 200000};
    static const double seconds[] = {10, 60, 3600};
    for (size_t p = 0; p < 4; p++)
        for (size_t s = 0; s < 3; s++) {
            struct limiter *limiter = make_limiter(0);
            limiter_set_deadline(limiter, 50, seconds[s], points[p]);
            double end = run_points(limiter, 50, points[p], 10) - 50;
            assert_true(end > 0.9 * seconds[s] && end < 0.96 * seconds[s]);
            size_t half = 0;
            for (size_t i = 0; i < grants.count; i++)
                half += grants.at[i] - 50 < end / 2 ? grants.points[i] : 0;
            assert_true(fabs((double)half - (double)points[p] / 2) <= (double)points[p] * 0.02 + 2);
            limiter_free(limiter);
        }
}

static void the_rate_wins_over_the_deadline(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(100);
    limiter_set_deadline(limiter, 0, 2, 1000);
    assert_true(limiter_look(limiter, 0).pace == 100);
    double end = run_points(limiter, 0, 1000, 10);
    assert_true(end > 9.9 && end < 10.6);
    assert_true(fullest_second() <= 100);
    limiter_free(limiter);
}

static void behind_the_deadline_there_is_no_pace(void **state)
{
    (void)state;
    double wait;
    struct limiter *limiter = make_limiter(0);
    limiter_set_deadline(limiter, 0, 100, 1000);
    assert_true(limiter_look(limiter, 0).pace > 10.4 && limiter_look(limiter, 0).pace < 10.6);
    assert_int_equal(limiter_take(limiter, 101, 500, &wait), 500);
    assert_true(limiter_look(limiter, 101).pace == 0);
    limiter_free(limiter);
}

static void points_beyond_those_left_keep_the_pace(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(0);
    limiter_set_deadline(limiter, 0, 1000, 100);
    (void)run_points(limiter, 0, 50, 1);
    limiter_set_deadline(limiter, 500, 500, 10);
    double end = run_points(limiter, 500, 12, 1);
    assert_true(end > 950);
    limiter_free(limiter);
}

static void points_given_back_are_granted_again(void **state)
{
    (void)state;
    double wait;
    struct limiter *limiter = make_limiter(10);
    assert_int_equal(limiter_take(limiter, 1, 1, &wait), 1);
    assert_int_equal(limiter_take(limiter, 1, 1, &wait), 0);
    limiter_give_back(limiter, 1, 1);
    assert_int_equal(limiter_take(limiter, 1, 1, &wait), 1);
    limiter_free(limiter);
}

static void points_given_back_late_make_no_burst(void **state)
{
    (void)state;
    double wait;
    struct limiter *limiter = make_limiter(1);
    assert_int_equal(limiter_take(limiter, 1, 1, &wait), 1);
    assert_int_equal(limiter_take(limiter, 5, 1, &wait), 1);
    limiter_give_back(limiter, 5.5, 1);
    assert_int_equal(limiter_take(limiter, 5.5, 1, &wait), 0);
    limiter_free(limiter);
}

static double pace_at(struct limiter *limiter, double now)
{
    return limiter_look(limiter, now).pace;
}

static void a_refusal_brings_quiet_for_everybody(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(100);
    take_all(limiter, 10, 12, 1, 0);
    limiter_back_off(limiter, 12, 11.9, 7, 429);
    assert_int_equal(limiter_take(limiter, 12, 1, &wait), 0);
    assert_true(wait > 6.99 && wait < 7.01);
    limiter_set_rate(limiter, 0);
    limiter_set_deadline(limiter, 12, 1, 1000000);
    assert_int_equal(limiter_take(limiter, 18.99, 1, &wait), 0);
    struct limiter_view view = limiter_look(limiter, 13);
    assert_true(view.quiet_left > 5.9 && view.quiet_left < 6.1 && view.quiet == 7);
    assert_true(view.asked_for && view.status == 429);
    assert_int_equal(limiter_take(limiter, 19.01, 1, &wait), 1);
    limiter_free(limiter);
}

static void quiet_of_our_own_grows_with_refusals(void **state)
{
    (void)state;
    static const double expected[] = {1, 2, 4, 8, 16, 30, 30};
    double wait = 0, now = 100;
    struct limiter *limiter = make_limiter(1000);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(limiter_take(limiter, now, 1, &wait), 1);
        limiter_back_off(limiter, now + 0.1, now, 0, 503);
        limiter_back_off(limiter, now + 0.2, now + 0.05, 0, 503); /* of the same round */
        assert_int_equal(limiter_take(limiter, now + 0.3, 1, &wait), 0);
        assert_true(fabs(wait - expected[i] + 0.2) < 1e-6);
        now += 0.1 + expected[i] + 5;
    }
    assert_false(limiter_look(limiter, now).asked_for);
    assert_int_equal(limiter_take(limiter, now, 1, &wait), 1);
    limiter_answered(limiter, now + 0.1, now);
    limiter_back_off(limiter, now + 3, now + 2.9, 0, 503);
    assert_true(limiter_look(limiter, now + 3).quiet == 1);
    limiter_free(limiter);
}

static void a_round_of_refusals_halves_the_pace_once(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(100);
    take_all(limiter, 0, 2, 1, 0);
    for (int i = 0; i < 64; i++)
        limiter_back_off(limiter, 2 + i * 0.001, 1.9, 1, 429);
    double lowered = pace_at(limiter, 4);
    assert_true(lowered > 45 && lowered < 51);
    assert_true(limiter_look(limiter, 4).lowered);
    limiter_back_off(limiter, 4, 3.9, 1, 429);
    assert_true(fabs(pace_at(limiter, 6) - lowered / 2) < 1e-6);
    for (int i = 0; i < 20; i++)
        limiter_back_off(limiter, 10 + i, 9.9 + i, 1, 429);
    assert_true(pace_at(limiter, 40) == 1);
    limiter_free(limiter);
}

static void a_stray_refusal_changes_nothing(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(0);
    for (int i = 0; i < 1000; i++)
        limiter_answered(limiter, 10 + i * 0.001, 9);
    limiter_back_off(limiter, 11, 10.9, 0, 503);
    assert_int_equal(limiter_take(limiter, 11, 50, &wait), 50);
    assert_true(pace_at(limiter, 11) == 0);
    limiter_back_off(limiter, 11, 10.9, 3, 429); /* but for the quiet that it asks for */
    assert_int_equal(limiter_take(limiter, 13.9, 50, &wait), 0);
    assert_true(pace_at(limiter, 11) == 0);
    for (int i = 0; i < 5; i++)
        limiter_back_off(limiter, 15, 14.9, 0, 429);
    assert_true(pace_at(limiter, 16) > 0);
    assert_int_equal(limiter_take(limiter, 15.9, 50, &wait), 0);
    limiter_free(limiter);
}

static void good_replies_let_the_pace_grow_back_evenly(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(100);
    take_all(limiter, 0, 2, 1, 0);
    limiter_back_off(limiter, 2, 1.9, 1, 429);
    double before = 2 * pace_at(limiter, 2), now = 3;
    limiter_answered(limiter, 3.5, 1.95); /* asked before the cut: says nothing */
    assert_true(pace_at(limiter, 3.5) == before / 2);
    for (int i = 0; i <= 50; i++) /* 5 s of them */
        limiter_answered(limiter, now + i * 0.1, now);
    assert_true(fabs(pace_at(limiter, 8) - before * 0.75) < 0.01 * before);
    limiter_answered(limiter, 100, 99); /* a lone one after a minute does not open it wide */
    assert_true(pace_at(limiter, 100) < before * 0.9);
    for (int i = 0; i <= 10; i++)
        limiter_answered(limiter, 101 + i, 100);
    assert_true(pace_at(limiter, 112) == 100);
    assert_false(limiter_look(limiter, 112).lowered);
    limiter_free(limiter);
}

static void a_stray_refusal_early_in_a_run_changes_nothing(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(20000);
    double wait = 0;
    size_t granted = 0;
    for (int i = 0; i < 20; i++) {
        granted += limiter_take(limiter, 10 + i * 0.01, 10, &wait);
        limiter_answered(limiter, 10 + i * 0.01, 10);
    }
    assert_true(granted >= 100);
    limiter_back_off(limiter, 10.2, 10.19, 0, 503);
    assert_false(limiter_look(limiter, 10.2).lowered);
    assert_true(limiter_look(limiter, 10.2).quiet_left == 0);
    limiter_back_off(limiter, 10.21, 10.2, 0, 503);
    assert_true(limiter_look(limiter, 10.21).lowered);
    /* So many points in a fifth of a second are not so many in a second. */
    assert_true(pace_at(limiter, 10.21) >= 0.4 * (double)granted / 0.21);
    limiter_free(limiter);
}

static void without_a_rate_the_cut_starts_from_the_measured_pace(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(0);
    for (int i = 0; i < 400; i++) /* 200 a second */
        assert_int_equal(limiter_take(limiter, 10 + i * 0.005, 1, &wait), 1);
    limiter_back_off(limiter, 12, 11.9, 2, 429);
    double lowered = pace_at(limiter, 12);
    assert_true(lowered > 90 && lowered < 110);
    grants.count = grants.total = 0;
    take_all(limiter, 12, 24, 10, 0);
    assert_true(grants.at[0] >= 14);
    assert_true(fullest_second() <= (size_t)ceil(lowered));
    for (int i = 0; i < 60; i++)
        limiter_answered(limiter, 24 + i, 23);
    assert_true(pace_at(limiter, 84) == 0);
    assert_int_equal(limiter_take(limiter, 85, 5000, &wait), 5000);
    limiter_free(limiter);
}

static void the_deadline_composes_with_refusals(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(0);
    limiter_set_deadline(limiter, 0, 1000, 9500); /* 10 a second */
    take_all(limiter, 0, 5, 1, 0);
    limiter_back_off(limiter, 5, 4.9, 1, 429);
    assert_true(pace_at(limiter, 6) < 6);
    for (int i = 0; i < 100; i++)
        limiter_answered(limiter, 7 + i, 6);
    assert_true(pace_at(limiter, 107) > 10 && pace_at(limiter, 107) < 11.5);
    assert_false(limiter_look(limiter, 107).lowered);
    limiter_free(limiter);
}

/* Workers that use all of the rate, late by up to 15 ms, and somebody with urgent points: every
 * `every` seconds one, or 0 = all the time. The longest that one waited. */
static double take_beside(struct limiter *limiter, double seconds, double every, size_t *urgent)
{
    double workers_at = 0, urgent_at = 0.5, asked_at = 0.5, longest = 0, wait = 0;
    *urgent = 0;
    while (workers_at < seconds || urgent_at < seconds) {
        if (workers_at <= urgent_at) {
            size_t granted = limiter_take(limiter, workers_at, 1, &wait);
            if (granted > 0)
                note(workers_at, granted);
            workers_at += granted > 0 ? 1e-6 : wait + 0.015 * random_share();
            continue;
        }
        size_t granted = limiter_take_urgent(limiter, urgent_at, 1, &wait);
        if (granted == 0) {
            urgent_at += wait + 0.002 * random_share();
            continue;
        }
        note(urgent_at, granted);
        *urgent += granted;
        longest = fmax(longest, urgent_at - asked_at);
        asked_at = urgent_at = urgent_at + fmax(every, 1e-6);
    }
    return longest;
}

static void urgent_points_do_not_wait_for_their_turn(void **state)
{
    (void)state;
    static const double rates[] = {0.4, 1, 2, 5, 10, 50, 99, 400, 2000};
    size_t urgent;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        double seconds = rates[r] < 10 ? 200 : 40;
        struct limiter *limiter = make_limiter(rates[r]);
        double longest = take_beside(limiter, seconds, 7.3, &urgent);
        assert_true(longest < (rates[r] < 1 ? 2.1 / rates[r] : 1.1));
        assert_true(fullest_second() <= (size_t)ceil(rates[r]));
        assert_true((double)grants.total >= 0.85 * rates[r] * seconds - 1);
        limiter_free(limiter);
        /* Urgent points without an end leave part of the rate to the others. */
        limiter = make_limiter(rates[r]);
        (void)take_beside(limiter, seconds, 0, &urgent);
        assert_true(fullest_second() <= (size_t)ceil(rates[r]));
        assert_in_range(urgent, (size_t)(0.3 * (double)grants.total),
                        (size_t)(0.9 * (double)grants.total));
        limiter_free(limiter);
    }
}

static void urgent_points_know_no_deadline(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(0);
    limiter_set_deadline(limiter, 10, 100000, 10);
    assert_int_equal(limiter_take(limiter, 10, 1, &wait), 1);
    assert_int_equal(limiter_take(limiter, 11, 1, &wait), 0);
    assert_int_equal(limiter_take_urgent(limiter, 11, 500, &wait), 500);
    limiter_set_rate(limiter, 100);
    assert_int_equal(limiter_take_urgent(limiter, 20, 500, &wait), 100);
    assert_int_equal(limiter_take_urgent(limiter, 20.5, 1, &wait), 0);
    assert_true(wait > 0.5 && wait < 0.6);
    limiter_back_off(limiter, 22, 21.9, 7, 429);
    assert_int_equal(limiter_take_urgent(limiter, 23, 1, &wait), 0);
    assert_true(wait > 5.9 && wait < 6.1);
    assert_int_equal(limiter_take_urgent(limiter, 29.1, 1, &wait), 1);
    limiter_free(limiter);
}

/* Somebody asks, is told to wait and never comes back. */
static void what_is_kept_is_not_kept_for_ever(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(1);
    assert_int_equal(limiter_take(limiter, 10, 1, &wait), 1);
    assert_int_equal(limiter_take_urgent(limiter, 10.5, 1, &wait), 0);
    assert_int_equal(limiter_take(limiter, 11.04, 1, &wait), 0);
    assert_int_equal(limiter_take(limiter, 11.06, 1, &wait), 1);
    limiter_free(limiter);
}

static void nothing_is_granted_while_it_is_held(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = limiter_create();
    limiter_hold(limiter, true);
    assert_true(limiter_look(limiter, 0).held);
    for (double now = 0; now < 5; now += 0.5) {
        assert_int_equal(limiter_take(limiter, now, 5, &wait), 0);
        assert_true(wait > 0 && wait <= 1);
        assert_int_equal(limiter_take_urgent(limiter, now, 1, &wait), 0);
        assert_true(wait > 0 && wait <= 1);
    }
    limiter_hold(limiter, false);
    assert_false(limiter_look(limiter, 5).held);
    assert_int_equal(limiter_take(limiter, 5, 5, &wait), 5);
    assert_int_equal(limiter_take_urgent(limiter, 5, 1, &wait), 1);
    limiter_free(limiter);
}

static void what_was_held_is_not_made_up_for(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_create();
    double wait;
    limiter_set_rate(limiter, 100);
    limiter_hold(limiter, true);
    assert_int_equal(limiter_take(limiter, 10, 50, &wait), 0);
    limiter_hold(limiter, false);
    grants = (struct grants){0};
    take_all(limiter, 20, 25, 50, 0.001);
    assert_true(fullest_second() <= 100);
    limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_points_do_not_wait_for_their_turn),
        cmocka_unit_test(urgent_points_know_no_deadline),
        cmocka_unit_test(what_is_kept_is_not_kept_for_ever),
        cmocka_unit_test(no_second_holds_more_than_the_rate),
        cmocka_unit_test(whole_requests_are_granted_within_the_rate),
        cmocka_unit_test(requests_of_all_sizes_together_keep_to_the_rate),
        cmocka_unit_test(most_of_the_rate_is_used),
        cmocka_unit_test(idle_time_gives_no_burst),
        cmocka_unit_test(without_a_rate_everything_is_granted),
        cmocka_unit_test(a_change_of_rate_acts_on_the_next_take),
        cmocka_unit_test(a_deadline_is_met_evenly),
        cmocka_unit_test(the_rate_wins_over_the_deadline),
        cmocka_unit_test(behind_the_deadline_there_is_no_pace),
        cmocka_unit_test(points_beyond_those_left_keep_the_pace),
        cmocka_unit_test(points_given_back_are_granted_again),
        cmocka_unit_test(points_given_back_late_make_no_burst),
        cmocka_unit_test(a_refusal_brings_quiet_for_everybody),
        cmocka_unit_test(quiet_of_our_own_grows_with_refusals),
        cmocka_unit_test(a_round_of_refusals_halves_the_pace_once),
        cmocka_unit_test(a_stray_refusal_changes_nothing),
        cmocka_unit_test(good_replies_let_the_pace_grow_back_evenly),
        cmocka_unit_test(a_stray_refusal_early_in_a_run_changes_nothing),
        cmocka_unit_test(without_a_rate_the_cut_starts_from_the_measured_pace),
        cmocka_unit_test(the_deadline_composes_with_refusals),
        cmocka_unit_test(nothing_is_granted_while_it_is_held),
        cmocka_unit_test(what_was_held_is_not_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
