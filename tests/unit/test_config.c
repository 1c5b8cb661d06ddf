#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/key.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char directory[200];
static char path[240];
static struct error err;

static int make_directory(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%s/config-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/file", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int load(const char *text, struct config **config)
{
    memset(&err, 0, sizeof err);
    return config_load_text("x.conf", text, strlen(text), config, &err);
}

static void assert_refused(const char *text, const char *const *parts, size_t count)
{
    struct config *config = NULL;
    if (load(text, &config) != -1)
        fail_msg("accepted: %s", text);
    assert_null(config);
    assert_int_equal(err.code, ERROR_CONFIG);
    for (size_t i = 0; i < count; i++) {
        if (strstr(err.message, parts[i]) == NULL)
            fail_msg("\"%s\" is not in: %s", parts[i], err.message);
    }
}

/* REFUSED(text, parts...): the text is an error whose message has all parts. */
#define REFUSED(text, ...)                                                                         \
    assert_refused(text, (const char *const[]){__VA_ARGS__},                                       \
                   COUNT(((const char *const[]){__VA_ARGS__})))

static void defaults(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_default(&config, &err), 0);
    assert_null(config->path);
    assert_string_equal(config->cache.directory, "/var/lib/refreshd/cache");
    assert_int_equal(config->cache.grid.rows, 24);
    assert_int_equal(config->cache.grid.columns, 24);
    assert_int_equal(config->cache.keep_generations, 3);
    assert_string_equal(config->refresh.state_directory, "/var/lib/refreshd/state");
    assert_int_equal(config->refresh.point_files, 4096);
    assert_int_equal(config->refresh.workers, 4);
    assert_int_equal(config->refresh.publish, CONFIG_PUBLISH_RUN);
    assert_true(config->refresh.older_than == 0);
    assert_true(config->refresh.finish_within == 0);
    assert_true(config->refresh.max_failed == 0.05);
    assert_true(config->gate.max_lost == 0.01);
    assert_true(config->gate.max_country_changed == 0.02);
    assert_true(config->gate.max_changed == 1);
    assert_string_equal(config->geocoder.provider, "gazetteer");
    assert_string_equal(config->geocoder.url, "");
    assert_true(config->geocoder.rate == 0);
    assert_int_equal(config->geocoder.concurrency, 16);
    assert_int_equal(config->geocoder.batch, 1);
    assert_true(config->geocoder.timeout == 10);
    assert_int_equal(config->geocoder.retries, 4);
    assert_true(config->geocoder.max_distance == 0);
    assert_string_equal(config->geocoder.ca_file, "");
    assert_false(config->geocoder.storage_permitted);
    assert_true(config->lookup.radius == 100);
    assert_int_equal(config->lookup.on_miss, CONFIG_ON_MISS_NONE);
    assert_int_equal(config->lookup.learned_max, 1000000);
    assert_string_equal(config->http.listen, "127.0.0.1:8576");
    assert_int_equal(config->http.threads, 2);
    assert_string_equal(config->control.socket, "/run/refreshd/control.sock");
    assert_string_equal(config->control.group, "");
    assert_int_equal(config->peers.endpoints.count, 0);
    assert_string_equal(config->peers.fleet, "default");
    assert_int_equal(config->peers.switch_when, CONFIG_SWITCH_ALL);
    assert_true(config->peers.switch_delay == 5);
    assert_true(config->peers.lease == 10);
    config_free(config);
    config_free(NULL);
}

static void the_host_gives_the_name(void **state)
{
    (void)state;
    struct config *config;
    char name[256] = "";
    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    assert_int_equal(config_default(&config, &err), 0);
    assert_string_equal(config->peers.name, name);
    assert_string_equal(config_text(config, "peers", "name"), name);
    config_free(config);
    assert_int_equal(load("[peers]\nname = blue-1.example\n", &config), 0);
    assert_string_equal(config->peers.name, "blue-1.example");
    config_free(config);
}

static void values_reach_their_fields(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(load("# comment\n"
                          "; comment\n"
                          "[cache]\r\n"
                          "directory=/a b/Zürich ; where it lives\r\n"
                          "  grid = 1x100\n"
                          "\tkeep_generations: 1\n"
                          "\n"
                          "[refresh] # the run\n"
                          "publish = tile\n"
                          "older_than = 30d\n"
                          "max_failed = 0.5%\n"
                          "workers = 64\n"
                          "[geocoder]\n"
                          "provider = nominatim\n"
                          "url = https://geo.example:8443/api/v1\n"
                          "language = de,en;q=0.8\n"
                          "rate = 0.5\n"
                          "timeout = 250ms\n"
                          "max_distance = 1.5km\n"
                          "ca_file = /etc/ssl/own.pem\n"
                          "storage_permitted = yes\n"
                          "[lookup]\n"
                          "on_miss = fetch\n"
                          "[http]\n"
                          "listen =\n"
                          "[refresh]\n"
                          "point_files = 65536",
                          &config),
                     0);
    assert_string_equal(config->path, "x.conf");
    assert_string_equal(config->cache.directory, "/a b/Zürich");
    assert_int_equal(config->cache.grid.rows, 1);
    assert_int_equal(config->cache.grid.columns, 100);
    assert_int_equal(config->cache.keep_generations, 1);
    assert_int_equal(config->refresh.publish, CONFIG_PUBLISH_TILE);
    assert_true(config->refresh.older_than == 2592000);
    assert_true(config->refresh.max_failed == 0.005);
    assert_int_equal(config->refresh.workers, 64);
    assert_int_equal(config->refresh.point_files, 65536);
    assert_string_equal(config->geocoder.provider, "nominatim");
    assert_string_equal(config->geocoder.url, "https://geo.example:8443/api/v1");
    assert_string_equal(config->geocoder.language, "de,en;q=0.8");
    assert_true(config->geocoder.rate == 0.5);
    assert_true(config->geocoder.timeout == 0.25);
    assert_true(config->geocoder.max_distance == 1500);
    assert_string_equal(config->geocoder.ca_file, "/etc/ssl/own.pem");
    assert_true(config->geocoder.storage_permitted);
    assert_int_equal(config->lookup.on_miss, CONFIG_ON_MISS_FETCH);
    assert_string_equal(config->http.listen, "");
    config_free(config);
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(load("\xEF\xBB\xBF[http]\nthreads = 3\n", &config), 0);
    assert_int_equal(config->http.threads, 3);
    config_free(config);
}

static void endpoints_may_be_given_together_or_one_by_one(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(load("[peers]\n"
                          "endpoints = https://a.example:2379 ,https://b.example:2379/\n"
                          "fleet = blue\n"
                          "endpoints = http://127.0.0.1:2379\n",
                          &config),
                     0);
    assert_int_equal(config->peers.endpoints.count, 3);
    assert_string_equal(config->peers.endpoints.items[0], "https://a.example:2379");
    assert_string_equal(config->peers.endpoints.items[1], "https://b.example:2379/");
    assert_string_equal(config->peers.endpoints.items[2], "http://127.0.0.1:2379");
    assert_string_equal(config->peers.fleet, "blue");
    config_free(config);
}

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
            if (load(text, &config) != 0)
                fail_msg("%s", err.message);
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
    assert_int_equal(config_load_text("x.conf", with_nul, sizeof with_nul - 1, &config, &err), -1);
    assert_non_null(strstr(err.message, "x.conf line 2"));
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
        if (load(text, &config) == 0) {
            assert_int_equal(strlen(config->geocoder.user_agent), length);
            assert_int_equal(config->http.threads, 5);
            assert_true(length <= 180);
            config_free(config);
        } else {
            assert_non_null(strstr(err.message, "x.conf line 2"));
            assert_true(length > 180);
        }
    }
    char comment[5000];
    memset(comment, ' ', sizeof comment);
    memset(comment + 1000, ';', 150);
    comment[sizeof comment - 1] = '\0';
    struct config *config;
    assert_int_equal(load(comment, &config), 0);
    config_free(config);
}

static void a_file_is_needed_when_it_is_named(void **state)
{
    (void)state;
    struct config *config = NULL;
    (void)unlink(path);
    assert_int_equal(config_load(path, &config, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(config_load(directory, &config, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, directory));
    assert_null(config);
    write_file("[http]\nthreads = 9\n");
    assert_int_equal(config_load(path, &config, &err), 0);
    assert_int_equal(config->http.threads, 9);
    assert_string_equal(config->path, path);
    config_free(config);
    write_file("");
    assert_int_equal(config_load(path, &config, &err), 0);
    config_free(config);
}

static void check_key_file(const char *file, const char *reason)
{
    struct config *config;
    char text[600];
    (void)snprintf(text, sizeof text, "[geocoder]\nprovider = x\nkey_file = %s\n", file);
    assert_int_equal(load(text, &config), 0);
    memset(&err, 0, sizeof err);
    int result = config_check(config, &err);
    config_free(config);
    if (reason == NULL) {
        assert_int_equal(result, 0);
        return;
    }
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "x.conf line 3: [geocoder] key_file"));
    assert_non_null(strstr(err.message, file));
    assert_non_null(strstr(err.message, reason));
}

static void key_files_are_checked(void **state)
{
    (void)state;
    (void)unlink(path);
    check_key_file("", NULL);
    check_key_file(path, "No such file");
    check_key_file(directory, "not a file");
    check_key_file("/dev/null", "not a file");
    write_file("");
    check_key_file(path, "empty");
    write_file(" \n\t\r\n");
    check_key_file(path, "empty");
    write_file("\nsecret-key\n");
    check_key_file(path, NULL);
}

static void groups_and_certificates_are_checked(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(load("[control]\ngroup = no-such-group-here\n", &config), 0);
    assert_int_equal(config_check(config, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "x.conf line 2: [control] group"));
    assert_non_null(strstr(err.message, "no-such-group-here"));
    config_free(config);
    assert_int_equal(load("[control]\ngroup = root\n", &config), 0);
    assert_int_equal(config_check(config, &err), 0);
    config_free(config);
    static const char *const names[] = {"ca_file", "cert_file", "key_file"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "[peers]\n%s = /nonexistent.pem\n", names[i]);
        assert_int_equal(load(text, &config), 0);
        assert_int_equal(config_check(config, &err), -1);
        assert_non_null(strstr(err.message, names[i]));
        config_free(config);
    }
    assert_int_equal(load("[geocoder]\nca_file = /nonexistent.pem\n", &config), 0);
    assert_int_equal(config_check(config, &err), -1);
    assert_non_null(strstr(err.message, "[geocoder] ca_file"));
    config_free(config);
}

static void set_changes_one_key_or_nothing(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_default(&config, &err), 0);
    assert_int_equal(config_set(config, "refresh", "workers", "7", &err), 0);
    assert_int_equal(config->refresh.workers, 7);
    assert_int_equal(config_set(config, "refresh", "workers", "0", &err), -1);
    assert_int_equal(config->refresh.workers, 7);
    assert_string_equal(config_text(config, "refresh", "workers"), "7");
    assert_int_equal(config_set(config, "refresh", "worker", "7", &err), -1);
    assert_int_equal(config_set(config, "none", "workers", "7", &err), -1);
    assert_int_equal(config_set(config, "peers", "endpoints", "https://a", &err), 0);
    assert_int_equal(config_set(config, "peers", "endpoints", "https://b", &err), 0);
    assert_int_equal(config->peers.endpoints.count, 1);
    assert_string_equal(config->peers.endpoints.items[0], "https://b");
    assert_int_equal(config_set(config, "peers", "endpoints", "b", &err), -1);
    assert_string_equal(config->peers.endpoints.items[0], "https://b");
    assert_null(config_text(config, "none", "none"));
    config_free(config);
}

static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(config == NULL ? config_example(out) : config_print(config, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void what_is_printed_reads_back_the_same(void **state)
{
    (void)state;
    struct config *config;
    struct config *again;
    assert_int_equal(load("[peers]\nendpoints = https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,"
                          "https://bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
                          "endpoints = https://ccccccccccccccccccccccccccccccccccccccccccccccc\n"
                          "endpoints = https://ddddddddddddddddddddddddddddddddddddddddddddddd\n"
                          "[cache]\ndirectory = /a;b\n[http]\nlisten =\n",
                          &config),
                     0);
    char *first = printed(config);
    assert_int_equal(load(first, &again), 0);
    char *second = printed(again);
    assert_string_equal(first, second);
    assert_int_equal(again->peers.endpoints.count, 4);
    assert_string_equal(again->cache.directory, "/a;b");
    assert_non_null(strstr(first, "directory = /a;b\n"));
    free(first);
    free(second);
    config_free(config);
    config_free(again);
}

static void the_example_is_the_defaults(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_default(&config, &err), 0);
    char *example = printed(NULL);
    char *defaults_text = printed(config);
    config_free(config);
    assert_int_equal(load(example, &config), 0);
    char *commented = printed(config);
    assert_string_equal(commented, defaults_text);
    free(commented);
    config_free(config);
    for (char *at = example; (at = strstr(at, "\n;")) != NULL; at++)
        at[1] = ' ';
    assert_int_equal(load(example, &config), 0);
    char *uncommented = printed(config);
    assert_string_equal(uncommented, defaults_text);
    config_free(config);
    for (size_t i = 0; i < config_key_count; i++)
        assert_non_null(strstr(example, config_keys[i].name));
    free(uncommented);
    free(defaults_text);
    free(example);
}

static void the_table_makes_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        assert_ptr_equal(config_key_find(key->section, key->name), key);
        assert_true(key->least <= key->most);
        assert_true(key->help[0] != '\0');
        assert_true((key->type == CONFIG_CHOICE) == (key->choices != NULL));
        assert_true(config_section_exists(key->section));
    }
    assert_null(config_key_find("cache", "workers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(the_host_gives_the_name),
        cmocka_unit_test(values_reach_their_fields),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(endpoints_may_be_given_together_or_one_by_one),
        cmocka_unit_test(every_key_refuses_bad_values),
        cmocka_unit_test(every_key_takes_its_bounds),
        cmocka_unit_test(messages_tell_the_way_out),
        cmocka_unit_test(unknown_words_are_told_with_what_was_meant),
        cmocka_unit_test(broken_lines_are_told),
        cmocka_unit_test(overlong_lines_are_refused_and_never_cut),
        cmocka_unit_test(a_file_is_needed_when_it_is_named),
        cmocka_unit_test(key_files_are_checked),
        cmocka_unit_test(groups_and_certificates_are_checked),
        cmocka_unit_test(set_changes_one_key_or_nothing),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(the_example_is_the_defaults),
        cmocka_unit_test(the_table_makes_sense),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
