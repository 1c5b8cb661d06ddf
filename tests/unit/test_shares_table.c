#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "fleet/shares_table.h"

#define NONE UINT32_MAX

static struct pair_id digest_of(unsigned number)
{
    struct pair_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

static struct shares_table *make(uint64_t points, uint32_t shares)
{
    struct shares_table *table;
    assert_int_equal(shares_table_create(&table, points, shares, NULL), 0);
    return table;
}

/* A table that has read an etcd without claims and answers. */
static struct shares_table *make_known(uint64_t points, uint32_t shares)
{
    struct shares_table *table = make(points, shares);
    shares_table_known(table);
    return table;
}

static uint32_t next(struct shares_table *table)
{
    uint32_t share;
    return shares_table_next(table, &share) ? share : NONE;
}

static void done(struct shares_table *table, uint32_t share, unsigned digest, bool mine,
                 int64_t modified)
{
    struct share_outcome outcome = {digest_of(digest), mine ? 0 : 1, mine, modified};
    shares_table_done(table, share, &outcome);
}

static void no_claims(struct shares_table *table)
{
    shares_table_claims_begin(table);
    shares_table_claims_end(table);
}

/* What may be claimed from there on, as "3 4+ 0": + is a claim to be taken over. */
static void expect_claimable(const struct shares_table *table, uint32_t from, size_t room,
                             const uint32_t *shares, size_t count)
{
    struct share_candidate out[32];
    assert_int_equal(shares_table_claimable(table, from, out, room), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(out[i].share, shares[i]);
}

static void expect_states(const struct shares_table *table, const char *states)
{
    static const char letters[] = "FCEX"; /* free, claimed, elsewhere, finished */
    unsigned char copy[32];
    shares_table_copy(table, copy);
    for (size_t i = 0; states[i] != 0; i++)
        assert_int_equal(letters[copy[i]], states[i]);
}

static void free_shares_are_claimed_from_our_offset_on(void **state)
{
    (void)state;
    struct shares_table *table = make_known(50, 5);
    expect_claimable(table, 3, 32, (uint32_t[]){3, 4, 0, 1, 2}, 5);
    expect_claimable(table, 3, 2, (uint32_t[]){3, 4}, 2);
    shares_table_claims_begin(table);
    shares_table_claim(table, 4, CLAIMER_OTHER, 5);
    shares_table_claims_end(table);
    done(table, 0, 1, false, 6);
    expect_claimable(table, 3, 32, (uint32_t[]){3, 1, 2}, 3);
    expect_states(table, "EFFFE");
    shares_table_free(table);
}

static void who_finds_somebody_in_the_way_sits_down_elsewhere(void **state)
{
    (void)state;
    struct shares_table *table = make_known(90, 9);
    assert_int_equal(shares_table_seat(table, NONE, 0, 3), 0);
    assert_int_equal(shares_table_seat(table, NONE, 1, 3), 3);
    assert_int_equal(shares_table_seat(table, NONE, 2, 3), 6);
    assert_int_equal(shares_table_seat(table, 4, 1, 3), 4);
    shares_table_claim(table, 4, CLAIMER_OTHER, 5);
    done(table, 0, 1, false, 6);
    done(table, 5, 1, false, 6);
    assert_int_equal(shares_table_seat(table, 4, 1, 3), 3);
    assert_int_equal(shares_table_seat(table, 9, 2, 3), 7);
    for (uint32_t i = 0; i < 9; i++)
        done(table, i, 1, false, 7);
    assert_int_equal(shares_table_seat(table, 2, 1, 3), 0);
    shares_table_free(table);
}

static void our_own_beginnings_come_first_and_what_others_left_last(void **state)
{
    (void)state;
    struct share_candidate out[8];
    struct shares_table *table = make(50, 5);
    shares_table_begin(table, 4, 3);
    shares_table_known(table);
    shares_table_claims_begin(table);
    shares_table_claim(table, 0, CLAIMER_OTHER, 5);
    shares_table_claim(table, 3, CLAIMER_EARLIER, 9);
    shares_table_claims_end(table);
    shares_table_claims_begin(table);
    shares_table_claim(table, 3, CLAIMER_EARLIER, 9);
    shares_table_claims_end(table);
    assert_int_equal(shares_table_claimable(table, 0, out, 8), 5);
    const struct share_candidate expected[] = {{3, 9}, {4, 0}, {1, 0}, {2, 0}, {0, 0}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(out[i].share, expected[i].share);
        assert_int_equal(out[i].modified, expected[i].modified);
    }
    shares_table_free(table);
}

static void claims_are_given_in_their_order_and_once(void **state)
{
    (void)state;
    struct shares_table *table = make_known(50, 5);
    assert_int_equal(next(table), NONE);
    shares_table_claimed(table, 3, 2);
    shares_table_claimed(table, 1, 2);
    shares_table_claimed(table, 1, 2);
    assert_int_equal(shares_table_in_hand(table), 2);
    assert_int_equal(next(table), 3);
    assert_int_equal(shares_table_in_hand(table), 1);
    assert_int_equal(shares_table_active(table), 1);
    expect_states(table, "FCFCF");
    shares_table_give_back(table, 3);
    assert_int_equal(next(table), 1);
    assert_int_equal(next(table), 3);
    assert_int_equal(next(table), NONE);
    shares_table_finish(table, 1);
    shares_table_finish(table, 1);
    shares_table_give_back(table, 1);
    shares_table_give_back(table, 2);
    assert_int_equal(next(table), NONE);
    assert_int_equal(shares_table_active(table), 1);
    expect_states(table, "FXFCF");
    shares_table_free(table);
}

static void a_claim_that_is_lost_at_rest_is_not_given(void **state)
{
    (void)state;
    struct shares_table *table = make_known(50, 5);
    shares_table_claimed(table, 0, 2);
    shares_table_claimed(table, 1, 2);
    shares_table_claimed(table, 2, 2);
    shares_table_claims_begin(table);
    shares_table_claim(table, 0, CLAIMER_OTHER, 3);
    shares_table_claim(table, 2, CLAIMER_WE, 2);
    shares_table_claims_end(table);
    assert_int_equal(shares_table_in_hand(table), 1);
    shares_table_claimed(table, 1, 4); /* again */
    assert_int_equal(next(table), 1);
    assert_int_equal(next(table), 2);
    assert_int_equal(next(table), NONE);
    assert_false(shares_table_conflict(table));
    shares_table_free(table);
}

static void what_is_done_elsewhere_is_not_given(void **state)
{
    (void)state;
    struct shares_table *table = make_known(20, 2);
    shares_table_claimed(table, 0, 2);
    done(table, 0, 1, false, 3);
    assert_int_equal(next(table), NONE);
    assert_true(shares_table_wanted(table, 0));
    shares_table_free(table);
}

static void a_worker_at_somebody_elses_share_is_a_conflict(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct shares_table *table = make_known(20, 2);
        shares_table_claimed(table, 0, 2);
        assert_int_equal(next(table), 0);
        assert_false(shares_table_conflict(table));
        if (way == 0) {
            done(table, 0, 1, false, 3);
            assert_false(shares_table_wanted(table, 0));
        } else {
            shares_table_claims_begin(table);
            if (way == 1)
                shares_table_claim(table, 0, CLAIMER_OTHER, 3);
            shares_table_claims_end(table);
        }
        assert_true(shares_table_conflict(table));
        shares_table_free(table);
    }
}

static void committed_answers_are_digested_published_and_held(void **state)
{
    (void)state;
    uint32_t share, out[4];
    unsigned char bitmap[1];
    struct pair_id digest = digest_of(7);
    struct shares_table *table = make_known(20, 2);
    shares_table_claimed(table, 1, 2);
    assert_int_equal(next(table), 1);
    shares_table_finish(table, 1);
    assert_false(shares_table_undigested(table, &share));
    assert_false(shares_table_committed(table, 1));
    assert_true(shares_table_undigested(table, &share));
    assert_int_equal(share, 1);
    assert_int_equal(shares_table_publishable(table, out, 4), 0);
    shares_table_digest(table, 1, &digest);
    assert_false(shares_table_undigested(table, &share));
    assert_int_equal(shares_table_publishable(table, out, 4), 1);
    assert_int_equal(out[0], 1);
    assert_memory_equal(shares_table_own_digest(table, 1), &digest, sizeof digest);
    assert_int_equal(shares_table_held(table, bitmap), 0);
    done(table, 1, 7, true, 5);
    assert_int_equal(shares_table_publishable(table, out, 4), 0);
    assert_int_equal(shares_table_held(table, bitmap), 1);
    assert_int_equal(bitmap[0], 2);
    struct shares_table_counts counts = shares_table_count(table);
    assert_int_equal(counts.done, 1);
    assert_int_equal(counts.ours, 1);
    assert_int_equal(counts.fetched, 0);
    assert_int_equal(counts.claimed, 0);
    shares_table_free(table);
}

static void answers_may_be_committed_before_the_worker_says_that_it_finished(void **state)
{
    (void)state;
    uint32_t share;
    struct shares_table *table = make_known(20, 2);
    shares_table_claimed(table, 0, 2);
    assert_int_equal(next(table), 0);
    assert_false(shares_table_committed(table, 0));
    assert_true(shares_table_undigested(table, &share));
    done(table, 0, 3, true, 4);
    assert_false(shares_table_conflict(table));
    shares_table_finish(table, 0);
    assert_int_equal(shares_table_active(table), 0);
    shares_table_claims_begin(table);
    shares_table_claims_end(table);
    assert_int_equal(next(table), NONE);
    shares_table_free(table);
}

static void a_share_that_turns_out_whole_is_not_asked(void **state)
{
    (void)state;
    struct shares_table *table = make_known(20, 2);
    shares_table_claimed(table, 0, 2);
    assert_int_equal(next(table), 0);
    shares_table_give_back(table, 0); /* its last batch was on its way */
    (void)shares_table_committed(table, 0);
    assert_int_equal(next(table), NONE);
    assert_int_equal(shares_table_in_hand(table), 0);
    shares_table_free(table);
}

static void what_others_did_is_fetched(void **state)
{
    (void)state;
    struct pair_id digest = digest_of(9), wrong = digest_of(8);
    unsigned char bitmap[1];
    struct shares_table *table = make_known(20, 2);
    assert_false(shares_table_wanted(table, 0));
    assert_null(shares_table_outcome(table, 0));
    done(table, 0, 9, false, 3);
    assert_true(shares_table_wanted(table, 0));
    assert_memory_equal(&shares_table_outcome(table, 0)->digest, &digest, sizeof digest);
    shares_table_fetching(table, 0);
    assert_false(shares_table_wanted(table, 0));
    shares_table_fetch_failed(table, 0);
    assert_true(shares_table_wanted(table, 0));
    shares_table_fetching(table, 0);
    assert_false(shares_table_pushing(table, 0, &wrong));
    assert_true(shares_table_wanted(table, 0));
    shares_table_fetching(table, 0);
    assert_true(shares_table_pushing(table, 0, &digest));
    assert_false(shares_table_wanted(table, 0));
    assert_true(shares_table_committed(table, 0));
    assert_int_equal(shares_table_held(table, bitmap), 1);
    assert_int_equal(shares_table_count(table).fetched, 1);
    expect_states(table, "XF");
    shares_table_free(table);
}

static void of_two_answers_the_published_one_counts(void **state)
{
    (void)state;
    uint32_t out[2];
    struct pair_id ours = digest_of(1), theirs = digest_of(2);
    struct shares_table *table = make(20, 2);
    shares_table_begin(table, 0, 10);
    shares_table_begin(table, 1, 10);
    shares_table_known(table);
    shares_table_digest(table, 1, &theirs);
    done(table, 0, 2, false, 3);
    done(table, 1, 2, false, 3);
    assert_false(shares_table_settled(table));
    assert_false(shares_table_differs(table, 0)); /* ours may be the same */
    assert_false(shares_table_differs(table, 1));
    shares_table_digest(table, 0, &ours);
    assert_true(shares_table_differs(table, 0));
    assert_false(shares_table_settled(table));
    shares_table_reopened(table, 0);
    assert_false(shares_table_differs(table, 0));
    assert_int_equal(shares_table_publishable(table, out, 2), 1);
    assert_int_equal(out[0], 0);
    done(table, 0, 1, true, 9);
    assert_true(shares_table_settled(table));
    shares_table_free(table);
}

static void a_share_opened_again_is_claimed_or_published_again(void **state)
{
    (void)state;
    uint32_t out[2];
    struct pair_id digest = digest_of(4);
    struct shares_table *table = make_known(20, 2);
    done(table, 0, 4, false, 3);
    done(table, 1, 4, false, 3);
    shares_table_fetching(table, 1);
    assert_true(shares_table_pushing(table, 1, &digest));
    (void)shares_table_committed(table, 1);
    assert_true(shares_table_over(table));
    shares_table_done_begin(table);
    shares_table_done_end(table);
    assert_false(shares_table_over(table));
    expect_claimable(table, 0, 2, (uint32_t[]){0}, 1);
    assert_int_equal(shares_table_publishable(table, out, 2), 1);
    assert_int_equal(out[0], 1);
    shares_table_free(table);
}

static void a_share_opened_again_during_its_fetch_is_not_pushed(void **state)
{
    (void)state;
    struct pair_id digest = digest_of(4);
    struct shares_table *table = make_known(20, 2);
    done(table, 0, 4, false, 3);
    shares_table_fetching(table, 0);
    shares_table_reopened(table, 0);
    shares_table_claim(table, 0, CLAIMER_WE, 5);
    assert_int_equal(next(table), NONE);
    assert_false(shares_table_pushing(table, 0, &digest));
    assert_int_equal(next(table), 0);
    shares_table_free(table);
}

static void a_claim_newer_than_done_is_suspect(void **state)
{
    (void)state;
    struct shares_table *table = make_known(20, 2);
    shares_table_claim(table, 0, CLAIMER_OTHER, 3);
    done(table, 0, 4, false, 5);
    assert_false(shares_table_suspect(table));
    shares_table_claim(table, 0, CLAIMER_OTHER, 8);
    assert_true(shares_table_suspect(table));
    done(table, 0, 6, false, 9);
    assert_false(shares_table_suspect(table));
    shares_table_free(table);
}

static void it_is_over_when_all_is_done_or_being_worked_at(void **state)
{
    (void)state;
    struct shares_table *table = make(30, 3);
    shares_table_begin(table, 2, 10);
    assert_false(shares_table_over(table));
    shares_table_known(table);
    assert_false(shares_table_over(table));
    done(table, 0, 1, false, 2);
    assert_false(shares_table_over(table));
    shares_table_claimed(table, 1, 3);
    assert_false(shares_table_over(table));
    assert_int_equal(next(table), 1);
    assert_true(shares_table_over(table));
    shares_table_give_back(table, 1);
    assert_false(shares_table_over(table));
    assert_int_equal(next(table), 1);
    shares_table_finish(table, 1);
    assert_true(shares_table_over(table));
    (void)shares_table_committed(table, 1);
    assert_true(shares_table_over(table));
    shares_table_free(table);
}

static void empty_shares_are_nothing_to_anybody(void **state)
{
    (void)state;
    uint32_t out[4];
    unsigned char bitmap[1];
    struct shares_table *table = make_known(2, 4); /* shares 1 and 3 have a point each */
    expect_claimable(table, 0, 4, (uint32_t[]){1, 3}, 2);
    expect_states(table, "XFXF");
    shares_table_claim(table, 0, CLAIMER_WE, 3);
    done(table, 2, 1, false, 3);
    assert_int_equal(next(table), NONE);
    assert_false(shares_table_wanted(table, 2));
    assert_int_equal(shares_table_count(table).done, 2);
    done(table, 1, 1, false, 3);
    done(table, 3, 1, false, 3);
    assert_true(shares_table_over(table));
    assert_int_equal(shares_table_held(table, bitmap), 0);
    assert_int_equal(shares_table_publishable(table, out, 4), 0);
    shares_table_free(table);
    table = make_known(0, 4);
    assert_true(shares_table_over(table));
    assert_true(shares_table_settled(table));
    shares_table_free(table);
}

static void a_share_without_points_is_fetched_but_never_asked(void **state)
{
    (void)state;
    struct shares_table *table = make_known(30, 3);
    shares_table_without_points(table, 1);
    expect_claimable(table, 0, 3, (uint32_t[]){0, 2}, 2);
    assert_int_equal(shares_table_left(table), 2);
    shares_table_claim(table, 1, CLAIMER_WE, 3);
    assert_int_equal(next(table), NONE);
    done(table, 1, 1, false, 5);
    assert_true(shares_table_wanted(table, 1));
    shares_table_free(table);
}

static void our_claims_of_the_phase_before_are_in_hand_at_once(void **state)
{
    (void)state;
    struct shares_table *table = make(30, 3);
    shares_table_begin(table, 0, 10);
    shares_table_claims_begin(table);
    shares_table_claim(table, 0, CLAIMER_WE, 2);
    shares_table_claim(table, 2, CLAIMER_WE, 2);
    shares_table_claims_end(table);
    shares_table_known(table);
    assert_int_equal(next(table), 2);
    assert_int_equal(next(table), NONE);
    no_claims(table);
    assert_true(shares_table_conflict(table));
    shares_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_shares_are_claimed_from_our_offset_on),
        cmocka_unit_test(who_finds_somebody_in_the_way_sits_down_elsewhere),
        cmocka_unit_test(our_own_beginnings_come_first_and_what_others_left_last),
        cmocka_unit_test(claims_are_given_in_their_order_and_once),
        cmocka_unit_test(a_claim_that_is_lost_at_rest_is_not_given),
        cmocka_unit_test(what_is_done_elsewhere_is_not_given),
        cmocka_unit_test(a_worker_at_somebody_elses_share_is_a_conflict),
        cmocka_unit_test(committed_answers_are_digested_published_and_held),
        cmocka_unit_test(answers_may_be_committed_before_the_worker_says_that_it_finished),
        cmocka_unit_test(a_share_that_turns_out_whole_is_not_asked),
        cmocka_unit_test(what_others_did_is_fetched),
        cmocka_unit_test(of_two_answers_the_published_one_counts),
        cmocka_unit_test(a_share_opened_again_is_claimed_or_published_again),
        cmocka_unit_test(a_share_opened_again_during_its_fetch_is_not_pushed),
        cmocka_unit_test(a_claim_newer_than_done_is_suspect),
        cmocka_unit_test(it_is_over_when_all_is_done_or_being_worked_at),
        cmocka_unit_test(empty_shares_are_nothing_to_anybody),
        cmocka_unit_test(a_share_without_points_is_fetched_but_never_asked),
        cmocka_unit_test(our_claims_of_the_phase_before_are_in_hand_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
