/* Walks that decode some fields only; whole walks are in test_pair.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cachefmt/pair_header.h"
#include "tests/unit/pair_sample.h"

struct fixture {
    char directory[64], prefix[80];
    struct pair_sample sample;
    struct pair *pair;
};

static void set_up(struct fixture *f, size_t count)
{
    struct pair_info info;
    struct error err;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(f->directory, sizeof f->directory, "%s/test-walk-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->prefix, sizeof f->prefix, "%s/x", f->directory);
    pair_sample_make(&f->sample, 3, count, 40);
    if (pair_sample_build(&f->sample, f->prefix, &info, &err) != 0 ||
        pair_sample_open(&f->pair, f->prefix, &err) != 0)
        fail_msg("%s", err.message);
}

static void tear_down(struct fixture *f)
{
    char path[96];
    pair_close(f->pair);
    pair_sample_free(&f->sample);
    (void)snprintf(path, sizeof path, "%s.idx", f->prefix);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s.dat", f->prefix);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(f->directory), 0);
}

static void check_walk(const struct fixture *f, size_t first, unsigned wanted)
{
    struct pair_cursor cursor;
    struct entry entry;
    pair_walk_fields(&cursor, f->pair, first, wanted);
    for (size_t i = first; i < f->sample.count; i++) {
        const struct entry *expected = &f->sample.entries[i];
        assert_int_equal(pair_next(&cursor, &entry, NULL), 1);
        assert_true(point_equal(entry.point, expected->point));
        assert_int_equal(entry.outcome, expected->outcome);
        assert_int_equal(entry.refreshed_at, expected->refreshed_at);
        for (unsigned field = 0; field < FIELD_COUNT; field++) {
            if ((wanted >> field & 1) != 0)
                assert_true(
                    slice_equal(entry.address.field[field], expected->address.field[field]));
        }
    }
    assert_int_equal(pair_next(&cursor, &entry, NULL), 0);
}

static void every_wanted_field_is_right(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 3000);
    for (unsigned field = 0; field < FIELD_COUNT; field++) {
        check_walk(&f, 0, 1u << field);
        check_walk(&f, f.sample.count / 2, 1u << field);
    }
    check_walk(&f, 0, 0);
    check_walk(&f, 0, (1u << FIELD_COUNT) - 1);
    check_walk(&f, 0, 1u << FIELD_LABEL | 1u << FIELD_CITY);
    tear_down(&f);
}

static void also_over_the_border_of_segments(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, PAIR_SEGMENT_ROWS + 5000);
    assert_true(f.sample.count > PAIR_SEGMENT_ROWS);
    check_walk(&f, PAIR_SEGMENT_ROWS - 100, 1u << FIELD_STREET | 1u << FIELD_COUNTRYCODE);
    tear_down(&f);
}

/* What is not wanted is not decoded: that is what makes it faster. */
static void others_are_empty(void **state)
{
    (void)state;
    struct fixture f;
    struct pair_cursor cursor;
    struct entry entry;
    set_up(&f, 300);
    pair_walk_fields(&cursor, f.pair, 0, 1u << FIELD_STREET);
    while (pair_next(&cursor, &entry, NULL) == 1) {
        for (unsigned field = 0; field < FIELD_COUNT; field++)
            assert_true(field == FIELD_STREET || entry.address.field[field].length == 0);
    }
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wanted_field_is_right),
        cmocka_unit_test(also_over_the_border_of_segments),
        cmocka_unit_test(others_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
