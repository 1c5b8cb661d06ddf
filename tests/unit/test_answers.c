#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quadtree/morton.h"
#include "stages/answers.h"

#define SHARE 17u

static struct slice text(const char *string)
{
    return (struct slice){string, (uint32_t)strlen(string)};
}

static struct settled_answer found(uint32_t ordinal, const char *city, const char *country)
{
    struct settled_answer answer = {
        .ordinal = ordinal,
        .code = morton_encode((struct point){521000000, 130000000 + (int32_t)ordinal * 500}),
        .settled = SETTLED_FOUND,
        .answered_at = 1700000000 + ordinal / 100,
        .measure.attempts = 1,
    };
    answer.address.field[FIELD_CITY] = text(city);
    answer.address.field[FIELD_COUNTRY] = text(country);
    return answer;
}

static struct settled_answer failed(uint32_t ordinal, enum failure_cause cause, const char *detail)
{
    struct settled_answer answer = found(ordinal, "", "");
    answer.settled = SETTLED_FAILED;
    answer.cause = cause;
    answer.measure.status = 503;
    answer.measure.attempts = 5;
    answer.detail = text(detail);
    return answer;
}

static struct answer_batch *make_batch(void)
{
    struct answer_batch *batch;
    assert_int_equal(answer_batch_create(&batch, SHARE, NULL), 0);
    return batch;
}

static void add(struct answer_batch *batch, struct settled_answer answer)
{
    struct error err;
    assert_int_equal(answer_batch_add(batch, &answer, &err), 0);
}

static struct answer_reader open_reader(struct answer_batch *batch)
{
    struct error err;
    struct answer_reader reader;
    assert_int_equal(answer_batch_seal(batch, &err), 0);
    struct slice bytes = answer_batch_bytes(batch);
    assert_int_equal(answer_reader_open(&reader, bytes.data, bytes.length, "log", &err), 0);
    assert_int_equal(answer_reader_share(&reader), SHARE);
    assert_int_equal(answer_reader_rows(&reader), answer_batch_rows(batch));
    return reader;
}

static void assert_same(const struct settled_answer *a, const struct settled_answer *b)
{
    assert_int_equal(a->ordinal, b->ordinal);
    assert_int_equal(a->code, b->code);
    assert_int_equal(a->settled, b->settled);
    assert_int_equal(a->answered_at, b->answered_at);
    if (b->settled == SETTLED_FOUND) {
        assert_true(address_equal(&a->address, &b->address));
    } else {
        assert_true(address_is_empty(&a->address));
    }
    if (b->settled != SETTLED_FAILED)
        return;
    assert_int_equal(a->cause, b->cause);
    assert_int_equal(a->measure.status, b->measure.status);
    assert_int_equal(a->measure.attempts, b->measure.attempts);
    assert_true(slice_equal(a->detail, b->detail));
}

static void assert_answers(struct answer_batch *batch, const struct settled_answer *expected,
                           size_t count)
{
    struct answer_reader reader = open_reader(batch);
    struct settled_answer got;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(answer_reader_next(&reader, &got, NULL), 1);
        assert_same(&got, &expected[i]);
    }
    assert_int_equal(answer_reader_next(&reader, &got, NULL), 0);
    assert_int_equal(answer_reader_next(&reader, &got, NULL), 0);
    answer_reader_close(&reader);
}

static void settles_by_the_old_outcome(void **state)
{
    (void)state;
    assert_int_equal(answers_settle(ANSWER_FOUND, OUTCOME_NONE), SETTLED_FOUND);
    assert_int_equal(answers_settle(ANSWER_EMPTY, OUTCOME_FOUND), SETTLED_UNSURE);
    assert_int_equal(answers_settle(ANSWER_EMPTY, OUTCOME_UNSURE), SETTLED_NONE);
    assert_int_equal(answers_settle(ANSWER_EMPTY, OUTCOME_NONE), SETTLED_NONE);
    assert_int_equal(answers_settle(ANSWER_FAILED, OUTCOME_FOUND), SETTLED_FAILED);
    assert_int_equal(answers_settle(ANSWER_FAILED, OUTCOME_NONE), SETTLED_FAILED);
}

static void gives_back_what_was_added(void **state)
{
    (void)state;
    struct settled_answer answers[] = {
        found(0, "Berlin", "Deutschland"),
        found(1, "Berlin", "Deutschland"),
        failed(2, CAUSE_HTTP_5XX, "Service Unavailable"),
        found(3, "Berlin", "Deutschland"),
        found(7, "", ""),
        failed(8, CAUSE_TIMEOUT, ""),
        failed(9, CAUSE_HTTP_5XX, "Service Unavailable"),
        found(UINT32_MAX - 1, "Deutschland", "Berlin"),
        found(UINT32_MAX, "Berlin", "Deutschland"),
    };
    answers[3].answered_at = 0;
    answers[4].answered_at = UINT32_MAX;
    answers[3].code = morton_encode((struct point){LATITUDE_LIMIT, LONGITUDE_LIMIT - 1});
    answers[4].code = 0;
    size_t count = sizeof answers / sizeof answers[0];
    answers[5].settled = SETTLED_NONE;
    answers[6].settled = SETTLED_UNSURE;
    struct answer_batch *batch = make_batch();
    for (size_t i = 0; i < count; i++)
        add(batch, answers[i]);
    assert_answers(batch, answers, count);
    answer_batch_free(batch);
}

static void counts_outcomes_causes_and_retries(void **state)
{
    (void)state;
    struct answer_batch *batch = make_batch();
    add(batch, found(0, "A", "B"));
    add(batch, failed(1, CAUSE_RESET, "x"));
    add(batch, failed(2, CAUSE_RESET, "x"));
    struct settled_answer twice = found(3, "A", "B");
    twice.measure.attempts = 2;
    add(batch, twice);
    const struct answer_counts *counts = answer_batch_counts(batch);
    assert_int_equal(counts->settled[SETTLED_FOUND], 2);
    assert_int_equal(counts->settled[SETTLED_FAILED], 2);
    assert_int_equal(counts->causes[CAUSE_RESET], 2);
    assert_int_equal(counts->retried, 9);
    assert_int_equal(answer_batch_share(batch), SHARE);
    answer_batch_free(batch);
}

static void copies_what_it_is_given(void **state)
{
    (void)state;
    struct answer_batch *batch = make_batch();
    struct settled_answer expected[2] = {found(0, "Rome", "Italy"), found(1, "Oslo", "Italy")};
    char city[8] = "Rome";
    add(batch, found(0, city, "Italy"));
    memcpy(city, "Oslo", 5);
    add(batch, found(1, city, "Italy"));
    assert_answers(batch, expected, 2);
    answer_batch_free(batch);
}

static void bytes_do_not_depend_on_the_order_of_adding(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static struct settled_answer answers[COUNT];
    static char cities[COUNT][16];
    struct answer_batch *forward = make_batch();
    struct answer_batch *mixed = make_batch();
    for (uint32_t i = 0; i < COUNT; i++) {
        (void)snprintf(cities[i], sizeof cities[i], "City %u", i % 3000);
        answers[i] =
            i % 11 == 5 ? failed(i, CAUSE_CONNECT, cities[i]) : found(i, cities[i], "Country");
        add(forward, answers[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        add(mixed, answers[i * 3 % COUNT]);
    assert_answers(forward, answers, COUNT);
    assert_answers(mixed, answers, COUNT);
    struct slice a = answer_batch_bytes(forward);
    struct slice b = answer_batch_bytes(mixed);
    assert_true(slice_equal(a, b));
    answer_batch_free(forward);
    answer_batch_free(mixed);
}

static void ranges_are_sorted_and_merged(void **state)
{
    (void)state;
    struct answer_batch *batch = make_batch();
    static const uint32_t ordinals[] = {9, 3, 4, 20, 5, 10, 0};
    for (size_t i = 0; i < sizeof ordinals / sizeof ordinals[0]; i++)
        add(batch, found(ordinals[i], "A", "B"));
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    size_t count;
    const struct ordinal_range *ranges = answer_batch_ranges(batch, &count);
    static const struct ordinal_range expected[] = {{0, 1}, {3, 3}, {9, 2}, {20, 1}};
    assert_int_equal(count, 4);
    assert_memory_equal(ranges, expected, sizeof expected);
    answer_batch_free(batch);
}

static void refuses_a_point_answered_twice(void **state)
{
    (void)state;
    struct error err;
    struct answer_batch *batch = make_batch();
    add(batch, found(4, "A", "B"));
    add(batch, found(4, "A", "B"));
    assert_int_equal(answer_batch_seal(batch, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    answer_batch_free(batch);
}

static void an_empty_batch_is_a_record(void **state)
{
    (void)state;
    struct answer_batch *batch = make_batch();
    assert_answers(batch, NULL, 0);
    struct settled_answer late = found(0, "A", "B");
    assert_int_equal(answer_batch_add(batch, &late, NULL), -1);
    answer_batch_free(batch);
}

static void a_row_like_the_gazetteers_is_small(void **state)
{
    (void)state;
    enum { ROWS = 2500 };
    struct answer_batch *batch = make_batch();
    char city[32];
    uint64_t code = morton_encode((struct point){521000000, 130000000});
    for (uint32_t i = 0; i < ROWS; i++) {
        (void)snprintf(city, sizeof city, "Town Number %u", i / 125);
        struct settled_answer answer = found(i, city, "Deutschland");
        answer.code = code += 1000000 + i * 7919 % 9000000;
        answer.answered_at = 1700000000 + i / 500;
        add(batch, answer);
    }
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    assert_true(answer_batch_bytes(batch).length < ROWS * 8);
    answer_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settles_by_the_old_outcome),
        cmocka_unit_test(gives_back_what_was_added),
        cmocka_unit_test(counts_outcomes_causes_and_retries),
        cmocka_unit_test(copies_what_it_is_given),
        cmocka_unit_test(bytes_do_not_depend_on_the_order_of_adding),
        cmocka_unit_test(ranges_are_sorted_and_merged),
        cmocka_unit_test(refuses_a_point_answered_twice),
        cmocka_unit_test(an_empty_batch_is_a_record),
        cmocka_unit_test(a_row_like_the_gazetteers_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
