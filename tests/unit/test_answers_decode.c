#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "quadtree/morton.h"
#include "stages/answers_format.h"

/* A record with every kind of row in it; the caller frees it. With measured, it says what the rows
 * cost. */
static unsigned char *make_record(bool measured, size_t *bytes)
{
    struct answer_batch *batch;
    struct answer_source sources[2] = {{{"here", 4}, {"bath", 4}, STATION_WRITE, 1700000000123},
                                       {{"here", 4}, {"avon", 4}, STATION_COUNT, 1700000000100}};
    assert_int_equal(answer_batch_create(&batch, 3, NULL), 0);
    for (uint32_t i = 0; i < 12; i++) {
        struct settled_answer answer = {
            .ordinal = i * (1 + i % 2),
            .code = morton_encode((struct point){(int32_t)i * 100000, 5 - (int32_t)i}),
            .settled = i % SETTLED_COUNT,
            .answered_at = 1700000000 + i / 3,
            .cause = CAUSE_CONNECT,
            .measure = ANSWER_MEASURE_UNKNOWN,
            .source = measured && i > 0 ? &sources[i / 5 % 2] : NULL,
            .detail = {"refused", 7},
        };
        answer.address.field[FIELD_CITY] = (struct slice){"Bath", 1 + i % 4};
        answer.address.field[FIELD_COUNTRYCODE] = (struct slice){"gb", 2};
        answer.ordinal = i + (i > 5 ? 100 : 0);
        if (measured)
            answer.measure =
                (struct answer_measure){1000 + i / 3, 1000 + i, 500 - 100 * i % 400, 7 * i, 404, 2};
        assert_int_equal(answer_batch_add(batch, &answer, NULL), 0);
    }
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    struct slice record = answer_batch_bytes(batch);
    unsigned char *copy = malloc(record.length);
    assert_non_null(copy);
    memcpy(copy, record.data, record.length);
    *bytes = record.length;
    answer_batch_free(batch);
    return copy;
}

/* 0 when all of it could be read, else -1 with err. */
static int read_all(const unsigned char *record, size_t bytes, struct error *err)
{
    /* A copy of the exact size lets the sanitizer see every byte read behind it. */
    unsigned char *exact = malloc(bytes + (bytes == 0));
    assert_non_null(exact);
    memcpy(exact, record, bytes);
    struct answer_reader reader = {0};
    int result = answer_reader_open(&reader, exact, bytes, "a/000003.log", err);
    struct settled_answer answer;
    while (result == 0 && (result = answer_reader_next(&reader, &answer, err)) == 1)
        result = 0;
    answer_reader_close(&reader);
    free(exact);
    return result;
}

static void reseal(unsigned char *record, size_t bytes)
{
    size_t body = bytes - ANSWERS_CHECKSUM_BYTES;
    bytes_put64(record + body, XXH3_64bits(record, body));
}

static void every_flipped_bit_is_found(void **state)
{
    bool measured = *state != NULL;
    size_t bytes;
    struct error err;
    unsigned char *record = make_record(measured, &bytes);
    assert_int_equal(bytes_get32(record + 8), measured ? 2 : 1);
    assert_int_equal(read_all(record, bytes, &err), 0);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        record[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(read_all(record, bytes, &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_non_null(strstr(err.message, "a/000003.log"));
        record[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(record);
}

static void every_cut_is_found(void **state)
{
    size_t bytes;
    struct error err;
    unsigned char *record = make_record(*state != NULL, &bytes);
    for (size_t left = 0; left < bytes; left++)
        assert_int_equal(read_all(record, left, &err), -1);
    free(record);
}

static void resealed_damage_is_no_crash(void **state)
{
    size_t bytes;
    struct error err;
    unsigned char *record = make_record(*state != NULL, &bytes);
    unsigned char *copy = malloc(bytes);
    assert_non_null(copy);
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    for (size_t at = 8; at < bytes - ANSWERS_CHECKSUM_BYTES; at++)
        for (size_t i = 0; i < sizeof values; i++) {
            memcpy(copy, record, bytes);
            copy[at] = values[i];
            reseal(copy, bytes);
            if (read_all(copy, bytes, &err) != 0)
                assert_int_equal(err.code, ERROR_CORRUPT);
        }
    free(copy);
    free(record);
}

static void wrong_counts_are_refused(void **state)
{
    size_t bytes;
    unsigned char *record = make_record(*state != NULL, &bytes);
    for (size_t at = 20; at < ANSWERS_HEADER_BYTES; at += 4) {
        uint32_t right = bytes_get32(record + at);
        static const uint32_t wrong[] = {0, 1, 1000, UINT32_MAX};
        for (size_t i = 0; i < 4; i++) {
            if (wrong[i] == right)
                continue;
            bytes_put32(record + at, wrong[i]);
            reseal(record, bytes);
            assert_int_equal(read_all(record, bytes, NULL), -1);
        }
        bytes_put32(record + at, right);
    }
    free(record);
}

static void a_newer_version_is_named(void **state)
{
    (void)state;
    size_t bytes;
    struct error err;
    unsigned char *record = make_record(true, &bytes);
    bytes_put32(record + 8, 3);
    reseal(record, bytes);
    assert_int_equal(read_all(record, bytes, &err), -1);
    assert_non_null(strstr(err.message, "version 3"));
    free(record);
}

int main(void)
{
    static char measured[] = "measured";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test_prestate(every_flipped_bit_is_found, measured),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test_prestate(every_cut_is_found, measured),
        cmocka_unit_test(resealed_damage_is_no_crash),
        cmocka_unit_test_prestate(resealed_damage_is_no_crash, measured),
        cmocka_unit_test(wrong_counts_are_refused),
        cmocka_unit_test_prestate(wrong_counts_are_refused, measured),
        cmocka_unit_test(a_newer_version_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
