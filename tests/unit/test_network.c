#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "geocoder/network.h"

static struct error err;

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/test-network-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : unsetenv("CREDENTIALS_DIRECTORY");
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *text, size_t bytes)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* expect_key: what network_open makes of a key file. */
static void expect_key(const char *content, size_t bytes, const char *expected)
{
    struct geocoder_settings settings = {.provider = "google", .key_file = path_of("key")};
    void *state = NULL;
    write_file("key", content, bytes);
    if (expected != NULL) {
        assert_int_equal(network_open(&settings, &state, &err), 0);
        assert_string_equal(((struct network *)state)->key, expected);
        assert_ptr_equal(((struct network *)state)->settings, &settings);
        network_close(state);
    } else {
        assert_int_equal(network_open(&settings, &state, &err), -1);
        assert_int_equal(err.code, ERROR_CONFIG);
        assert_non_null(strstr(err.message, "key_file"));
        assert_non_null(strstr(err.message, path_of("key")));
        assert_null(strstr(err.message, "abc"));
        assert_null(state);
    }
    assert_int_equal(unlink(path_of("key")), 0);
}

static void a_key_is_trimmed(void **state)
{
    (void)state;
    expect_key("abc-123", 7, "abc-123");
    expect_key(" \t\r\n abc-123 \r\n\v\f", 17, "abc-123");
}

static void a_senseless_key_is_an_error(void **state)
{
    char large[5000];
    (void)state;
    memset(large, 'a', sizeof large);
    expect_key("", 0, NULL);
    expect_key(" \n\n", 3, NULL);
    expect_key("abc def", 7, NULL);
    expect_key("abc\nabd", 7, NULL);
    expect_key("abc\0abd", 7, NULL);
    expect_key(large, sizeof large, NULL);
}

static void expect_no_key(const char *key_file, const char *message)
{
    struct geocoder_settings settings = {.provider = "google", .key_file = key_file};
    void *state = NULL;
    assert_int_equal(network_open(&settings, &state, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "[geocoder] key_file"));
    if (strstr(err.message, message) == NULL)
        fail_msg("%s", err.message);
}

static void a_key_file_must_be_a_file(void **state)
{
    (void)state;
    expect_no_key(directory, "is not a file");
    expect_no_key(path_of("absent"), "does not exist");
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    expect_no_key(path_of("pipe"), "is not a file");
    assert_int_equal(unlink(path_of("pipe")), 0);
}

static void a_needed_key_must_be_there(void **state)
{
    (void)state;
    expect_no_key(NULL, "provider google needs a key");
    expect_no_key("", "provider google needs a key");
}

static void where_none_is_needed_there_is_none(void **state)
{
    struct geocoder_settings settings = {.provider = "nominatim"};
    void *network = NULL;
    (void)state;
    assert_int_equal(network_open(&settings, &network, &err), 0);
    assert_string_equal(((struct network *)network)->key, "");
    network_close(network);
}

static void a_credential_of_systemd_is_a_key(void **state)
{
    struct geocoder_settings settings = {.provider = "google"};
    void *network = NULL;
    (void)state;
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    expect_no_key(NULL, "provider google needs a key");
    write_file("geocoder-key", "from-systemd\n", 13);
    assert_int_equal(network_open(&settings, &network, &err), 0);
    assert_string_equal(((struct network *)network)->key, "from-systemd");
    network_close(network);
    expect_key("abc", 3, "abc");
    assert_int_equal(unlink(path_of("geocoder-key")), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void a_session_belongs_to_its_network(void **state)
{
    struct geocoder_settings settings = {.provider = "nominatim"};
    void *network = NULL;
    void *session = NULL;
    (void)state;
    assert_int_equal(network_open(&settings, &network, &err), 0);
    assert_int_equal(network_session_open(network, &session, &err), 0);
    assert_ptr_equal(((struct network_session *)session)->network, network);
    network_session_close(session);
    network_session_close(NULL);
    network_close(network);
    network_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_trimmed),
        cmocka_unit_test(a_senseless_key_is_an_error),
        cmocka_unit_test(a_key_file_must_be_a_file),
        cmocka_unit_test(a_needed_key_must_be_there),
        cmocka_unit_test(where_none_is_needed_there_is_none),
        cmocka_unit_test(a_credential_of_systemd_is_a_key),
        cmocka_unit_test(a_session_belongs_to_its_network),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
