/* Membership by a real etcd of one member. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fleet/membership.h"
#include "tests/unit/etcd_rig.h"

#define LEASE 2.0
#define PATIENCE 20.0

static struct etcd_rig rig;
static struct etcd *etcd;
static struct error err;

/* A peer: what its process would hold. */
struct peer {
    char state[80];
    struct membership *membership;
    _Atomic int word, changes, taken;
};

static int start(void **state)
{
    (void)state;
    return etcd_rig_start(&rig, 1) && etcd_open(&etcd, &rig.settings, &err) == 0 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    etcd_close(etcd);
    etcd_rig_stop(&rig);
    return 0;
}

/* Those of the present test, so that a failed one leaves nothing running. */
static struct peer first, second;

static void describe(void *context, cJSON *document)
{
    struct peer *peer = context;
    (void)cJSON_AddNumberToObject(document, "word", atomic_load(&peer->word));
}

static void changed(void *context)
{
    struct peer *peer = context;
    atomic_fetch_add(&peer->changes, 1);
}

static void event(void *context, int level, const char *name, const char *text)
{
    struct peer *peer = context;
    assert_int_equal(level, 0);
    assert_string_equal(name, "name_taken");
    assert_non_null(strstr(text, "name=a"));
    atomic_fetch_add(&peer->taken, 1);
}

static void make_state(struct peer *peer)
{
    *peer = (struct peer){0};
    (void)snprintf(peer->state, sizeof peer->state, "/tmp/test-membership-XXXXXX");
    assert_non_null(mkdtemp(peer->state));
}

static void join(struct peer *peer, const char *prefix, const char *name)
{
    struct membership_settings settings = {.etcd = rig.settings,
                                           .prefix = prefix,
                                           .name = name,
                                           .advertise = "127.0.0.1:1",
                                           .state_directory = peer->state,
                                           .lease = LEASE,
                                           .describe = describe,
                                           .changed = changed,
                                           .event = event,
                                           .context = peer};
    assert_int_equal(membership_open(&peer->membership, &settings, &err), 0);
}

static void leave(struct peer *peer)
{
    membership_close(peer->membership);
    peer->membership = NULL;
}

static int end_peers(void **state)
{
    (void)state;
    leave(&first);
    leave(&second);
    return 0;
}

static void remove_state(struct peer *peer)
{
    char path[120];
    (void)snprintf(path, sizeof path, "%s/fleet/instance", peer->state);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/fleet", peer->state);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(peer->state), 0);
}

/* --- waiting ------------------------------------------------------------------------------- */

typedef bool condition(struct peer *peer);

static double wait_until(condition *holds, struct peer *peer)
{
    struct timespec pause = {.tv_nsec = 5000000};
    double begin = clock_monotonic();
    while (!holds(peer)) {
        assert_true(clock_monotonic() < begin + PATIENCE);
        (void)nanosleep(&pause, NULL);
    }
    return clock_monotonic() - begin;
}

static bool is_member(struct peer *peer)
{
    return membership_lease(peer->membership) != 0;
}

static bool is_no_member(struct peer *peer)
{
    return membership_lease(peer->membership) == 0;
}

/* What `of` knows of the peer called name; the document's member `word`, -1 = unknown. */
struct known {
    bool live;
    double word, heard, clock_ahead;
};

static struct known known_of(struct peer *of, const char *name)
{
    struct known known = {.word = -1};
    struct membership_peer *peers;
    size_t count;
    assert_int_equal(membership_peers(of->membership, &peers, &count, &err), 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || strcmp(peers[i - 1].name, peers[i].name) < 0);
        if (strcmp(peers[i].name, name) != 0)
            continue;
        const cJSON *word = cJSON_GetObjectItemCaseSensitive(peers[i].document, "word");
        known = (struct known){peers[i].live, cJSON_IsNumber(word) ? word->valuedouble : -2,
                               peers[i].heard, peers[i].clock_ahead};
    }
    membership_peers_free(peers, count);
    return known;
}

static bool sees_a(struct peer *peer)
{
    return known_of(peer, "a").live;
}

static bool sees_b(struct peer *peer)
{
    return known_of(peer, "b").live;
}

static bool sees_no_b(struct peer *peer)
{
    return !known_of(peer, "b").live;
}

static bool has_heard_of_b(struct peer *peer)
{
    struct known b = known_of(peer, "b");
    return b.heard > 0 && !isnan(b.clock_ahead);
}

static bool knows_the_word(struct peer *peer)
{
    return known_of(peer, "b").word == 2;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void peers_see_each_other_as_long_as_they_live(void **state)
{
    (void)state;
    make_state(&first);
    make_state(&second);
    atomic_store(&second.word, 1);
    join(&first, "/refreshd/see/", "a");
    join(&second, "/refreshd/see/", "b");
    (void)wait_until(is_member, &first);
    (void)wait_until(is_member, &second);
    (void)wait_until(sees_b, &first);
    (void)wait_until(sees_a, &second);
    assert_true(membership_reachable(first.membership));
    (void)wait_until(has_heard_of_b, &first);
    assert_true(fabs(known_of(&first, "b").clock_ahead) < 1);
    atomic_store(&second.word, 2);
    membership_tell(second.membership);
    assert_true(wait_until(knows_the_word, &first) < LEASE / 8);
    uint64_t epoch = membership_epoch(first.membership);
    leave(&second);
    assert_true(wait_until(sees_no_b, &first) > LEASE / 4);
    assert_true(known_of(&first, "b").word == 2);
    assert_true(membership_epoch(first.membership) == epoch);
    leave(&first);
    remove_state(&first);
    remove_state(&second);
}

static bool was_refused(struct peer *peer)
{
    return atomic_load(&peer->taken) > 0;
}

static void a_name_is_one_instance_s(void **state)
{
    (void)state;
    make_state(&first);
    make_state(&second);
    join(&first, "/refreshd/name/", "a");
    (void)wait_until(is_member, &first);
    join(&second, "/refreshd/name/", "a");
    (void)wait_until(was_refused, &second);
    assert_true(is_no_member(&second));
    assert_true(membership_reachable(second.membership));
    leave(&first);
    (void)wait_until(is_member, &second);
    assert_int_equal(atomic_load(&second.taken), 1);
    leave(&second);
    remove_state(&first);
    remove_state(&second);
}

static void an_earlier_process_is_taken_over(void **state)
{
    char instance[MEMBERSHIP_INSTANCE_BYTES];
    (void)state;
    make_state(&first);
    join(&first, "/refreshd/again/", "a");
    (void)wait_until(is_member, &first);
    int64_t lease = membership_lease(first.membership);
    memcpy(instance, membership_instance(first.membership), sizeof instance);
    leave(&first);
    join(&first, "/refreshd/again/", "a");
    assert_string_equal(membership_instance(first.membership), instance);
    assert_true(wait_until(is_member, &first) < LEASE);
    assert_true(membership_lease(first.membership) == lease);
    assert_int_equal(atomic_load(&first.taken), 0);
    leave(&first);
    remove_state(&first);
}

/* Two machines of one image have one instance: who came last has the name. */
static void a_copied_state_is_noticed(void **state)
{
    (void)state;
    make_state(&first);
    join(&first, "/refreshd/copy/", "a");
    (void)wait_until(is_member, &first);
    second = (struct peer){0};
    memcpy(second.state, first.state, sizeof second.state);
    join(&second, "/refreshd/copy/", "a");
    (void)wait_until(is_member, &second);
    (void)wait_until(was_refused, &first);
    assert_true(is_no_member(&first));
    uint64_t epoch = membership_epoch(second.membership);
    double end = clock_monotonic() + LEASE;
    struct timespec pause = {.tv_nsec = 5000000};
    while (clock_monotonic() < end) {
        assert_true(is_member(&second) && is_no_member(&first));
        (void)nanosleep(&pause, NULL);
    }
    assert_true(membership_epoch(second.membership) == epoch);
    leave(&second);
    (void)wait_until(is_member, &first);
    leave(&first);
    assert_int_equal(atomic_load(&second.taken), 0);
    remove_state(&first);
}

static void a_lease_ends_by_our_own_clock(void **state)
{
    (void)state;
    make_state(&first);
    join(&first, "/refreshd/clock/", "a");
    (void)wait_until(is_member, &first);
    uint64_t epoch = membership_epoch(first.membership);
    etcd_rig_pause(&rig, 0);
    double took = wait_until(is_no_member, &first);
    assert_true(took > LEASE / 2 && took < LEASE + 0.3);
    assert_true(membership_epoch(first.membership) != epoch);
    epoch = membership_epoch(first.membership);
    int changes = atomic_load(&first.changes);
    etcd_rig_go_on(&rig, 0);
    (void)wait_until(is_member, &first);
    assert_true(membership_reachable(first.membership));
    assert_true(membership_epoch(first.membership) == epoch);
    assert_true(atomic_load(&first.changes) > changes);
    leave(&first);
    remove_state(&first);
}

static void a_lease_that_was_taken_away_is_noticed(void **state)
{
    (void)state;
    make_state(&first);
    join(&first, "/refreshd/away/", "a");
    (void)wait_until(is_member, &first);
    int64_t lease = membership_lease(first.membership);
    uint64_t epoch = membership_epoch(first.membership);
    assert_int_equal(etcd_lease_revoke(etcd, lease, &err), 0);
    double end = clock_monotonic() + PATIENCE;
    struct timespec pause = {.tv_nsec = 5000000};
    while (membership_epoch(first.membership) == epoch && clock_monotonic() < end)
        (void)nanosleep(&pause, NULL);
    assert_true(membership_epoch(first.membership) != epoch);
    (void)wait_until(is_member, &first);
    assert_true(membership_lease(first.membership) != lease);
    (void)wait_until(sees_a, &first);
    leave(&first);
    remove_state(&first);
}

static int64_t put(const char *key, const char *value)
{
    struct etcd_txn txn;
    int64_t revision = 0;
    etcd_txn_begin(&txn);
    etcd_put(&txn, key, value, 0);
    assert_int_equal(etcd_commit(etcd, &txn, &revision, &err), 1);
    return revision;
}

static void put_clock(double ahead)
{
    char text[100];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(text, sizeof text, "{\"clock\":%.0f}",
                   ((double)now.tv_sec + (double)now.tv_nsec * 1e-9 + ahead) * 1e3);
    (void)put("/refreshd/odd/peers/b", text);
}

static void clocks_and_odd_documents(void **state)
{
    (void)state;
    make_state(&first);
    (void)put("/refreshd/odd/peers/c", "garbage");
    (void)put("/refreshd/odd/peers/x/y", "{}");
    (void)put("/refreshd/odd/peers/", "{}");
    (void)put("/refreshd/odd/seen/d", "[1]");
    join(&first, "/refreshd/odd/", "a");
    (void)wait_until(sees_a, &first);
    assert_true(known_of(&first, "c").live && known_of(&first, "c").word == -2);
    assert_true(!known_of(&first, "d").live && known_of(&first, "d").word == -2);
    assert_true(known_of(&first, "d").heard == 0);
    assert_true(known_of(&first, "x/y").word == -1);
    put_clock(30);
    (void)wait_until(has_heard_of_b, &first);
    double ahead = known_of(&first, "b").clock_ahead;
    assert_true(ahead > 28 && ahead < 30.01);
    leave(&first);
    remove_state(&first);
}

static int known_changes;

static bool has_changed(struct peer *peer)
{
    return atomic_load(&peer->changes) > known_changes;
}

static void every_change_under_the_prefix_is_told(void **state)
{
    (void)state;
    make_state(&first);
    join(&first, "/refreshd/told/", "a");
    (void)wait_until(sees_a, &first);
    for (int i = 0; i < 5; i++) {
        known_changes = atomic_load(&first.changes);
        (void)put("/refreshd/told/run", "x");
        assert_true(wait_until(has_changed, &first) < 1);
    }
    leave(&first);
    remove_state(&first);
}

static void a_broken_instance_file_is_named(void **state)
{
    char path[120];
    struct membership *membership = NULL;
    struct membership_settings settings = {.etcd = rig.settings,
                                           .prefix = "/refreshd/broken/",
                                           .name = "a",
                                           .advertise = "x:1",
                                           .state_directory = first.state,
                                           .lease = LEASE};
    (void)state;
    make_state(&first);
    (void)snprintf(path, sizeof path, "%s/fleet", first.state);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/fleet/instance", first.state);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("0123", file) >= 0 && fclose(file) == 0);
    assert_int_equal(membership_open(&membership, &settings, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, path));
    assert_null(membership);
    remove_state(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(peers_see_each_other_as_long_as_they_live, end_peers),
        cmocka_unit_test_teardown(a_name_is_one_instance_s, end_peers),
        cmocka_unit_test_teardown(an_earlier_process_is_taken_over, end_peers),
        cmocka_unit_test_teardown(a_copied_state_is_noticed, end_peers),
        cmocka_unit_test_teardown(a_lease_ends_by_our_own_clock, end_peers),
        cmocka_unit_test_teardown(a_lease_that_was_taken_away_is_noticed, end_peers),
        cmocka_unit_test_teardown(clocks_and_odd_documents, end_peers),
        cmocka_unit_test_teardown(every_change_under_the_prefix_is_told, end_peers),
        cmocka_unit_test_teardown(a_broken_instance_file_is_named, end_peers),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
