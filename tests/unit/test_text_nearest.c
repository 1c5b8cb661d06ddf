/* What a mistyped word may have meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

static const char *nearest(const char *word)
{
    static const char *const known[] = {"start", "status", "cache import", "--older-than", "set"};
    const char *best = "";
    unsigned least = TEXT_FAR;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (text_nearer(word, known[i], &least))
            best = known[i];
    return best;
}

static void slips_are_understood(void **state)
{
    (void)state;
    assert_string_equal(nearest("staus"), "status");
    assert_string_equal(nearest("statsu"), "status");
    assert_string_equal(nearest("sart"), "start");
    assert_string_equal(nearest("cache improt"), "cache import");
    assert_string_equal(nearest("status"), "status");
}

static void a_beginning_is_enough(void **state)
{
    (void)state;
    assert_string_equal(nearest("--older"), "--older-than");
    assert_string_equal(nearest("--"), "");
}

static void other_words_mean_nothing(void **state)
{
    (void)state;
    assert_string_equal(nearest("frobnicate"), "");
    assert_string_equal(nearest(""), "");
    assert_string_equal(nearest("a word that is longer than any that is known here"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_are_understood),
        cmocka_unit_test(a_beginning_is_enough),
        cmocka_unit_test(other_words_mean_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
