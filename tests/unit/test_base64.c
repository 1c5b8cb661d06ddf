#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "fleet/base64.h"

static struct error err;

/* Examples of RFC 4648, section 10, and the two last digits. */
static const char *const examples[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"},
                                          {"\xfb\xff\xbf", "+/+/"}};

static void examples_are_encoded_and_decoded(void **state)
{
    struct buffer buffer = {0};
    char text[20];
    size_t bytes = 0;
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const char *plain = examples[i][0], *encoded = examples[i][1];
        buffer_clear(&buffer);
        assert_int_equal(base64_append(&buffer, plain, strlen(plain), &err), 0);
        assert_int_equal(buffer.used, strlen(encoded));
        if (buffer.used > 0)
            assert_memory_equal(buffer.data, encoded, buffer.used);
        memcpy(text, encoded, strlen(encoded) + 1);
        assert_true(base64_decode(text, &bytes));
        assert_int_equal(bytes, strlen(plain));
        assert_string_equal(text, plain);
    }
    buffer_free(&buffer);
}

static void what_is_not_base64_is_refused(void **state)
{
    static const char *const wrong[] = {"Z",    "Zg",       "Zg=",  "Zh==",      "Zm9=", "Z===",
                                        "====", "Zg==Zm9v", "Zm 9", "Zm9v\nA==", "-_-_", "Zm9\xc3"};
    char text[20];
    size_t bytes;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(text, wrong[i], strlen(wrong[i]) + 1);
        assert_false(base64_decode(text, &bytes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_encoded_and_decoded),
        cmocka_unit_test(what_is_not_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
