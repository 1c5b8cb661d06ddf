#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cachefmt/pair_table.h"
#include "pair_sample.h"

static void read_record(const struct table *table, uint32_t record, unsigned fields, uint32_t *out)
{
    for (unsigned f = 0; f < fields; f++)
        out[f] = table_value(table, record, f);
}

/* The table in memory of exactly its size, so that a sanitizer sees a step outside. */
static unsigned char *encode(const uint32_t *records, uint32_t count, unsigned fields, size_t lead,
                             size_t *bytes)
{
    static const unsigned char zeros[TABLE_SLACK];
    struct buffer out = {0};
    assert_int_equal(buffer_append(&out, "0123456", lead, NULL), 0);
    assert_int_equal(table_append(&out, records, count, fields, NULL), 0);
    assert_int_equal(buffer_append(&out, zeros, sizeof zeros, NULL), 0);
    unsigned char *exact = malloc(out.used);
    assert_non_null(exact);
    memcpy(exact, out.data, out.used);
    *bytes = out.used;
    buffer_free(&out);
    return exact;
}

static uint32_t *make_records(uint64_t *random, uint32_t count, unsigned fields)
{
    uint32_t *records = malloc((size_t)count * fields * sizeof *records);
    uint64_t limit[TABLE_FIELDS], base[TABLE_FIELDS], zeros[TABLE_FIELDS];
    assert_non_null(records);
    for (unsigned f = 0; f < fields; f++) {
        limit[f] = 1ULL << sample_random(random) % 33;
        base[f] = sample_random(random) % 3 == 0 ? 0 : sample_random(random) % (1ULL << 32);
        zeros[f] = sample_random(random) % 4;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (unsigned f = 0; f < fields; f++) {
            bool zero = zeros[f] != 0 && sample_random(random) % 8 < zeros[f];
            uint32_t value = (uint32_t)(base[f] + sample_random(random) % limit[f]);
            records[(size_t)i * fields + f] = zero ? 0 : value;
        }
    }
    return records;
}

static void records_come_back(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int round = 0; round < 600; round++) {
        unsigned fields = 1 + (unsigned)(sample_random(&random) % TABLE_FIELDS);
        uint32_t count = 1 + (uint32_t)(sample_random(&random) % 400);
        uint32_t *records = make_records(&random, count, fields);
        size_t lead = sample_random(&random) % 7;
        size_t bytes;
        unsigned char *region = encode(records, count, fields, lead, &bytes);
        struct table table;
        size_t end = 0;
        assert_true(table_open(&table, region, lead, bytes, count, fields, &end));
        assert_int_equal(end, bytes - TABLE_SLACK);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t got[TABLE_FIELDS];
            read_record(&table, i, fields, got);
            assert_memory_equal(got, records + (size_t)i * fields, fields * sizeof *got);
        }
        free(region);
        free(records);
    }
}

static void a_missing_value_does_not_widen_a_field(void **state)
{
    (void)state;
    uint32_t records[128];
    size_t without, with;
    for (uint32_t i = 0; i < 128; i++)
        records[i] = 1000000 + i % 60;
    free(encode(records, 128, 1, 0, &without));
    records[77] = 0;
    free(encode(records, 128, 1, 0, &with));
    assert_int_equal(with, without);
}

/* What FORMAT.md says of heads and codes, byte by byte. */
static void bytes_are_those_of_the_format(void **state)
{
    (void)state;
    const uint32_t records[] = {7, 300, 0, 7, 301, 0x10002, 7, 307, 0x10001};
    const unsigned char expected[] = {
        7,    0,    0,    0, 0x2c, 1, 0, 0, 0, 0, 1, 0, /* bases 7, 300, 0x10001 - 1 */
        0,    3,    0x82,                               /* widths; zero apart */
        0x20, 0x3e,                                     /* 000 00, then 001 10, then 111 01 */
        0,    0,    0,    0, 0,    0, 0, 0,
    };
    size_t bytes;
    unsigned char *region = encode(records, 3, 3, 0, &bytes);
    assert_int_equal(bytes, sizeof expected);
    assert_memory_equal(region, expected, bytes);
    free(region);
}

static void a_table_may_be_empty(void **state)
{
    (void)state;
    size_t bytes, end = 0;
    unsigned char *region = encode(NULL, 0, 3, 0, &bytes);
    struct table table;
    assert_int_equal(bytes, 3 * 5 + TABLE_SLACK);
    assert_true(table_open(&table, region, 0, bytes, 0, 3, &end));
    assert_int_equal(end, 3 * 5);
    assert_int_equal(table.records, 0);
    free(region);
}

static void a_constant_field_takes_no_room(void **state)
{
    (void)state;
    uint32_t records[2 * 1000];
    size_t both, one;
    for (uint32_t i = 0; i < 1000; i++) {
        records[2 * i] = 123456;
        records[2 * i + 1] = i;
    }
    free(encode(records, 1000, 2, 0, &both));
    for (uint32_t i = 0; i < 1000; i++)
        records[i] = i;
    free(encode(records, 1000, 1, 0, &one));
    assert_int_equal(both, one + 5);
}

static void a_cut_table_is_refused(void **state)
{
    (void)state;
    uint64_t random = 2;
    uint32_t *records = make_records(&random, 300, 3);
    size_t bytes;
    unsigned char *region = encode(records, 300, 3, 0, &bytes);
    struct table table;
    assert_true(table_open(&table, region, 0, bytes, 300, 3, NULL));
    for (size_t limit = 0; limit < bytes; limit++)
        assert_false(table_open(&table, region, 0, limit, 300, 3, NULL));
    assert_false(table_open(&table, region, bytes + 1, bytes, 300, 3, NULL));
    free(region);
    free(records);
}

/* Whatever the bytes, a table that opens is read without a step outside its region. */
static void changed_bytes_stay_inside(void **state)
{
    (void)state;
    uint64_t random = 3;
    unsigned opened = 0;
    for (int round = 0; round < 20000; round++) {
        uint32_t count = 1 + (uint32_t)(sample_random(&random) % 300);
        uint32_t *records = make_records(&random, count, 2);
        size_t bytes;
        unsigned char *region = encode(records, count, 2, 0, &bytes);
        struct table table;
        for (uint64_t n = 1 + sample_random(&random) % 3; n > 0; n--)
            region[sample_random(&random) % (bytes < 40 ? bytes : 40)] =
                (unsigned char)sample_random(&random);
        if (table_open(&table, region, 0, bytes, count, 2, NULL)) {
            opened++;
            for (uint32_t i = 0; i < count; i++) {
                uint32_t got[TABLE_FIELDS];
                read_record(&table, i, 2, got);
            }
        }
        free(region);
        free(records);
    }
    assert_true(opened > 1000);
}

/* The same without a sanitizer: a table whose widths reach behind the region is refused. */
static void a_table_that_is_too_wide_is_refused(void **state)
{
    (void)state;
    uint32_t records[100];
    size_t bytes;
    for (uint32_t i = 0; i < 100; i++)
        records[i] = i;
    unsigned char *region = encode(records, 100, 1, 0, &bytes);
    struct table table;
    unsigned char *width = region + 4;
    assert_int_equal(*width, 7);
    *width = 8;
    assert_false(table_open(&table, region, 0, bytes, 100, 1, NULL));
    *width = 33;
    assert_false(table_open(&table, region, 0, bytes + 4096, 100, 1, NULL));
    *width = 7;
    assert_true(table_open(&table, region, 0, bytes, 100, 1, NULL));
    free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(a_missing_value_does_not_widen_a_field),
        cmocka_unit_test(bytes_are_those_of_the_format),
        cmocka_unit_test(a_table_may_be_empty),
        cmocka_unit_test(a_constant_field_takes_no_room),
        cmocka_unit_test(a_cut_table_is_refused),
        cmocka_unit_test(changed_bytes_stay_inside),
        cmocka_unit_test(a_table_that_is_too_wide_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
