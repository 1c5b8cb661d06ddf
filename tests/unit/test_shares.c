#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/patience.h"
#include "tests/unit/shares_rig.h"

static struct shares_rig rig;
static struct shares_peer *const p0 = &rig.peers[0], *const p1 = &rig.peers[1];

/* All at the same moment. */
static void start_all(void)
{
    atomic_store(&rig.waits, true);
    for (unsigned i = 0; i < SHARES_RIG_PEERS; i++)
        shares_peer_start(&rig, i);
    atomic_store(&rig.waits, false);
}

static struct shares_figures figures_of(struct shares_peer *peer)
{
    struct shares_figures figures = {0};
    (void)pthread_mutex_lock(&peer->lock);
    if (peer->shares != NULL)
        shares_figures(peer->shares, &figures);
    (void)pthread_mutex_unlock(&peer->lock);
    return figures;
}

static void settle(void)
{
    shares_rig_wait(&rig, shares_rig_settled, "all shares");
}

/* --- without faults ----------------------------------------------------------------------- */

static void every_share_is_asked_once_and_all_get_its_answers(void **state)
{
    (void)state;
    shares_rig_open(&rig, 3000, 300);
    start_all();
    settle();
    assert_int_equal(shares_rig_check(&rig), 300);
    for (unsigned i = 0; i < SHARES_RIG_PEERS; i++) {
        assert_int_equal(rig.peers[i].phases, 1);
        assert_true(rig.peers[i].wakes > 0);
    }
    shares_rig_close(&rig);
}

static bool all_done(struct shares_rig *unused)
{
    (void)unused;
    return figures_of(p0).done == rig.shares || p0->settled;
}

/* A point in each share: the claims are all the work there is. */
static void a_small_cache_is_not_slow(void **state)
{
    (void)state;
    const char *wanted = getenv("SHARES"); /* 4096 is what a run has */
    uint32_t shares = wanted != NULL ? (uint32_t)atoi(wanted) : 1500;
    shares_rig_open(&rig, shares, shares);
    start_all();
    double from = clock_monotonic();
    shares_rig_wait(&rig, all_done, "all shares to be done");
    double done = clock_monotonic() - from;
    settle();
    double held = clock_monotonic() - from;
    assert_int_equal(shares_rig_check(&rig), shares);
    print_message("%u shares of %u, %u and %u: done in %.2f s, everywhere in %.2f s\n", shares,
                  rig.peers[0].asked, rig.peers[1].asked, rig.peers[2].asked, done, held);
    assert_true(done < PATIENCE / 2);
    shares_rig_close(&rig);
}

static void empty_shares_are_never_in_etcd(void **state)
{
    (void)state;
    shares_rig_open(&rig, 10, 64);
    start_all();
    settle();
    assert_int_equal(shares_rig_check(&rig), 10);
    shares_rig_close(&rig);
}

/* --- peers that go ------------------------------------------------------------------------- */

static bool p0_holds_some(struct shares_rig *unused)
{
    (void)unused;
    return p0->holding >= 2;
}

static void open_with_p0_holding(uint64_t points, uint32_t shares)
{
    shares_rig_open(&rig, points, shares);
    atomic_store(&p0->holds, true);
    shares_peer_start(&rig, 0);
    shares_rig_wait(&rig, p0_holds_some, "a peer to have shares");
}

static void what_a_dead_peer_had_is_taken_over(void **state)
{
    (void)state;
    open_with_p0_holding(1000, 100);
    shares_peer_start(&rig, 1);
    shares_peer_start(&rig, 2);
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    settle();
    assert_int_equal(shares_rig_check(&rig), 100);
    shares_rig_close(&rig);
}

static void our_own_earlier_claims_are_taken_over_at_once(void **state)
{
    (void)state;
    open_with_p0_holding(100, 10);
    shares_peer_stop(p0, SHARES_STOP_LINGERS);
    assert_true(shares_rig_count(&rig, "claim/") >= 2);
    double from = clock_monotonic();
    atomic_store(&p0->holds, false);
    shares_peer_start(&rig, 0);
    settle();
    assert_int_equal(shares_rig_check(&rig), 10);
    if (!SANITIZED)
        assert_true(clock_monotonic() - from < rig.lease / 2);
    shares_rig_close(&rig);
}

static void halves_that_somebody_else_finished_are_thrown_away(void **state)
{
    (void)state;
    open_with_p0_holding(1000, 100);
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    shares_peer_start(&rig, 1);
    settle();
    assert_int_equal(p1->asked, 100);
    atomic_store(&p0->holds, false);
    shares_peer_start(&rig, 0);
    settle();
    assert_int_equal(shares_rig_check(&rig), 100);
    shares_rig_close(&rig);
}

static void who_loses_its_lease_begins_again(void **state)
{
    (void)state;
    open_with_p0_holding(1000, 100);
    shares_peer_start(&rig, 1);
    assert_int_equal(etcd_lease_revoke(rig.client, membership_lease(p0->membership), NULL), 0);
    atomic_store(&p0->holds, false);
    settle();
    (void)shares_rig_check(&rig);
    assert_true(p0->phases >= 2);
    shares_rig_close(&rig);
}

/* --- answers that are lost or doubled ----------------------------------------------------------
 */

static void put(const char *key, const char *value)
{
    struct etcd_txn txn;
    char text[200];
    (void)snprintf(text, sizeof text, "%s%s", SHARES_RIG_PREFIX, key);
    etcd_txn_begin(&txn);
    etcd_put(&txn, text, value, 0);
    assert_int_equal(etcd_commit(rig.client, &txn, NULL, NULL), 1);
}

static void delete_below(const char *part)
{
    struct etcd_txn txn;
    char text[200];
    (void)snprintf(text, sizeof text, "%s%s", SHARES_RIG_PREFIX, part);
    etcd_txn_begin(&txn);
    etcd_delete_prefix(&txn, text);
    assert_int_equal(etcd_commit(rig.client, &txn, NULL, NULL), 1);
}

static void expect_reopened(const char *count)
{
    struct etcd_range range;
    assert_true(shares_rig_key(&rig, &range, "reopened"));
    assert_string_equal(range.pairs[0].value, count);
    assert_int_equal(shares_memory_reopened(p1->memory), range.pairs[0].mod_revision);
    etcd_range_free(&range);
}

static void what_only_the_dead_had_is_asked_again(void **state)
{
    (void)state;
    shares_rig_open(&rig, 640, 64);
    shares_peer_start(&rig, 0);
    settle();
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    put("ready/p9", "{}");
    shares_peer_start(&rig, 1);
    settle();
    assert_int_equal(shares_rig_check(&rig), 128);
    assert_int_equal(p1->asked, 64);
    assert_int_equal(shares_rig_count(&rig, "ready/"), 0);
    expect_reopened("64");
    /* Who comes back with the old answers throws them away. */
    shares_peer_start(&rig, 0);
    settle();
    assert_int_equal(shares_rig_check(&rig), 128);
    shares_rig_close(&rig);
}

static void who_loses_its_disk_gets_its_own_answers_back(void **state)
{
    (void)state;
    shares_rig_open(&rig, 320, 32);
    shares_peer_start(&rig, 0);
    settle();
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    shares_peer_lose_disk(p0);
    shares_peer_start(&rig, 0); /* nobody else has them */
    settle();
    assert_int_equal(shares_rig_check(&rig), 64);
    shares_peer_start(&rig, 1);
    settle();
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    shares_peer_lose_disk(p0);
    shares_peer_start(&rig, 0);
    settle();
    assert_int_equal(shares_rig_check(&rig), 64);
    shares_rig_close(&rig);
}

static void what_one_of_the_living_has_is_not_asked_again(void **state)
{
    (void)state;
    shares_rig_open(&rig, 640, 64);
    rig.lost_after = 0.3;
    shares_peer_start(&rig, 0);
    shares_peer_start(&rig, 1);
    settle();
    unsigned asked = shares_rig_check(&rig);
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    shares_peer_start(&rig, 2);
    settle();
    assert_int_equal(shares_rig_check(&rig), asked);
    assert_int_equal(shares_rig_count(&rig, "reopened"), 0);
    shares_rig_close(&rig);
}

static void who_says_that_it_has_answers_but_gives_none_is_as_good_as_dead(void **state)
{
    (void)state;
    shares_rig_open(&rig, 160, 16);
    atomic_store(&p0->mute, true);
    shares_peer_start(&rig, 0);
    settle();
    shares_peer_start(&rig, 1);
    atomic_store(&p0->mute, true);
    shares_rig_wait(&rig, shares_rig_settled, "all shares");
    assert_int_equal(p1->asked, 16);
    expect_reopened("16");
    atomic_store(&p0->mute, false);
    shares_rig_close(&rig);
}

static void of_two_answers_the_one_that_is_named_counts(void **state)
{
    (void)state;
    shares_rig_open(&rig, 640, 64);
    shares_peer_start(&rig, 0);
    settle();
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    delete_below("done/");
    delete_below("held/");
    shares_peer_start(&rig, 1);
    settle();
    shares_peer_start(&rig, 0);
    settle();
    assert_int_equal(shares_rig_check(&rig), 128);
    shares_rig_close(&rig);
}

static void what_was_committed_but_not_told_is_told_by_the_next_process(void **state)
{
    (void)state;
    shares_rig_open(&rig, 640, 64);
    shares_peer_start(&rig, 0);
    settle();
    shares_peer_stop(p0, SHARES_STOP_KILLED);
    delete_below("done/");
    shares_peer_start(&rig, 0);
    settle();
    assert_int_equal(shares_rig_check(&rig), 64);
    shares_rig_close(&rig);
}

static bool p0_begun_again(struct shares_rig *unused)
{
    (void)unused;
    return p0->phases >= 2;
}

static void who_asks_what_somebody_else_finished_begins_again(void **state)
{
    (void)state;
    struct etcd_range range;
    char key[200];
    unsigned number = 0;
    open_with_p0_holding(100, 10);
    while (!shares_rig_key(&rig, &range, "claim/%04u", number))
        number++;
    etcd_range_free(&range);
    (void)snprintf(key, sizeof key, "done/%04u", number);
    put(key, "{\"digest\":\"00112233445566778899aabbccddeeff\",\"by\":\"p9\"}");
    shares_rig_wait(&rig, p0_begun_again, "another phase");
    atomic_store(&p0->holds, false);
    settle(); /* p9 isn't there: its share is opened again */
    assert_int_equal(shares_rig_check(&rig), 10);
    shares_rig_close(&rig);
}

/* --- etcd and the run ------------------------------------------------------------------------- */

static bool some_are_done(struct shares_rig *unused)
{
    (void)unused;
    return figures_of(p0).done >= 20;
}

static void an_etcd_that_comes_back_is_gone_on_with(void **state)
{
    (void)state;
    shares_rig_open(&rig, 2000, 1000);
    start_all();
    shares_rig_wait(&rig, some_are_done, "some shares to be done");
    etcd_rig_kill(&shares_rig_etcd, 0);
    usleep(500000);
    assert_true(etcd_rig_again(&shares_rig_etcd, 0));
    settle();
    (void)shares_rig_check(&rig);
    shares_rig_close(&rig);
}

static void nothing_is_written_for_a_run_that_has_ended(void **state)
{
    (void)state;
    struct etcd_txn txn;
    open_with_p0_holding(1000, 100);
    etcd_txn_begin(&txn);
    etcd_delete(&txn, SHARES_RIG_RUN_KEY);
    etcd_delete_prefix(&txn, SHARES_RIG_PREFIX);
    assert_int_equal(etcd_commit(rig.client, &txn, NULL, NULL), 1);
    atomic_store(&p0->holds, false);
    shares_peer_start(&rig, 1);
    double end = clock_monotonic() + 1.5;
    while (clock_monotonic() < end) {
        assert_int_equal(shares_rig_count(&rig, ""), 0);
        assert_false(p0->settled || p1->settled);
        usleep(50000);
    }
    shares_rig_close(&rig);
}

static void preparing_ends_soon_when_the_run_does(void **state)
{
    (void)state;
    shares_rig_open(&rig, 100, 10);
    atomic_store(&rig.waits, true);
    shares_peer_start(&rig, 0);
    etcd_rig_pause(&shares_rig_etcd, 0);
    atomic_store(&rig.waits, false);
    usleep(100000);
    double from = clock_monotonic();
    atomic_store(&p0->control.stop, true);
    atomic_store(&p0->ending, true);
    (void)pthread_join(p0->conductor, NULL);
    if (!SANITIZED)
        assert_true(clock_monotonic() - from < 1);
    etcd_rig_go_on(&shares_rig_etcd, 0);
    assert_int_equal(pthread_create(&p0->conductor, NULL, shares_rig_nothing, NULL), 0);
    shares_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_share_is_asked_once_and_all_get_its_answers),
        cmocka_unit_test(a_small_cache_is_not_slow),
        cmocka_unit_test(empty_shares_are_never_in_etcd),
        cmocka_unit_test(what_a_dead_peer_had_is_taken_over),
        cmocka_unit_test(our_own_earlier_claims_are_taken_over_at_once),
        cmocka_unit_test(halves_that_somebody_else_finished_are_thrown_away),
        cmocka_unit_test(who_loses_its_lease_begins_again),
        cmocka_unit_test(what_only_the_dead_had_is_asked_again),
        cmocka_unit_test(who_loses_its_disk_gets_its_own_answers_back),
        cmocka_unit_test(what_one_of_the_living_has_is_not_asked_again),
        cmocka_unit_test(who_says_that_it_has_answers_but_gives_none_is_as_good_as_dead),
        cmocka_unit_test(of_two_answers_the_one_that_is_named_counts),
        cmocka_unit_test(what_was_committed_but_not_told_is_told_by_the_next_process),
        cmocka_unit_test(who_asks_what_somebody_else_finished_begins_again),
        cmocka_unit_test(an_etcd_that_comes_back_is_gone_on_with),
        cmocka_unit_test(nothing_is_written_for_a_run_that_has_ended),
        cmocka_unit_test(preparing_ends_soon_when_the_run_does),
    };
    return cmocka_run_group_tests(tests, shares_rig_begin, shares_rig_end);
}
