#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "quadtree/morton.h"
#include "stages/answers_format.h"

#define SHARE 3u
#define ROWS 2000u

static struct slice text(const char *string)
{
    return (struct slice){string, (uint32_t)strlen(string)};
}

static struct settled_answer make_answer(uint32_t ordinal)
{
    struct settled_answer answer = {
        .ordinal = ordinal,
        .code = morton_encode((struct point){(int32_t)ordinal * 100000, 5 - (int32_t)ordinal}),
        .settled = ordinal % SETTLED_COUNT,
        .answered_at = 1700000000 + ordinal / 3,
        .measure = ANSWER_MEASURE_UNKNOWN,
    };
    if (answer.settled == SETTLED_FOUND) {
        answer.address.field[FIELD_CITY] = text("Bath");
        answer.address.field[FIELD_COUNTRYCODE] = text("gb");
    } else if (answer.settled == SETTLED_FAILED) {
        answer.cause = CAUSE_HTTP_5XX;
        answer.measure.status = 503;
        answer.measure.attempts = 4;
        answer.detail = text("down");
    }
    return answer;
}

/* Measures that stay, move a little, jump, end and begin to be known. */
static struct answer_measure make_measure(uint32_t i)
{
    struct answer_measure measure = {
        .latency_us = 50000 + i / 7 * 131 % 9000,
        .bytes = 700 - i % 3,
        .distance_cm = i / 8 * 977 % 100000,
        .status = i % 50 == 0 ? 429 : 200,
        .attempts = (uint16_t)(i % 11 == 0 ? 3 : 1),
    };
    measure.waited_us = measure.latency_us + (i % 11 == 0 ? i : 0);
    switch (i % 97) {
    case 10:
        measure.latency_us = 0;
        measure.distance_cm = 0;
        break;
    case 11:
        measure.latency_us = measure.waited_us = MEASURE_UNKNOWN - 1;
        measure.distance_cm = MEASURE_UNKNOWN - 1;
        measure.bytes = MEASURE_UNKNOWN - 1;
        measure.status = measure.attempts = UINT16_MAX;
        break;
    case 20:
        return ANSWER_MEASURE_UNKNOWN;
    default:
        break;
    }
    return measure;
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
    if (answer_batch_add(batch, &answer, &err) != 0)
        fail_msg("%s", err.message);
}

static struct answer_reader open_reader(struct answer_batch *batch)
{
    struct error err;
    struct answer_reader reader;
    assert_int_equal(answer_batch_seal(batch, &err), 0);
    struct slice bytes = answer_batch_bytes(batch);
    assert_int_equal(answer_reader_open(&reader, bytes.data, bytes.length, "log", &err), 0);
    return reader;
}

static void assert_measure(const struct answer_measure *a, const struct answer_measure *b)
{
    assert_int_equal(a->latency_us, b->latency_us);
    assert_int_equal(a->waited_us, b->waited_us);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->distance_cm, b->distance_cm);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->attempts, b->attempts);
}

static void assert_source(const struct answer_source *a, const struct answer_source *b)
{
    assert_non_null(a);
    assert_true(slice_equal(a->provider, b->provider));
    assert_true(slice_equal(a->peer, b->peer));
    assert_int_equal(a->bottleneck, b->bottleneck);
    assert_int_equal(a->sealed_at, b->sealed_at);
}

static void measures_and_sources_come_back(void **state)
{
    (void)state;
    const struct answer_source sources[] = {
        {text("nominatim"), text("alpha"), STATION_WRITE, 1700000000123},
        {text("nominatim"), text("beta"), STATION_COUNT, 1700000000023},
        {text(""), text(""), STATION_SNAPSHOT, 0},
        {text("gb"), text("Bath"), STATION_PUBLISH, UINT64_MAX},
    };
    struct answer_batch *batch = make_batch();
    struct settled_answer got;
    for (uint32_t i = ROWS; i-- > 0;) { /* the last first */
        struct settled_answer answer = make_answer(i);
        answer.measure = make_measure(i);
        answer.source = i % 5 == 0 ? NULL : &sources[i / 100 % 4];
        add(batch, answer);
    }
    struct answer_reader reader = open_reader(batch);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct answer_measure expected = make_measure(i);
        assert_int_equal(answer_reader_next(&reader, &got, NULL), 1);
        if (got.settled != SETTLED_FOUND)
            expected.distance_cm = MEASURE_UNKNOWN;
        assert_int_equal(got.ordinal, i);
        assert_measure(&got.measure, &expected);
        if (i % 5 == 0)
            assert_null(got.source);
        else
            assert_source(got.source, &sources[i / 100 % 4]);
    }
    assert_int_equal(answer_reader_next(&reader, &got, NULL), 0);
    answer_reader_close(&reader);
    answer_batch_free(batch);
}

static void the_source_of_a_batch_is_that_of_all_without_one(void **state)
{
    (void)state;
    const struct answer_source own = {text("here"), text("us"), STATION_GEOCODE, 1700000000000};
    const struct answer_source other = {text("here"), text("them"), STATION_GEOCODE, 1700000000001};
    struct answer_batch *batch = make_batch();
    for (uint32_t i = 0; i < 10; i++) {
        struct settled_answer answer = make_answer(i);
        answer.source = i == 4 ? &other : NULL;
        add(batch, answer);
    }
    assert_int_equal(answer_batch_set_source(batch, &other, NULL), 0);
    assert_int_equal(answer_batch_set_source(batch, &own, NULL), 0);
    struct answer_reader reader = open_reader(batch);
    struct settled_answer got;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(answer_reader_next(&reader, &got, NULL), 1);
        assert_source(got.source, i == 4 ? &other : &own);
    }
    answer_reader_close(&reader);
    assert_int_equal(answer_batch_set_source(batch, &own, NULL), -1);
    answer_batch_free(batch);
}

/* Add all answers of a batch to another, as it is done when a share is put together. */
static void copy(struct answer_batch *out, struct answer_batch *in)
{
    struct answer_reader reader = open_reader(in);
    struct settled_answer answer;
    while (answer_reader_next(&reader, &answer, NULL) == 1)
        add(out, answer);
    answer_reader_close(&reader);
    answer_batch_free(in);
}

static struct answer_batch *make_part(uint32_t first, uint32_t end, uint64_t sealed_at)
{
    struct answer_source source = {text("pelias"), text("alpha"), STATION_WRITE, sealed_at};
    struct answer_batch *batch = make_batch();
    for (uint32_t i = first; i < end; i++) {
        struct settled_answer answer = make_answer(i);
        answer.measure = make_measure(i);
        add(batch, answer);
    }
    assert_int_equal(answer_batch_set_source(batch, &source, NULL), 0);
    return batch;
}

static void the_bytes_depend_on_the_answers_alone(void **state)
{
    (void)state;
    struct answer_batch *one = make_batch(), *two = make_batch();
    copy(one, make_part(0, 300, 1000));
    copy(one, make_part(300, 400, 2000));
    copy(one, make_part(400, 500, 1000));
    copy(two, make_part(450, 500, 1000));
    copy(two, make_part(300, 400, 2000));
    copy(two, make_part(0, 300, 1000));
    copy(two, make_part(400, 450, 1000));
    assert_int_equal(answer_batch_seal(one, NULL), 0);
    assert_int_equal(answer_batch_seal(two, NULL), 0);
    assert_true(slice_equal(answer_batch_bytes(one), answer_batch_bytes(two)));
    struct answer_batch *again = make_batch();
    copy(again, one);
    assert_int_equal(answer_batch_seal(again, NULL), 0);
    assert_true(slice_equal(answer_batch_bytes(again), answer_batch_bytes(two)));
    answer_batch_free(again);
    answer_batch_free(two);
}

/* Five answers as refreshd 0.1.0 recorded them. */
static const unsigned char version_1[] = {
    0x52, 0x46, 0x44, 0x41, 0x4e, 0x53, 0x57, 0x52, 0x01, 0x00, 0x00, 0x00, 0x69, 0x00, 0x00,
    0x00, 0x03, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00,
    0x00, 0x00, 0x04, 0x02, 0x04, 0x42, 0x61, 0x74, 0x68, 0x67, 0x62, 0x64, 0x6f, 0x77, 0x6e,
    0xa0, 0x08, 0x00, 0x01, 0x04, 0x91, 0x80, 0x98, 0xcc, 0x9f, 0x8c, 0xe6, 0xb3, 0x1e, 0x80,
    0xc4, 0x9f, 0xd5, 0x0c, 0x00, 0x15, 0xff, 0x8f, 0xa2, 0x81, 0x78, 0x16, 0xf5, 0xaf, 0xf6,
    0x8b, 0x28, 0x03, 0x07, 0xff, 0x8f, 0xe2, 0x83, 0xf8, 0x0a, 0x02, 0x07, 0xf7, 0x03, 0x04,
    0x03, 0x34, 0xfd, 0xaf, 0xa7, 0xab, 0x7d, 0xbf, 0xa6, 0x4a, 0x0a, 0xa7, 0x1a, 0x99, 0xc5,
};

static void answers_without_measures_are_version_1(void **state)
{
    (void)state;
    struct answer_batch *batch = make_batch();
    struct answer_reader reader;
    struct settled_answer got;
    assert_int_equal(answer_reader_open(&reader, version_1, sizeof version_1, "old", NULL), 0);
    for (uint32_t i = 0; i < 5; i++) {
        struct settled_answer expected = make_answer(i);
        assert_int_equal(answer_reader_next(&reader, &got, NULL), 1);
        assert_measure(&got.measure, &expected.measure);
        assert_null(got.source);
        assert_int_equal(got.settled, expected.settled);
        assert_int_equal(got.ordinal, i < 3 ? i : i + 7);
        add(batch, got);
    }
    assert_int_equal(answer_reader_next(&reader, &got, NULL), 0);
    answer_reader_close(&reader);
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    struct slice bytes = answer_batch_bytes(batch);
    assert_int_equal(bytes.length, sizeof version_1);
    assert_memory_equal(bytes.data, version_1, sizeof version_1);
    answer_batch_free(batch);
}

/* Bytes of a batch of full length with these requests of `request` points each. */
static uint32_t bytes_of(uint32_t request, bool measured)
{
    struct answer_source source = {text("gazetteer"), text(""), STATION_GEOCODE, 1700000000000};
    struct answer_batch *batch = make_batch();
    for (uint32_t i = 0; i < 4096; i++) {
        struct settled_answer answer = make_answer(i);
        if (measured) {
            uint32_t latency = 90 + i / request * 37 % 60;
            answer.measure =
                (struct answer_measure){latency, latency, MEASURE_UNKNOWN, MEASURE_UNKNOWN, 0, 1};
        }
        add(batch, answer);
    }
    if (measured)
        assert_int_equal(answer_batch_set_source(batch, &source, NULL), 0);
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    uint32_t bytes = answer_batch_bytes(batch).length;
    answer_batch_free(batch);
    return bytes;
}

static void points_of_one_request_share_what_it_cost(void **state)
{
    (void)state;
    /* A request costs its flags and its latency; the source once. The failed save their status. */
    assert_true(bytes_of(256, true) <= bytes_of(256, false) + 4096 / 256 * 3 + 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_and_sources_come_back),
        cmocka_unit_test(the_source_of_a_batch_is_that_of_all_without_one),
        cmocka_unit_test(the_bytes_depend_on_the_answers_alone),
        cmocka_unit_test(answers_without_measures_are_version_1),
        cmocka_unit_test(points_of_one_request_share_what_it_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
