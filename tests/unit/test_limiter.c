#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "stages/limiter_clock.h"

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
        size_t granted = limiter_take_at(limiter, now, wanted, &wait);
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
    assert_int_equal(limiter_take_at(limiter, 1, 1000000, &wait), 1000000);
    assert_int_equal(limiter_take_at(limiter, 1, 5, &wait), 5);
    assert_true(limiter_rate_at(limiter, 1) == 0);
    limiter_free(limiter);
}

static void a_change_of_rate_acts_on_the_next_take(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(0.01);
    assert_int_equal(limiter_take_at(limiter, 10, 1, &wait), 1);
    assert_int_equal(limiter_take_at(limiter, 11, 1, &wait), 0);
    assert_true(wait > 90);
    limiter_set_rate(limiter, 1000);
    assert_int_equal(limiter_take_at(limiter, 11, 1, &wait), 1);
    limiter_set_rate(limiter, 1e6);
    assert_true(limiter_take_at(limiter, 12, 10000, &wait) > 1000);
    limiter_set_rate(limiter, 1);
    assert_int_equal(limiter_take_at(limiter, 12.1, 1, &wait), 0);
    assert_true(wait < 1.1);
    assert_true(limiter_rate_at(limiter, 12.1) == 1);
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
        size_t granted = limiter_take_at(limiter, now, wanted < left ? wanted : left, &wait);
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
            limiter_set_deadline_at(limiter, 50, seconds[s], points[p]);
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
    limiter_set_deadline_at(limiter, 0, 2, 1000);
    assert_true(limiter_rate_at(limiter, 0) == 100);
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
    limiter_set_deadline_at(limiter, 0, 100, 1000);
    assert_true(limiter_rate_at(limiter, 0) > 10.4 && limiter_rate_at(limiter, 0) < 10.6);
    assert_int_equal(limiter_take_at(limiter, 101, 500, &wait), 500);
    assert_true(limiter_rate_at(limiter, 101) == 0);
    limiter_free(limiter);
}

static void points_beyond_those_left_keep_the_pace(void **state)
{
    (void)state;
    struct limiter *limiter = make_limiter(0);
    limiter_set_deadline_at(limiter, 0, 1000, 100);
    (void)run_points(limiter, 0, 50, 1);
    limiter_set_deadline_at(limiter, 500, 500, 10);
    double end = run_points(limiter, 500, 12, 1);
    assert_true(end > 950);
    limiter_free(limiter);
}

static void points_given_back_are_granted_again(void **state)
{
    (void)state;
    double wait;
    struct limiter *limiter = make_limiter(10);
    assert_int_equal(limiter_take_at(limiter, 1, 1, &wait), 1);
    assert_int_equal(limiter_take_at(limiter, 1, 1, &wait), 0);
    limiter_give_back_at(limiter, 1, 1);
    assert_int_equal(limiter_take_at(limiter, 1, 1, &wait), 1);
    limiter_free(limiter);
}

static void points_given_back_late_make_no_burst(void **state)
{
    (void)state;
    double wait;
    struct limiter *limiter = make_limiter(1);
    assert_int_equal(limiter_take_at(limiter, 1, 1, &wait), 1);
    assert_int_equal(limiter_take_at(limiter, 5, 1, &wait), 1);
    limiter_give_back_at(limiter, 5.5, 1);
    assert_int_equal(limiter_take_at(limiter, 5.5, 1, &wait), 0);
    limiter_free(limiter);
}

static void the_clock_is_the_monotonic_one(void **state)
{
    (void)state;
    double wait = 0;
    struct limiter *limiter = make_limiter(2);
    assert_int_equal(limiter_take(limiter, 5, &wait), 1);
    assert_int_equal(limiter_take(limiter, 5, &wait), 0);
    assert_true(wait > 0.3 && wait < 0.6);
    limiter_set_deadline(limiter, 1000, 10);
    assert_true(limiter_rate(limiter) < 0.011);
    limiter_give_back(limiter, 1);
    limiter_free(limiter);
    limiter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_second_holds_more_than_the_rate),
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
        cmocka_unit_test(the_clock_is_the_monotonic_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
