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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_the_operator_reads_it),
        cmocka_unit_test(parts_merge_to_the_same_bytes),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
