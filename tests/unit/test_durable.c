#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"

#define MEBIBYTE ((size_t)1 << 20)

static char directory[200];
static char path[240];
static char temporary[240];
static struct error err;

static int make_directory(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%s/durable-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/file", directory);
    (void)snprintf(temporary, sizeof temporary, "%s/file.tmp", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(temporary);
    return rmdir(directory);
}

static void assert_holds(const char *expected)
{
    char *data;
    size_t bytes;
    assert_int_equal(read_whole_file(path, MEBIBYTE, &data, &bytes, &err), 0);
    assert_int_equal(bytes, strlen(expected));
    assert_string_equal(data, expected);
    free(data);
}

static bool exists(const char *name)
{
    struct stat status;
    return lstat(name, &status) == 0;
}

static void commit_puts_the_file_in_place(void **state)
{
    (void)state;
    struct durable_file *file;
    assert_int_equal(durable_write_file(path, "old", 3, &err), 0);
    assert_int_equal(durable_create(&file, path, &err), 0);
    assert_int_equal(durable_write(file, "ne", 2, &err), 0);
    assert_int_equal(durable_write(file, "w content", 9, &err), 0);
    assert_int_equal(durable_size(file), 11);
    assert_int_equal(durable_flush(file, &err), 0);
    assert_holds("old");
    assert_true(exists(temporary));
    assert_int_equal(durable_commit(file, &err), 0);
    assert_holds("new content");
    assert_false(exists(temporary));
}

static void abort_leaves_the_old_file(void **state)
{
    (void)state;
    struct durable_file *file;
    assert_int_equal(durable_write_file(path, "old", 3, &err), 0);
    assert_int_equal(durable_create(&file, path, &err), 0);
    assert_int_equal(durable_write(file, "new", 3, &err), 0);
    durable_abort(file);
    durable_abort(NULL);
    assert_holds("old");
    assert_false(exists(temporary));
}

static void a_left_over_temporary_file_is_truncated(void **state)
{
    (void)state;
    FILE *left = fopen(temporary, "w");
    assert_non_null(left);
    assert_true(fputs("a long tail left by a crash", left) >= 0);
    assert_int_equal(fclose(left), 0);
    assert_int_equal(durable_write_file(path, "new", 3, &err), 0);
    assert_holds("new");
}

static void overwrite_patches_what_was_written(void **state)
{
    (void)state;
    struct durable_file *file;
    assert_int_equal(durable_create(&file, path, &err), 0);
    assert_int_equal(durable_write(file, "0123456789", 10, &err), 0);
    assert_int_equal(durable_overwrite(file, 2, "ab", 2, &err), 0);
    assert_int_equal(durable_write(file, "xyz", 3, &err), 0);
    assert_int_equal(durable_overwrite(file, 9, "cd", 2, &err), 0);
    assert_int_equal(durable_size(file), 13);
    assert_int_equal(durable_commit(file, &err), 0);
    assert_holds("01ab45678cdyz");
}

static void writes_of_any_size_stay_in_order(void **state)
{
    (void)state;
    struct durable_file *file;
    static unsigned char expected[3 * MEBIBYTE];
    for (size_t i = 0; i < sizeof expected; i++)
        expected[i] = (unsigned char)(i * 2654435761u >> 13);
    assert_int_equal(durable_create(&file, path, &err), 0);
    size_t at = 0;
    for (size_t step = 1; at < sizeof expected; step = step * 3 + 1) {
        size_t bytes = sizeof expected - at < step ? sizeof expected - at : step;
        assert_int_equal(durable_write(file, expected + at, bytes, &err), 0);
        at += bytes;
        assert_int_equal(durable_size(file), at);
    }
    assert_int_equal(durable_commit(file, &err), 0);
    char *data;
    size_t bytes;
    assert_int_equal(read_whole_file(path, sizeof expected, &data, &bytes, &err), 0);
    assert_int_equal(bytes, sizeof expected);
    assert_memory_equal(data, expected, bytes);
    free(data);
}

/* Where PATH.tmp is a link to a device, the writes meet the device's errors. */
static struct durable_file *create_on_device(const char *device)
{
    struct durable_file *file = NULL;
    (void)unlink(temporary);
    assert_int_equal(symlink(device, temporary), 0);
    assert_int_equal(durable_create(&file, path, &err), 0);
    return file;
}

static void a_full_disk_is_told_at_write_overwrite_and_commit(void **state)
{
    (void)state;
    static const unsigned char zeros[MEBIBYTE];
    assert_int_equal(durable_write_file(path, "old", 3, &err), 0);

    struct durable_file *file = create_on_device("/dev/full");
    assert_int_equal(durable_write(file, zeros, sizeof zeros, &err), -1);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    assert_int_equal(err.os_errno, ENOSPC);
    assert_non_null(strstr(err.message, path));
    durable_abort(file);
    assert_false(exists(temporary));

    file = create_on_device("/dev/full");
    assert_int_equal(durable_write(file, "abc", 3, &err), 0);
    assert_int_equal(durable_overwrite(file, 0, "x", 1, &err), -1);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    durable_abort(file);

    file = create_on_device("/dev/full");
    assert_int_equal(durable_write(file, "abc", 3, &err), 0);
    assert_int_equal(durable_flush(file, &err), -1);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    durable_abort(file);

    file = create_on_device("/dev/full");
    assert_int_equal(durable_write(file, "abc", 3, &err), 0);
    assert_int_equal(durable_commit(file, &err), -1);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    assert_false(exists(temporary));
    assert_holds("old");
}

static void a_failed_fsync_publishes_nothing(void **state)
{
    (void)state;
    assert_int_equal(durable_write_file(path, "old", 3, &err), 0);
    struct durable_file *file = create_on_device("/dev/null");
    assert_int_equal(durable_write(file, "abc", 3, &err), 0);
    assert_int_equal(durable_commit(file, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "fsync"));
    assert_false(exists(temporary));
    assert_holds("old");
}

static void a_file_over_the_limit_of_the_process_is_an_error(void **state)
{
    (void)state;
    static const unsigned char zeros[MEBIBYTE];
    struct rlimit before;
    struct durable_file *file;
    assert_int_equal(durable_write_file(path, "old", 3, &err), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(durable_create(&file, path, &err), 0);
    struct rlimit small = {100000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = durable_write(file, zeros, sizeof zeros, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(err.os_errno, EFBIG);
    durable_abort(file);
    assert_false(exists(temporary));
    assert_holds("old");
}

static void a_failed_rename_leaves_no_temporary_file(void **state)
{
    (void)state;
    (void)unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(durable_write_file(path, "abc", 3, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, path));
    assert_false(exists(temporary));
    assert_int_equal(rmdir(path), 0);
}

static struct durable_file *begin_other(char other[260], const char *content)
{
    struct durable_file *file;
    (void)snprintf(other, 260, "%s-two", path);
    assert_int_equal(durable_create(&file, other, &err), 0);
    assert_int_equal(durable_write(file, content, strlen(content), &err), 0);
    return file;
}

static void commit_two_puts_both_in_place(void **state)
{
    (void)state;
    char other[260];
    char *data;
    size_t bytes;
    struct durable_file *first;
    assert_int_equal(durable_create(&first, path, &err), 0);
    assert_int_equal(durable_write(first, "one", 3, &err), 0);
    assert_int_equal(durable_commit_two(first, begin_other(other, "two"), &err), 0);
    assert_holds("one");
    assert_int_equal(read_whole_file(other, MEBIBYTE, &data, &bytes, &err), 0);
    assert_string_equal(data, "two");
    free(data);
    assert_false(exists(temporary));
    assert_int_equal(unlink(other), 0);
}

/* Neither takes its name when either of them can't be made durable. */
static void commit_two_publishes_nothing_after_a_failed_fsync(void **state)
{
    (void)state;
    char other[260];
    assert_int_equal(durable_write_file(path, "old", 3, &err), 0);
    for (int order = 0; order < 2; order++) {
        struct durable_file *bad = create_on_device("/dev/null");
        struct durable_file *good = begin_other(other, "new");
        int result =
            order == 0 ? durable_commit_two(bad, good, &err) : durable_commit_two(good, bad, &err);
        assert_int_equal(result, -1);
        assert_int_equal(err.code, ERROR_IO);
        assert_non_null(strstr(err.message, "fsync"));
        assert_false(exists(temporary));
        assert_false(exists(other));
        assert_holds("old");
    }
}

static void create_needs_a_directory(void **state)
{
    (void)state;
    struct durable_file *file = NULL;
    char deeper[300];
    (void)snprintf(deeper, sizeof deeper, "%s/missing/file", directory);
    assert_int_equal(durable_create(&file, deeper, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, deeper));
    assert_int_equal(durable_write_file(path, "x", 1, &err), 0);
    (void)snprintf(deeper, sizeof deeper, "%s/file/file", directory);
    assert_int_equal(durable_create(&file, deeper, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    /* Not even root makes files there. */
    assert_int_equal(durable_create(&file, "/proc/file", &err), -1);
    assert_non_null(strstr(err.message, "/proc/file"));
    assert_null(file);
}

static void directories_are_made_with_their_parents(void **state)
{
    (void)state;
    char deep[300];
    struct stat status;
    (void)snprintf(deep, sizeof deep, "%s/a//b/c/", directory);
    assert_int_equal(durable_make_directory(deep, &err), 0);
    assert_int_equal(durable_make_directory(deep, &err), 0);
    assert_int_equal(stat(deep, &status), 0);
    assert_int_equal(status.st_mode & 0027, 0);
    static const char *const parts[] = {"a/b/c", "a/b", "a"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(deep, sizeof deep, "%s/%s", directory, parts[i]);
        assert_int_equal(rmdir(deep), 0);
    }
}

static void directories_that_cannot_be_made(void **state)
{
    (void)state;
    char deep[300];
    char *long_name = malloc(10000);
    assert_non_null(long_name);
    memset(long_name, 'a', 9999);
    long_name[9999] = '\0';
    assert_int_equal(durable_make_directory(long_name, &err), -1);
    assert_int_equal(durable_make_directory("", &err), -1);
    free(long_name);
    assert_int_equal(durable_write_file(path, "x", 1, &err), 0);
    assert_int_equal(durable_make_directory(path, &err), -1);
    assert_non_null(strstr(err.message, path));
    (void)snprintf(deep, sizeof deep, "%s/below", path);
    assert_int_equal(durable_make_directory(deep, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, deep));
}

static void sync_directory_wants_a_directory(void **state)
{
    (void)state;
    assert_int_equal(durable_sync_directory(directory, &err), 0);
    assert_int_equal(durable_write_file(path, "x", 1, &err), 0);
    assert_int_equal(durable_sync_directory(path, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(durable_sync_directory(temporary, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
}

static void read_whole_file_keeps_to_its_limit(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes = 77;
    assert_int_equal(durable_write_file(path, "a\0b45", 5, &err), 0);
    assert_int_equal(read_whole_file(path, 4, &data, &bytes, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_non_null(strstr(err.message, path));
    assert_null(data);
    assert_int_equal(bytes, 77);
    assert_int_equal(read_whole_file(path, 5, &data, &bytes, &err), 0);
    assert_int_equal(bytes, 5);
    assert_memory_equal(data, "a\0b45", 6);
    free(data);
    assert_int_equal(durable_write_file(path, "", 0, &err), 0);
    assert_int_equal(read_whole_file(path, 0, &data, &bytes, &err), 0);
    assert_int_equal(bytes, 0);
    assert_string_equal(data, "");
    free(data);
}

static void read_whole_file_errors_name_the_path(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes;
    (void)unlink(path);
    assert_int_equal(read_whole_file(path, 10, &data, &bytes, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(read_whole_file(directory, 10, &data, &bytes, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, directory));
    assert_null(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_puts_the_file_in_place),
        cmocka_unit_test(abort_leaves_the_old_file),
        cmocka_unit_test(a_left_over_temporary_file_is_truncated),
        cmocka_unit_test(overwrite_patches_what_was_written),
        cmocka_unit_test(writes_of_any_size_stay_in_order),
        cmocka_unit_test(a_full_disk_is_told_at_write_overwrite_and_commit),
        cmocka_unit_test(a_failed_fsync_publishes_nothing),
        cmocka_unit_test(a_file_over_the_limit_of_the_process_is_an_error),
        cmocka_unit_test(a_failed_rename_leaves_no_temporary_file),
        cmocka_unit_test(commit_two_puts_both_in_place),
        cmocka_unit_test(commit_two_publishes_nothing_after_a_failed_fsync),
        cmocka_unit_test(create_needs_a_directory),
        cmocka_unit_test(directories_are_made_with_their_parents),
        cmocka_unit_test(directories_that_cannot_be_made),
        cmocka_unit_test(sync_directory_wants_a_directory),
        cmocka_unit_test(read_whole_file_keeps_to_its_limit),
        cmocka_unit_test(read_whole_file_errors_name_the_path),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
