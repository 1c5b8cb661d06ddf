#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "quadtree/morton.h"

static void known_codes(void **state)
{
    (void)state;
    assert_true(morton_encode((struct point){-LATITUDE_LIMIT, -LONGITUDE_LIMIT}) == 0);
    assert_true(morton_encode((struct point){-LATITUDE_LIMIT, 1 - LONGITUDE_LIMIT}) == 1);
    assert_true(morton_encode((struct point){1 - LATITUDE_LIMIT, -LONGITUDE_LIMIT}) == 2);
    assert_true(morton_encode((struct point){3 - LATITUDE_LIMIT, 5 - LONGITUDE_LIMIT}) == 0x1b);
    struct point corner = {LATITUDE_LIMIT, LONGITUDE_LIMIT - 1};
    assert_true(morton_encode(corner) < 1ULL << 63);
}

static void bit_by_bit(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        assert_true(morton_spread(1u << bit) == 1ULL << (2 * bit));
        assert_true(morton_gather(1ULL << (2 * bit)) == 1u << bit);
        assert_true(morton_gather(2ULL << (2 * bit)) == 0);
    }
}

static void round_trip(void **state)
{
    (void)state;
    srand48(1);
    for (int i = 0; i < 100000; i++) {
        struct point point = {
            .lat = (int32_t)(drand48() * 2.0 * LATITUDE_LIMIT) - LATITUDE_LIMIT,
            .lon = (int32_t)((int64_t)(drand48() * 2.0 * LONGITUDE_LIMIT) - LONGITUDE_LIMIT),
        };
        assert_true(point_equal(morton_decode(morton_encode(point)), point));
        uint64_t code = (uint64_t)mrand48() << 32 | (uint32_t)mrand48();
        struct point any = morton_decode(code);
        if (point_is_valid(any))
            assert_true(morton_encode(any) == code);
    }
}

static void invalid_codes_give_invalid_points(void **state)
{
    (void)state;
    assert_false(point_is_valid(morton_decode(UINT64_MAX)));
    assert_false(point_is_valid(morton_decode(1ULL << 63)));
    assert_false(point_is_valid(morton_decode(0x5555555555555555ULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_codes),
        cmocka_unit_test(bit_by_bit),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(invalid_codes_give_invalid_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
