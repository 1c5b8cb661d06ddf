#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    static const char *const names[] = {"gazetteer", "nominatim", "photon",   "pelias", "addok",
                                        "mapbox",    "here",      "opencage", "google"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(geocoder_find(names[i]));
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
    for (size_t i = 0; geocoder_providers[i] != NULL; i++)
        assert_non_null(strstr(err.message, geocoder_providers[i]->name));
    assert_null(geocoder);
    settings.provider = NULL;
    assert_int_equal(geocoder_open(&geocoder, &settings, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
}

static void every_provider_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; geocoder_providers[i] != NULL; i++) {
        const struct geocoder_provider *provider = geocoder_providers[i];
        assert_non_null(provider->open);
        assert_non_null(provider->close);
        assert_non_null(provider->session_open);
        assert_non_null(provider->session_close);
        assert_true(geocoder_is_local(provider) ==
                    (provider->ask == NULL && provider->read == NULL));
        if (provider->url != NULL)
            assert_int_equal(strncmp(provider->url, "https://", 8), 0);
        if (provider->storage_terms != NULL)
            assert_non_null(strstr(provider->storage_terms, "set storage_permitted = yes"));
    }
}

static void expect_config_error(const struct geocoder_settings *settings, const char *part)
{
    struct geocoder *geocoder = NULL;
    assert_int_equal(geocoder_open(&geocoder, settings, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
    assert_null(geocoder);
}

static void a_base_url_is_needed_and_checked(void **state)
{
    static const char *const bad[] = {
        "localhost:8080",       "ftp://localhost",      "http://",           "http:///x",
        "https://:8080",        "http://localhost?a=1", "http://localhost#", "http://local host",
        "HTTP//localhost:8080", "http://h\n",
    };
    (void)state;
    expect_config_error(&(struct geocoder_settings){.provider = "nominatim"}, "[geocoder] url");
    expect_config_error(&(struct geocoder_settings){.provider = "photon", .url = ""},
                        "[geocoder] url");
    expect_config_error(&(struct geocoder_settings){.provider = "photon", .url = "///"},
                        "[geocoder] url");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_config_error(&(struct geocoder_settings){.provider = "photon", .url = bad[i]},
                            "[geocoder] url");
}

static void a_key_is_needed(void **state)
{
    (void)state;
    expect_config_error(&(struct geocoder_settings){.provider = "opencage"}, "[geocoder] key_file");
    expect_config_error(
        &(struct geocoder_settings){.provider = "opencage", .key_file = "/nowhere/key"},
        "/nowhere/key");
}

static void settings_are_copied(void **state)
{
    char texts[5][32] = {"photon", "http://localhost/photon//", "de", "agent/1", "/etc/ca.pem"};
    struct geocoder_settings settings = {
        .provider = texts[0],
        .url = texts[1],
        .language = texts[2],
        .user_agent = texts[3],
        .ca_file = texts[4],
        .timeout = 7,
        .max_distance = 50,
        .batch = 1000,
        .storage_permitted = true,
    };
    struct geocoder *geocoder;
    (void)state;
    assert_int_equal(geocoder_open(&geocoder, &settings, &err), 0);
    memset(texts, 'x', sizeof texts);
    memset(&settings, 0, sizeof settings);
    assert_string_equal(geocoder->settings.provider, "photon");
    assert_string_equal(geocoder->settings.url, "http://localhost/photon");
    assert_string_equal(geocoder->settings.language, "de");
    assert_string_equal(geocoder->settings.user_agent, "agent/1");
    assert_string_equal(geocoder->settings.ca_file, "/etc/ca.pem");
    assert_string_equal(geocoder->settings.key_file, "");
    assert_true(geocoder->settings.timeout == 7 && geocoder->settings.max_distance == 50);
    assert_int_equal(geocoder->settings.batch, 1); /* photon has no batches */
    assert_true(geocoder->settings.storage_permitted);
    geocoder_close(geocoder);
}

static void what_is_not_set_gets_defaults(void **state)
{
    char path[] = "/tmp/test-geocoder-XXXXXX";
    struct geocoder *geocoder;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "key", 3), 3);
    assert_int_equal(close(fd), 0);
    struct geocoder_settings settings = {.provider = "google", .key_file = path};
    assert_int_equal(geocoder_open(&geocoder, &settings, &err), 0);
    assert_string_equal(geocoder->settings.url, geocoder_find("google")->url);
    assert_string_equal(geocoder->settings.language, "");
    assert_int_equal(geocoder->settings.batch, 1);
    geocoder_close(geocoder);
    assert_int_equal(unlink(path), 0);
}

static void terms_of_storage_are_told(void **state)
{
    struct geocoder_settings settings = {.provider = "google"};
    (void)state;
    assert_non_null(strstr(geocoder_storage_warning(&settings), "storage_permitted"));
    settings.storage_permitted = true;
    assert_null(geocoder_storage_warning(&settings));
    settings = (struct geocoder_settings){.provider = "nominatim"};
    assert_null(geocoder_storage_warning(&settings));
    settings.provider = "nobody";
    assert_null(geocoder_storage_warning(&settings));
    settings.provider = NULL;
    assert_null(geocoder_storage_warning(&settings));
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
        cmocka_unit_test(every_provider_is_complete),
        cmocka_unit_test(a_base_url_is_needed_and_checked),
        cmocka_unit_test(a_key_is_needed),
        cmocka_unit_test(settings_are_copied),
        cmocka_unit_test(what_is_not_set_gets_defaults),
        cmocka_unit_test(terms_of_storage_are_told),
        cmocka_unit_test(causes_have_names_of_their_own),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
