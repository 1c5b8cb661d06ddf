#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "fleet/shares_documents.h"
#include "fleet/shares_holders.h"

enum { SHARES = 8 };
#define NOBODY UINT32_MAX

static struct shares_holders *make(void)
{
    struct shares_holders *holders;
    assert_int_equal(shares_holders_create(&holders, SHARES, "us", NULL), 0);
    return holders;
}

/* Exactly these are live, each of instance "1". */
static void live(struct shares_holders *holders, const char *names)
{
    shares_holders_live_begin(holders);
    for (; *names != '\0'; names++) {
        char name[2] = {*names, '\0'}, address[8];
        (void)snprintf(address, sizeof address, "%c:1", *names);
        shares_holders_live(holders, name, address, "1");
    }
    shares_holders_live(holders, "us", "us:1", "1");
    shares_holders_live_end(holders);
}

static void held(struct shares_holders *holders, const char *name, const char *instance,
                 unsigned char bits)
{
    char *text = share_held_print(&bits, SHARES, 0, instance);
    shares_holders_held(holders, name, text);
    free(text);
}

/* The address that share 0 would be fetched from now. */
static const char *pick(const struct shares_holders *holders, uint32_t by, double now,
                        uint64_t random)
{
    uint32_t peer;
    if (!shares_holders_pick(holders, 0, by, now, random, &peer))
        return "nobody";
    return shares_holders_address(holders, peer);
}

static void who_finished_a_share_is_asked_first(void **state)
{
    (void)state;
    struct shares_holders *holders = make();
    uint32_t a = shares_holders_peer(holders, "a");
    live(holders, "abc");
    held(holders, "b", "1", 1);
    held(holders, "c", "1", 1);
    for (uint64_t random = 0; random < 4; random++)
        assert_string_equal(pick(holders, a, 0, random), "a:1");
    live(holders, "bc");
    assert_string_equal(pick(holders, a, 0, 0), "b:1");
    assert_string_equal(pick(holders, a, 0, 1), "c:1");
    assert_string_equal(pick(holders, a, 0, 2), "b:1");
    shares_holders_free(holders);
}

static void only_who_is_live_and_said_so_itself_holds_anything(void **state)
{
    (void)state;
    struct shares_holders *holders = make();
    live(holders, "b");
    assert_false(shares_holders_any(holders, 0, NOBODY));
    held(holders, "b", "1", 1);
    assert_true(shares_holders_any(holders, 0, NOBODY));
    assert_false(shares_holders_any(holders, 1, NOBODY));
    held(holders, "b", "2", 1); /* said by one that lost its state since, or will come */
    assert_false(shares_holders_any(holders, 0, NOBODY));
    held(holders, "b", "1", 1);
    shares_holders_held(holders, "b", "nonsense");
    assert_false(shares_holders_any(holders, 0, NOBODY));
    held(holders, "b", "1", 1);
    live(holders, "");
    assert_false(shares_holders_any(holders, 0, NOBODY));
    shares_holders_free(holders);
}

static void ranks_are_by_name_among_those_who_are_live(void **state)
{
    (void)state;
    uint32_t count;
    struct shares_holders *holders = make();
    assert_int_equal(shares_holders_rank(holders, &count), 0);
    assert_int_equal(count, 1);
    live(holders, "zba");
    assert_int_equal(shares_holders_rank(holders, &count), 2);
    assert_int_equal(count, 4);
    live(holders, "z");
    assert_int_equal(shares_holders_rank(holders, &count), 0);
    assert_int_equal(count, 2);
    shares_holders_free(holders);
}

static void we_are_nobody_to_fetch_from(void **state)
{
    (void)state;
    struct shares_holders *holders = make();
    live(holders, "");
    held(holders, "us", "1", 0xff);
    assert_false(shares_holders_any(holders, 0, shares_holders_peer(holders, "us")));
    assert_string_equal(pick(holders, shares_holders_peer(holders, "us"), 0, 0), "nobody");
    shares_holders_free(holders);
}

static void who_did_not_have_it_is_no_holder_until_it_gives_it(void **state)
{
    (void)state;
    struct shares_holders *holders = make();
    uint32_t a = shares_holders_peer(holders, "a");
    live(holders, "a");
    shares_holders_absent(holders, 0, a, 100);
    assert_false(shares_holders_any(holders, 0, a));
    assert_true(shares_holders_any(holders, 1, a));
    assert_string_equal(pick(holders, a, 100.1, 0), "nobody");
    assert_string_equal(pick(holders, a, 106, 0), "a:1");
    assert_false(shares_holders_any(holders, 0, a));
    shares_holders_gave(holders, 0, a);
    assert_true(shares_holders_any(holders, 0, a));
    shares_holders_free(holders);
}

static void who_gave_something_else_is_not_asked_again(void **state)
{
    (void)state;
    struct shares_holders *holders = make();
    uint32_t a = shares_holders_peer(holders, "a");
    live(holders, "ab");
    held(holders, "b", "1", 1);
    shares_holders_corrupt(holders, 0, a);
    assert_string_equal(pick(holders, a, 1e9, 0), "b:1");
    shares_holders_corrupt(holders, 0, shares_holders_peer(holders, "b"));
    assert_string_equal(pick(holders, a, 1e9, 0), "nobody");
    assert_false(shares_holders_any(holders, 0, a));
    shares_holders_renewed(holders, 0);
    assert_string_equal(pick(holders, a, 1e9, 0), "a:1");
    shares_holders_free(holders);
}

static void who_is_silent_rests_longer_each_time(void **state)
{
    (void)state;
    struct shares_holders *holders = make();
    uint32_t a = shares_holders_peer(holders, "a");
    double now = 100;
    static const double rests[] = {0.5, 1, 2, 4, 8, 8};
    live(holders, "a");
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
        shares_holders_silent(holders, a, now);
        assert_true(shares_holders_any(holders, 0, a));
        assert_string_equal(pick(holders, a, now + rests[i] - 0.01, 0), "nobody");
        now += rests[i] + 0.01;
        assert_string_equal(pick(holders, a, now, 0), "a:1");
    }
    shares_holders_gave(holders, 0, a);
    shares_holders_silent(holders, a, now);
    assert_string_equal(pick(holders, a, now + 0.51, 0), "a:1");
    shares_holders_free(holders);
}

static void many_peers_and_refusals_are_kept_apart(void **state)
{
    (void)state;
    struct shares_holders *holders = make();
    char name[8];
    for (uint32_t i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "p%u", i);
        assert_int_equal(shares_holders_peer(holders, name), i + 1);
        for (uint32_t share = i % 3; share < SHARES; share += 3)
            shares_holders_corrupt(holders, share, i + 1);
    }
    shares_holders_live_begin(holders);
    for (uint32_t i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "p%u", i);
        shares_holders_live(holders, name, name, "1");
    }
    shares_holders_live_end(holders);
    for (uint32_t i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "p%u", i);
        assert_int_equal(shares_holders_peer(holders, name), i + 1);
        assert_string_equal(shares_holders_name(holders, i + 1), name);
        for (uint32_t share = 0; share < SHARES; share++)
            assert_int_equal(shares_holders_any(holders, share, i + 1), share % 3 != i % 3);
    }
    shares_holders_free(holders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_finished_a_share_is_asked_first),
        cmocka_unit_test(only_who_is_live_and_said_so_itself_holds_anything),
        cmocka_unit_test(ranks_are_by_name_among_those_who_are_live),
        cmocka_unit_test(we_are_nobody_to_fetch_from),
        cmocka_unit_test(who_did_not_have_it_is_no_holder_until_it_gives_it),
        cmocka_unit_test(who_gave_something_else_is_not_asked_again),
        cmocka_unit_test(who_is_silent_rests_longer_each_time),
        cmocka_unit_test(many_peers_and_refusals_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
