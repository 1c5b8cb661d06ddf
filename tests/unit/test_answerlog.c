#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stages/answerlog.h"

static char parent[200];
static char directory[240];

static int make_parent(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(parent, sizeof parent, "%s/answerlog-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(parent) == NULL)
        return -1;
    (void)snprintf(directory, sizeof directory, "%s/answers", parent);
    return 0;
}

static int remove_log(void **state)
{
    (void)state;
    return answer_log_remove(directory, NULL);
}

static int remove_parent(void **state)
{
    (void)state;
    return rmdir(parent);
}

static struct answer_log *open_log(struct answer_place end)
{
    struct answer_log *log;
    struct error err = {0};
    if (answer_log_open(&log, directory, end, &err) != 0)
        fail_msg("%s", err.message);
    return log;
}

static struct answer_place append(struct answer_log *log, const char *text)
{
    struct answer_place place;
    assert_int_equal(answer_log_append(log, text, strlen(text), &place, NULL), 0);
    return place;
}

static void assert_record(struct answer_place place, const char *text)
{
    struct buffer out = {0};
    assert_int_equal(buffer_append(&out, "x", 1, NULL), 0);
    assert_int_equal(answer_log_read(directory, place, &out, NULL), 0);
    assert_int_equal(out.used, 1 + strlen(text));
    assert_memory_equal(out.data + 1, text, strlen(text));
    buffer_free(&out);
}

static off_t size_of(uint32_t file)
{
    struct stat status;
    char *path = answer_log_path(directory, file);
    off_t size = stat(path, &status) == 0 ? status.st_size : -1;
    free(path);
    return size;
}

static void synced_records_are_read_back(void **state)
{
    (void)state;
    struct answer_log *log = open_log((struct answer_place){0});
    struct answer_place one = append(log, "first");
    struct answer_place two = append(log, "second record");
    assert_int_equal(two.offset, 5);
    assert_int_equal(two.bytes, 13);
    assert_int_equal(answer_log_end(log).offset, 18);
    assert_int_equal(answer_log_sync(log, NULL), 0);
    assert_record(one, "first");
    assert_record(two, "second record");
    struct answer_place three = append(log, "third");
    assert_int_equal(answer_log_sync(log, NULL), 0);
    assert_record(three, "third");
    answer_log_close(log);
    answer_log_close(NULL);
}

static void a_torn_tail_is_cut(void **state)
{
    (void)state;
    struct answer_log *log = open_log((struct answer_place){0});
    struct answer_place one = append(log, "kept");
    struct answer_place end = answer_log_end(log);
    (void)append(log, "torn");
    assert_int_equal(answer_log_sync(log, NULL), 0);
    answer_log_close(log);
    char *later = answer_log_path(directory, 7);
    int fd = open(later, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    free(later);
    log = open_log(end);
    assert_int_equal(size_of(0), 4);
    assert_int_equal(size_of(7), -1);
    struct answer_place two = append(log, "new");
    assert_int_equal(two.offset, 4);
    assert_int_equal(answer_log_sync(log, NULL), 0);
    assert_record(one, "kept");
    assert_record(two, "new");
    answer_log_close(log);
}

static void missing_committed_bytes_are_corruption(void **state)
{
    (void)state;
    struct error err;
    struct answer_log *log = open_log((struct answer_place){0});
    (void)append(log, "four");
    assert_int_equal(answer_log_sync(log, NULL), 0);
    answer_log_close(log);
    log = NULL;
    struct answer_place end = {.file = 0, .offset = 5};
    assert_int_equal(answer_log_open(&log, directory, end, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "answers/000000.log"));
    end.file = 3;
    assert_int_equal(answer_log_open(&log, directory, end, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(size_of(3), -1);
    assert_null(log);
    struct buffer out = {0};
    assert_int_equal(answer_log_read(directory, (struct answer_place){0, 3, 2}, &out, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "answers/000000.log"));
    assert_int_equal(answer_log_read(directory, (struct answer_place){1, 3, 2}, &out, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(out.used, 0);
    buffer_free(&out);
}

static void large_logs_go_over_files(void **state)
{
    (void)state;
    size_t bytes = 3u << 20;
    char *record = malloc(bytes + 1);
    assert_non_null(record);
    memset(record, 'r', bytes);
    record[bytes] = '\0';
    struct answer_log *log = open_log((struct answer_place){0});
    struct answer_place place[25];
    for (size_t i = 0; i < 25; i++) {
        record[0] = (char)('a' + i);
        place[i] = append(log, i % 2 == 0 ? record : "small");
        if (i % 2 == 0 && i < 24)
            (void)append(log, record);
    }
    assert_int_equal(answer_log_sync(log, NULL), 0);
    assert_int_equal(place[24].file, 1);
    for (size_t i = 0; i < 25; i++) {
        record[0] = (char)('a' + i);
        assert_record(place[i], i % 2 == 0 ? record : "small");
    }
    struct answer_place end = answer_log_end(log);
    answer_log_close(log);
    log = open_log(end);
    assert_int_equal(answer_log_end(log).file, end.file);
    assert_int_equal(answer_log_end(log).offset, end.offset);
    answer_log_close(log);
    free(record);
}

static void a_failure_is_final(void **state)
{
    (void)state;
    struct error err;
    struct answer_log *log = open_log((struct answer_place){0});
    (void)append(log, "more than four bytes");
    struct rlimit old, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 4;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(answer_log_sync(log, &err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    assert_non_null(strstr(err.message, "answers/000000.log"));
    struct error again;
    struct answer_place place;
    assert_int_equal(answer_log_sync(log, &again), -1);
    assert_string_equal(again.message, err.message);
    assert_int_equal(again.code, err.code);
    assert_int_equal(answer_log_append(log, "x", 1, &place, &again), -1);
    assert_string_equal(again.message, err.message);
    answer_log_close(log);
}

static void a_full_disk_names_the_path(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(mkdir(directory, 0700), 0);
    char *path = answer_log_path(directory, 0);
    assert_int_equal(symlink("/dev/full", path), 0);
    struct answer_log *log;
    int opened = answer_log_open(&log, directory, (struct answer_place){0}, &err);
    if (opened == 0) {
        (void)append(log, "record");
        assert_int_equal(answer_log_sync(log, &err), -1);
        answer_log_close(log);
        assert_int_equal(err.code, ERROR_DISK_FULL);
    }
    assert_non_null(strstr(err.message, path));
    free(path);
}

static void removing_leaves_nothing(void **state)
{
    (void)state;
    struct stat status;
    answer_log_close(open_log((struct answer_place){0}));
    assert_int_equal(answer_log_remove(directory, NULL), 0);
    assert_int_equal(stat(directory, &status), -1);
    assert_int_equal(answer_log_remove(directory, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(synced_records_are_read_back, remove_log),
        cmocka_unit_test_teardown(a_torn_tail_is_cut, remove_log),
        cmocka_unit_test_teardown(missing_committed_bytes_are_corruption, remove_log),
        cmocka_unit_test_teardown(large_logs_go_over_files, remove_log),
        cmocka_unit_test_teardown(a_failure_is_final, remove_log),
        cmocka_unit_test_teardown(a_full_disk_names_the_path, remove_log),
        cmocka_unit_test(removing_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_parent, remove_parent);
}
