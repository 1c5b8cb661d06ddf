#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "tests/unit/tables_rig.h"

#define GOLDEN_BYTES 9499U
#define GOLDEN_HASH 0x2f50399787d5e222ULL

static char *print(const struct tally *tally)
{
    cJSON *json = tally_json(tally, NULL);
    assert_non_null(json);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    assert_non_null(text);
    return text;
}

static void counts_as_the_operator_reads_it(void **state)
{
    (void)state;
    struct tables *tables = rig_tables("c = sum[countrycode] of 1 when changed\n"
                                       "m = mean of status when outcome == \"found\"\n"
                                       "d = count of distance_m\n"
                                       "w = maximum(2) of attempts, status weight status\n");
    struct tally *tally;
    struct rig_record record = {0};
    assert_int_equal(tally_create(&tally, tables, NULL), 0);
    for (unsigned i = 0; i < 8; i++) {
        rig_record_set(&record, i);
        record.observed.changed = i < 4;
        record.entry.address.field[FIELD_COUNTRYCODE] = rig_slice(i == 3  ? ""
                                                                  : i > 0 ? "fr"
                                                                          : "de");
        record.observed.status = 200 + i;
        assert_int_equal(tally_take(tally, &record.observed, NULL), 0);
    }
    char *text = print(tally);
    assert_string_equal(
        text,
        "[{\"name\":\"c\",\"text\":\"c = sum[countrycode] of 1 when changed\",\"kind\":\"sum\","
        "\"emitted\":3,\"skipped\":1,\"other\":0,\"error_bound\":0,\"rows\":["
        "{\"index\":{\"countrycode\":\"fr\"},\"value\":2},"
        "{\"index\":{\"countrycode\":\"de\"},\"value\":1}]},"
        "{\"name\":\"m\",\"text\":\"m = mean of status when outcome == \\\"found\\\"\","
        "\"kind\":\"mean\",\"emitted\":8,\"skipped\":0,\"other\":0,\"error_bound\":0,"
        "\"rows\":[{\"index\":{},\"value\":203.5}]},"
        "{\"name\":\"d\",\"text\":\"d = count of distance_m\",\"kind\":\"count\","
        "\"emitted\":0,\"skipped\":8,\"other\":0,\"error_bound\":0,\"rows\":[]},"
        "{\"name\":\"w\",\"text\":\"w = maximum(2) of attempts, status weight status\","
        "\"kind\":\"maximum\",\"emitted\":8,\"skipped\":0,\"other\":0,\"error_bound\":0,"
        "\"rows\":[{\"index\":{},\"value\":[[1,207],[1,206]]}]}]");
    free(text);
    tally_free(tally);
    tables_free(tables);
}

static struct buffer bytes_of(const struct tally *tally)
{
    struct buffer bytes = {0};
    assert_int_equal(tally_write(tally, &bytes, NULL), 0);
    return bytes;
}

static void assert_same_bytes(const struct tally *a, const struct tally *b)
{
    struct buffer left = bytes_of(a), right = bytes_of(b);
    assert_int_equal(left.used, right.used);
    assert_memory_equal(left.data, right.data, left.used);
    buffer_free(&left);
    buffer_free(&right);
}

static void parts_merge_to_the_same_bytes(void **state)
{
    (void)state;
    struct tables *tables = rig_tables(tables_of_a_run);
    struct tally *whole = rig_tally(tables, 0, 30000, 1);
    struct tally *sum = rig_tally(tables, 0, 0, 1);
    for (unsigned i = 0; i < 7; i++) {
        struct tally *part = rig_tally(tables, (i * 3) % 7, 30000, 7);
        assert_int_equal(tally_merge(sum, part, NULL), 0);
        tally_free(part);
    }
    assert_same_bytes(whole, sum);
    assert_int_equal(tally_charge(whole), tally_charge(sum));
    char *a = print(whole), *b = print(sum);
    assert_string_equal(a, b);
    free(a);
    free(b);
    tally_free(whole);
    tally_free(sum);
    tables_free(tables);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct tables *tables = rig_tables(tables_of_a_run);
    struct tally *tally = rig_tally(tables, 0, 20000, 1), *again;
    struct buffer bytes = bytes_of(tally);
    struct error err = {0};
    if (tally_read(&again, tables, bytes.data, bytes.used, "x", &err) != 0)
        fail_msg("%s", err.message);
    assert_same_bytes(tally, again);
    assert_int_equal(tally_charge(tally), tally_charge(again));
    char *a = print(tally), *b = print(again);
    assert_string_equal(a, b);
    free(a);
    free(b);
    buffer_free(&bytes);
    tally_free(tally);
    tally_free(again);
    tables_free(tables);
}

static void a_record_that_misses_something_is_skipped(void **state)
{
    (void)state;
    struct tables *tables = rig_tables("a = count when status > 1\n"
                                       "b = count[cause]\n"
                                       "c = sum of distance_m\n"
                                       "d = sample(1) of old_label\n"
                                       "e = top of city weight distance_m\n"
                                       "f = top of city weight 0 - attempts\n"
                                       "g = sum of bytes * 1000000000000000000000\n"
                                       "h = quantile of bytes * 1000000000000000000000\n"
                                       "i = unique of distance_m\n");
    struct tally *tally;
    struct rig_record record = {0};
    assert_int_equal(tally_create(&tally, tables, NULL), 0);
    rig_record_set(&record, 1);
    record.observed.status = NAN;
    record.observed.old = NULL;
    assert_int_equal(tally_take(tally, &record.observed, NULL), 0);
    cJSON *json = tally_json(tally, NULL), *table;
    cJSON_ArrayForEach(table, json)
    {
        assert_int_equal(cJSON_GetObjectItem(table, "skipped")->valueint, 1);
        assert_int_equal(cJSON_GetObjectItem(table, "emitted")->valueint, 0);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(table, "rows")), 0);
    }
    cJSON_Delete(json);
    tally_free(tally);
    tables_free(tables);
}

/* What a sample passes over early is counted as if it had been worked out. */
static void samples_count_what_they_pass_over(void **state)
{
    (void)state;
    struct tables *tables = rig_tables("s = sample(5) of label, old_label, lat when changed\n"
                                       "c = count of label, old_label, lat when changed\n");
    struct tally *tally = rig_tally(tables, 0, 5000, 1);
    cJSON *json = tally_json(tally, NULL);
    for (int i = 0; i < 2; i++) {
        const cJSON *table = cJSON_GetArrayItem(json, i);
        assert_int_equal(cJSON_GetObjectItem(table, "emitted")->valueint, 1000);
        assert_int_equal(cJSON_GetObjectItem(table, "other")->valueint, 0);
    }
    const cJSON *rows = cJSON_GetObjectItem(cJSON_GetArrayItem(json, 0), "rows");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(rows->child, "value")), 5);
    cJSON_Delete(json);
    tally_free(tally);
    tables_free(tables);
}

static void refused(const struct tables *tables, const void *data, size_t bytes)
{
    struct tally *tally;
    struct error err = {0};
    unsigned char *copy = malloc(bytes + 1); /* so that a sanitizer sees where it ends */
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    assert_int_equal(tally_read(&tally, tables, copy, bytes, "tile 7", &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_memory_equal(err.message, "tile 7: ", 8);
    free(copy);
}

static void every_byte_that_is_changed_or_missing_is_noticed(void **state)
{
    (void)state;
    struct tables *tables = rig_tables(tables_of_a_run);
    struct tally *tally = rig_tally(tables, 0, 60, 1);
    struct buffer bytes = bytes_of(tally);
    for (size_t i = 0; i < bytes.used; i++) {
        refused(tables, bytes.data, i);
        bytes.data[i] ^= (unsigned char)(1 + rig_random(i) % 255);
        refused(tables, bytes.data, bytes.used);
        bytes.data[i] = (unsigned char)(bytes.data[i] ^ (1 + rig_random(i) % 255));
    }
    assert_int_equal(buffer_append(&bytes, "", 1, NULL), 0);
    refused(tables, bytes.data, bytes.used);
    buffer_free(&bytes);
    tally_free(tally);
    tables_free(tables);
}

/* The same with a checksum that is right: refused, or a tally that can be used. */
static void bytes_with_a_right_checksum_do_no_harm(void **state)
{
    (void)state;
    struct tables *tables = rig_tables(tables_of_a_run);
    struct tally *tally = rig_tally(tables, 0, 60, 1);
    struct buffer bytes = bytes_of(tally);
    size_t body = bytes.used - 8;
    for (size_t i = 0; i < body; i++) {
        unsigned char was = bytes.data[i];
        bytes.data[i] = (unsigned char)(was ^ (1 + rig_random(i) % 255));
        bytes_put64(bytes.data + body, XXH3_64bits(bytes.data, body));
        struct tally *again;
        struct error err = {0};
        if (tally_read(&again, tables, bytes.data, bytes.used, "x", &err) == 0) {
            assert_int_equal(tally_merge(again, tally, NULL), 0);
            free(print(again));
            tally_free(again);
        } else {
            assert_int_equal(err.code, ERROR_CORRUPT);
        }
        bytes.data[i] = was;
        uint64_t sum = XXH3_64bits(bytes.data, i);
        unsigned char kept[8];
        memcpy(kept, bytes.data + i, 8);
        bytes_put64(bytes.data + i, sum);
        refused(tables, bytes.data, i + 8);
        memcpy(bytes.data + i, kept, 8);
    }
    buffer_free(&bytes);
    tally_free(tally);
    tables_free(tables);
}

static void counts_of_other_tables_are_refused(void **state)
{
    (void)state;
    struct tables *tables = rig_tables("a = count\nb = count[city]");
    struct tables *fewer = rig_tables("a = count");
    struct tables *other = rig_tables("a = count\nb = count[county]");
    struct tally *tally = rig_tally(tables, 0, 10, 1);
    struct buffer bytes = bytes_of(tally);
    refused(fewer, bytes.data, bytes.used);
    refused(other, bytes.data, bytes.used);
    buffer_free(&bytes);
    tally_free(tally);
    tables_free(tables);
    tables_free(fewer);
    tables_free(other);
}

/* What a ledger has is read by what comes later: FORMAT.md. */
static void the_bytes_are_those_of_version_1(void **state)
{
    (void)state;
    struct tables *tables = rig_tables("a = sum[countrycode] of bytes when changed\n"
                                       "b = maximum(3)[changed] of city, status weight lat\n"
                                       "c = sample(4) of old_label\n"
                                       "d = collection(4)[provider, tile] of lon\n"
                                       "e = quantile(3) of lon - 10\n"
                                       "f = top(3) of city\n"
                                       "g = unique(16) of city\n");
    struct tally *tally = rig_tally(tables, 0, 1000, 1);
    struct buffer bytes = bytes_of(tally);
    uint64_t hash = XXH3_64bits(bytes.data, bytes.used);
    if (bytes.used != GOLDEN_BYTES || hash != GOLDEN_HASH)
        fail_msg("%zu bytes, hash %llx", bytes.used, (unsigned long long)hash);
    buffer_free(&bytes);
    tally_free(tally);
    tables_free(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_the_operator_reads_it),
        cmocka_unit_test(parts_merge_to_the_same_bytes),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_record_that_misses_something_is_skipped),
        cmocka_unit_test(samples_count_what_they_pass_over),
        cmocka_unit_test(every_byte_that_is_changed_or_missing_is_noticed),
        cmocka_unit_test(bytes_with_a_right_checksum_do_no_harm),
        cmocka_unit_test(counts_of_other_tables_are_refused),
        cmocka_unit_test(the_bytes_are_those_of_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
