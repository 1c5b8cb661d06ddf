#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "quadtree/morton.h"
#include "stages/answers.h"

#define SHARE 17u
#define ROWS 300u

static struct settled_answer make_answer(uint32_t ordinal)
{
    struct settled_answer answer = {
        .ordinal = ordinal,
        .code = morton_encode((struct point){521000000, 130000000 + (int32_t)ordinal * 500}),
        .settled = (enum settled)(ordinal % SETTLED_COUNT),
        .answered_at = 1700000000 + ordinal / 100,
    };
    if (answer.settled == SETTLED_FOUND) {
        answer.address.field[FIELD_CITY] = (struct slice){"Berlin", 6};
    } else if (answer.settled == SETTLED_FAILED) {
        answer.cause = CAUSE_TIMEOUT;
        answer.measure.status = 503;
        answer.measure.attempts = 4;
        answer.detail = (struct slice){"too slow", 8};
    }
    return answer;
}

/* Answers to the ordinals of [first, ROWS) that are no multiple of `skip`; 0 = to all. */
static struct answer_batch *make_batch(uint32_t first, uint32_t skip)
{
    struct answer_batch *batch;
    assert_int_equal(answer_batch_create(&batch, SHARE, NULL), 0);
    for (uint32_t ordinal = first; ordinal < ROWS; ordinal++) {
        struct settled_answer answer = make_answer(ordinal);
        if (skip == 0 || ordinal % skip != 0)
            assert_int_equal(answer_batch_add(batch, &answer, NULL), 0);
    }
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    return batch;
}

static void assert_same(const struct answer_batch *a, const struct answer_batch *b)
{
    size_t a_count, b_count;
    const struct ordinal_range *a_ranges = answer_batch_ranges(a, &a_count);
    const struct ordinal_range *b_ranges = answer_batch_ranges(b, &b_count);
    struct slice a_bytes = answer_batch_bytes(a), b_bytes = answer_batch_bytes(b);
    assert_int_equal(answer_batch_share(a), answer_batch_share(b));
    assert_int_equal(answer_batch_rows(a), answer_batch_rows(b));
    assert_int_equal(a_count, b_count);
    assert_memory_equal(a_ranges, b_ranges, a_count * sizeof *a_ranges);
    assert_int_equal(a_bytes.length, b_bytes.length);
    assert_memory_equal(a_bytes.data, b_bytes.data, a_bytes.length);
    assert_memory_equal(answer_batch_counts(a), answer_batch_counts(b),
                        sizeof(struct answer_counts));
}

static void a_record_becomes_the_batch_that_it_was(void **state)
{
    (void)state;
    const uint32_t skips[] = {0, 2, 7};
    struct error err;
    for (size_t i = 0; i < sizeof skips / sizeof *skips; i++) {
        struct answer_batch *batch = make_batch(0, skips[i]);
        struct answer_batch *adopted;
        struct slice bytes = answer_batch_bytes(batch);
        char *copy = malloc(bytes.length);
        assert_non_null(copy);
        memcpy(copy, bytes.data, bytes.length);
        assert_int_equal(answer_batch_adopt(&adopted, copy, bytes.length, false, "a", &err), 0);
        memset(copy, 0, bytes.length); /* the batch has bytes of its own */
        free(copy);
        assert_same(batch, adopted);
        assert_false(answer_batch_whole(adopted));
        assert_false(answer_batch_whole(batch));
        assert_int_equal(answer_batch_seal(adopted, &err), 0);
        struct settled_answer more = make_answer(ROWS);
        assert_int_equal(answer_batch_add(adopted, &more, &err), -1);
        assert_int_equal(err.code, ERROR_STATE);
        answer_batch_free(adopted);
        answer_batch_free(batch);
    }
}

static void retries_of_failed_points_are_counted(void **state)
{
    (void)state;
    struct error err;
    struct answer_batch *batch = make_batch(0, 0);
    struct answer_batch *adopted;
    struct slice bytes = answer_batch_bytes(batch);
    assert_int_equal(answer_batch_adopt(&adopted, bytes.data, bytes.length, true, "a", &err), 0);
    const struct answer_counts *counts = answer_batch_counts(adopted);
    assert_true(answer_batch_whole(adopted));
    assert_int_equal(counts->settled[SETTLED_FAILED], ROWS / SETTLED_COUNT);
    assert_int_equal(counts->causes[CAUSE_TIMEOUT], ROWS / SETTLED_COUNT);
    assert_int_equal(counts->retried, 3 * ROWS / SETTLED_COUNT);
    answer_batch_free(adopted);
    answer_batch_free(batch);
}

static void a_whole_one_has_no_gaps(void **state)
{
    (void)state;
    struct error err;
    struct answer_batch *made[] = {make_batch(0, 7), make_batch(1, 0), make_batch(ROWS, 0)};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct answer_batch *adopted;
        struct slice bytes = answer_batch_bytes(made[i]);
        assert_int_equal(
            answer_batch_adopt(&adopted, bytes.data, bytes.length, true, "from far", &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_non_null(strstr(err.message, "from far"));
        assert_int_equal(
            answer_batch_adopt(&adopted, bytes.data, bytes.length, false, "from far", &err), 0);
        answer_batch_free(adopted);
        answer_batch_free(made[i]);
    }
}

static void damage_anywhere_is_found(void **state)
{
    (void)state;
    struct error err;
    struct answer_batch *batch = make_batch(0, 0);
    struct slice bytes = answer_batch_bytes(batch);
    char *copy = malloc(bytes.length);
    assert_non_null(copy);
    for (size_t at = 0; at < bytes.length; at += 13) {
        struct answer_batch *adopted;
        memcpy(copy, bytes.data, bytes.length);
        copy[at] ^= 4;
        assert_int_equal(answer_batch_adopt(&adopted, copy, bytes.length, true, "from far", &err),
                         -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_int_equal(answer_batch_adopt(&adopted, bytes.data, at, true, "from far", &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
    }
    free(copy);
    answer_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_becomes_the_batch_that_it_was),
        cmocka_unit_test(retries_of_failed_points_are_counted),
        cmocka_unit_test(a_whole_one_has_no_gaps),
        cmocka_unit_test(damage_anywhere_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
