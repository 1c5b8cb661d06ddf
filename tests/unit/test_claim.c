#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "stages/claim.h"

static struct claims *make_claims(uint32_t shares, const bool *done)
{
    struct claims *claims;
    assert_int_equal(claims_create(&claims, shares, done, NULL), 0);
    return claims;
}

static uint32_t next(struct claims *claims)
{
    uint32_t share = UINT32_MAX;
    return claims_next(claims, &share) ? share : UINT32_MAX;
}

static void gives_the_lowest_share_that_is_free(void **state)
{
    (void)state;
    const bool done[6] = {true, false, true, false, false, true};
    struct claims *claims = make_claims(6, done);
    assert_int_equal(next(claims), 1);
    assert_int_equal(next(claims), 3);
    assert_int_equal(claims_active(claims), 2);
    claims_return(claims, 1);
    assert_int_equal(claims_active(claims), 1);
    assert_int_equal(next(claims), 1);
    claims_finish(claims, 1);
    claims_finish(claims, 3);
    assert_int_equal(next(claims), 4);
    assert_int_equal(next(claims), UINT32_MAX);
    assert_int_equal(claims_active(claims), 1);
    claims_return(claims, 4);
    assert_int_equal(next(claims), 4);
    claims_free(claims);
    claims_free(NULL);
}

static void the_state_of_all_shares_can_be_copied(void **state)
{
    (void)state;
    const bool done[4] = {false, true, false, false};
    const unsigned char expected[4] = {SHARE_CLAIMED, SHARE_FINISHED, SHARE_FINISHED, SHARE_FREE};
    unsigned char copy[4];
    struct claims *claims = make_claims(4, done);
    assert_int_equal(next(claims), 0);
    assert_int_equal(next(claims), 2);
    claims_finish(claims, 2);
    claims_copy(claims, copy);
    assert_memory_equal(copy, expected, sizeof expected);
    claims_free(claims);
}

static void ending_what_is_not_claimed_does_nothing(void **state)
{
    (void)state;
    struct claims *claims = make_claims(2, NULL);
    claims_return(claims, 0);
    claims_finish(claims, 1);
    claims_finish(claims, 9);
    assert_int_equal(claims_active(claims), 0);
    assert_int_equal(next(claims), 0);
    claims_finish(claims, 0);
    claims_return(claims, 0);
    assert_int_equal(next(claims), 1);
    assert_int_equal(next(claims), UINT32_MAX);
    claims_free(claims);
}

static void they_are_over_when_none_is_free(void **state)
{
    (void)state;
    const bool done[3] = {false, true, false};
    struct claims *claims = make_claims(3, done);
    assert_false(claims_over(claims));
    assert_int_equal(next(claims), 0);
    assert_false(claims_over(claims));
    assert_int_equal(next(claims), 2);
    assert_true(claims_over(claims));
    claims_return(claims, 0);
    assert_false(claims_over(claims));
    assert_int_equal(next(claims), 0);
    claims_finish(claims, 0);
    claims_finish(claims, 2);
    claims_committed(claims, 0);
    assert_true(claims_over(claims));
    assert_true(claims_settled(claims));
    claims_free(claims);
}

enum { SHARES = 4000, THREADS = 8 };

struct shared {
    struct claims *claims;
    _Atomic unsigned taken[SHARES];
};

static void *work(void *argument)
{
    struct shared *shared = argument;
    uint32_t share;
    while (claims_next(shared->claims, &share)) {
        if (share % 7 == 3 && atomic_load(&shared->taken[share]) == 0 &&
            atomic_fetch_add(&shared->taken[share], 100) == 0) {
            claims_return(shared->claims, share);
            continue;
        }
        atomic_fetch_add(&shared->taken[share], 1);
        claims_finish(shared->claims, share);
    }
    return NULL;
}

static void every_share_is_finished_by_one_thread(void **state)
{
    (void)state;
    static struct shared shared;
    pthread_t threads[THREADS];
    shared.claims = make_claims(SHARES, NULL);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &shared), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < SHARES; i++)
        assert_int_equal(shared.taken[i] % 100, 1);
    assert_int_equal(claims_active(shared.claims), 0);
    claims_free(shared.claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_lowest_share_that_is_free),
        cmocka_unit_test(the_state_of_all_shares_can_be_copied),
        cmocka_unit_test(they_are_over_when_none_is_free),
        cmocka_unit_test(ending_what_is_not_claimed_does_nothing),
        cmocka_unit_test(every_share_is_finished_by_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
