#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buffer.h"

/* The sanitizers end the program on a huge allocation unless told to let it fail. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void keeps_what_is_appended(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    struct error err;
    for (unsigned i = 0; i < 10000; i++) {
        unsigned char bytes[3] = {(unsigned char)i, (unsigned char)(i >> 8), 7};
        assert_int_equal(buffer_append(&buffer, bytes, 3, &err), 0);
    }
    assert_int_equal(buffer.used, 30000);
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(buffer.data[3 * i], i & 0xFF);
        assert_int_equal(buffer.data[3 * i + 1], i >> 8);
    }
    buffer_free(&buffer);
}

static void nothing_is_appended_to_nothing(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    struct error err;
    assert_int_equal(buffer_append(&buffer, NULL, 0, &err), 0);
    assert_int_equal(buffer_reserve(&buffer, 0, &err), 0);
    assert_int_equal(buffer.used, 0);
    buffer_free(&buffer);
}

static void reserve_makes_exactly_usable_room(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    struct error err;
    for (size_t more = 1; more < 70000; more = more * 3 + 1) {
        assert_int_equal(buffer_reserve(&buffer, more, &err), 0);
        assert_true(buffer.room - buffer.used >= more);
        for (size_t i = 0; i < more; i++)
            buffer.data[buffer.used++] = 'x';
    }
    buffer_free(&buffer);
}

static void too_much_is_an_error_that_changes_nothing(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    struct error err;
    assert_int_equal(buffer_append(&buffer, "abc", 3, &err), 0);
    struct buffer before = buffer;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 2, SIZE_MAX / 4, SIZE_MAX / 8};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(buffer_reserve(&buffer, sizes[i], &err), -1);
        assert_int_equal(err.code, ERROR_MEMORY);
        assert_memory_equal(&buffer, &before, sizeof buffer);
    }
    assert_memory_equal(buffer.data, "abc", 3);
    buffer_free(&buffer);
}

static void clear_keeps_memory_and_free_gives_it_back(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    struct error err;
    assert_int_equal(buffer_append(&buffer, "abc", 3, &err), 0);
    size_t room = buffer.room;
    buffer_clear(&buffer);
    assert_int_equal(buffer.used, 0);
    assert_int_equal(buffer.room, room);
    assert_int_equal(buffer_append(&buffer, "de", 2, &err), 0);
    assert_memory_equal(buffer.data, "de", 2);
    buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer_append(&buffer, "f", 1, &err), 0);
    assert_int_equal(buffer.used, 1);
    buffer_free(&buffer);
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_appended),
        cmocka_unit_test(nothing_is_appended_to_nothing),
        cmocka_unit_test(reserve_makes_exactly_usable_room),
        cmocka_unit_test(too_much_is_an_error_that_changes_nothing),
        cmocka_unit_test(clear_keeps_memory_and_free_gives_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
