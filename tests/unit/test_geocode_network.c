#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "stages/geocode_internal.h"
#include "tests/unit/http_script.h"
#include "tests/unit/patience.h"

#define KEY "SecretKey123"
#define SLOTS 64

/* --- a provider that asks with the point's latitude as a number ---------------------- */

static _Atomic bool posting;

static int session_open(void *state, void **session, struct error *err)
{
    (void)state;
    *session = malloc(1);
    return *session != NULL ? 0 : error_memory(err, "a session");
}

static int ask(void *session, const struct point *points, size_t count,
               struct geocoder_request *request, struct error *err)
{
    char text[100];
    (void)session;
    int length = snprintf(text, sizeof text, "key=%s&n=%d&count=%zu", KEY, points[0].lat, count);
    request->path = "/reverse";
    request->content_type = posting ? "text/plain" : NULL;
    buffer_clear(&request->query);
    buffer_clear(&request->body);
    if (posting && buffer_append(&request->body, "what is here?", 13, err) != 0)
        return -1;
    return buffer_append(&request->query, text, (size_t)length, err);
}

static int read_reply(void *session, const struct point *points, size_t count,
                      const struct geocoder_reply *reply, struct answer *answers, struct error *err)
{
    (void)session;
    (void)points;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        struct slice body = {reply->body, (uint32_t)reply->size};
        answers[i] = (struct answer){.kind = ANSWER_FOUND, .status = (uint16_t)reply->status};
        answers[i].address.field[FIELD_NAME] = body;
    }
    return 0;
}

static const struct geocoder_provider provider = {
    .name = "script",
    .largest_batch = 10,
    .session_open = session_open,
    .session_close = free,
    .ask = ask,
    .read = read_reply,
};

/* --- a transport on a loop, and what it brought ---------------------------------------- */

struct outcome_of {
    struct request request;
    struct point point;
    unsigned times; /* done was called */
    bool no_answer; /* done had no answers */
    struct answer answer;
    char text[400]; /* the reply, or the detail */
};

struct rig {
    struct http_script script;
    uv_loop_t loop;
    uv_timer_t alarm;
    char url[100];
    struct geocoder geocoder;
    struct transport *transport;
    struct outcome_of slots[SLOTS];
    unsigned done;
    unsigned again; /* more requests to be made by done itself */
    unsigned wrong; /* echoes that are not of their request */
    unsigned failed;
};

static void alarm_rang(uv_timer_t *timer)
{
    (void)timer;
}

static void start(struct rig *rig, unsigned slot, int number)
{
    struct error err;
    struct outcome_of *one = &rig->slots[slot];
    one->point = (struct point){.lat = number};
    one->request = (struct request){.count = 1, .points = &one->point};
    if (rig->transport->start(rig->transport, &one->request, &err) != 0)
        fail_msg("%s", err.message);
}

static void request_done(void *context, struct request *request, const struct answer *answers,
                         const struct error *err)
{
    struct rig *rig = context;
    struct outcome_of *one = (struct outcome_of *)request;
    (void)err;
    one->times++;
    rig->done++;
    one->no_answer = answers == NULL;
    if (answers == NULL)
        return;
    struct slice text =
        answers[0].kind == ANSWER_FOUND ? answers[0].address.field[FIELD_NAME] : answers[0].detail;
    one->answer = answers[0];
    (void)snprintf(one->text, sizeof one->text, "%.*s", (int)text.length, text.data);
    assert_null(strstr(answers[0].kind == ANSWER_FAILED ? one->text : "", KEY));
    if (rig->again > 0) {
        char wanted[30];
        (void)snprintf(wanted, sizeof wanted, "&n=%d&", one->point.lat);
        rig->failed += one->answer.kind == ANSWER_FAILED;
        rig->wrong += one->answer.kind == ANSWER_FOUND && strstr(one->text, wanted) == NULL;
        start(rig, (unsigned)(one - rig->slots), (int)rig->again--);
    }
}

static struct rig *rig_make(void)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    assert_int_equal(uv_timer_init(&rig->loop, &rig->alarm), 0);
    rig->geocoder.provider = &provider;
    rig->geocoder.settings = (struct geocoder_settings){
        .url = rig->url, .ca_file = "", .user_agent = "tester/1", .timeout = 5, .batch = 1};
    posting = false;
    return rig;
}

static void rig_open(struct rig *rig)
{
    struct error err;
    if (transport_network_open(&rig->transport, &rig->loop, &rig->geocoder, request_done, rig,
                               &err) != 0)
        fail_msg("%s", err.message);
}

/* With a server that follows these steps, and a base url that has a path of its own. */
static struct rig *rig_script(const struct step *steps, size_t count)
{
    struct rig *rig = rig_make();
    memcpy(rig->script.steps, steps, count * sizeof *steps);
    rig->script.count = count;
    http_script_start(&rig->script);
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%u/base", rig->script.port);
    rig_open(rig);
    return rig;
}

static void run_for(struct rig *rig, double seconds, unsigned until_done)
{
    double end = clock_monotonic() + seconds;
    (void)uv_timer_start(&rig->alarm, alarm_rang, 20, 20);
    while (rig->done < until_done && clock_monotonic() < end)
        (void)uv_run(&rig->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&rig->alarm);
}

static void run_until(struct rig *rig, unsigned done)
{
    run_for(rig, PATIENCE, done);
    assert_int_equal(rig->done, done);
}

static const struct outcome_of *ask_one(struct rig *rig)
{
    rig->slots[0] = (struct outcome_of){.times = 0};
    start(rig, 0, 7);
    run_until(rig, rig->done + 1);
    assert_false(rig->slots[0].no_answer);
    assert_int_equal(rig->slots[0].times, 1);
    return &rig->slots[0];
}

static void rig_close(struct rig *rig)
{
    if (rig->transport != NULL)
        rig->transport->close(rig->transport);
    uv_close((uv_handle_t *)&rig->alarm, NULL);
    (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    if (rig->script.port != 0)
        http_script_stop(&rig->script);
    free(rig);
}

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

#define RIG_SCRIPT(...)                                                                            \
    rig_script((const struct step[]){__VA_ARGS__},                                                 \
               sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

/* --- replies ------------------------------------------------------------------------------ */

static void test_asks_and_reads(void **state)
{
    (void)state;
    struct rig *rig = RIG_SCRIPT({.reply = NULL});
    const struct outcome_of *one = ask_one(rig);
    assert_int_equal(one->answer.kind, ANSWER_FOUND);
    assert_int_equal(one->request.status, 200);
    assert_string_equal(one->text, "GET /base/reverse?key=" KEY "&n=7&count=1 HTTP/1.1\n");
    assert_string_equal(rig->script.last_agent, "tester/1");
    rig_close(rig);
}

/* A proxy has to be told whose path it is; the test's server plays one. */
static void test_asks_a_proxy(void **state)
{
    (void)state;
    char proxy[60];
    struct rig *rig = RIG_SCRIPT({.reply = NULL});
    rig->transport->close(rig->transport);
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", rig->script.port);
    (void)snprintf(rig->url, sizeof rig->url, "http://geocoder.invalid/base");
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    rig_open(rig);
    assert_string_equal(ask_one(rig)->text, "GET http://geocoder.invalid/base/reverse?key=" KEY
                                            "&n=7&count=1 HTTP/1.1\n");
    assert_int_equal(unsetenv("http_proxy"), 0);
    rig_close(rig);
}

static void test_posts(void **state)
{
    (void)state;
    struct rig *rig = RIG_SCRIPT({.reply = NULL});
    for (int round = 0; round < 2; round++) {
        posting = true;
        assert_string_equal(ask_one(rig)->text,
                            "POST /base/reverse?key=" KEY "&n=7&count=1 HTTP/1.1\nwhat is here?");
        posting = false;
        assert_string_equal(ask_one(rig)->text,
                            "GET /base/reverse?key=" KEY "&n=7&count=1 HTTP/1.1\n");
    }
    assert_false(rig->script.expect_seen);
    assert_int_equal(rig->script.connections, 1);
    rig_close(rig);
}

static void test_keeps_connections(void **state)
{
    (void)state;
    unsigned before = open_files();
    struct rig *rig = RIG_SCRIPT({.reply = NULL});
    rig->again = 3000;
    for (unsigned i = 0; i < SLOTS; i++)
        start(rig, i, 10000 + (int)i);
    run_until(rig, 3000 + SLOTS);
    assert_int_equal(rig->wrong, 0);
    assert_int_equal(rig->failed, 0);
    assert_true(rig->script.connections <= SLOTS);
    assert_int_equal(rig->script.requests, 3000 + SLOTS);
    rig_close(rig);
    assert_int_equal(open_files(), before);
}

/* Every connection is closed behind its reply: the next request on it goes out again. Only one that
 * met several such connections in a row may fail. */
static void test_connection_closed_under_the_client(void **state)
{
    (void)state;
    struct rig *rig = RIG_SCRIPT({.reply = NULL, .after = AFTER_CLOSE});
    rig->again = 300;
    for (unsigned i = 0; i < 8; i++)
        start(rig, i, 10000 + (int)i);
    run_until(rig, 308);
    assert_int_equal(rig->wrong, 0);
    assert_true(rig->failed <= 30);
    rig_close(rig);
}

/* A closed idle connection must not keep the loop busy. */
static void test_idle_closed_connection_is_quiet(void **state)
{
    (void)state;
    struct rig *rig = RIG_SCRIPT({.reply = NULL, .after = AFTER_CLOSE});
    (void)ask_one(rig);
    unsigned turns = 0;
    double end = clock_monotonic() + 0.3;
    (void)uv_timer_start(&rig->alarm, alarm_rang, 20, 20);
    for (; clock_monotonic() < end; turns++)
        (void)uv_run(&rig->loop, UV_RUN_ONCE);
    assert_true(turns < 60);
    rig_close(rig);
}

static void test_status_is_the_providers_business(void **state)
{
    (void)state;
    struct rig *rig = RIG_SCRIPT(
        {.reply = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"},
        {.reply = "HTTP/1.1 429 Slow\r\nRetry-After: Thu, 01 Jan 2015 00:00:00 GMT\r\n"
                  "Content-Length: 0\r\n\r\n"},
        {.reply = "HTTP/1.1 429 Slow\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n"},
        {.reply = "HTTP/1.1 204 Nothing\r\n\r\n"});
    const struct outcome_of *one = ask_one(rig);
    assert_int_equal(one->answer.status, 503);
    assert_string_equal(one->text, "busy");
    assert_true(one->request.retry_after == 7);
    one = ask_one(rig);
    assert_int_equal(one->request.status, 429);
    assert_true(one->request.retry_after == 0);
    one = ask_one(rig);
    assert_true(one->request.retry_after == 86400);
    one = ask_one(rig);
    assert_int_equal(one->answer.status, 204);
    assert_string_equal(one->text, "");
    assert_true(one->request.retry_after == 0);
    rig_close(rig);
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
    struct rig *rig = RIG_SCRIPT({.reply = reply});
    const struct outcome_of *one = ask_one(rig);
    assert_true(one->request.retry_after > 60 && one->request.retry_after <= 100);
    rig_close(rig);
}

static void test_batches(void **state)
{
    (void)state;
    struct rig *rig = rig_make();
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:1");
    const unsigned wanted[][2] = {{0, 1}, {1, 1}, {7, 7}, {10, 10}, {500, 10}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        rig->geocoder.settings.batch = wanted[i][0];
        rig_open(rig);
        assert_int_equal(rig->transport->points, wanted[i][1]);
        rig->transport->close(rig->transport);
    }
    rig->transport = NULL;
    rig_close(rig);
}

/* --- no usable reply ------------------------------------------------------------------------ */

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
        struct rig *rig = RIG_SCRIPT(
            {.reply = faults[i].reply, .filler = faults[i].filler, .after = faults[i].after},
            {.reply = NULL});
        const struct outcome_of *one = ask_one(rig);
        if (one->answer.kind != ANSWER_FAILED || one->answer.cause != faults[i].cause)
            fail_msg("%zu: kind %d, %s: %s", i, one->answer.kind,
                     failure_cause_names[one->answer.cause], one->text);
        assert_true(one->answer.transient);
        assert_int_equal(one->answer.status, 0);
        assert_int_equal(one->request.status, 0);
        assert_true(one->text[0] != '\0' && strchr(one->text, '\n') == NULL);
        assert_int_equal(ask_one(rig)->answer.kind, ANSWER_FOUND);
        rig_close(rig);
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
        struct rig *rig = RIG_SCRIPT({.reply = head, .filler = most + more});
        const struct outcome_of *one = ask_one(rig);
        assert_int_equal(one->answer.kind, more == 0 ? ANSWER_FOUND : ANSWER_FAILED);
        if (more == 0)
            assert_int_equal(one->answer.address.field[FIELD_NAME].length, most);
        rig_close(rig);
    }
}

static void test_timeout(void **state)
{
    (void)state;
    const char *const replies[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"};
    for (size_t i = 0; i < 2; i++) {
        struct rig *rig = RIG_SCRIPT({.reply = NULL}, {.reply = replies[i], .after = AFTER_HANG});
        rig->geocoder.settings.timeout = 0.2;
        (void)ask_one(rig); /* so that the next one goes over a connection used before */
        double began = clock_monotonic();
        const struct outcome_of *one = ask_one(rig);
        double took = clock_monotonic() - began;
        assert_int_equal(one->answer.kind, ANSWER_FAILED);
        assert_int_equal(one->answer.cause, CAUSE_TIMEOUT);
        assert_true(one->answer.transient);
        assert_true(took > 0.15 && took < PATIENCE);
        rig_close(rig);
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

static void expect_connect(struct rig *rig)
{
    rig_open(rig);
    const struct outcome_of *one = ask_one(rig);
    assert_int_equal(one->answer.kind, ANSWER_FAILED);
    if (one->answer.cause != CAUSE_CONNECT)
        fail_msg("%s: %s", failure_cause_names[one->answer.cause], one->text);
    assert_true(one->answer.transient);
    assert_true(one->text[0] != '\0');
    rig_close(rig);
}

static void test_connection_refused(void **state)
{
    (void)state;
    struct rig *rig = rig_make();
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%u", free_port());
    expect_connect(rig);
}

static void test_unknown_host(void **state)
{
    (void)state;
    struct rig *rig = rig_make();
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
    struct rig *rig = rig_make();
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
    struct rig *rig = RIG_SCRIPT(
        {.reply = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", .after = AFTER_CLOSE});
    rig->transport->close(rig->transport);
    (void)snprintf(rig->url, sizeof rig->url, "https://127.0.0.1:%u", rig->script.port);
    rig_open(rig);
    rig->script.steps[0].reply = NULL;
    start(rig, 0, 7);
    run_for(rig, 0.3, 1);
    http_script_stop(&rig->script); /* which never understands what it was sent */
    rig->script.port = 0;
    run_until(rig, 1);
    assert_int_equal(rig->slots[0].answer.kind, ANSWER_FAILED);
    assert_int_equal(rig->slots[0].answer.cause, CAUSE_TLS);
    assert_true(rig->slots[0].answer.transient);
    rig_close(rig);
}

static void test_bad_url(void **state)
{
    (void)state;
    struct rig *rig = rig_make();
    struct error err;
    (void)snprintf(rig->url, sizeof rig->url, "http://a b/");
    rig_open(rig);
    struct point point = {.lat = 1};
    struct request request = {.count = 1, .points = &point};
    assert_int_equal(rig->transport->start(rig->transport, &request, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    rig_close(rig);
}

/* --- redirects -------------------------------------------------------------------------------- */

static void test_redirects_on_the_same_host(void **state)
{
    (void)state;
    const char *moved = "HTTP/1.1 302 Found\r\nLocation: /other?n=7\r\nContent-Length: 0\r\n\r\n";
    struct rig *rig =
        RIG_SCRIPT({.reply = moved}, {.reply = moved}, {.reply = moved}, {.reply = NULL});
    assert_string_equal(ask_one(rig)->text, "GET /other?n=7 HTTP/1.1\n");
    /* The next request goes to the geocoder's own path again. */
    assert_string_equal(ask_one(rig)->text, "GET /base/reverse?key=" KEY "&n=7&count=1 HTTP/1.1\n");
    assert_int_equal(rig->script.requests, 5);
    rig_close(rig);
}

static void test_redirected_post_stays_a_post(void **state)
{
    (void)state;
    struct rig *rig =
        RIG_SCRIPT({.reply = "HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"},
                   {.reply = NULL},
                   {.reply = "HTTP/1.1 303 See\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"});
    posting = true;
    assert_string_equal(ask_one(rig)->text, "POST /other HTTP/1.1\nwhat is here?");
    assert_int_equal(ask_one(rig)->answer.kind, ANSWER_FAILED);
    rig_close(rig);
}

static void expect_refused(const char *location, const char *word, unsigned requests)
{
    char reply[400];
    (void)snprintf(reply, sizeof reply,
                   "HTTP/1.1 301 Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", location);
    struct rig *rig = RIG_SCRIPT({.reply = reply});
    const struct outcome_of *one = ask_one(rig);
    assert_int_equal(one->answer.kind, ANSWER_FAILED);
    assert_int_equal(one->answer.cause, CAUSE_BAD_REPLY);
    assert_false(one->answer.transient);
    assert_int_equal(one->answer.status, 301);
    if (strstr(one->text, word) == NULL)
        fail_msg("%s: %s", location, one->text);
    assert_int_equal(rig->script.requests, requests);
    rig_close(rig);
}

static void test_redirects_refused(void **state)
{
    (void)state;
    expect_refused("http://elsewhere.invalid/x?key=" KEY, "elsewhere.invalid", 1);
    expect_refused("http://" KEY ".invalid/", "another host", 1);
    expect_refused("//localhost/", "localhost", 1);
    expect_refused("http://127.0.0.1:1/", "port", 1);
    expect_refused("ftp://127.0.0.1/", "127.0.0.1", 1);
    expect_refused("/again", "more than 3", 4);
}

/* --- ending early
 * --------------------------------------------------------------------------------- */

static void test_cancel(void **state)
{
    (void)state;
    struct rig *rig = RIG_SCRIPT(
        {.reply = "HTTP/1.1 200 OK\r\n", .after = AFTER_HANG}, {.reply = "", .after = AFTER_HANG},
        {.reply = "", .after = AFTER_HANG}, {.reply = "", .after = AFTER_HANG}, {.reply = NULL});
    for (unsigned i = 0; i < 4; i++)
        start(rig, i, 1);
    while (atomic_load(&rig->script.requests) < 4)
        run_for(rig, 0.02, 1);
    for (unsigned i = 4; i < 8; i++) /* not even begun */
        start(rig, i, 1);
    rig->transport->cancel(rig->transport);
    run_for(rig, 0.1, 1);
    assert_int_equal(rig->done, 0);
    assert_int_equal(ask_one(rig)->answer.kind, ANSWER_FOUND);
    rig_close(rig);
}

static void test_close_in_flight(void **state)
{
    (void)state;
    unsigned before = open_files();
    struct rig *rig = RIG_SCRIPT({.reply = "HTTP/1.1 200 OK\r\n", .after = AFTER_HANG});
    for (unsigned i = 0; i < 16; i++)
        start(rig, i, 1);
    while (atomic_load(&rig->script.requests) < 16)
        run_for(rig, 0.02, 1);
    for (unsigned i = 16; i < 32; i++)
        start(rig, i, 1);
    rig_close(rig);
    assert_int_equal(open_files(), before);
}

/* --- several workers
 * --------------------------------------------------------------------------------- */

static void *one_worker(void *argument)
{
    struct rig *rig = argument;
    rig_open(rig);
    rig->again = 200;
    for (unsigned i = 0; i < 8; i++)
        start(rig, i, (int)i);
    run_for(rig, PATIENCE, 208);
    return NULL;
}

static void test_workers_side_by_side(void **state)
{
    (void)state;
    struct rig *rigs[4];
    pthread_t threads[4];
    struct rig *server = RIG_SCRIPT({.reply = NULL});
    for (int i = 0; i < 4; i++) {
        rigs[i] = rig_make();
        memcpy(rigs[i]->url, server->url, sizeof server->url);
        assert_int_equal(pthread_create(&threads[i], NULL, one_worker, rigs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(rigs[i]->done, 208);
        assert_int_equal(rigs[i]->wrong, 0);
        rig_close(rigs[i]);
    }
    rig_close(server);
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
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_body_at_the_bound),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_unknown_host),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_tls_with_a_server_that_has_none),
        cmocka_unit_test(test_bad_url),
        cmocka_unit_test(test_redirects_on_the_same_host),
        cmocka_unit_test(test_redirected_post_stays_a_post),
        cmocka_unit_test(test_redirects_refused),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_close_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
