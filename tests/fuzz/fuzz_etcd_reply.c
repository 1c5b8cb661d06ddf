/* Any bytes as replies of etcd's gateway. The first byte chooses what was asked for; the rest is
 * the reply, or changes to an honest one. What is read makes sense, or it is refused with a
 * reason. */
#include <stdlib.h>
#include <string.h>

#include "fleet/etcd_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PREFIX "/refreshd/f/"

/* Two keys under the prefix. */
#define PAIRS                                                                                      \
    "{\"key\":\"L3JlZnJlc2hkL2YvYQ==\",\"create_revision\":\"3\",\"mod_revision\":\"4\","          \
    "\"version\":\"2\",\"value\":\"e30=\",\"lease\":\"4390624819356791049\"}"
#define MORE_PAIRS                                                                                 \
    "{\"key\":\"L3JlZnJlc2hkL2YvYg==\",\"create_revision\":\"5\",\"mod_revision\":\"6\"}"
#define HEADER "\"header\":{\"cluster_id\":\"13455796455940752355\",\"revision\":\"9\"}"

static const char *const honest[] = {
    "{" HEADER ",\"kvs\":[" PAIRS "," MORE_PAIRS "],\"more\":true,\"count\":\"7\"}",
    "{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_put\":{}}]}",
    "{" HEADER ",\"ID\":\"4390624819356791049\",\"TTL\":\"5\"}",
    "{\"result\":{" HEADER ",\"ID\":\"5\",\"TTL\":\"6\"}}\n",
    "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no leader\"}}",
    "{\"result\":{" HEADER ",\"events\":[{\"kv\":" PAIRS "},{\"type\":\"DELETE\",\"kv\":" MORE_PAIRS
    "}]}}",
};
#define KINDS (sizeof honest / sizeof honest[0])

static struct json_tree tree;

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check_refusal(int result, const struct error *err)
{
    demand(result == 0 || (err->code == ERROR_CORRUPT && err->message[0] != '\0'));
}

static void as_range(const struct etcd_body *body)
{
    struct etcd_range range = {0};
    struct error err = {0};
    bool more = false;
    int result = etcd_read_range(body, PREFIX, false, &range, &more, &err);
    check_refusal(result, &err);
    demand(result == 0 ? range.revision > 0 : range.count == 0);
    demand(!more || result != 0 || range.count > 0);
    for (size_t i = 0; i < range.count; i++) {
        const struct etcd_pair *pair = &range.pairs[i];
        demand(strncmp(pair->key, PREFIX, strlen(PREFIX)) == 0 && pair->value != NULL);
        demand(pair->create_revision > 0 && pair->mod_revision >= pair->create_revision);
        demand(pair->lease >= 0);
        demand(i == 0 || strcmp(pair[-1].key, pair->key) < 0);
    }
    etcd_range_free(&range);
}

static void as_outcomes(const struct etcd_body *body)
{
    struct etcd_outcome outcome;
    struct error err = {0};
    int64_t number = -1;
    int result = etcd_read_txn(body, &outcome, &err);
    check_refusal(result, &err);
    demand(result != 0 || outcome.revision > 0);
    result = etcd_read_grant(body, &number, &err);
    check_refusal(result, &err);
    demand(result == 0 ? number > 0 : number == -1);
    result = etcd_read_keep(body, &number, &err);
    check_refusal(result, &err);
    demand(result != 0 || number >= 0);
}

static void as_failure(const struct etcd_body *body)
{
    struct etcd_failure failure;
    etcd_read_failure(body, &failure);
    demand(failure.code >= 0 && failure.code <= 16);
    demand(memchr(failure.message, '\0', sizeof failure.message) != NULL);
    for (const char *at = failure.message; *at != '\0'; at++)
        demand(*at >= ' ' && *at < 0x7f);
}

static void as_message(const struct etcd_body *body)
{
    struct etcd_message message;
    struct error err = {0};
    int result = etcd_read_message(body, PREFIX, &message, &err);
    check_refusal(result, &err);
    if (result != 0)
        return;
    for (size_t i = 0; i < message.count; i++) {
        const struct etcd_event *event = &message.events[i];
        demand(strncmp(event->key, PREFIX, strlen(PREFIX)) == 0 && event->mod_revision > 0);
        demand(event->value == NULL || strlen(event->value) < body->size);
        demand(i == 0 || event[-1].mod_revision <= event->mod_revision);
    }
    etcd_message_free(&message);
}

/* Three bytes a change: where, and what stands there then. */
static char *changed(const char *text, const uint8_t *data, size_t size)
{
    size_t length = strlen(text);
    char *body = malloc(length);
    demand(body != NULL);
    memcpy(body, text, length);
    for (; size >= 3; data += 3, size -= 3)
        body[(data[0] | (size_t)data[1] << 8) % length] = (char)data[2];
    return body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct etcd_body body = {&tree, (const char *)data + 1, size - 1};
    char *copy = NULL;
    if ((data[0] & 0x80) != 0) {
        const char *text = honest[data[0] % KINDS];
        copy = changed(text, data + 1, size - 1);
        body = (struct etcd_body){&tree, copy, strlen(text)};
    }
    as_range(&body);
    as_outcomes(&body);
    as_failure(&body);
    as_message(&body);
    free(copy);
    return 0;
}
