/* Reports for HTTP: made once, kept, and with rests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/reports.h"

/* What the maker does. */
static struct {
    _Atomic int made;
    _Atomic bool stuck, fails;
    _Atomic double effort;
} maker;

static int make(const void *context, const char *run, struct buffer *out, struct error *err)
{
    char text[64];
    (void)context;
    while (atomic_load(&maker.stuck))
        (void)usleep(1000);
    (void)usleep((useconds_t)(1e6 * atomic_load(&maker.effort)));
    int number = atomic_fetch_add(&maker.made, 1) + 1;
    if (atomic_load(&maker.fails))
        return error_set(err, ERROR_IO, "no %d", number);
    int length = snprintf(text, sizeof text, "%s %d", run, number);
    return buffer_append(out, text, (size_t)length, err);
}

static struct reports *opened(void)
{
    struct reports *reports;
    struct error err;
    atomic_store(&maker.made, 0);
    atomic_store(&maker.stuck, false);
    atomic_store(&maker.fails, false);
    atomic_store(&maker.effort, 0);
    assert_int_equal(reports_open(&reports, make, NULL, &err), 0);
    return reports;
}

struct waiter {
    struct reports_waiter waiter;
    _Atomic int called;
};

static void done(struct reports_waiter *waiter)
{
    struct waiter *mine = waiter->context;
    atomic_fetch_add(&mine->called, 1);
}

static void begin(struct waiter *waiter)
{
    *waiter = (struct waiter){.waiter = {.done = done, .context = waiter}};
}

static void wait_for(struct waiter *waiter)
{
    double end = clock_monotonic() + 60;
    while (atomic_load(&waiter->called) == 0 && clock_monotonic() < end)
        (void)usleep(500);
    assert_int_equal(atomic_load(&waiter->called), 1);
}

/* The report as it is there now, or as it is when the wait for it is over. */
static void expect(struct reports *reports, const char *run, bool ended, const char *text)
{
    struct waiter waiter;
    struct buffer out = {0};
    struct error err;
    begin(&waiter);
    int answer = reports_read(reports, run, ended, &waiter.waiter, &out, &err);
    if (answer == REPORTS_WAIT) {
        wait_for(&waiter);
        answer = reports_read(reports, run, ended, NULL, &out, &err);
    }
    assert_int_equal(answer, REPORTS_HERE);
    assert_int_equal(out.used, strlen(text));
    assert_memory_equal(out.data, text, out.used);
    buffer_free(&out);
}

static void a_run_that_is_over_is_made_once(void **state)
{
    (void)state;
    struct reports *reports = opened();
    expect(reports, "a", true, "a 1");
    expect(reports, "a", true, "a 1");
    expect(reports, "b", true, "b 2");
    expect(reports, "a", true, "a 1");
    reports_close(reports);
}

static void the_end_of_a_run_makes_it_anew(void **state)
{
    (void)state;
    struct reports *reports = opened();
    expect(reports, "a", false, "a 1");
    expect(reports, "a", false, "a 1"); /* new enough */
    expect(reports, "a", true, "a 2");
    reports_close(reports);
}

static void all_who_wait_get_one(void **state)
{
    (void)state;
    struct reports *reports = opened();
    struct waiter waiters[5];
    struct buffer out = {0};
    struct error err;
    atomic_store(&maker.stuck, true);
    for (int i = 0; i < 5; i++) {
        begin(&waiters[i]);
        assert_int_equal(reports_read(reports, "a", i % 2, &waiters[i].waiter, &out, &err),
                         REPORTS_WAIT);
    }
    atomic_store(&maker.stuck, false);
    for (int i = 0; i < 5; i++)
        wait_for(&waiters[i]);
    assert_int_equal(atomic_load(&maker.made), 1);
    assert_int_equal(reports_read(reports, "a", false, NULL, &out, &err), REPORTS_HERE);
    buffer_free(&out);
    reports_close(reports);
}

static void a_fault_is_told_and_tried_again(void **state)
{
    (void)state;
    struct reports *reports = opened();
    struct waiter waiter;
    struct buffer out = {0};
    struct error err;
    atomic_store(&maker.fails, true);
    begin(&waiter);
    assert_int_equal(reports_read(reports, "a", false, &waiter.waiter, &out, &err), REPORTS_WAIT);
    wait_for(&waiter);
    assert_int_equal(reports_read(reports, "a", false, NULL, &out, &err), -1);
    assert_string_equal(err.message, "no 1");
    atomic_store(&maker.fails, false);
    expect(reports, "a", false, "a 2");
    reports_close(reports);
}

/* Whatever is asked for, the maker rests four times as long as it worked. */
static void it_rests(void **state)
{
    (void)state;
    struct reports *reports = opened();
    atomic_store(&maker.effort, 0.05);
    expect(reports, "a", true, "a 1");
    double from = clock_monotonic();
    expect(reports, "b", true, "b 2");
    expect(reports, "c", true, "c 3");
    assert_true(clock_monotonic() - from > 2 * 4 * 0.05);
    reports_close(reports);
}

/* An active run rests longer, and keeps nobody from the reports of runs that are over; when it ends
 * it is one of them. */
static void an_active_run_has_its_turn_less_often(void **state)
{
    (void)state;
    struct reports *reports = opened();
    atomic_store(&maker.effort, 0.1);
    double from = clock_monotonic();
    expect(reports, "a", false, "a 1");
    expect(reports, "b", false, "b 2");
    assert_true(clock_monotonic() - from > 19 * 0.1);
    from = clock_monotonic();
    struct waiter waiter;
    struct buffer out = {0};
    struct error err;
    begin(&waiter);
    assert_int_equal(reports_read(reports, "c", false, &waiter.waiter, &out, &err), REPORTS_WAIT);
    expect(reports, "d", true, "d 3");
    expect(reports, "c", true, "c 4");
    wait_for(&waiter);
    assert_true(clock_monotonic() - from < 19 * 0.1);
    reports_close(reports);
}

static void too_many_runs_at_a_time_are_refused(void **state)
{
    (void)state;
    struct reports *reports = opened();
    struct waiter waiters[20];
    struct buffer out = {0};
    struct error err;
    int waiting = 0, busy = 0;
    atomic_store(&maker.stuck, true);
    for (int i = 0; i < 20; i++) {
        char run[8];
        (void)snprintf(run, sizeof run, "%d", i);
        begin(&waiters[i]);
        int answer = reports_read(reports, run, true, &waiters[i].waiter, &out, &err);
        waiting += answer == REPORTS_WAIT;
        busy += answer == REPORTS_BUSY;
    }
    assert_int_equal(waiting, 8);
    assert_int_equal(busy, 12);
    atomic_store(&maker.stuck, false);
    for (int i = 0; i < waiting; i++)
        wait_for(&waiters[i]);
    expect(reports, "19", true, "19 9"); /* in place of one that is not waited for any more */
    reports_close(reports);
}

static void *stop(void *argument)
{
    reports_stop(argument);
    return NULL;
}

static void who_waits_is_let_go_at_the_stop(void **state)
{
    (void)state;
    struct reports *reports = opened();
    struct waiter waiter;
    struct buffer out = {0};
    struct error err;
    pthread_t thread;
    atomic_store(&maker.stuck, true);
    begin(&waiter);
    assert_int_equal(reports_read(reports, "a", false, &waiter.waiter, &out, &err), REPORTS_WAIT);
    assert_int_equal(pthread_create(&thread, NULL, stop, reports), 0);
    wait_for(&waiter); /* although the report is still being made */
    assert_int_equal(reports_read(reports, "a", false, NULL, &out, &err), REPORTS_BUSY);
    assert_int_equal(reports_read(reports, "b", false, &waiter.waiter, &out, &err), REPORTS_BUSY);
    assert_int_equal(pthread_join(thread, NULL), 0);
    atomic_store(&maker.stuck, false);
    reports_close(reports);
    reports_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_is_over_is_made_once),
        cmocka_unit_test(the_end_of_a_run_makes_it_anew),
        cmocka_unit_test(all_who_wait_get_one),
        cmocka_unit_test(a_fault_is_told_and_tried_again),
        cmocka_unit_test(it_rests),
        cmocka_unit_test(an_active_run_has_its_turn_less_often),
        cmocka_unit_test(too_many_runs_at_a_time_are_refused),
        cmocka_unit_test(who_waits_is_let_go_at_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
