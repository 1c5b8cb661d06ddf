/* /healthz and /status: with a cache and without, with a loop that lives and one that hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/history.h"
#include "daemon/http_routes.h"
#include "daemon/metrics.h"
#include "http_rig.h"
#include "line_rig.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

struct fixture {
    struct rig *rig;
    struct line_status status;
    struct http_services services;
    struct http *http;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    f->rig = rig_open(100);
    f->services.line = rig_line(f->rig);
    struct follow_settings follow = {.directory = f->rig->cache};
    assert_int_equal(follower_open(&f->services.follower, &follow, NULL), 0);
    assert_int_equal(lookups_open(&f->services.lookups, f->services.follower, NULL, NULL), 0);
    assert_int_equal(metrics_create(&f->services.metrics, NULL), 0);
    f->services.history = history_create();
    assert_non_null(f->services.history);
    struct http_settings settings = http_rig_settings(http_paths);
    settings.desks = &http_desks;
    settings.services = &f->services;
    f->http = http_rig_open(&settings);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    http_close(f->http);
    history_free(f->services.history);
    metrics_free(f->services.metrics);
    lookups_close(f->services.lookups);
    follower_close(f->services.follower);
    rig_close(f->rig);
    return 0;
}

static void assert_reply(const struct fixture *f, const char *request, unsigned status,
                         const char *type, const char *body)
{
    char *reply = http_rig_ask(f->http, request);
    assert_int_equal(http_rig_status(reply), status);
    assert_string_equal(http_rig_header(reply, "Content-Type"), type);
    assert_memory_equal(http_rig_body(reply), body, strlen(body));
    free(reply);
}

static void test_status(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "text/plain; charset=utf-8";
    static const char json[] = "application/json; charset=utf-8";
    assert_reply(f, GET("/status"), 200, text, "OK");
    assert_reply(f, GET("/status?format=text"), 200, text, "OK");
    assert_reply(f, GET("/status?format=json"), 200, json,
                 "{\"status\":0,\"message\":\"OK\",\"data_updated\":\"20");
    assert_reply(f, GET("/status?format=xml"), 400, json, "{\"error\":{\"code\":400,");
}

static void test_healthz(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "text/plain; charset=utf-8";
    assert_reply(f, GET("/healthz"), 200, text, "ok");
    history_add(f->services.history, clock_unix() - 3600, &f->status, 0);
    assert_reply(f, GET("/healthz"), 503, text, "the loop hangs");
    history_add(f->services.history, clock_unix(), &f->status, 0);
    assert_reply(f, GET("/healthz"), 200, text, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_healthz, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
