#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/durable.h"
#include "quadtree/morton.h"
#include "stages/pointfile.h"

enum { POINTS = 103, SHARES = 7, SHARE = 3 };

static const char run[RUN_ID_BYTES] = "20261121T020000Z-1f3a";
static char directory[200];
static char path[240];

static int make_directory(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%s/pointfile-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    (void)snprintf(path, sizeof path, "%s", "");
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/0003", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

/* Write share SHARE and read its bytes; the caller frees them. */
static char *make_file(struct point_file *file, size_t *bytes)
{
    static uint64_t codes[POINTS];
    static uint8_t outcomes[POINTS];
    uint64_t first = point_file_first(POINTS, SHARES, SHARE);
    *file = (struct point_file){.share = SHARE,
                                .first_ordinal = first,
                                .count = (uint32_t)(point_file_first(POINTS, SHARES, 4) - first),
                                .codes = codes,
                                .old_outcomes = outcomes};
    for (uint32_t i = 0; i < file->count; i++) {
        codes[i] = morton_encode((struct point){(int32_t)i * 1000, -(int32_t)i * 999});
        outcomes[i] = i % OUTCOME_COUNT;
    }
    assert_int_equal(point_file_write(directory, run, SHARES, file, NULL, NULL), 0);
    char *data;
    assert_int_equal(read_whole_file(path, 1 << 20, &data, bytes, NULL), 0);
    return data;
}

static int parse(const void *data, size_t bytes, struct error *err)
{
    struct point_file file = {0};
    void *exact = malloc(bytes + (bytes == 0));
    assert_non_null(exact);
    memcpy(exact, data, bytes);
    int result = point_file_parse(exact, bytes, run, POINTS, SHARES, SHARE, path, &file, err);
    free(exact);
    point_file_free(&file);
    return result;
}

static void reseal(char *data, size_t bytes)
{
    bytes_put64(data + bytes - 8, XXH3_64bits(data, bytes - 8));
}

static void shares_cover_every_ordinal_once(void **state)
{
    (void)state;
    static const uint64_t points[] = {1, 5, 4095, 4096, 4097, 80000000, UINT64_MAX / 2};
    for (size_t p = 0; p < sizeof points / sizeof points[0]; p++)
        for (uint32_t shares = 1; shares <= 4096; shares = shares * 5 + 1)
            for (uint32_t share = 0; share < shares; share++) {
                uint64_t first = point_file_first(points[p], shares, share);
                uint64_t next = point_file_first(points[p], shares, share + 1);
                assert_true(first <= next && next - first <= points[p] / shares + 1);
                if (first == next)
                    continue;
                assert_int_equal(point_file_share(points[p], shares, first), share);
                assert_int_equal(point_file_share(points[p], shares, next - 1), share);
            }
}

static void a_file_is_read_back(void **state)
{
    (void)state;
    struct point_file wrote, got;
    size_t bytes;
    free(make_file(&wrote, &bytes));
    assert_int_equal(point_file_read(directory, run, POINTS, SHARES, SHARE, &got, NULL), 0);
    assert_int_equal(got.share, SHARE);
    assert_int_equal(got.first_ordinal, wrote.first_ordinal);
    assert_int_equal(got.count, wrote.count);
    assert_memory_equal(got.codes, wrote.codes, wrote.count * sizeof *wrote.codes);
    assert_memory_equal(got.old_outcomes, wrote.old_outcomes, wrote.count);
    point_file_free(&got);
    assert_null(got.codes);
    point_file_free(&got);
}

static void bytes_are_fixed(void **state)
{
    (void)state;
    struct point_file file;
    size_t bytes;
    char *data = make_file(&file, &bytes);
    assert_int_equal(bytes, 64 + file.count * 9 + 8);
    assert_memory_equal(data, "RFDPOINT\1\0\0\0\3\0\0\0\7\0\0\0", 20);
    assert_int_equal(bytes_get64(data + 64), file.codes[0]);
    assert_int_equal(data[64 + file.count * 8 + 2], 2);
    free(data);
}

static void every_flipped_bit_and_cut_is_found(void **state)
{
    (void)state;
    struct point_file file;
    struct error err;
    size_t bytes;
    char *data = make_file(&file, &bytes);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        data[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(parse(data, bytes, &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_non_null(strstr(err.message, path));
        data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t left = 0; left < bytes; left++)
        assert_int_equal(parse(data, left, NULL), -1);
    free(data);
}

static void resealed_nonsense_is_refused(void **state)
{
    (void)state;
    struct point_file file;
    struct error err;
    size_t bytes;
    char *data = make_file(&file, &bytes);
    for (size_t at = 0; at < 64; at++) {
        data[at] ^= 0x55;
        reseal(data, bytes);
        assert_int_equal(parse(data, bytes, &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        data[at] ^= 0x55;
    }
    data[71] = (char)0xff;
    reseal(data, bytes);
    assert_int_equal(parse(data, bytes, &err), -1);
    data[71] = 0;
    data[bytes - 9] = OUTCOME_COUNT;
    reseal(data, bytes);
    assert_int_equal(parse(data, bytes, &err), -1);
    free(data);
}

static void other_runs_shares_and_versions_are_refused(void **state)
{
    (void)state;
    struct point_file file, got;
    struct error err;
    size_t bytes;
    char *data = make_file(&file, &bytes);
    static const char other[RUN_ID_BYTES] = "20261121T020000Z-1f3b";
    assert_int_equal(point_file_read(directory, other, POINTS, SHARES, SHARE, &got, &err), -1);
    assert_non_null(strstr(err.message, "not this run's"));
    assert_int_equal(point_file_read(directory, run, POINTS + 1, SHARES, SHARE, &got, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(point_file_read(directory, run, 20, SHARES, SHARE, &got, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(point_file_read(directory, run, POINTS, SHARES, 4, &got, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "0004"));
    bytes_put32(data + 8, 2);
    reseal(data, bytes);
    assert_int_equal(parse(data, bytes, &err), -1);
    assert_non_null(strstr(err.message, "version 2"));
    free(data);
}

static void a_write_that_fails_names_the_file(void **state)
{
    (void)state;
    struct error err;
    struct point_file file;
    size_t bytes;
    free(make_file(&file, &bytes));
    (void)unlink(path);
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_int_equal(point_file_write(directory, run, SHARES, &file, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(point_file_write("/nonexistent", run, SHARES, &file, NULL, &err), -1);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_cover_every_ordinal_once),
        cmocka_unit_test(a_file_is_read_back),
        cmocka_unit_test(bytes_are_fixed),
        cmocka_unit_test(every_flipped_bit_and_cut_is_found),
        cmocka_unit_test(resealed_nonsense_is_refused),
        cmocka_unit_test(other_runs_shares_and_versions_are_refused),
        cmocka_unit_test(a_write_that_fails_names_the_file),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
