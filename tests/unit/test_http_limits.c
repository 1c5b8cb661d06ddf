/* What a client can cost: connections, time, bytes, requests a second; and that others are served
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_rig.h"
#include "tests/unit/patience.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define LARGE (4 << 20)

static enum http_next route_small(struct http_call *call, struct http_reply *reply)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%u open", http_connections(call));
    assert_int_equal(buffer_append(&reply->body, text, strlen(text), NULL), 0);
    return HTTP_REPLY;
}

static enum http_next route_large(struct http_call *call, struct http_reply *reply)
{
    (void)call;
    assert_int_equal(buffer_reserve(&reply->body, LARGE, NULL), 0);
    memset(reply->body.data, 'x', LARGE);
    reply->body.used = LARGE;
    return HTTP_REPLY;
}

/* Waits once, for no time. */
static bool waits(struct http_call *call)
{
    bool *waited = http_state(call);
    if (*waited)
        return false;
    *waited = true;
    http_resume(call);
    return true;
}

static enum http_next route_wait(struct http_call *call, struct http_reply *reply)
{
    return waits(call) ? HTTP_WAIT : route_small(call, reply);
}

static enum http_next route_wait_large(struct http_call *call, struct http_reply *reply)
{
    return waits(call) ? HTTP_WAIT : route_large(call, reply);
}

static const struct http_path paths[] = {{"/wait", route_wait},
                                         {"/wait_large", route_wait_large},
                                         {"/small", route_small},
                                         {"/large", route_large},
                                         {NULL, NULL}};

static void assert_served(const struct http *http)
{
    char *reply = http_rig_ask(http, GET("/small"));
    assert_int_equal(http_rig_status(reply), 200);
    free(reply);
}

/* --- bytes ------------------------------------------------------------------------- */

/* A request whose line and headers have that many bytes: one long header, or a long query. */
static char *request_of(size_t bytes, bool in_query)
{
    const char *before = in_query ? "GET /small?q=" : "GET /small HTTP/1.1\r\nHost: x\r\nA: ";
    const char *after = in_query ? " HTTP/1.1\r\nHost: x\r\n\r\n" : "\r\n\r\n";
    char *request = malloc(bytes + 1);
    assert_non_null(request);
    size_t filler = bytes - strlen(before) - strlen(after);
    memcpy(request, before, strlen(before));
    memset(request + strlen(before), 'a', filler);
    memcpy(request + strlen(before) + filler, after, strlen(after) + 1);
    return request;
}

static unsigned status_of_size(const struct http *http, size_t bytes, bool in_query)
{
    char *request = request_of(bytes, in_query);
    char *reply = http_rig_ask(http, request);
    unsigned status = http_rig_status(reply);
    free(reply);
    free(request);
    return status;
}

static void test_header_bytes(void **state)
{
    static const size_t limits[] = {1024, 8192, 65536, 1 << 20};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct http_settings settings = http_rig_settings(paths);
        settings.max_header = limits[i];
        struct http *http = http_rig_open(&settings);
        assert_int_equal(status_of_size(http, limits[i] - 8, false), 200);
        assert_int_equal(status_of_size(http, limits[i] - 8, true), 200);
        assert_int_equal(status_of_size(http, limits[i] + 8, false), 431);
        assert_int_equal(status_of_size(http, limits[i] + 8, true), 431);
        assert_int_equal(status_of_size(http, limits[i] + 5000, false), 431);
        unsigned status = status_of_size(http, limits[i] + 5000, true);
        assert_true(status == 431 || status == 414);
        http_close(http);
    }
}

/* --- time -------------------------------------------------------------------------- */

static void test_time(void **state)
{
    (void)state;
    struct http_settings settings = http_rig_settings(paths);
    settings.timeout = 1;
    struct http *http = http_rig_open(&settings);
    double began = clock_monotonic();
    int silent = http_rig_connect(http);
    int idle = http_rig_connect(http);
    int dripping = http_rig_connect(http);
    int deaf = http_rig_connect(http);
    int waited = http_rig_connect(http);
    http_rig_send(waited, GET("/wait"));
    free(http_rig_read_reply(waited, false));
    int size = 4096;
    assert_int_equal(setsockopt(deaf, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
    http_rig_send(deaf, GET("/wait_large") GET("/large"));
    http_rig_send(idle, GET("/small"));
    free(http_rig_read_reply(idle, false));
    http_rig_send(dripping, "GET /small HTTP/1.1\r\nHost: x\r\nA: ");
    while (!http_rig_ended(dripping, 0.1)) {
        http_rig_send(dripping, "b");
        assert_true(clock_monotonic() - began < PATIENCE);
    }
    assert_true(clock_monotonic() - began > 0.9);
    assert_true(http_rig_ended(silent, PATIENCE));
    assert_true(http_rig_ended(idle, PATIENCE));
    assert_true(http_rig_ended(waited, PATIENCE));
    assert_served(http);
    /* All five are gone but for the one that asks; the deaf one without having been read. */
    for (unsigned open = 9; open > 1;) {
        char *reply = http_rig_ask(http, GET("/small"));
        open = (unsigned)strtoul(http_rig_body(reply), NULL, 10);
        free(reply);
        assert_true(clock_monotonic() - began < PATIENCE);
    }
    int fds[] = {silent, idle, dripping, deaf, waited};
    for (int i = 0; i < 5; i++)
        (void)close(fds[i]);
    http_close(http);
}

static void test_busy_connection_is_kept(void **state)
{
    (void)state;
    struct http_settings settings = http_rig_settings(paths);
    settings.timeout = 2; /* long next to the pauses, so that a slow machine's are no longer */
    struct http *http = http_rig_open(&settings);
    double began = clock_monotonic();
    int fd = http_rig_connect(http);
    while (clock_monotonic() - began < 4) {
        assert_int_equal(poll(NULL, 0, 300), 0);
        http_rig_send(fd, GET("/small"));
        char *reply = http_rig_read_reply(fd, false);
        assert_int_equal(http_rig_status(reply), 200);
        free(reply);
    }
    (void)close(fd);
    http_close(http);
}

/* --- connections ------------------------------------------------------------------- */

/* Idle connections take all there is; who comes then is served well before their time is over. */
static void test_connections(void **state)
{
    (void)state;
    struct http_settings settings = http_rig_settings(paths);
    settings.max_connections = 20;
    settings.timeout = 15;
    struct http *http = http_rig_open(&settings);
    int idle[60];
    for (int i = 0; i < 60; i++)
        idle[i] = http_rig_connect(http);
    double began = clock_monotonic();
    assert_served(http);
    assert_true(clock_monotonic() - began < 12);
    for (int i = 0; i < 60; i++)
        (void)close(idle[i]);
    assert_served(http);
    http_close(http);
}

static void test_limit_of_files(void **state)
{
    (void)state;
    struct rlimit before, low, after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct http_settings settings = http_rig_settings(paths);
    settings.max_connections = 2000;
    struct http *http = http_rig_open(&settings);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_true(after.rlim_cur > 2000 || after.rlim_cur == before.rlim_max);
    assert_served(http);
    http_close(http);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* --- rate -------------------------------------------------------------------------- */

static void test_rate(void **state)
{
    (void)state;
    struct http_settings settings = http_rig_settings(paths);
    settings.client_rate = 0.5;
    struct http *http = http_rig_open(&settings);
    assert_served(http);
    char *reply = http_rig_ask(http, GET("/small"));
    assert_int_equal(http_rig_status(reply), 429);
    assert_string_equal(http_rig_header(reply, "Retry-After"), "2");
    free(reply);
    http_close(http);
}

/* --- a crowd ----------------------------------------------------------------------- */

struct pusher {
    const struct http *http;
    pthread_t thread;
};

static void *push(void *argument)
{
    struct pusher *pusher = argument;
    for (int i = 0; i < 50; i++) {
        int fd = http_rig_connect(pusher->http);
        for (int n = 0; n < 10; n++)
            http_rig_send(fd, i % 2 == 0 ? GET("/small") : GET("/nothing"));
        if (i % 3 == 0) {
            (void)close(fd);
            continue;
        }
        for (int n = 0; n < 10; n++) {
            char *reply = http_rig_read_reply(fd, false);
            assert_int_equal(http_rig_status(reply), i % 2 == 0 ? 200 : 404);
            free(reply);
        }
        (void)close(fd);
    }
    return NULL;
}

static void test_crowd(void **state)
{
    (void)state;
    struct http_settings settings = http_rig_settings(paths);
    settings.client_rate = 1e6;
    struct http *http = http_rig_open(&settings);
    struct pusher pushers[8];
    for (int i = 0; i < 8; i++) {
        pushers[i].http = http;
        assert_int_equal(pthread_create(&pushers[i].thread, NULL, push, &pushers[i]), 0);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_join(pushers[i].thread, NULL), 0);
    http_close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_bytes),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_busy_connection_is_kept),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_limit_of_files),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
