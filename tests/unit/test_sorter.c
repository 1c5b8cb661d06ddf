#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cachefmt/sort_keys.h"
#include "cachefmt/sort_record.h"
#include "cachefmt/sorter.h"
#include "quadtree/grid.h"
#include "quadtree/morton.h"

static const struct grid grid = {24, 24};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 33;
}

static void sorted_keys(void **state)
{
    (void)state;
    size_t count = 50000;
    struct sort_key *keys = malloc(2 * count * sizeof *keys);
    assert_non_null(keys);
    uint64_t random = 1;
    for (size_t i = 0; i < count; i++)
        keys[i] = (struct sort_key){next_random(&random) % 3000 << (next_random(&random) % 50),
                                    (uint32_t)(next_random(&random) % 10000), (uint32_t)i};
    sort_keys(keys, keys + count, count);
    for (size_t i = 1; i < count; i++) {
        const struct sort_key *a = &keys[i - 1];
        const struct sort_key *b = &keys[i];
        assert_true(a->tile < b->tile || (a->tile == b->tile && a->code < b->code) ||
                    (a->tile == b->tile && a->code == b->code && a->record < b->record));
    }
    sort_keys(keys, keys + count, 1);
    sort_keys(keys, keys + count, 0);
    free(keys);
}

static void records(void **state)
{
    (void)state;
    struct entry entry = {.point = {1, -2}, .outcome = OUTCOME_UNSURE, .refreshed_at = 9};
    char *text = calloc(1, FIELD_BYTES_LIMIT);
    assert_non_null(text);
    entry.address.field[FIELD_CITY] = (struct slice){text, FIELD_BYTES_LIMIT};
    entry.address.field[FIELD_LABEL] = (struct slice){"abc", 3};
    size_t bytes = sort_record_body_bytes(&entry);
    unsigned char *body = malloc(bytes);
    struct sort_record header;
    struct entry back;
    assert_non_null(body);
    sort_record_encode(&entry, 5, bytes, &header, body);
    assert_true(sort_record_decode(&header, body, &back));
    assert_true(point_equal(back.point, entry.point));
    assert_int_equal(back.outcome, OUTCOME_UNSURE);
    assert_int_equal(back.refreshed_at, 9);
    assert_true(address_equal(&back.address, &entry.address));
    body[bytes / 2] ^= 1;
    assert_false(sort_record_decode(&header, body, &back));
    body[bytes / 2] ^= 1;
    header.refreshed_at++;
    assert_false(sort_record_decode(&header, body, &back));
    free(body);
    free(text);
}

static unsigned files_in(const char *directory)
{
    DIR *opened = opendir(directory);
    unsigned count = 0;
    assert_non_null(opened);
    while (readdir(opened) != NULL)
        count++;
    closedir(opened);
    return count - 2;
}

/* Points repeat: what wins is worked out from the rule by a table over all points. */
#define SIDE 150
struct winner {
    uint32_t refreshed_at;
    uint32_t row;
    bool seen;
};

static void add_rows(struct sorter *sorter, uint32_t rows, struct winner *winners)
{
    uint64_t random = 7;
    struct error err;
    char text[200];
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t x = (uint32_t)(next_random(&random) % SIDE);
        uint32_t y = (uint32_t)(next_random(&random) % SIDE);
        struct entry entry = {.outcome = (enum outcome)(row % 3)};
        entry.point.lat = (int32_t)((int64_t)y * 11000000 - 800000000);
        entry.point.lon = (int32_t)((int64_t)x * 23000000 - 1700000000);
        entry.refreshed_at = (uint32_t)(next_random(&random) % 5);
        int length = snprintf(text, sizeof text, "%u %0*u", row, (int)(row % 100), row);
        entry.address.field[FIELD_STREET] = (struct slice){text, (uint32_t)length};
        struct winner *winner = &winners[y * SIDE + x];
        if (!winner->seen || entry.refreshed_at >= winner->refreshed_at)
            *winner = (struct winner){entry.refreshed_at, row, true};
        assert_int_equal(sorter_add(sorter, grid_tile(grid, entry.point), &entry, &err), 0);
    }
}

static void check_rows(struct sorter *sorter, uint32_t rows, const struct winner *winners)
{
    struct error err;
    struct entry entry;
    uint32_t tile, last_tile = 0;
    uint64_t last_code = 0, count = 0, expected = 0;
    int got;
    while ((got = sorter_next(sorter, &tile, &entry, &err)) == 1) {
        uint64_t code = morton_encode(entry.point);
        assert_true(count == 0 || tile > last_tile || (tile == last_tile && code > last_code));
        assert_int_equal(tile, grid_tile(grid, entry.point));
        last_tile = tile;
        last_code = code;
        uint32_t y = (uint32_t)(((int64_t)entry.point.lat + 800000000) / 11000000);
        uint32_t x = (uint32_t)(((int64_t)entry.point.lon + 1700000000) / 23000000);
        const struct winner *winner = &winners[y * SIDE + x];
        assert_int_equal(entry.refreshed_at, winner->refreshed_at);
        assert_int_equal(strtoul(entry.address.field[FIELD_STREET].data, NULL, 10), winner->row);
        assert_int_equal(entry.outcome, winner->row % 3);
        count++;
    }
    assert_int_equal(got, 0);
    for (size_t i = 0; i < SIDE * SIDE; i++)
        expected += winners[i].seen;
    assert_int_equal(count, expected);
    assert_int_equal(sorter_repeated(sorter), rows - expected);
}

static void sort_and_check(uint32_t rows, size_t memory, bool spilled)
{
    char directory[] = "/tmp/test-sorter-XXXXXX";
    struct sorter *sorter;
    struct error err;
    struct winner *winners = calloc(SIDE * SIDE, sizeof *winners);
    assert_non_null(winners);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(sorter_create(&sorter, directory, memory, &err), 0);
    add_rows(sorter, rows, winners);
    assert_int_equal(sorter_finish(sorter, &err), 0);
    assert_int_equal(sorter_spilled(sorter), spilled);
    assert_int_equal(files_in(directory), 0);
    check_rows(sorter, rows, winners);
    sorter_free(sorter);
    assert_int_equal(rmdir(directory), 0);
    free(winners);
}

static void in_memory(void **state)
{
    (void)state;
    sort_and_check(30000, 0, false);
}

static void on_disk(void **state)
{
    (void)state;
    sort_and_check(200000, 1, true);
}

static void nothing(void **state)
{
    (void)state;
    sort_and_check(0, 0, false);
}

/* Records larger than a run's share of the memory. */
static void long_records(void **state)
{
    (void)state;
    char directory[] = "/tmp/test-sorter-XXXXXX";
    struct sorter *sorter;
    struct error err;
    struct entry entry = {0};
    uint32_t tile;
    char *text = malloc(FIELD_BYTES_LIMIT);
    assert_non_null(text);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(sorter_create(&sorter, directory, 1, &err), 0);
    for (int i = 0; i < 100; i++) {
        memset(text, 'a' + i % 26, FIELD_BYTES_LIMIT);
        for (int field = 0; field < FIELD_COUNT; field++)
            entry.address.field[field] = (struct slice){text, FIELD_BYTES_LIMIT};
        entry.point.lat = (i * 37 % 100) * 1000;
        assert_int_equal(sorter_add(sorter, 3, &entry, &err), 0);
    }
    assert_int_equal(sorter_finish(sorter, &err), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sorter_next(sorter, &tile, &entry, &err), 1);
        assert_int_equal(entry.point.lat, i * 1000);
        int origin = i * 73 % 100; /* 37 * 73 = 1 modulo 100 */
        struct slice last = entry.address.field[FIELD_COUNT - 1];
        assert_int_equal(last.length, FIELD_BYTES_LIMIT);
        assert_int_equal(last.data[last.length - 1], 'a' + origin % 26);
    }
    assert_int_equal(sorter_next(sorter, &tile, &entry, &err), 0);
    sorter_free(sorter);
    assert_int_equal(rmdir(directory), 0);
    free(text);
}

/* The scratch file can't grow: the error comes from sorter_add and nothing stays behind. */
static void failed_write(void **state)
{
    (void)state;
    char directory[] = "/tmp/test-sorter-XXXXXX";
    struct sorter *sorter;
    struct error err;
    struct entry entry = {0};
    struct rlimit before, small;
    int result = 0;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(sorter_create(&sorter, directory, 1, &err), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = (rlim_t)700 * 1024;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 100000 && result == 0; i++) {
        entry.point.lat = i;
        result = sorter_add(sorter, 3, &entry, &err);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "import-scratch"));
    sorter_free(sorter);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_keys),  cmocka_unit_test(records), cmocka_unit_test(in_memory),
        cmocka_unit_test(on_disk),      cmocka_unit_test(nothing), cmocka_unit_test(long_records),
        cmocka_unit_test(failed_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
