#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/network_rig.h"
#include "tests/unit/patience.h"

static unsigned open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* --- replies ------------------------------------------------------------------------------ */

static void test_asks_and_reads(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG({.reply = NULL});
    const struct network_outcome *one = network_rig_ask(rig);
    assert_int_equal(one->answer.kind, ANSWER_FOUND);
    assert_int_equal(one->request.status, 200);
    assert_string_equal(one->text,
                        "GET /base/reverse?key=" NETWORK_RIG_KEY "&n=7&count=1 HTTP/1.1\n");
    assert_string_equal(rig->script.last_agent, "tester/1");
    assert_int_equal(one->request.bytes, strlen(one->text));
    network_rig_close(rig);
}

/* A proxy has to be told whose path it is; the test's server plays one. */
static void test_asks_a_proxy(void **state)
{
    (void)state;
    char proxy[60];
    struct network_rig *rig = NETWORK_RIG({.reply = NULL});
    rig->transport->close(rig->transport);
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", rig->script.port);
    (void)snprintf(rig->url, sizeof rig->url, "http://geocoder.invalid/base");
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    network_rig_open(rig);
    assert_string_equal(network_rig_ask(rig)->text,
                        "GET http://geocoder.invalid/base/reverse?key=" NETWORK_RIG_KEY
                        "&n=7&count=1 HTTP/1.1\n");
    assert_int_equal(unsetenv("http_proxy"), 0);
    network_rig_close(rig);
}

static void test_posts(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG({.reply = NULL});
    for (int round = 0; round < 2; round++) {
        network_rig_posting = true;
        assert_string_equal(network_rig_ask(rig)->text, "POST /base/reverse?key=" NETWORK_RIG_KEY
                                                        "&n=7&count=1 HTTP/1.1\nwhat is here?");
        network_rig_posting = false;
        assert_string_equal(network_rig_ask(rig)->text,
                            "GET /base/reverse?key=" NETWORK_RIG_KEY "&n=7&count=1 HTTP/1.1\n");
    }
    assert_false(rig->script.expect_seen);
    assert_int_equal(rig->script.connections, 1);
    network_rig_close(rig);
}

static void test_keeps_connections(void **state)
{
    (void)state;
    unsigned before = open_files();
    struct network_rig *rig = NETWORK_RIG({.reply = NULL});
    rig->again = 3000;
    for (unsigned i = 0; i < NETWORK_RIG_SLOTS; i++)
        network_rig_start(rig, i, 10000 + (int)i);
    network_rig_run_until(rig, 3000 + NETWORK_RIG_SLOTS);
    assert_int_equal(rig->wrong, 0);
    assert_int_equal(rig->failed, 0);
    assert_true(rig->script.connections <= NETWORK_RIG_SLOTS);
    assert_int_equal(rig->script.requests, 3000 + NETWORK_RIG_SLOTS);
    network_rig_close(rig);
    assert_int_equal(open_files(), before);
}

/* Every connection is closed behind its reply: the next request on it goes out again. Only one that
 * met several such connections in a row may fail. */
static void test_connection_closed_under_the_client(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG({.reply = NULL, .after = AFTER_CLOSE});
    rig->again = 300;
    for (unsigned i = 0; i < 8; i++)
        network_rig_start(rig, i, 10000 + (int)i);
    network_rig_run_until(rig, 308);
    assert_int_equal(rig->wrong, 0);
    assert_true(rig->failed <= 30);
    network_rig_close(rig);
}

/* A closed idle connection must not keep the loop busy. */
static void test_idle_closed_connection_is_quiet(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG({.reply = NULL, .after = AFTER_CLOSE});
    (void)network_rig_ask(rig);
    assert_true(network_rig_run_for(rig, 0.3, UINT_MAX) < 60);
    network_rig_close(rig);
}

static void test_status_is_the_providers_business(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG(
        {.reply = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"},
        {.reply = "HTTP/1.1 429 Slow\r\nRetry-After: Thu, 01 Jan 2015 00:00:00 GMT\r\n"
                  "Content-Length: 0\r\n\r\n"},
        {.reply = "HTTP/1.1 429 Slow\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n"},
        {.reply = "HTTP/1.1 204 Nothing\r\n\r\n"});
    const struct network_outcome *one = network_rig_ask(rig);
    assert_int_equal(one->answer.status, 503);
    assert_string_equal(one->text, "busy");
    assert_true(one->request.retry_after == 7);
    one = network_rig_ask(rig);
    assert_int_equal(one->request.status, 429);
    assert_true(one->request.retry_after == 0);
    one = network_rig_ask(rig);
    assert_true(one->request.retry_after == 86400);
    one = network_rig_ask(rig);
    assert_int_equal(one->answer.status, 204);
    assert_string_equal(one->text, "");
    assert_true(one->request.retry_after == 0);
    network_rig_close(rig);
}

static void test_retry_after_as_a_date(void **state)
{
    (void)state;
    char reply[200];
    char date[64];
    time_t then = time(NULL) + 100;
    struct tm parts;
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &parts));
    (void)snprintf(reply, sizeof reply,
                   "HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
    struct network_rig *rig = NETWORK_RIG({.reply = reply});
    const struct network_outcome *one = network_rig_ask(rig);
    assert_true(one->request.retry_after > 60 && one->request.retry_after <= 100);
    network_rig_close(rig);
}

static void test_batches(void **state)
{
    (void)state;
    struct network_rig *rig = network_rig_make();
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:1");
    const unsigned wanted[][2] = {{0, 1}, {1, 1}, {7, 7}, {10, 10}, {500, 10}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        rig->geocoder.settings.batch = wanted[i][0];
        network_rig_open(rig);
        assert_int_equal(rig->transport->points, wanted[i][1]);
        rig->transport->close(rig->transport);
    }
    rig->transport = NULL;
    network_rig_close(rig);
}

/* --- redirects ---------------------------------------------------------------------------- */

static void test_redirects_on_the_same_host(void **state)
{
    (void)state;
    const char *moved = "HTTP/1.1 302 Found\r\nLocation: /other?n=7\r\nContent-Length: 0\r\n\r\n";
    struct network_rig *rig =
        NETWORK_RIG({.reply = moved}, {.reply = moved}, {.reply = moved}, {.reply = NULL});
    assert_string_equal(network_rig_ask(rig)->text, "GET /other?n=7 HTTP/1.1\n");
    /* The next request goes to the geocoder's own path again. */
    assert_string_equal(network_rig_ask(rig)->text,
                        "GET /base/reverse?key=" NETWORK_RIG_KEY "&n=7&count=1 HTTP/1.1\n");
    assert_int_equal(rig->script.requests, 5);
    network_rig_close(rig);
}

static void test_redirected_post_stays_a_post(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG(
        {.reply = "HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"},
        {.reply = NULL},
        {.reply = "HTTP/1.1 303 See\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"});
    network_rig_posting = true;
    assert_string_equal(network_rig_ask(rig)->text, "POST /other HTTP/1.1\nwhat is here?");
    assert_int_equal(network_rig_ask(rig)->answer.kind, ANSWER_FAILED);
    network_rig_close(rig);
}

static void expect_refused(const char *location, const char *word, unsigned requests)
{
    char reply[400];
    (void)snprintf(reply, sizeof reply,
                   "HTTP/1.1 301 Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", location);
    struct network_rig *rig = NETWORK_RIG({.reply = reply});
    const struct network_outcome *one = network_rig_ask(rig);
    assert_int_equal(one->answer.kind, ANSWER_FAILED);
    assert_int_equal(one->answer.cause, CAUSE_BAD_REPLY);
    assert_false(one->answer.transient);
    assert_int_equal(one->answer.status, 301);
    if (strstr(one->text, word) == NULL)
        fail_msg("%s: %s", location, one->text);
    assert_int_equal(rig->script.requests, requests);
    network_rig_close(rig);
}

static void test_redirects_refused(void **state)
{
    (void)state;
    expect_refused("http://elsewhere.invalid/x?key=" NETWORK_RIG_KEY, "elsewhere.invalid", 1);
    expect_refused("http://" NETWORK_RIG_KEY ".invalid/", "another host", 1);
    expect_refused("//localhost/", "localhost", 1);
    expect_refused("http://127.0.0.1:1/", "port", 1);
    expect_refused("ftp://127.0.0.1/", "127.0.0.1", 1);
    expect_refused("/again", "more than 3", 4);
}

/* --- ending early ------------------------------------------------------------------------- */

static void test_cancel(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG(
        {.reply = "HTTP/1.1 200 OK\r\n", .after = AFTER_HANG}, {.reply = "", .after = AFTER_HANG},
        {.reply = "", .after = AFTER_HANG}, {.reply = "", .after = AFTER_HANG}, {.reply = NULL});
    for (unsigned i = 0; i < 4; i++)
        network_rig_start(rig, i, 1);
    while (atomic_load(&rig->script.requests) < 4)
        network_rig_run_for(rig, 0.02, 1);
    for (unsigned i = 4; i < 8; i++) /* not even begun */
        network_rig_start(rig, i, 1);
    rig->transport->cancel(rig->transport);
    network_rig_run_for(rig, 0.1, 1);
    assert_int_equal(rig->done, 0);
    assert_int_equal(network_rig_ask(rig)->answer.kind, ANSWER_FOUND);
    network_rig_close(rig);
}

static void test_close_in_flight(void **state)
{
    (void)state;
    unsigned before = open_files();
    struct network_rig *rig = NETWORK_RIG({.reply = "HTTP/1.1 200 OK\r\n", .after = AFTER_HANG});
    for (unsigned i = 0; i < 16; i++)
        network_rig_start(rig, i, 1);
    while (atomic_load(&rig->script.requests) < 16)
        network_rig_run_for(rig, 0.02, 1);
    for (unsigned i = 16; i < 32; i++)
        network_rig_start(rig, i, 1);
    network_rig_close(rig);
    assert_int_equal(open_files(), before);
}

/* --- several workers ---------------------------------------------------------------------- */

static void *one_worker(void *argument)
{
    struct network_rig *rig = argument;
    network_rig_open(rig);
    rig->again = 200;
    for (unsigned i = 0; i < 8; i++)
        network_rig_start(rig, i, (int)i);
    network_rig_run_for(rig, PATIENCE, 208);
    return NULL;
}

static void test_workers_side_by_side(void **state)
{
    (void)state;
    struct network_rig *rigs[4];
    pthread_t threads[4];
    struct network_rig *server = NETWORK_RIG({.reply = NULL});
    for (int i = 0; i < 4; i++) {
        rigs[i] = network_rig_make();
        memcpy(rigs[i]->url, server->url, sizeof server->url);
        assert_int_equal(pthread_create(&threads[i], NULL, one_worker, rigs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(rigs[i]->done, 208);
        assert_int_equal(rigs[i]->wrong, 0);
        network_rig_close(rigs[i]);
    }
    network_rig_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers_side_by_side),
        cmocka_unit_test(test_asks_and_reads),
        cmocka_unit_test(test_asks_a_proxy),
        cmocka_unit_test(test_posts),
        cmocka_unit_test(test_keeps_connections),
        cmocka_unit_test(test_connection_closed_under_the_client),
        cmocka_unit_test(test_idle_closed_connection_is_quiet),
        cmocka_unit_test(test_status_is_the_providers_business),
        cmocka_unit_test(test_retry_after_as_a_date),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_redirects_on_the_same_host),
        cmocka_unit_test(test_redirected_post_stays_a_post),
        cmocka_unit_test(test_redirects_refused),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_close_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
