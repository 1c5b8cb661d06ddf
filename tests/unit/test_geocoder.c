#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "geocoder/geocoder.h"

static struct error err;

static void providers_are_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; geocoder_providers[i] != NULL; i++) {
        const struct geocoder_provider *provider = geocoder_providers[i];
        assert_ptr_equal(geocoder_find(provider->name), provider);
        assert_true(provider->help[0] != '\0');
        assert_true(provider->largest_batch >= 1);
    }
    assert_non_null(geocoder_find("gazetteer"));
    assert_null(geocoder_find("Gazetteer"));
    assert_null(geocoder_find(""));
}

static void an_unknown_provider_is_named_with_the_known_ones(void **state)
{
    (void)state;
    struct geocoder *geocoder = NULL;
    struct geocoder_settings settings = {.provider = "nobody"};
    assert_int_equal(geocoder_open(&geocoder, &settings, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "\"nobody\""));
    assert_non_null(strstr(err.message, "gazetteer"));
    assert_null(geocoder);
}

static void causes_have_names_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < CAUSE_COUNT; i++) {
        assert_non_null(failure_cause_names[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(failure_cause_names[i], failure_cause_names[j]);
    }
    assert_string_equal(failure_cause_names[CAUSE_HTTP_429], "http_429");
    assert_string_equal(failure_cause_names[CAUSE_TIMEOUT], "timeout");
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    geocoder_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(providers_are_found_by_name),
        cmocka_unit_test(an_unknown_provider_is_named_with_the_known_ones),
        cmocka_unit_test(causes_have_names_of_their_own),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
