#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mapping.h"

static char directory[200];
static char path[240];

static int make_directory(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%s/mapping-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/file", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void maps_the_content(void **state)
{
    (void)state;
    struct mapping mapping;
    struct error err;
    write_text("content");
    assert_int_equal(mapping_open(&mapping, path, &err), 0);
    assert_int_equal(mapping.bytes, 7);
    assert_memory_equal(mapping.data, "content", 7);
    mapping_close(&mapping);
    assert_null(mapping.data);
    mapping_close(&mapping);
}

static void survives_removal_and_replacement(void **state)
{
    (void)state;
    struct mapping mapping;
    struct error err;
    write_text("old");
    assert_int_equal(mapping_open(&mapping, path, &err), 0);
    assert_int_equal(unlink(path), 0);
    write_text("new");
    assert_memory_equal(mapping.data, "old", 3);
    mapping_close(&mapping);
}

static void an_empty_file_has_no_data(void **state)
{
    (void)state;
    struct mapping mapping;
    struct error err;
    write_text("");
    assert_int_equal(mapping_open(&mapping, path, &err), 0);
    assert_null(mapping.data);
    assert_int_equal(mapping.bytes, 0);
    mapping_close(&mapping);
}

static void errors_name_the_path(void **state)
{
    (void)state;
    struct mapping mapping = {(const unsigned char *)"untouched", 9};
    struct error err;
    (void)unlink(path);
    assert_int_equal(mapping_open(&mapping, path, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(mapping_open(&mapping, directory, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, directory));
    assert_int_equal(mapping_open(&mapping, "/dev/null", &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(mapping.bytes, 9);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void no_descriptor_stays_open(void **state)
{
    (void)state;
    struct mapping mapping;
    write_text("content");
    int before = open_descriptors();
    assert_int_equal(mapping_open(&mapping, path, NULL), 0);
    assert_int_equal(mapping_open(&(struct mapping){0}, "/dev/null", NULL), -1);
    assert_int_equal(mapping_open(&(struct mapping){0}, directory, NULL), -1);
    assert_int_equal(open_descriptors(), before);
    mapping_close(&mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_the_content),
        cmocka_unit_test(survives_removal_and_replacement),
        cmocka_unit_test(an_empty_file_has_no_data),
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(no_descriptor_stays_open),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
