/* What a configuration may not have in it, and what is said of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/key.h"
#include "tests/unit/config_rig.h"

/* A wrong value is named with file, line, section, key and value, and the fields stay as they
 * were. */
static void every_key_refuses_bad_values(void **state)
{
    (void)state;
    static const struct {
        const char *section, *key, *values[16];
    } bad[] = {
        {"cache", "directory", {""}},
        {"cache",
         "grid",
         {"", "24", "24x", "x24", "0x24", "24x0", "101x1", "1x101", "24X24", "24 x 24", "-1x24",
          "24x24x24", "1e1x24", "999999999x1"}},
        {"cache", "keep_generations", {"", "0", "-1", "1.5", "many", "10001", "0x3"}},
        {"refresh", "state_directory", {""}},
        {"refresh", "point_files", {"", "0", "65537", "-5", "4096.0", "4k"}},
        {"refresh", "workers", {"", "0", "65", "-1", "two", "4 # four", "99999999999999999999"}},
        {"refresh", "publish", {"", "Run", "runs", "all", "0"}},
        {"refresh", "older_than", {"", "30", "-1d", "30 d", "1w", "nan", "0x1d", "4000d", "1e3s"}},
        {"refresh", "finish_within", {"", "6", "-6h", "6H", "inf"}},
        {"refresh", "max_failed", {"", "5", "101%", "-1%", "5 %", "nan%", "0.05"}},
        {"gate", "max_lost", {"", "1", "101%", "-0.1%"}},
        {"gate", "max_country_changed", {"", "1", "100.01%", "x"}},
        {"gate", "max_changed", {"", "1", "200%", "%"}},
        {"geocoder", "provider", {"", "a b", "a/b", "ä"}},
        {"geocoder",
         "url",
         {"geo.example", "ftp://geo.example", "file:///etc/passwd", "http://", "https:///path",
          "http://user:pw@geo.example", "http://geo.example?a=b", "http://geo.example/#x",
          "http://geo.example:0", "http://geo.example:70000", "http://geo.example:", "http://ge o",
          "http://[::1", "http://[zz]/", "http://geo.example/a b", "https//x"}},
        {"geocoder", "rate", {"", "-1", "nan", "inf", "fast", "1e10", "1,5", "0x10"}},
        {"geocoder", "concurrency", {"", "0", "4097", "-1", "1.5"}},
        {"geocoder", "batch", {"", "0", "-1", "10001", "x"}},
        {"geocoder", "timeout", {"", "0", "0s", "10", "-1s", "2d", "0.1ms"}},
        {"geocoder", "retries", {"", "-1", "101", "1.0", "x"}},
        {"geocoder", "storage_permitted", {"", "true", "1", "Yes", "yes please"}},
        {"geocoder", "max_distance", {"", "-1m", "1 km", "5mi", "30000km", "nan"}},
        {"lookup", "radius", {"", "-1", "100 m", "1e2", "inf", "20100km"}},
        {"lookup", "on_miss", {"", "nothing", "Fetch"}},
        {"lookup", "learned_max", {"", "-1", "1M", "1000000001"}},
        {"http",
         "listen",
         {"8576", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:8576", "[::1]",
          "http://127.0.0.1:80", "a b:80", ":80", "127.0.0.1:80/", "127.0.0.1:+80"}},
        {"http", "threads", {"", "0", "257", "-1"}},
        {"control",
         "socket",
         {"", "/a-very-long-path/that-does-not-fit-into-the-108-bytes-of-a-socket-address/"
              "because-it-is-longer/control.sock"}},
        {"peers",
         "endpoints",
         {"a.example:2379", "http://a.example:2379", "https://a,,https://b", "https://a/path",
          "https://a,", ",", "http://128.0.0.1:2379"}},
        {"peers", "fleet", {"", "a b", "a/b"}},
        {"peers", "name", {"a b", "/"}},
        {"peers", "advertise", {"host", "host:0", "host:x"}},
        {"peers", "listen", {"host", "host:99999"}},
        {"peers", "switch", {"", "most", "ALL"}},
        {"peers", "switch_delay", {"", "5", "-5s", "2d"}},
        {"peers", "lease", {"", "0", "10", "0.5s"}},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        for (size_t j = 0; j < COUNT(bad[i].values) && bad[i].values[j] != NULL; j++) {
            char text[400];
            char place[100];
            (void)snprintf(text, sizeof text, "; first line\n[%s]\n%s = %s\n", bad[i].section,
                           bad[i].key, bad[i].values[j]);
            (void)snprintf(place, sizeof place, "x.conf line 3: [%s] %s: \"", bad[i].section,
                           bad[i].key);
            REFUSED(text, place, "use ");
        }
    }
}

static void every_key_takes_its_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *section, *key, *values[6];
    } good[] = {
        {"cache", "grid", {"1x1", "100x100"}},
        {"refresh", "workers", {"1", "64"}},
        {"refresh", "max_failed", {"0%", "100%"}},
        {"geocoder",
         "url",
         {"", "http://127.0.0.1:7070", "HTTPS://[2001:db8::1]:80/a/b/", "http://geo.example"}},
        {"geocoder", "key_file", {"", "/a"}},
        {"geocoder", "concurrency", {"1", "4096"}},
        {"geocoder", "retries", {"0", "100"}},
        {"geocoder", "rate", {"0", "1e3", "0.01"}},
        {"lookup", "radius", {"0", "20000km", "50"}},
        {"lookup", "learned_max", {"0"}},
        {"http", "listen", {"", "[::]:80", "localhost:1", "0.0.0.0:65535"}},
        {"peers", "endpoints", {"", "http://localhost:2379,http://[::1]:2379,http://127.1.2.3"}},
    };
    struct config *config;
    for (size_t i = 0; i < COUNT(good); i++) {
        for (size_t j = 0; j < COUNT(good[i].values) && good[i].values[j] != NULL; j++) {
            char text[300];
            (void)snprintf(text, sizeof text, "[%s]\n%s = %s\n", good[i].section, good[i].key,
                           good[i].values[j]);
            if (config_rig_load(text, &config) != 0)
                fail_msg("%s", config_rig_error.message);
            assert_string_equal(config_text(config, good[i].section, good[i].key),
                                good[i].values[j]);
            config_free(config);
        }
    }
}

static void messages_tell_the_way_out(void **state)
{
    (void)state;
    REFUSED("[refresh]\nworkers = 0\n",
            "x.conf line 2: [refresh] workers: \"0\" is no good; use a whole number from 1 to 64");
    REFUSED("[refresh]\npublish = now\n", "use run or tile");
    REFUSED("[refresh]\nolder_than = 5\n", "such as 250ms, 90s, 15m, 6h or 30d");
    REFUSED("[gate]\nmax_lost = 1\n", "a percentage such as 0.5%");
    REFUSED("[cache]\ngrid = 5\n", "ROWSxCOLUMNS such as 24x24, each from 1 to 100");
}

static void unknown_words_are_told_with_what_was_meant(void **state)
{
    (void)state;
    REFUSED("[refresh]\n\nworker = 4\n", "x.conf line 3", "\"worker\"", "did you mean \"workers\"");
    REFUSED("[refresh]\nolder_thna = 4d\n", "did you mean \"older_than\"");
    REFUSED("[refresh]\nrate = 4\n", "\"rate\"", "belongs to [geocoder]");
    REFUSED("[refresh]\nWorkers = 4\n", "did you mean \"workers\"");
    REFUSED("[refresh]\nsomething_else_entirely = 4\n", "line 2", "something_else_entirely");
    REFUSED("[refesh]\nworkers = 4\n", "x.conf line 1", "[refesh]", "did you mean [refresh]");
    REFUSED("\n[nothing]\n", "x.conf line 2", "[nothing]");
    REFUSED("[]\n", "line 1");
    REFUSED("workers = 4\n", "x.conf line 1", "\"workers\"", "before the first [section]");
}

static void broken_lines_are_told(void **state)
{
    (void)state;
    struct config *config;
    REFUSED("[refresh]\nworkers\n", "x.conf line 2", "KEY = VALUE");
    REFUSED("[refresh]\n= 4\n", "x.conf line 2", "KEY = VALUE");
    REFUSED("[refresh\nworkers = 4\n", "x.conf line 1", "[name]");
    REFUSED("[refresh] workers = 4\n", "x.conf line 1", "line of its own");
    REFUSED("[refresh]\nworkers = 4\nworkers = 5\n", "x.conf line 3", "[refresh] workers",
            "already in line 2");
    REFUSED("[refresh]\nworkers = 4\n[refresh]\nworkers = 4\n", "x.conf line 4", "already");
    REFUSED("[cache]\ndirectory = /\xFF\n", "x.conf line 2", "UTF-8");
    REFUSED("[cache]\ndirectory = /a\x1B[2J\n", "x.conf line 2", "directory");
    static const char with_nul[] = "[cache]\ndirectory = /a\0b\n";
    assert_int_equal(
        config_load_text("x.conf", with_nul, sizeof with_nul - 1, &config, &config_rig_error), -1);
    assert_non_null(strstr(config_rig_error.message, "x.conf line 2"));
    REFUSED("[refresh]\nworkers = 0\npoint_files = 0\n", "x.conf line 2");
}

static void overlong_lines_are_refused_and_never_cut(void **state)
{
    (void)state;
    for (size_t length = 150; length < 400; length++) {
        char text[600];
        struct config *config = NULL;
        int start = snprintf(text, sizeof text, "[geocoder]\nuser_agent = ");
        memset(text + start, 'a', length);
        (void)snprintf(text + start + length, sizeof text - (size_t)start - length,
                       "\n[http]\nthreads = 5\n");
        if (config_rig_load(text, &config) == 0) {
            assert_int_equal(strlen(config->geocoder.user_agent), length);
            assert_int_equal(config->http.threads, 5);
            assert_true(length <= 180);
            config_free(config);
        } else {
            assert_non_null(strstr(config_rig_error.message, "x.conf line 2"));
            assert_true(length > 180);
        }
    }
    char comment[5000];
    memset(comment, ' ', sizeof comment);
    memset(comment + 1000, ';', 150);
    comment[sizeof comment - 1] = '\0';
    struct config *config;
    assert_int_equal(config_rig_load(comment, &config), 0);
    config_free(config);
}

static void a_file_is_needed_when_it_is_named(void **state)
{
    (void)state;
    struct config *config = NULL;
    (void)unlink(config_rig_path);
    assert_int_equal(config_load(config_rig_path, &config, &config_rig_error), -1);
    assert_int_equal(config_rig_error.code, ERROR_CONFIG);
    assert_non_null(strstr(config_rig_error.message, config_rig_path));
    assert_int_equal(config_load(config_rig_directory, &config, &config_rig_error), -1);
    assert_int_equal(config_rig_error.code, ERROR_CONFIG);
    assert_non_null(strstr(config_rig_error.message, config_rig_directory));
    assert_null(config);
    config_rig_write("[http]\nthreads = 9\n");
    assert_int_equal(config_load(config_rig_path, &config, &config_rig_error), 0);
    assert_int_equal(config->http.threads, 9);
    assert_string_equal(config->path, config_rig_path);
    config_free(config);
    config_rig_write("");
    assert_int_equal(config_load(config_rig_path, &config, &config_rig_error), 0);
    config_free(config);
}

static void check_key_file(const char *file, const char *reason)
{
    struct config *config;
    char text[600];
    (void)snprintf(text, sizeof text, "[geocoder]\nprovider = x\nkey_file = %s\n", file);
    assert_int_equal(config_rig_load(text, &config), 0);
    memset(&config_rig_error, 0, sizeof config_rig_error);
    int result = config_check(config, &config_rig_error);
    config_free(config);
    if (reason == NULL) {
        assert_int_equal(result, 0);
        return;
    }
    assert_int_equal(result, -1);
    assert_int_equal(config_rig_error.code, ERROR_CONFIG);
    assert_non_null(strstr(config_rig_error.message, "x.conf line 3: [geocoder] key_file"));
    assert_non_null(strstr(config_rig_error.message, file));
    assert_non_null(strstr(config_rig_error.message, reason));
}

static void key_files_are_checked(void **state)
{
    (void)state;
    (void)unlink(config_rig_path);
    check_key_file("", NULL);
    check_key_file(config_rig_path, "No such file");
    check_key_file(config_rig_directory, "not a file");
    check_key_file("/dev/null", "not a file");
    config_rig_write("");
    check_key_file(config_rig_path, "empty");
    config_rig_write(" \n\t\r\n");
    check_key_file(config_rig_path, "empty");
    config_rig_write("\nsecret-key\n");
    check_key_file(config_rig_path, NULL);
}

static void groups_and_certificates_are_checked(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_rig_load("[control]\ngroup = no-such-group-here\n", &config), 0);
    assert_int_equal(config_check(config, &config_rig_error), -1);
    assert_int_equal(config_rig_error.code, ERROR_CONFIG);
    assert_non_null(strstr(config_rig_error.message, "x.conf line 2: [control] group"));
    assert_non_null(strstr(config_rig_error.message, "no-such-group-here"));
    config_free(config);
    assert_int_equal(config_rig_load("[control]\ngroup = root\n", &config), 0);
    assert_int_equal(config_check(config, &config_rig_error), 0);
    config_free(config);
    static const char *const names[] = {"ca_file", "cert_file", "key_file"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "[peers]\n%s = /nonexistent.pem\n", names[i]);
        assert_int_equal(config_rig_load(text, &config), 0);
        assert_int_equal(config_check(config, &config_rig_error), -1);
        assert_non_null(strstr(config_rig_error.message, names[i]));
        config_free(config);
    }
    assert_int_equal(config_rig_load("[geocoder]\nca_file = /nonexistent.pem\n", &config), 0);
    assert_int_equal(config_check(config, &config_rig_error), -1);
    assert_non_null(strstr(config_rig_error.message, "[geocoder] ca_file"));
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_refuses_bad_values),
        cmocka_unit_test(every_key_takes_its_bounds),
        cmocka_unit_test(messages_tell_the_way_out),
        cmocka_unit_test(unknown_words_are_told_with_what_was_meant),
        cmocka_unit_test(broken_lines_are_told),
        cmocka_unit_test(overlong_lines_are_refused_and_never_cut),
        cmocka_unit_test(a_file_is_needed_when_it_is_named),
        cmocka_unit_test(key_files_are_checked),
        cmocka_unit_test(groups_and_certificates_are_checked),
    };
    return cmocka_run_group_tests(tests, config_rig_open, config_rig_close);
}
