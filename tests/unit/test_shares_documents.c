#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/shares_documents.h"

#define PREFIX "/refreshd/f/r/20261121T020000Z-1f3a/"

static void keys_are_read_as_they_are_written(void **state)
{
    (void)state;
    static const uint32_t shares[] = {0, 7, 4095, 9999, 10000, 123456};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint32_t share = UINT32_MAX;
        const char *name;
        char *claim = share_key_claim(PREFIX, shares[i]);
        char *done = share_key_done(PREFIX, shares[i]);
        assert_int_equal(share_key_parse(claim, PREFIX, 200000, &share, &name), SHARE_KEY_CLAIM);
        assert_int_equal(share, shares[i]);
        share = UINT32_MAX;
        assert_int_equal(share_key_parse(done, PREFIX, 200000, &share, &name), SHARE_KEY_DONE);
        assert_int_equal(share, shares[i]);
        assert_int_equal(share_key_parse(done, PREFIX, shares[i], &share, &name), SHARE_KEY_OTHER);
        free(claim);
        free(done);
    }
    char *seven = share_key_claim(PREFIX, 7);
    assert_string_equal(seven, PREFIX "claim/0007");
    free(seven);
}

static void held_keys_name_a_peer(void **state)
{
    (void)state;
    uint32_t share;
    const char *name = NULL;
    char *key = share_key_held(PREFIX, "berlin");
    assert_string_equal(key, PREFIX "held/berlin");
    assert_int_equal(share_key_parse(key, PREFIX, 10, &share, &name), SHARE_KEY_HELD);
    assert_string_equal(name, "berlin");
    free(key);
    key = share_key_reopened(PREFIX);
    assert_string_equal(key, PREFIX "reopened");
    assert_int_equal(share_key_parse(key, PREFIX, 10, &share, &name), SHARE_KEY_REOPENED);
    free(key);
}

static void other_keys_are_nothing_of_ours(void **state)
{
    (void)state;
    static const char *const keys[] = {
        PREFIX "input",
        PREFIX "ready/a",
        PREFIX "claim/",
        PREFIX "claim/7",
        PREFIX "claim/00007",
        PREFIX "claim/000x",
        PREFIX "done/0001/2",
        PREFIX "done/-001",
        PREFIX "held/",
        PREFIX "claim/ 001",
        PREFIX "done/4294967296",
        "/refreshd/f/run",
        PREFIX "claim/99999999999999999999",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        uint32_t share;
        const char *name;
        assert_int_equal(share_key_parse(keys[i], PREFIX, 4096, &share, &name), SHARE_KEY_OTHER);
    }
}

static void done_is_read_as_it_is_written(void **state)
{
    (void)state;
    struct share_done done = {.by = "a \"quoted\" name"}, read;
    for (unsigned i = 0; i < PAIR_ID_BYTES; i++)
        done.digest.bytes[i] = (unsigned char)(i * 17);
    char *text = share_done_print(&done);
    assert_true(share_done_parse(text, &read));
    assert_memory_equal(&read.digest, &done.digest, sizeof done.digest);
    assert_string_equal(read.by, done.by);
    free(text);
}

static void broken_documents_are_refused(void **state)
{
    (void)state;
    static const char *const done[] = {
        "",
        "{}",
        "[]",
        "{\"digest\":\"00112233445566778899aabbccddeeff\"}",
        "{\"digest\":\"0011\",\"by\":\"a\"}",
        "{\"digest\":7,\"by\":\"a\"}",
    };
    static const char *const held[] = {
        "",
        "{}",
        "{\"bitmap\":\"00\"}",
        "{\"bitmap\":\"0\",\"instance\":\"a\"}",
        "{\"bitmap\":\"000\",\"instance\":\"a\"}",
        "{\"bitmap\":\"0g\",\"instance\":\"a\"}",
        "{\"bitmap\":3,\"instance\":\"a\"}",
        "{\"bitmap\":\"00\",\"instance\":3}",
        ("{\"bitmap\":\"00\",\"instance\":"
         "\"0123456789012345678901234567890123456789012345678901234567890123\"}"),
    };
    struct share_done out, long_name = {.by = ""};
    unsigned char bitmap[1];
    char instance[SHARE_INSTANCE_BYTES];
    memset(long_name.by, 'a', sizeof long_name.by - 1);
    char *text = share_done_print(&long_name);
    char *longer = NULL;
    assert_true(share_done_parse(text, &out));
    assert_true(asprintf(&longer, "%.*sa%s", 30, text, text + 30) > 0);
    assert_false(share_done_parse(longer, &out));
    free(longer);
    free(text);
    for (size_t i = 0; i < sizeof done / sizeof done[0]; i++)
        assert_false(share_done_parse(done[i], &out));
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++)
        assert_false(share_held_parse(held[i], 7, bitmap, instance));
}

static void held_has_bit_i_mod_4_of_digit_i_over_4(void **state)
{
    (void)state;
    enum { SHARES = 11 };
    char instance[SHARE_INSTANCE_BYTES];
    unsigned char bitmap[2] = {0}, read[2];
    share_bit_set(bitmap, 0);
    share_bit_set(bitmap, 6);
    share_bit_set(bitmap, 9);
    char *text = share_held_print(bitmap, SHARES, 3, "0f1e");
    assert_string_equal(text, "{\"count\":3,\"bitmap\":\"142\",\"instance\":\"0f1e\"}");
    memset(read, 0xff, sizeof read);
    assert_true(share_held_parse(text, SHARES, read, instance));
    assert_string_equal(instance, "0f1e");
    for (uint32_t i = 0; i < SHARES; i++)
        assert_int_equal(share_bit(read, i), i == 0 || i == 6 || i == 9);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_as_they_are_written),
        cmocka_unit_test(held_keys_name_a_peer),
        cmocka_unit_test(other_keys_are_nothing_of_ours),
        cmocka_unit_test(done_is_read_as_it_is_written),
        cmocka_unit_test(broken_documents_are_refused),
        cmocka_unit_test(held_has_bit_i_mod_4_of_digit_i_over_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
