#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/bytes.h"

static void numbers_have_fixed_bytes(void **state)
{
    (void)state;
    unsigned char bytes[8];
    bytes_put32(bytes, 0x01020304);
    assert_memory_equal(bytes, "\4\3\2\1", 4);
    assert_int_equal(bytes_get16(bytes), 0x0304);
    bytes_put32_big(bytes, 0x01020304);
    assert_memory_equal(bytes, "\1\2\3\4", 4);
    assert_int_equal(bytes_get32_big(bytes), 0x01020304);
    bytes_put64_big(bytes, 0x0102030405060708);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(bytes_get64_big(bytes), 0x0102030405060708);
    assert_int_equal(bytes_get64(bytes), 0x0807060504030201);
}

static void varints_are_read_back(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        for (int less = 0; less < 2; less++) {
            unsigned char bytes[VARINT_LIMIT];
            uint64_t value = (1ull << bit) - (uint64_t)less;
            uint64_t got = 0;
            const unsigned char *end = varint_put(bytes, value);
            assert_ptr_equal(varint_get(bytes, end, &got), end);
            assert_int_equal(got, value);
            assert_null(varint_get(bytes, end - 1, &got));
        }
    assert_null(varint_get(NULL, NULL, &(uint64_t){0}));
}

static void varints_beyond_64_bits_are_refused(void **state)
{
    (void)state;
    uint64_t got = 7;
    unsigned char bytes[12];
    memset(bytes, 0xff, sizeof bytes);
    assert_null(varint_get(bytes, bytes + sizeof bytes, &got));
    bytes[9] = 2;
    assert_null(varint_get(bytes, bytes + sizeof bytes, &got));
    assert_int_equal(got, 7);
    bytes[9] = 1;
    assert_ptr_equal(varint_get(bytes, bytes + sizeof bytes, &got), bytes + 10);
    assert_true(got == UINT64_MAX);
}

static void zigzag_keeps_small_magnitudes_small(void **state)
{
    (void)state;
    static const int64_t values[] = {0, -1, 1, -2, INT64_MAX, INT64_MIN};
    static const uint64_t codes[] = {0, 1, 2, 3, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < 6; i++) {
        assert_true(zigzag(values[i]) == codes[i]);
        assert_true(unzigzag(codes[i]) == values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_fixed_bytes),
        cmocka_unit_test(varints_are_read_back),
        cmocka_unit_test(varints_beyond_64_bits_are_refused),
        cmocka_unit_test(zigzag_keeps_small_magnitudes_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
