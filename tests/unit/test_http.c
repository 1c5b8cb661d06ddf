/* The HTTP server with routes of the tests': methods, paths, parameters, replies, waiting, the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_rig.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void put(struct http_reply *reply, const char *text)
{
    assert_int_equal(buffer_append(&reply->body, text, strlen(text), NULL), 0);
}

static bool put_parameter(void *context, const char *name, const char *value)
{
    struct http_reply *reply = context;
    put(reply, "[");
    put(reply, name);
    put(reply, "=");
    put(reply, value);
    put(reply, "]");
    return strcmp(name, "last") != 0;
}

static enum http_next route_echo(struct http_call *call, struct http_reply *reply)
{
    put(reply, "echo");
    http_parameters(call, put_parameter, reply);
    return HTTP_REPLY;
}

static enum http_next route_teapot(struct http_call *call, struct http_reply *reply)
{
    (void)call;
    reply->status = 418;
    reply->content_type = "text/plain; charset=utf-8";
    reply->cache_control = "max-age=60";
    put(reply, "short and stout");
    return HTTP_REPLY;
}

/* --- waiting ----------------------------------------------------------------------- */

enum { AT_ONCE, LATER };

struct waiting {
    struct http_call *call;
    unsigned seen;
};

static void *resume_later(void *argument)
{
    static const struct timespec moment = {.tv_nsec = 30000000};
    (void)nanosleep(&moment, NULL);
    http_resume(argument);
    return NULL;
}

/* Nobody joins it: the route is not called again when its client has left. */
static void start_resumer(struct http_call *call)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, resume_later, call), 0);
    assert_int_equal(pthread_detach(thread), 0);
}

static enum http_next wait_in_route(struct http_call *call, struct http_reply *reply, int when)
{
    struct waiting *waiting = http_state(call);
    if (waiting->seen++ == 0) {
        waiting->call = call;
        put(reply, "given up");
        if (when == AT_ONCE)
            http_resume(call);
        else
            start_resumer(call);
        return HTTP_WAIT;
    }
    put(reply, waiting->call == call && waiting->seen == 2 ? "waited" : "mixed up");
    return HTTP_REPLY;
}

static enum http_next route_later(struct http_call *call, struct http_reply *reply)
{
    return wait_in_route(call, reply, LATER);
}

static enum http_next route_at_once(struct http_call *call, struct http_reply *reply)
{
    return wait_in_route(call, reply, AT_ONCE);
}

static const struct http_path paths[] = {{"/echo", route_echo},
                                         {"/teapot", route_teapot},
                                         {"/later", route_later},
                                         {"/at_once", route_at_once},
                                         {NULL, NULL}};

static int set_up(void **state)
{
    struct http_settings settings = http_rig_settings(paths);
    *state = http_rig_open(&settings);
    return 0;
}

static int tear_down(void **state)
{
    http_close(*state);
    return 0;
}

/* --- requests ---------------------------------------------------------------------- */

static void test_reply(void **state)
{
    char *reply = http_rig_ask(*state, GET("/teapot"));
    assert_int_equal(http_rig_status(reply), 418);
    assert_string_equal(http_rig_body(reply), "short and stout");
    assert_string_equal(http_rig_header(reply, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(http_rig_header(reply, "Cache-Control"), "max-age=60");
    assert_string_equal(http_rig_header(reply, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(http_rig_header(reply, "Access-Control-Allow-Origin"), "*");
    free(reply);
    reply = http_rig_ask(*state, GET("/echo"));
    assert_int_equal(http_rig_status(reply), 200);
    assert_string_equal(http_rig_header(reply, "Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(http_rig_header(reply, "Cache-Control"), "no-store");
    free(reply);
}

static void assert_echo(struct http *http, const char *query, const char *expected)
{
    char request[512];
    (void)snprintf(request, sizeof request, "GET /echo?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
    char *reply = http_rig_ask(http, request);
    assert_int_equal(http_rig_status(reply), 200);
    assert_string_equal(http_rig_body(reply), expected);
    free(reply);
}

static void test_parameters(void **state)
{
    assert_echo(*state, "", "echo");
    assert_echo(*state, "a=1&b=2&a=3", "echo[a=1][b=2][a=3]");
    assert_echo(*state, "a&b=&=c", "echo[a=][b=][=c]");
    assert_echo(*state, "caf%C3%A9=a+b%20c%2B%26%3D", "echo[caf\xc3\xa9=a b c+&=]");
    assert_echo(*state, "a=1&last=2&b=3", "echo[a=1][last=2]");
    /* Escapes that are none stay as they are. */
    assert_echo(*state, "a=%&b=%4&c=%zz&d=%%41", "echo[a=%][b=%4][c=%zz][d=%A]");
}

static void assert_refused(struct http *http, const char *request, unsigned status)
{
    char code[32];
    char *reply = http_rig_ask(http, request);
    assert_int_equal(http_rig_status(reply), status);
    (void)snprintf(code, sizeof code, "{\"error\":{\"code\":%u,", status);
    if (strncmp(request, "HEAD", 4) != 0)
        assert_memory_equal(http_rig_body(reply), code, strlen(code));
    assert_string_equal(http_rig_header(reply, "Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(http_rig_header(reply, "Allow"), status == 405 ? "GET, HEAD" : "");
    free(reply);
}

static void test_absolute_form(void **state)
{
    static const char *const targets[] = {"http://x/echo", "HTTPS://other:1/echo",
                                          "http://x/echo?"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char request[100];
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
        char *reply = http_rig_ask(*state, request);
        assert_int_equal(http_rig_status(reply), 200);
        assert_string_equal(http_rig_body(reply), "echo");
        free(reply);
    }
    assert_refused(*state, GET("http://x"), 404);
    assert_refused(*state, GET("ftp://x/echo"), 404);
}

static void test_refusals(void **state)
{
    assert_refused(*state, GET("/"), 404);
    assert_refused(*state, GET("/echo/"), 404);
    assert_refused(*state, GET("/ECHO"), 404);
    assert_refused(*state, "HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404);
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "X"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char request[100];
        (void)snprintf(request, sizeof request,
                       "%s /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", methods[i]);
        assert_refused(*state, request, 405);
    }
    assert_refused(*state, GET("/echo?a=b%00c"), 400);
    assert_refused(*state, GET("/echo?a%00=b"), 400);
    assert_refused(*state, GET("/echo%00"), 400);
}

static void test_nul_is_of_one_request(void **state)
{
    int fd = http_rig_connect(*state);
    http_rig_send(fd, GET("/echo?%00"));
    http_rig_send(fd, GET("/echo?a=b"));
    char *reply = http_rig_read_reply(fd, false);
    assert_int_equal(http_rig_status(reply), 400);
    free(reply);
    reply = http_rig_read_reply(fd, false);
    assert_string_equal(http_rig_body(reply), "echo[a=b]");
    free(reply);
    (void)close(fd);
}

static void test_head(void **state)
{
    int fd = http_rig_connect(*state);
    http_rig_send(fd, "HEAD /teapot HTTP/1.1\r\nHost: x\r\n\r\n" GET("/teapot"));
    char *head = http_rig_read_reply(fd, true);
    char *get = http_rig_read_reply(fd, false);
    assert_int_equal(http_rig_status(head), 418);
    assert_string_equal(http_rig_header(head, "Content-Length"), "15");
    assert_string_equal(http_rig_body(head), "");
    assert_memory_equal(head, get, (size_t)(http_rig_body(get) - get));
    free(head);
    free(get);
    (void)close(fd);
}

static void test_keep_alive(void **state)
{
    int fd = http_rig_connect(*state);
    for (int i = 0; i < 100; i++) {
        http_rig_send(fd, GET("/teapot"));
        char *reply = http_rig_read_reply(fd, false);
        assert_int_equal(http_rig_status(reply), 418);
        free(reply);
    }
    http_rig_send(fd, "GET /teapot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_true(http_rig_ended(fd, 10));
    (void)close(fd);
    fd = http_rig_connect(*state);
    http_rig_send(fd, "GET /teapot HTTP/1.0\r\n\r\n");
    char *reply = http_rig_read_reply(fd, false);
    assert_string_equal(http_rig_body(reply), "short and stout");
    free(reply);
    assert_true(http_rig_ended(fd, 10));
    (void)close(fd);
}

static void test_body_is_ignored(void **state)
{
    int fd = http_rig_connect(*state);
    http_rig_send(fd,
                  "GET /teapot HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /" GET("/echo"));
    char *reply = http_rig_read_reply(fd, false);
    assert_int_equal(http_rig_status(reply), 418);
    free(reply);
    reply = http_rig_read_reply(fd, false);
    assert_string_equal(http_rig_body(reply), "echo");
    free(reply);
    (void)close(fd);
    assert_refused(*state, "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
                   413);
}

/* --- waiting ----------------------------------------------------------------------- */

static void test_wait(void **state)
{
    int fd = http_rig_connect(*state);
    http_rig_send(fd, GET("/later") GET("/at_once") GET("/later") GET("/teapot"));
    for (int i = 0; i < 3; i++) {
        char *reply = http_rig_read_reply(fd, false);
        assert_string_equal(http_rig_body(reply), "waited");
        free(reply);
    }
    char *reply = http_rig_read_reply(fd, false);
    assert_int_equal(http_rig_status(reply), 418);
    free(reply);
    (void)close(fd);
}

static void test_client_leaves_while_waiting(void **state)
{
    for (int i = 0; i < 20; i++) {
        int fd = http_rig_connect(*state);
        http_rig_send(fd, GET("/later"));
        (void)close(fd);
    }
    char *reply = http_rig_ask(*state, GET("/later"));
    assert_string_equal(http_rig_body(reply), "waited");
    free(reply);
}

static void test_close_waits_for_the_waiting(void **state)
{
    (void)state;
    struct http_settings settings = http_rig_settings(paths);
    struct http *http = http_rig_open(&settings);
    int fds[20];
    for (int i = 0; i < 20; i++) {
        fds[i] = http_rig_connect(http);
        http_rig_send(fds[i], i % 2 == 0 ? GET("/later") : GET("/at_once"));
    }
    http_close(http);
    for (int i = 0; i < 20; i++) {
        assert_true(http_rig_ended(fds[i], 10));
        (void)close(fds[i]);
    }
}

/* --- the start --------------------------------------------------------------------- */

static void assert_no_start(struct http_settings settings, const char *listen, const char *part)
{
    struct http *http = NULL;
    struct error err;
    settings.listen = listen;
    assert_int_equal(http_open(&http, &settings, &err), -1);
    assert_null(http);
    assert_non_null(strstr(err.message, listen));
    assert_non_null(strstr(err.message, part));
}

static void test_start_fails(void **state)
{
    char taken[64];
    struct http_settings settings = http_rig_settings(paths);
    (void)snprintf(taken, sizeof taken, "127.0.0.1:%u", http_port(*state));
    assert_no_start(settings, taken, "choose another port");
    assert_no_start(settings, "192.0.2.1:0", "no such address");
    assert_no_start(settings, "not a host:80", "use an address of this machine");
    assert_no_start(settings, "127.0.0.1", "HOST:PORT");
    assert_no_start(settings, "[::1]:", "HOST:PORT");
}

static void test_one_thread(void **state)
{
    (void)state;
    struct http_settings settings = http_rig_settings(paths);
    settings.threads = 1;
    settings.listen = "localhost:0";
    struct http *http = http_rig_open(&settings);
    char *reply = http_rig_ask(http, GET("/later"));
    assert_string_equal(http_rig_body(reply), "waited");
    free(reply);
    http_close(http);
}

/* Connects and asks until told to stop; whatever comes of it is fine. */
struct visitor {
    _Atomic unsigned port;
    _Atomic bool stop;
};

static void *visit(void *argument)
{
    struct visitor *visitor = argument;
    while (!atomic_load(&visitor->stop)) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)atomic_load(&visitor->port)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct linger at_once = {.l_onoff = 1}; /* no port waits behind the connection */
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            (void)send(fd, GET("/echo"), sizeof GET("/echo") - 1, MSG_NOSIGNAL);
        if (fd >= 0)
            (void)close(fd);
    }
    return NULL;
}

static void test_close_while_clients_come(void **state)
{
    (void)state;
    pthread_t threads[2];
    struct visitor visitor = {.port = 9};
    struct http_settings settings = http_rig_settings(paths);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitor), 0);
    for (int i = 0; i < 500; i++) {
        struct http *http = http_rig_open(&settings);
        atomic_store(&visitor.port, http_port(http));
        free(http_rig_ask(http, GET("/echo")));
        http_close(http);
    }
    atomic_store(&visitor.stop, true);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_absolute_form),
        cmocka_unit_test(test_nul_is_of_one_request),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_body_is_ignored),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_client_leaves_while_waiting),
        cmocka_unit_test(test_close_waits_for_the_waiting),
        cmocka_unit_test(test_close_while_clients_come),
        cmocka_unit_test(test_start_fails),
        cmocka_unit_test(test_one_thread),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
