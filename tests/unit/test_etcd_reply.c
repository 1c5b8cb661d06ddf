#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/etcd_reply.h"

#define HEADER "\"header\":{\"revision\":\"9\"}"

static struct error err;
static struct json_tree tree;

static struct etcd_body body_of(const char *text)
{
    return (struct etcd_body){&tree, text, strlen(text)};
}

static int free_tree(void **state)
{
    (void)state;
    json_tree_free(&tree);
    return 0;
}

static int read_range(const char *text, const char *prefix, struct etcd_range *range)
{
    struct etcd_body body = body_of(text);
    bool more = false;
    int result = etcd_read_range(&body, prefix, false, range, &more, &err);
    return result == 0 && more ? 1 : result;
}

/* /a = YQ== "x"; /b */
#define PAIR_A                                                                                     \
    "{\"key\":\"L2E=\",\"create_revision\":\"3\",\"mod_revision\":\"4\",\"value\":\"eA==\"}"
#define PAIR_B "{\"key\":\"L2I=\",\"create_revision\":\"5\",\"mod_revision\":\"5\",\"lease\":\"7\"}"

static void pages_of_a_range_are_joined(void **state)
{
    struct etcd_range range = {0};
    (void)state;
    assert_int_equal(read_range("{" HEADER ",\"kvs\":[" PAIR_A "],\"more\":true}", "/", &range), 1);
    assert_int_equal(
        read_range("{\"header\":{\"revision\":\"12\"},\"kvs\":[" PAIR_B "]}", "/", &range), 0);
    assert_int_equal(range.revision, 9);
    assert_int_equal(range.count, 2);
    assert_string_equal(range.pairs[0].key, "/a");
    assert_string_equal(range.pairs[0].value, "x");
    assert_int_equal(range.pairs[0].create_revision, 3);
    assert_int_equal(range.pairs[0].mod_revision, 4);
    assert_int_equal(range.pairs[0].lease, 0);
    assert_string_equal(range.pairs[1].value, "");
    assert_int_equal(range.pairs[1].lease, 7);
    etcd_range_free(&range);
    assert_int_equal(read_range("{" HEADER "}", "/", &range), 0);
    assert_int_equal(range.count, 0);
    etcd_range_free(&range);
}

static void a_wrong_range_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"header\":{}}",
        "{\"header\":{\"revision\":9}}",
        "{\"header\":{\"revision\":\"-9\"}}",
        "{\"header\":{\"revision\":\"9223372036854775808\"}}",
        "{" HEADER ",\"kvs\":{}}",
        "{" HEADER ",\"kvs\":[1]}",
        "{" HEADER ",\"more\":true}",
        "{" HEADER ",\"more\":\"true\"}",
        "{" HEADER ",\"kvs\":[" PAIR_A "," PAIR_A "]}",
        "{" HEADER ",\"kvs\":[" PAIR_B "," PAIR_A "]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"L2E=\"}]}",
        "{" HEADER
        ",\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":\"3\",\"mod_revision\":\"4\"}]}",
        "{" HEADER ",\"kvs\":[{\"key\":\"L2E\",\"create_revision\":\"3\",\"mod_revision\":\"4\"}]}",
        "{" HEADER
        ",\"kvs\":[{\"key\":\"LwBh\",\"create_revision\":\"3\",\"mod_revision\":\"4\"}]}",
        "{" HEADER
        ",\"kvs\":[{\"key\":\"L2E=\",\"create_revision\":\"5\",\"mod_revision\":\"4\"}]}",
        "{" HEADER ",\"kvs\":[" PAIR_A};
    struct etcd_range range = {0};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err.code = ERROR_NONE;
        assert_int_equal(read_range(wrong[i], "/", &range), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_int_equal(range.count, 0);
    }
    assert_int_equal(read_range("{" HEADER ",\"kvs\":[" PAIR_A "]}", "/", &range), 0);
    assert_int_equal(read_range("{" HEADER ",\"kvs\":[" PAIR_B "," PAIR_A "]}", "/", &range), -1);
    assert_int_equal(range.count, 1);
    etcd_range_free(&range);
}

static void outcomes_are_read(void **state)
{
    struct etcd_outcome outcome;
    struct etcd_body body = body_of("{" HEADER ",\"succeeded\":true,\"responses\":[]}");
    int64_t number = 0;
    (void)state;
    assert_int_equal(etcd_read_txn(&body, &outcome, &err), 0);
    assert_true(outcome.succeeded);
    assert_int_equal(outcome.revision, 9);
    body = body_of("{" HEADER "}");
    assert_int_equal(etcd_read_txn(&body, &outcome, &err), 0);
    assert_false(outcome.succeeded);
    body = body_of("{" HEADER ",\"succeeded\":1}");
    assert_int_equal(etcd_read_txn(&body, &outcome, &err), -1);
    body = body_of("{" HEADER ",\"ID\":\"4390624819356791049\",\"TTL\":\"5\"}");
    assert_int_equal(etcd_read_grant(&body, &number, &err), 0);
    assert_true(number == 4390624819356791049);
    body = body_of("{" HEADER "}");
    assert_int_equal(etcd_read_grant(&body, &number, &err), -1);
    assert_true(number == 4390624819356791049);
    body = body_of("{\"result\":{" HEADER ",\"ID\":\"5\",\"TTL\":\"6\"}}\n");
    assert_int_equal(etcd_read_keep(&body, &number, &err), 0);
    assert_int_equal(number, 6);
    body = body_of("{\"result\":{" HEADER ",\"ID\":\"5\"}}\n");
    assert_int_equal(etcd_read_keep(&body, &number, &err), 0);
    assert_int_equal(number, 0);
    body = body_of("{\"result\":{}}");
    assert_int_equal(etcd_read_keep(&body, &number, &err), -1);
    body = body_of("{" HEADER "}");
    assert_int_equal(etcd_read_keep(&body, &number, &err), -1);
}

static void expect_failure(const char *text, int code, const char *message)
{
    struct etcd_body body = body_of(text);
    struct etcd_failure failure;
    etcd_read_failure(&body, &failure);
    assert_int_equal(failure.code, code);
    assert_string_equal(failure.message, message);
}

static void failures_are_read(void **state)
{
    (void)state;
    expect_failure("{\"error\":\"x\",\"message\":\"etcdserver: no leader\",\"code\":14}", 14,
                   "etcdserver: no leader");
    expect_failure("{\"error\":{\"grpc_code\":11,\"http_code\":400,\"message\":\"gone\"}}", 11,
                   "gone");
    expect_failure("Not Found\n", 0, "Not Found");
    expect_failure("{\"error\":\"x\",\"message\":\"y\",\"code\":99}", 0,
                   "{\"error\":\"x\",\"message\":\"y\",\"code\":99}");
    expect_failure("{\"error\":\"x\",\"message\":\"a\\nb\\u001b[1m\",\"code\":2}", 2, "a?b?[1m");
    expect_failure("\x01<html>", 0, "?<html>");
    struct etcd_body body = {&tree, NULL, 0};
    struct etcd_failure failure;
    etcd_read_failure(&body, &failure);
    assert_string_equal(failure.message, "");
}

static int read_message(const char *text, struct etcd_message *message)
{
    struct etcd_body body = body_of(text);
    return etcd_read_message(&body, "/", message, &err);
}

static void messages_of_a_watch_are_read(void **state)
{
    struct etcd_message message;
    (void)state;
    assert_int_equal(read_message("{\"result\":{" HEADER ",\"created\":true}}", &message), 0);
    assert_true(message.created && !message.canceled && !message.failed);
    assert_int_equal(message.count, 0);
    assert_int_equal(read_message("{\"result\":{" HEADER ",\"events\":[{\"kv\":" PAIR_A
                                  "},{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2I=\","
                                  "\"mod_revision\":\"6\"}}]}}",
                                  &message),
                     0);
    assert_int_equal(message.count, 2);
    assert_string_equal(message.events[0].key, "/a");
    assert_string_equal(message.events[0].value, "x");
    assert_int_equal(message.events[0].mod_revision, 4);
    assert_string_equal(message.events[1].key, "/b");
    assert_null(message.events[1].value);
    etcd_message_free(&message);
    assert_int_equal(
        read_message("{\"result\":{\"canceled\":true,\"compact_revision\":\"8\"}}", &message), 0);
    assert_true(message.canceled);
    assert_int_equal(message.compact_revision, 8);
    assert_int_equal(
        read_message("{\"error\":{\"grpc_code\":14,\"message\":\"no leader\"}}", &message), 0);
    assert_true(message.failed);
    assert_string_equal(message.failure.message, "no leader");
}

static void a_wrong_message_is_refused(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"result\":[]}",
        "{\"result\":{}}",
        "{\"result\":{" HEADER ",\"created\":1}}",
        "{\"result\":{" HEADER ",\"events\":1}}",
        "{\"result\":{" HEADER ",\"events\":[1]}}",
        "{\"result\":{" HEADER ",\"events\":[{\"kv\":{}}]}}",
        "{\"result\":{" HEADER ",\"events\":[{\"type\":\"MOVE\",\"kv\":" PAIR_A "}]}}",
        "{\"result\":{" HEADER ",\"events\":[{\"kv\":" PAIR_B "},{\"kv\":" PAIR_A "}]}}",
        "{\"result\":{" HEADER
        ",\"events\":[{\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"4\"}}]}}"};
    struct etcd_message message;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err.code = ERROR_NONE;
        assert_int_equal(read_message(wrong[i], &message), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_a_range_are_joined),
        cmocka_unit_test(a_wrong_range_is_refused),
        cmocka_unit_test(outcomes_are_read),
        cmocka_unit_test(failures_are_read),
        cmocka_unit_test(messages_of_a_watch_are_read),
        cmocka_unit_test(a_wrong_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, free_tree);
}
