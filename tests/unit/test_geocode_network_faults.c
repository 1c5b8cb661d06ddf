/* Servers that give no usable reply. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/network_rig.h"
#include "tests/unit/patience.h"

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        size_t filler;
        enum after after;
        enum failure_cause cause;
    } faults[] = {
        {"", 0, AFTER_CLOSE, CAUSE_RESET},
        {"", 0, AFTER_RESET, CAUSE_RESET},
        {"HTTP/1.1 200 OK\r\nContent-Le", 0, AFTER_RESET, CAUSE_RESET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":", 0, AFTER_CLOSE, CAUSE_RESET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":", 0, AFTER_RESET, CAUSE_RESET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", 0, AFTER_CLOSE,
         CAUSE_RESET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n", 0, AFTER_CLOSE,
         CAUSE_RESET},
        {"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc", 0, AFTER_CLOSE, CAUSE_BAD_REPLY},
        {"<html>this is no HTTP</html>", 0, AFTER_CLOSE, CAUSE_BAD_REPLY},
        {"HTTP/9.9 what\r\n\r\n", 0, AFTER_CLOSE, CAUSE_BAD_REPLY},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n", 10000000, AFTER_CLOSE,
         CAUSE_BAD_REPLY},
        {"HTTP/1.1 200 OK\r\n\r\n", 10000000, AFTER_CLOSE, CAUSE_BAD_REPLY},
        {"HTTP/1.1 200 OK\r\nX: ", 1000000, AFTER_CLOSE, CAUSE_BAD_REPLY},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct network_rig *rig = NETWORK_RIG(
            {.reply = faults[i].reply, .filler = faults[i].filler, .after = faults[i].after},
            {.reply = NULL});
        const struct network_outcome *one = network_rig_ask(rig);
        if (one->answer.kind != ANSWER_FAILED || one->answer.cause != faults[i].cause)
            fail_msg("%zu: kind %d, %s: %s", i, one->answer.kind,
                     failure_cause_names[one->answer.cause], one->text);
        assert_true(one->answer.transient);
        assert_int_equal(one->answer.status, 0);
        assert_int_equal(one->request.status, 0);
        assert_true(one->text[0] != '\0' && strchr(one->text, '\n') == NULL);
        assert_int_equal(network_rig_ask(rig)->answer.kind, ANSWER_FOUND);
        network_rig_close(rig);
    }
}

static void test_body_at_the_bound(void **state)
{
    (void)state;
    char head[100];
    size_t most = GEOCODER_REPLY_BYTES(1);
    for (size_t more = 0; more < 2; more++) {
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                       most + more);
        struct network_rig *rig = NETWORK_RIG({.reply = head, .filler = most + more});
        const struct network_outcome *one = network_rig_ask(rig);
        assert_int_equal(one->answer.kind, more == 0 ? ANSWER_FOUND : ANSWER_FAILED);
        if (more == 0)
            assert_int_equal(one->answer.address.field[FIELD_NAME].length, most);
        network_rig_close(rig);
    }
}

static void test_timeout(void **state)
{
    (void)state;
    const char *const replies[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"};
    for (size_t i = 0; i < 2; i++) {
        struct network_rig *rig =
            NETWORK_RIG({.reply = NULL}, {.reply = replies[i], .after = AFTER_HANG});
        rig->geocoder.settings.timeout = 0.2;
        (void)network_rig_ask(rig); /* so that the next one goes over a connection used before */
        double began = clock_monotonic();
        const struct network_outcome *one = network_rig_ask(rig);
        double took = clock_monotonic() - began;
        assert_int_equal(one->answer.kind, ANSWER_FAILED);
        assert_int_equal(one->answer.cause, CAUSE_TIMEOUT);
        assert_true(one->answer.transient);
        assert_true(took > 0.15 && took < PATIENCE);
        network_rig_close(rig);
    }
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int made = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(made >= 0);
    assert_int_equal(bind(made, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(made, (struct sockaddr *)&address, &length), 0);
    close(made);
    return ntohs(address.sin_port);
}

static void expect_connect(struct network_rig *rig)
{
    network_rig_open(rig);
    const struct network_outcome *one = network_rig_ask(rig);
    assert_int_equal(one->answer.kind, ANSWER_FAILED);
    if (one->answer.cause != CAUSE_CONNECT)
        fail_msg("%s: %s", failure_cause_names[one->answer.cause], one->text);
    assert_true(one->answer.transient);
    assert_true(one->text[0] != '\0');
    network_rig_close(rig);
}

static void test_connection_refused(void **state)
{
    (void)state;
    struct network_rig *rig = network_rig_make();
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%u", free_port());
    expect_connect(rig);
}

static void test_unknown_host(void **state)
{
    (void)state;
    struct network_rig *rig = network_rig_make();
    (void)snprintf(rig->url, sizeof rig->url, "http://nowhere.invalid");
    expect_connect(rig);
}

/* A server whose queue of connections is full does not even refuse. */
static void test_connect_timeout(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int fillers[4];
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    struct network_rig *rig = network_rig_make();
    rig->geocoder.settings.timeout = 0.3;
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    expect_connect(rig);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void test_tls_with_a_server_that_has_none(void **state)
{
    (void)state;
    struct network_rig *rig = NETWORK_RIG(
        {.reply = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", .after = AFTER_CLOSE});
    rig->transport->close(rig->transport);
    (void)snprintf(rig->url, sizeof rig->url, "https://127.0.0.1:%u", rig->script.port);
    network_rig_open(rig);
    rig->script.steps[0].reply = NULL;
    network_rig_start(rig, 0, 7);
    network_rig_run_for(rig, 0.3, 1);
    http_script_stop(&rig->script); /* which never understands what it was sent */
    rig->script.port = 0;
    network_rig_run_until(rig, 1);
    assert_int_equal(rig->slots[0].answer.kind, ANSWER_FAILED);
    assert_int_equal(rig->slots[0].answer.cause, CAUSE_TLS);
    assert_true(rig->slots[0].answer.transient);
    network_rig_close(rig);
}

static void test_bad_url(void **state)
{
    (void)state;
    struct network_rig *rig = network_rig_make();
    struct error err;
    (void)snprintf(rig->url, sizeof rig->url, "http://a b/");
    network_rig_open(rig);
    struct point point = {.lat = 1};
    struct request request = {.count = 1, .points = &point};
    assert_int_equal(rig->transport->start(rig->transport, &request, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    network_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_body_at_the_bound),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_unknown_host),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_tls_with_a_server_that_has_none),
        cmocka_unit_test(test_bad_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
