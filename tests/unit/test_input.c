#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cachefmt/input.h"

static void from_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    struct input input;
    struct error err;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "\xEF\xBB\xBFone\ntwo\nthree", 16), 16);
    close(ends[1]);
    assert_int_equal(input_open(&input, ends[0], "pipe", NULL, &err), 0);
    assert_int_equal(input.end - input.begin, 13);
    assert_int_equal(input_skip_line(&input, &err), 0);
    assert_memory_equal(input.data + input.begin, "two", 3);
    assert_int_equal(input_fill(&input, &err), 0);
    assert_memory_equal(input.data + input.begin, "two\nthree", 9);
    assert_int_equal(input_skip_line(&input, &err), 0);
    assert_int_equal(input_skip_line(&input, &err), 0);
    assert_int_equal(input.end, input.begin);
    assert_true(input.ended);
    input_close(&input);
    close(ends[0]);
}

static void what_can_not_be_read(void **state)
{
    (void)state;
    struct input input;
    struct error err;
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(input_open(&input, fd, "places.csv", NULL, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_string_equal(err.message, "cannot read places.csv: Is a directory");
    close(fd);
}

static void short_inputs(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\xEF", "\xEF\xBB", "\xEF\xBB\xBF", "ab"};
    static const size_t left[] = {0, 1, 2, 0, 2};
    for (size_t i = 0; i < 5; i++) {
        struct input input;
        struct error err;
        assert_int_equal(input_open_memory(&input, texts[i], strlen(texts[i]), 1, "x", &err), 0);
        assert_int_equal(input.end - input.begin, left[i]);
        assert_int_equal(input_fill(&input, &err), 0);
        input_close(&input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_a_pipe),
        cmocka_unit_test(what_can_not_be_read),
        cmocka_unit_test(short_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
