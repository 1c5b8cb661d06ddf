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

static void defaults(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_default(&config, &config_rig_error), 0);
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
    assert_int_equal(config_default(&config, &config_rig_error), 0);
    assert_string_equal(config->peers.name, name);
    assert_string_equal(config_text(config, "peers", "name"), name);
    config_free(config);
    assert_int_equal(config_rig_load("[peers]\nname = blue-1.example\n", &config), 0);
    assert_string_equal(config->peers.name, "blue-1.example");
    config_free(config);
}

static void values_reach_their_fields(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_rig_load("# comment\n"
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
    assert_int_equal(config_rig_load("\xEF\xBB\xBF[http]\nthreads = 3\n", &config), 0);
    assert_int_equal(config->http.threads, 3);
    config_free(config);
}

static void endpoints_may_be_given_together_or_one_by_one(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_rig_load("[peers]\n"
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

static void set_changes_one_key_or_nothing(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(config_default(&config, &config_rig_error), 0);
    assert_int_equal(config_set(config, "refresh", "workers", "7", &config_rig_error), 0);
    assert_int_equal(config->refresh.workers, 7);
    assert_int_equal(config_set(config, "refresh", "workers", "0", &config_rig_error), -1);
    assert_int_equal(config->refresh.workers, 7);
    assert_string_equal(config_text(config, "refresh", "workers"), "7");
    assert_int_equal(config_set(config, "refresh", "worker", "7", &config_rig_error), -1);
    assert_int_equal(config_set(config, "none", "workers", "7", &config_rig_error), -1);
    assert_int_equal(config_set(config, "peers", "endpoints", "https://a", &config_rig_error), 0);
    assert_int_equal(config_set(config, "peers", "endpoints", "https://b", &config_rig_error), 0);
    assert_int_equal(config->peers.endpoints.count, 1);
    assert_string_equal(config->peers.endpoints.items[0], "https://b");
    assert_int_equal(config_set(config, "peers", "endpoints", "b", &config_rig_error), -1);
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
    assert_int_equal(
        config_rig_load("[peers]\nendpoints = https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,"
                        "https://bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
                        "endpoints = https://ccccccccccccccccccccccccccccccccccccccccccccccc\n"
                        "endpoints = https://ddddddddddddddddddddddddddddddddddddddddddddddd\n"
                        "[cache]\ndirectory = /a;b\n[http]\nlisten =\n",
                        &config),
        0);
    char *first = printed(config);
    assert_int_equal(config_rig_load(first, &again), 0);
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
    assert_int_equal(config_default(&config, &config_rig_error), 0);
    char *example = printed(NULL);
    char *defaults_text = printed(config);
    config_free(config);
    assert_int_equal(config_rig_load(example, &config), 0);
    char *commented = printed(config);
    assert_string_equal(commented, defaults_text);
    free(commented);
    config_free(config);
    for (char *at = example; (at = strstr(at, "\n;")) != NULL; at++)
        at[1] = ' ';
    assert_int_equal(config_rig_load(example, &config), 0);
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
        cmocka_unit_test(set_changes_one_key_or_nothing),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(the_example_is_the_defaults),
        cmocka_unit_test(the_table_makes_sense),
    };
    return cmocka_run_group_tests(tests, config_rig_open, config_rig_close);
}
