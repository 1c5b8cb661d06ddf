#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "stages/geocode_internal.h"

static void a_reply_is_parted_evenly(void **state)
{
    (void)state;
    for (size_t count = 1; count < 50; count++) {
        struct request request = {.count = count, .bytes = 12345};
        uint64_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += part_of_reply(&request, i);
            assert_true(part_of_reply(&request, i) <= part_of_reply(&request, 0));
            assert_true(i == 0 || part_of_reply(&request, i) == 12345 / count);
        }
        assert_int_equal(sum, 12345);
    }
    struct request none = {.count = 3, .bytes = NO_BODY};
    assert_int_equal(part_of_reply(&none, 0), MEASURE_UNKNOWN);
    assert_int_equal(part_of_reply(&none, 1), MEASURE_UNKNOWN);
    struct request empty = {.count = 3, .bytes = 0};
    assert_int_equal(part_of_reply(&empty, 0), 0);
    struct request vast = {.count = 1, .bytes = (size_t)UINT32_MAX + 7};
    assert_int_equal(part_of_reply(&vast, 0), MEASURE_UNKNOWN - 1);
}

static void times_are_microseconds(void **state)
{
    (void)state;
    assert_int_equal(microseconds_between(10, 10), 0);
    assert_int_equal(microseconds_between(10, 10.0000014), 1);
    assert_int_equal(microseconds_between(10, 12.5), 2500000);
    assert_int_equal(microseconds_between(10, 9), 0);
    assert_int_equal(microseconds_between(10, 1e9), MEASURE_UNKNOWN - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_parted_evenly),
        cmocka_unit_test(times_are_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
