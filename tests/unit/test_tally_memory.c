/* Tallies out of memory: every allocation of theirs fails once. The C library's allocator stands
 * behind ours, so not with a sanitizer's. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/kinds_rig.h"
#include "tests/unit/tables_rig.h"

#ifndef RIG_SANITIZED

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void __libc_free(void *memory);

static unsigned long fail_at; /* this one from now on; 0: none */
static unsigned long made;    /* since fail_at was set */
static long living;

static bool fails(void)
{
    return ++made == fail_at;
}

void *malloc(size_t bytes)
{
    void *memory = fails() ? NULL : __libc_malloc(bytes);
    living += memory != NULL;
    return memory;
}

void *calloc(size_t count, size_t bytes)
{
    void *memory = fails() ? NULL : __libc_calloc(count, bytes);
    living += memory != NULL;
    return memory;
}

void *realloc(void *old, size_t bytes)
{
    void *memory = fails() ? NULL : __libc_realloc(old, bytes);
    living += memory != NULL && old == NULL;
    return memory;
}

void free(void *memory)
{
    living -= memory != NULL;
    __libc_free(memory);
}

static void fail_from_now(unsigned long number)
{
    made = 0;
    fail_at = number;
}

static const char text[] = "a = sum[countrycode] of latency_ms\n"
                           "b = top(1)[countrycode] of city weight status\n"
                           "c = sample(2) of old_label, label, lat\n"
                           "d = collection(3)[changed] of city\n"
                           "e = quantile(3) of latency_ms\n"
                           "f = unique(16) of city, lat\n"
                           "g = maximum(2)[hour] of provider weight latency_ms\n"
                           "h = mean[countrycode, provider] of age_days\n";

static int take_some(struct tally *tally, unsigned first, struct error *err)
{
    struct rig_record record = {0};
    for (unsigned i = first; i < 60; i += 2) {
        rig_record_set(&record, i);
        if (tally_take(tally, &record.observed, err) != 0)
            return -1;
    }
    return 0;
}

/* All that is done to tallies. */
static int use(const struct tables *tables, struct error *err)
{
    struct tally *tally = NULL, *other = NULL, *again = NULL;
    struct buffer bytes = {0};
    cJSON *json = NULL;
    int result = -1;
    if (tally_create(&tally, tables, err) != 0 || tally_create(&other, tables, err) != 0 ||
        take_some(tally, 0, err) != 0 || take_some(other, 1, err) != 0 ||
        tally_merge(tally, other, err) != 0 || tally_write(tally, &bytes, err) != 0 ||
        tally_read(&again, tables, bytes.data, bytes.used, "x", err) != 0)
        goto out;
    json = tally_json(again, err);
    result = json != NULL ? 0 : -1;
out:
    cJSON_Delete(json);
    buffer_free(&bytes);
    tally_free(tally);
    tally_free(other);
    tally_free(again);
    return result;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    struct tables *tables = rig_tables(text);
    struct error err = {0};
    unsigned long number = 0;
    int result = -1;
    unsigned borne = 0;
    fail_from_now(0);
    long before = living;
    assert_int_equal(use(tables, &err), 0);
    unsigned long all = made;
    assert_int_equal(living, before);
    while (++number <= all) {
        err.code = ERROR_NONE;
        fail_from_now(number);
        result = use(tables, &err);
        fail_from_now(0);
        assert_int_equal(living, before);
        assert_true(result == 0 || err.code == ERROR_MEMORY);
        borne += result == 0;
    }
    assert_true(all > 300 && borne < 5); /* qsort does without */
    print_message("%lu allocations failed in turn\n", all);
    tables_free(tables);
}

/* An emission that failed leaves the cells as they were: once there is memory it can be repeated.
 */
static void a_failed_emission_changes_nothing(void **state)
{
    (void)state;
    for (const struct kind *const *kind = kinds; *kind != NULL; kind++) {
        unsigned n = (*kind)->least_n > 4 ? (*kind)->least_n : 4;
        struct rig_table table = {*kind, n, (*kind)->numbers ? RIG_LATENCY : RIG_CITY, 1};
        struct cells *calm = rig_cells(&table), *shaken = rig_cells(&table);
        for (uint64_t number = 0; number < 300; number++) {
            struct rig_skewed record = rig_skewed(number);
            struct value index = rig_city(record.city % 20);
            struct value value =
                table.what == RIG_CITY ? rig_city(record.city) : value_number(record.latency);
            struct emission emission = {&value,      1,           record.latency,
                                        record.tile, record.code, record.priority};
            int result = -1;
            for (unsigned long at = 1; result != 0; at++) {
                fail_from_now(at);
                result = cells_emit(shaken, &index, &emission, NULL);
                fail_from_now(0);
                assert_true(at < 20);
                if (result != 0)
                    rig_assert_same(calm, shaken);
            }
            assert_int_equal(cells_emit(calm, &index, &emission, NULL), 0);
        }
        rig_assert_same(calm, shaken);
        cells_free(calm);
        cells_free(shaken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(a_failed_emission_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void nothing_to_fail(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_to_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
