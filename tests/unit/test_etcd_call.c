/* The client against a server that only seems to be etcd, and against nobody. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "fleet/etcd.h"
#include "fleet/etcd_reply.h"
#include "tests/unit/http_script.h"

#define HEADER "\"header\":{\"revision\":\"9\"}"
#define LOST "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{" HEADER "}"
#define WON "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n{" HEADER ",\"succeeded\":true}"
#define NO_LEADER                                                                                  \
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"                                \
    "{\"error\":\"etcdserver: no leader\",\"message\":\"etcdserver: no leader\",\"code\":14}"

_Static_assert(sizeof HEADER == 26, "the lengths above");

static struct error err;

/* A cluster of two scripts, asked in this order. */
struct cluster {
    struct http_script scripts[2];
    char urls[2][40];
    const char *endpoints[2];
    struct etcd *etcd;
};
static struct cluster cluster;

static int forget(void **state)
{
    (void)state;
    cluster = (struct cluster){0};
    return 0;
}

static void start(size_t members, double timeout)
{
    struct etcd_settings settings = {
        .endpoints = cluster.endpoints, .endpoint_count = members, .timeout = timeout};
    for (size_t i = 0; i < members; i++) {
        http_script_start(&cluster.scripts[i]);
        (void)snprintf(cluster.urls[i], sizeof cluster.urls[i], "http://127.0.0.1:%u/",
                       cluster.scripts[i].port);
        cluster.endpoints[i] = cluster.urls[i];
    }
    assert_int_equal(etcd_open(&cluster.etcd, &settings, &err), 0);
}

static void stop(size_t members)
{
    etcd_close(cluster.etcd);
    for (size_t i = 0; i < members; i++)
        http_script_stop(&cluster.scripts[i]);
    cluster = (struct cluster){0};
}

static void script(size_t member, const char *reply, size_t filler, enum after after)
{
    cluster.scripts[member].steps[0] = (struct step){reply, filler, after};
    cluster.scripts[member].count = 1;
}

static int commit(void)
{
    struct etcd_txn txn;
    etcd_txn_begin(&txn);
    etcd_compare_absent(&txn, "/a");
    etcd_put(&txn, "/a", "b", 0);
    return etcd_commit(cluster.etcd, &txn, NULL, &err);
}

static void a_member_without_a_leader_is_passed_over(void **state)
{
    struct etcd_range range;
    (void)state;
    script(0, NO_LEADER, 0, AFTER_CLOSE);
    script(1, LOST, 0, AFTER_KEEP);
    start(2, 5);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(etcd_get(cluster.etcd, "/a", &range, &err), 0);
        assert_int_equal(range.count, 0);
        etcd_range_free(&range);
    }
    assert_int_equal(cluster.scripts[0].requests, 1);
    assert_int_equal(cluster.scripts[1].requests, 3);
    assert_int_equal(cluster.scripts[1].connections, 1);
    stop(2);
}

static void no_leader_anywhere_is_unreachable(void **state)
{
    struct etcd_range range;
    (void)state;
    script(0, NO_LEADER, 0, AFTER_CLOSE);
    start(1, 5);
    assert_int_equal(etcd_get(cluster.etcd, "/a", &range, &err), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    assert_non_null(strstr(err.message, "no leader"));
    assert_non_null(strstr(err.message, "http://127.0.0.1:"));
    stop(1);
}

/* What the first member did with a request without a reply, nobody knows. */
static void a_lost_reply_is_not_a_lost_transaction(void **state)
{
    (void)state;
    script(0, "", 0, AFTER_RESET);
    script(1, LOST, 0, AFTER_KEEP);
    start(2, 5);
    assert_int_equal(commit(), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    assert_int_equal(commit(), 0);
    stop(2);
    script(0, "", 0, AFTER_RESET);
    script(1, WON, 0, AFTER_KEEP);
    start(2, 5);
    assert_int_equal(commit(), 1);
    stop(2);
}

/* A member that was never reached did nothing: its neighbour's word holds. */
static void a_member_that_is_down_did_nothing(void **state)
{
    (void)state;
    script(1, LOST, 0, AFTER_KEEP);
    script(0, LOST, 0, AFTER_KEEP);
    start(2, 5);
    http_script_stop(&cluster.scripts[0]);
    assert_int_equal(commit(), 0);
    assert_int_equal(cluster.scripts[1].requests, 1);
    etcd_close(cluster.etcd);
    http_script_stop(&cluster.scripts[1]);
    cluster = (struct cluster){0};
}

static void a_silent_member_is_left_in_time(void **state)
{
    struct etcd_range range;
    (void)state;
    script(0, "", 0, AFTER_HANG);
    script(1, LOST, 0, AFTER_KEEP);
    start(2, 0.3);
    double begin = clock_monotonic();
    assert_int_equal(etcd_get(cluster.etcd, "/a", &range, &err), 0);
    double took = clock_monotonic() - begin;
    assert_true(took > 0.25 && took < 3);
    etcd_range_free(&range);
    stop(2);
}

static void expect_unreachable(const char *reply, size_t filler, enum after after)
{
    struct etcd_range range;
    script(0, reply, filler, after);
    start(1, 1);
    err.code = ERROR_NONE;
    assert_int_equal(etcd_get_prefix(cluster.etcd, "/a", 0, &range, &err), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    assert_int_equal(commit(), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    stop(1);
}

static void hostile_replies_are_refused(void **state)
{
    (void)state;
    expect_unreachable("garbage\r\n\r\n", 0, AFTER_CLOSE);
    expect_unreachable("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x01\x02[[", 0, AFTER_KEEP);
    expect_unreachable("HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{" HEADER "}", 0,
                       AFTER_CLOSE);
    expect_unreachable(
        "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{\"header\":{\"revision\":\"x\"}}", 0,
        AFTER_KEEP);
    expect_unreachable("HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nNot Found\n", 0,
                       AFTER_KEEP);
    expect_unreachable("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n"
                       "Content-Length: 0\r\n\r\n",
                       0, AFTER_KEEP);
    expect_unreachable("HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n", 4000000, AFTER_KEEP);
}

static void a_reply_without_end_is_cut_off(void **state)
{
    struct etcd_range range;
    (void)state;
    script(0, "HTTP/1.1 200 OK\r\n\r\n", ETCD_REPLY_LIMIT * 4, AFTER_CLOSE);
    start(1, 30);
    assert_int_equal(etcd_get(cluster.etcd, "/a", &range, &err), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    assert_non_null(strstr(err.message, "too long"));
    stop(1);
}

/* --- watches ------------------------------------------------------------------------------- */

#define STREAM "HTTP/1.1 200 OK\r\n\r\n"
#define CREATED "{\"result\":{" HEADER ",\"created\":true}}\n"
#define EVENT                                                                                      \
    "{\"result\":{" HEADER ",\"events\":[{\"kv\":{\"key\":\"L2E=\",\"mod_revision\":\"9\","        \
    "\"value\":\"eA==\"}}]}}\n"

static int count_events(void *context, const struct etcd_event *events, size_t count,
                        int64_t revision)
{
    size_t *sum = context;
    assert_string_equal(events[0].key, "/a");
    assert_string_equal(events[0].value, "x");
    assert_int_equal(revision, 9);
    *sum += count;
    return 0;
}

static void expect_watch(const char *reply, enum after after, enum error_code code, size_t events)
{
    size_t sum = 0;
    script(0, reply, 0, after);
    start(1, 1);
    err.code = ERROR_NONE;
    assert_int_equal(etcd_watch(cluster.etcd, "/a", 5, 0.5, count_events, &sum, &err), -1);
    assert_int_equal(err.code, code);
    assert_int_equal(sum, events);
    stop(1);
}

static void a_watch_ends_for_a_reason(void **state)
{
    (void)state;
    expect_watch(STREAM CREATED EVENT, AFTER_CLOSE, ERROR_UNREACHABLE, 1);
    expect_watch(STREAM CREATED EVENT, AFTER_HANG, ERROR_UNREACHABLE, 1);
    assert_non_null(strstr(err.message, "silent"));
    expect_watch(STREAM, AFTER_HANG, ERROR_UNREACHABLE, 0);
    expect_watch(STREAM CREATED "{\"result\":{" HEADER ",\"canceled\":true,"
                                "\"compact_revision\":\"8\"}}\n",
                 AFTER_HANG, ERROR_MISSING, 0);
    expect_watch(STREAM CREATED EVENT
                 "{\"error\":{\"grpc_code\":14,\"message\":\"etcdserver: no leader\"}}\n",
                 AFTER_HANG, ERROR_UNREACHABLE, 1);
    expect_watch(STREAM CREATED EVENT EVENT, AFTER_HANG, ERROR_UNREACHABLE, 1);
    expect_watch(STREAM CREATED "garbage\n", AFTER_HANG, ERROR_UNREACHABLE, 0);
    expect_watch(NO_LEADER, AFTER_CLOSE, ERROR_UNREACHABLE, 0);
    assert_non_null(strstr(err.message, "no leader"));
}

/* --- interruption --------------------------------------------------------------------------- */

struct interruption {
    double at;
};

static void *interrupt_soon(void *context)
{
    struct interruption *interruption = context;
    struct timespec pause = {.tv_nsec = 20000000};
    while (cluster.scripts[0].requests == 0)
        (void)nanosleep(&pause, NULL);
    interruption->at = clock_monotonic();
    etcd_interrupt(cluster.etcd);
    return NULL;
}

static void expect_interruption(bool watch)
{
    struct interruption interruption;
    struct etcd_range range;
    pthread_t thread;
    size_t sum = 0;
    script(0, STREAM CREATED, 0, AFTER_HANG);
    start(1, 20);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, &interruption), 0);
    int result = watch ? etcd_watch(cluster.etcd, "/a", 0, 20, count_events, &sum, &err)
                       : etcd_get(cluster.etcd, "/a", &range, &err);
    double ended = clock_monotonic();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    assert_true(ended - interruption.at < 1);
    assert_int_equal(etcd_get(cluster.etcd, "/a", &range, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    stop(1);
}

static void calls_are_interrupted(void **state)
{
    (void)state;
    expect_interruption(false);
    expect_interruption(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_member_without_a_leader_is_passed_over, forget),
        cmocka_unit_test_setup(no_leader_anywhere_is_unreachable, forget),
        cmocka_unit_test_setup(a_lost_reply_is_not_a_lost_transaction, forget),
        cmocka_unit_test_setup(a_member_that_is_down_did_nothing, forget),
        cmocka_unit_test_setup(a_silent_member_is_left_in_time, forget),
        cmocka_unit_test_setup(hostile_replies_are_refused, forget),
        cmocka_unit_test_setup(a_reply_without_end_is_cut_off, forget),
        cmocka_unit_test_setup(a_watch_ends_for_a_reason, forget),
        cmocka_unit_test_setup(calls_are_interrupted, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
