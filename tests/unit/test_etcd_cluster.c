/* The client, its watch and a membership against three members of which some end. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fleet/membership.h"
#include "tests/unit/etcd_rig.h"

#define PATIENCE 30.0
#define LEASE 4.0
#define CHANGES 60

static struct etcd_rig rig;
static struct etcd *etcd;
static struct error err;

static int start(void **state)
{
    (void)state;
    return etcd_rig_start(&rig, 3) && etcd_open(&etcd, &rig.settings, &err) == 0 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    etcd_close(etcd);
    etcd_rig_stop(&rig);
    return 0;
}

static void rest(long milliseconds)
{
    struct timespec pause = {.tv_nsec = milliseconds * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* As a caller does: what may have happened is tried again, until it says so. */
static void put(const char *key, const char *value)
{
    struct etcd_txn txn;
    double end = clock_monotonic() + PATIENCE;
    int result;
    do {
        etcd_txn_begin(&txn);
        etcd_put(&txn, key, value, 0);
        result = etcd_commit(etcd, &txn, NULL, &err);
        assert_true(result == 1 || err.code == ERROR_UNREACHABLE);
        assert_true(clock_monotonic() < end);
    } while (result != 1);
}

/* --- a watch that goes on -------------------------------------------------------------------- */

struct follower {
    struct etcd *etcd;
    int64_t revision;
    _Atomic unsigned seen; /* values come in order, some twice when they were put twice */
    unsigned ended;        /* watches that ended before all was seen */
    bool wrong;
};

static int follow_events(void *context, const struct etcd_event *events, size_t count,
                         int64_t revision)
{
    struct follower *follower = context;
    for (size_t i = 0; i < count; i++) {
        unsigned number =
            events[i].value == NULL ? 0 : (unsigned)strtoul(events[i].value, NULL, 10);
        unsigned seen = atomic_load(&follower->seen);
        follower->wrong = follower->wrong || (number != seen + 1 && number != seen);
        atomic_store(&follower->seen, number);
    }
    follower->revision = revision + 1;
    return atomic_load(&follower->seen) == CHANGES;
}

static void *follow(void *context)
{
    struct follower *follower = context;
    struct error why = {0};
    double end = clock_monotonic() + PATIENCE;
    while (clock_monotonic() < end) {
        if (etcd_watch(follower->etcd, "/w/", follower->revision, 2, follow_events, follower,
                       &why) == 1)
            return NULL;
        follower->wrong = follower->wrong || why.code != ERROR_UNREACHABLE;
        follower->ended++;
    }
    follower->wrong = true;
    return NULL;
}

static void a_watch_goes_on_with_another_member(void **state)
{
    struct follower follower = {0};
    struct etcd_range range;
    pthread_t thread;
    char text[20];
    (void)state;
    assert_int_equal(etcd_open(&follower.etcd, &rig.settings, &err), 0);
    assert_int_equal(etcd_get_prefix(etcd, "/w/", 0, &range, &err), 0);
    follower.revision = range.revision + 1;
    etcd_range_free(&range);
    assert_int_equal(pthread_create(&thread, NULL, follow, &follower), 0);
    for (unsigned i = 1; i <= CHANGES; i++) {
        double end = clock_monotonic() + PATIENCE;
        (void)snprintf(text, sizeof text, "%u", i);
        put("/w/x", text);
        while (i == CHANGES / 3 && atomic_load(&follower.seen) < i && clock_monotonic() < end)
            rest(5);
        if (i == CHANGES / 3)
            etcd_rig_kill(&rig, 0);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(follower.wrong);
    assert_int_equal(atomic_load(&follower.seen), CHANGES);
    assert_true(follower.ended >= 1);
    etcd_close(follower.etcd);
    assert_true(etcd_rig_again(&rig, 0));
}

/* A member that says nothing any more is found out by the silence. */
static void a_silent_watch_is_left(void **state)
{
    struct follower follower = {0};
    struct etcd_settings settings = rig.settings;
    double begin;
    (void)state;
    settings.endpoint_count = 1;
    assert_int_equal(etcd_open(&follower.etcd, &settings, &err), 0);
    begin = clock_monotonic();
    assert_int_equal(etcd_watch(follower.etcd, "/nothing/", 0, 0.6, follow_events, &follower, &err),
                     -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    assert_true(clock_monotonic() - begin >= 0.6 && clock_monotonic() - begin < 5);
    etcd_close(follower.etcd);
}

/* --- loss of members ------------------------------------------------------------------------- */

static void each_member_may_end_in_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < rig.members; i++) {
        etcd_rig_kill(&rig, i);
        put("/m/x", "while one is gone");
        assert_true(etcd_rig_again(&rig, i));
    }
}

static void a_member_that_hangs_costs_one_timeout(void **state)
{
    (void)state;
    for (size_t i = 0; i < rig.members; i++) {
        etcd_rig_pause(&rig, i);
        put("/m/x", "while one hangs");
        etcd_rig_go_on(&rig, i);
    }
    put("/m/x", "after");
    double begin = clock_monotonic();
    put("/m/x", "after");
    assert_true(clock_monotonic() - begin < 1);
}

static void without_a_majority_nothing_is_said(void **state)
{
    struct etcd_range range;
    (void)state;
    etcd_rig_kill(&rig, 0);
    etcd_rig_kill(&rig, 2);
    /* Until it has noticed, the last member only is silent. */
    double begin = clock_monotonic();
    assert_int_equal(etcd_get(etcd, "/m/x", &range, &err), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    assert_true(clock_monotonic() - begin < 5);
    double end = clock_monotonic() + PATIENCE;
    do {
        assert_true(clock_monotonic() < end);
        assert_int_equal(etcd_get(etcd, "/m/x", &range, &err), -1);
        begin = clock_monotonic();
        assert_int_equal(etcd_get(etcd, "/m/x", &range, &err), -1);
        assert_int_equal(err.code, ERROR_UNREACHABLE);
    } while (clock_monotonic() - begin > 0.5);
    assert_true(etcd_rig_again(&rig, 0));
    put("/m/x", "again");
    assert_true(etcd_rig_again(&rig, 2));
}

/* --- a membership ----------------------------------------------------------------------------- */

static void describe(void *context, cJSON *document)
{
    (void)context;
    (void)document;
}

static void changed(void *context)
{
    (void)context;
}

static void event(void *context, int level, const char *name, const char *text)
{
    (void)context;
    (void)level;
    (void)name;
    (void)text;
}

static void a_membership_outlives_members(void **state)
{
    char directory[] = "/tmp/test-cluster-XXXXXX", path[80];
    struct membership *membership;
    struct membership_settings settings = {.etcd = rig.settings,
                                           .prefix = "/refreshd/f/",
                                           .name = "a",
                                           .advertise = "127.0.0.1:1",
                                           .state_directory = mkdtemp(directory),
                                           .lease = LEASE,
                                           .describe = describe,
                                           .changed = changed,
                                           .event = event};
    (void)state;
    assert_int_equal(membership_open(&membership, &settings, &err), 0);
    double end = clock_monotonic() + PATIENCE;
    while (membership_lease(membership) == 0 && clock_monotonic() < end)
        rest(10);
    int64_t lease = membership_lease(membership);
    uint64_t epoch = membership_epoch(membership);
    for (size_t i = 0; i < rig.members; i++) {
        etcd_rig_kill(&rig, i);
        end = clock_monotonic() + LEASE / 2;
        while (clock_monotonic() < end)
            rest(50);
        assert_true(etcd_rig_again(&rig, i));
    }
    assert_true(lease != 0 && membership_lease(membership) == lease);
    assert_true(membership_epoch(membership) == epoch);
    assert_true(membership_reachable(membership));
    membership_close(membership);
    (void)snprintf(path, sizeof path, "%s/fleet/instance", directory);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_goes_on_with_another_member),
        cmocka_unit_test(a_silent_watch_is_left),
        cmocka_unit_test(each_member_may_end_in_turn),
        cmocka_unit_test(a_member_that_hangs_costs_one_timeout),
        cmocka_unit_test(without_a_majority_nothing_is_said),
        cmocka_unit_test(a_membership_outlives_members),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
