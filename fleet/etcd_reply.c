#include "fleet/etcd_reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fleet/base64.h"

static int wrong(struct error *err, const char *what)
{
    return error_set(err, ERROR_CORRUPT, "the reply of etcd is not understood: %s", what);
}

static int wrong_member(struct error *err, const char *name)
{
    return error_set(err, ERROR_CORRUPT, "the reply of etcd is not understood: wrong %s", name);
}

/* --- parts -------------------------------------------------------------------------------- */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* The body as an object; NULL with err. */
static const cJSON *read_root(const struct etcd_body *body, struct error *err)
{
    const char *why = NULL;
    const cJSON *root = json_tree_read(body->tree, body->data, body->size, &why);
    if (root == NULL)
        (void)wrong(err, why == NULL ? "no JSON" : why);
    else if (!cJSON_IsObject(root))
        (void)wrong(err, "no object");
    return cJSON_IsObject(root) ? root : NULL;
}

/* The object that a stream of them wraps as {"result":{...}}; NULL with err. */
static const cJSON *read_result(const cJSON *root, struct error *err)
{
    const cJSON *result = member(root, "result");
    if (cJSON_IsObject(result))
        return result;
    (void)wrong_member(err, "result");
    return NULL;
}

static int read_number(const cJSON *object, const char *name, int64_t *out, struct error *err)
{
    const cJSON *item = member(object, name);
    uint64_t value = 0;
    if (item != NULL &&
        (!cJSON_IsString(item) || !text_parse_unsigned(item->valuestring, INT64_MAX, &value)))
        return wrong_member(err, name);
    *out = (int64_t)value;
    return 0;
}

static int read_flag(const cJSON *object, const char *name, bool *out, struct error *err)
{
    const cJSON *item = member(object, name);
    if (item != NULL && !cJSON_IsBool(item))
        return wrong_member(err, name);
    *out = cJSON_IsTrue(item);
    return 0;
}

/* The text behind base64, decoded where it lies in the tree; "" when it is left out. */
static int read_text(const cJSON *object, const char *name, const char **out, struct error *err)
{
    const cJSON *item = member(object, name);
    size_t bytes = 0;
    *out = "";
    if (item == NULL)
        return 0;
    if (!cJSON_IsString(item) || !base64_decode(item->valuestring, &bytes))
        return wrong_member(err, name);
    if (memchr(item->valuestring, '\0', bytes) != NULL)
        return wrong(err, "a key or value is not text");
    *out = item->valuestring;
    return 0;
}

static int read_header(const cJSON *object, int64_t *revision, struct error *err)
{
    const cJSON *header = member(object, "header");
    if (!cJSON_IsObject(header))
        return wrong_member(err, "header");
    if (read_number(header, "revision", revision, err) != 0)
        return -1;
    return *revision > 0 ? 0 : wrong_member(err, "revision");
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The array called name, or NULL when it is left out. */
static int read_array(const cJSON *object, const char *name, const cJSON **out, struct error *err)
{
    *out = member(object, name);
    return *out == NULL || cJSON_IsArray(*out) ? 0 : wrong_member(err, name);
}

/* --- ranges ------------------------------------------------------------------------------- */

static int copy_pair(const char *key, const char *value, struct etcd_pair *pair, struct error *err)
{
    pair->key = strdup(key);
    pair->value = strdup(value);
    if (pair->key != NULL && pair->value != NULL)
        return 0;
    free(pair->key);
    free(pair->value);
    return error_memory(err, "what etcd holds");
}

static int read_pair(const cJSON *item, struct etcd_pair *pair, struct error *err)
{
    const char *key, *value;
    if (!cJSON_IsObject(item))
        return wrong_member(err, "kvs");
    if (read_text(item, "key", &key, err) != 0 || read_text(item, "value", &value, err) != 0 ||
        read_number(item, "create_revision", &pair->create_revision, err) != 0 ||
        read_number(item, "mod_revision", &pair->mod_revision, err) != 0 ||
        read_number(item, "lease", &pair->lease, err) != 0)
        return -1;
    if (pair->create_revision < 1 || pair->mod_revision < pair->create_revision)
        return wrong_member(err, "revision");
    return copy_pair(key, value, pair, err);
}

static void free_pairs(struct etcd_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(pairs[i].key);
        free(pairs[i].value);
    }
}

static bool is_in_place(const struct etcd_range *range, const char *prefix, bool exact)
{
    const struct etcd_pair *pair = &range->pairs[range->count - 1];
    if (exact)
        return strcmp(pair->key, prefix) == 0 && range->count == 1;
    return begins_with(pair->key, prefix) &&
           (range->count == 1 || strcmp(pair[-1].key, pair->key) < 0);
}

static int read_pairs(const cJSON *list, const char *prefix, bool exact, struct etcd_range *range,
                      struct error *err)
{
    size_t had = range->count, more = (size_t)cJSON_GetArraySize(list);
    struct etcd_pair *pairs = realloc(range->pairs, (had + more + 1) * sizeof *pairs);
    const cJSON *item;
    int result = 0;
    if (pairs == NULL)
        return error_memory(err, "what etcd holds");
    range->pairs = pairs;
    cJSON_ArrayForEach(item, list)
    {
        result = read_pair(item, &range->pairs[range->count], err);
        if (result != 0)
            break;
        range->count++;
        if (!is_in_place(range, prefix, exact)) {
            result = wrong(err, "keys that were not asked for");
            break;
        }
    }
    if (result != 0) {
        free_pairs(range->pairs + had, range->count - had);
        range->count = had;
    }
    return result;
}

int etcd_read_range(const struct etcd_body *body, const char *prefix, bool exact,
                    struct etcd_range *range, bool *more, struct error *err)
{
    const cJSON *root = read_root(body, err), *list;
    int64_t revision;
    if (root == NULL || read_header(root, &revision, err) != 0 ||
        read_flag(root, "more", more, err) != 0 || read_array(root, "kvs", &list, err) != 0)
        return -1;
    if (*more && (list == NULL || list->child == NULL))
        return wrong_member(err, "more");
    if (list != NULL && read_pairs(list, prefix, exact, range, err) != 0)
        return -1;
    if (range->revision == 0)
        range->revision = revision;
    return 0;
}

void etcd_range_free(struct etcd_range *range)
{
    free_pairs(range->pairs, range->count);
    free(range->pairs);
    *range = (struct etcd_range){0};
}

/* --- transactions, leases ----------------------------------------------------------------- */

int etcd_read_txn(const struct etcd_body *body, struct etcd_outcome *outcome, struct error *err)
{
    const cJSON *root = read_root(body, err);
    *outcome = (struct etcd_outcome){0};
    if (root == NULL || read_header(root, &outcome->revision, err) != 0)
        return -1;
    return read_flag(root, "succeeded", &outcome->succeeded, err);
}

int etcd_read_grant(const struct etcd_body *body, int64_t *lease, struct error *err)
{
    const cJSON *root = read_root(body, err);
    int64_t id;
    if (root == NULL || read_number(root, "ID", &id, err) != 0)
        return -1;
    if (id == 0)
        return wrong_member(err, "ID");
    *lease = id;
    return 0;
}

int etcd_read_keep(const struct etcd_body *body, int64_t *seconds, struct error *err)
{
    const cJSON *root = read_root(body, err);
    const cJSON *result = root == NULL ? NULL : read_result(root, err);
    int64_t lease;
    if (result == NULL || read_number(result, "ID", &lease, err) != 0)
        return -1;
    return lease > 0 ? read_number(result, "TTL", seconds, err) : wrong_member(err, "ID");
}

int etcd_read_empty(const struct etcd_body *body, struct error *err)
{
    return read_root(body, err) == NULL ? -1 : 0;
}

/* --- failures ----------------------------------------------------------------------------- */

/* What is not printable ASCII becomes '?': it goes into messages. */
static void copy_printable(char *out, size_t room, const char *text, size_t length)
{
    size_t used = 0;
    for (; used + 1 < room && used < length && text[used] != '\0'; used++)
        out[used] = text[used] >= ' ' && text[used] < 0x7f ? text[used] : '?';
    while (used > 0 && out[used - 1] == '?')
        used--;
    out[used] = '\0';
}

/* A stream wraps its failure and calls its code otherwise. */
static bool find_failure(const cJSON *root, struct etcd_failure *failure)
{
    const cJSON *error = member(root, "error");
    const cJSON *object = cJSON_IsObject(error) ? error : root;
    const cJSON *code = member(object, object == error ? "grpc_code" : "code");
    const cJSON *text = member(object, "message");
    if (error == NULL || !cJSON_IsString(text) || !cJSON_IsNumber(code) ||
        !(code->valuedouble >= 1 && code->valuedouble <= 16))
        return false;
    failure->code = (int)code->valuedouble;
    copy_printable(failure->message, sizeof failure->message, text->valuestring,
                   strlen(text->valuestring));
    return true;
}

void etcd_read_failure(const struct etcd_body *body, struct etcd_failure *failure)
{
    const cJSON *root = read_root(body, NULL);
    *failure = (struct etcd_failure){0};
    if (root == NULL || !find_failure(root, failure))
        copy_printable(failure->message, 80, body->data == NULL ? "" : body->data, body->size);
}

/* --- watches ------------------------------------------------------------------------------ */

static int read_event(const cJSON *item, const char *prefix, struct etcd_event *event,
                      struct error *err)
{
    const cJSON *pair = member(item, "kv"), *type = member(item, "type");
    bool deleted = cJSON_IsString(type) && strcmp(type->valuestring, "DELETE") == 0;
    if (!cJSON_IsObject(pair))
        return wrong_member(err, "kv");
    if (type != NULL && !deleted &&
        !(cJSON_IsString(type) && strcmp(type->valuestring, "PUT") == 0))
        return wrong_member(err, "type");
    if (read_text(pair, "key", &event->key, err) != 0 ||
        read_text(pair, "value", &event->value, err) != 0 ||
        read_number(pair, "mod_revision", &event->mod_revision, err) != 0)
        return -1;
    if (!begins_with(event->key, prefix))
        return wrong(err, "keys that were not asked for");
    if (deleted)
        event->value = NULL;
    return event->mod_revision > 0 ? 0 : wrong_member(err, "mod_revision");
}

static int read_events(const cJSON *list, const char *prefix, struct etcd_message *message,
                       struct error *err)
{
    size_t count = (size_t)cJSON_GetArraySize(list);
    const cJSON *item;
    message->events = calloc(count + 1, sizeof *message->events);
    if (message->events == NULL)
        return error_memory(err, "what etcd tells");
    cJSON_ArrayForEach(item, list)
    {
        struct etcd_event *event = &message->events[message->count];
        if (read_event(item, prefix, event, err) != 0)
            return -1;
        if (message->count++ > 0 && event[-1].mod_revision > event->mod_revision)
            return wrong_member(err, "mod_revision");
    }
    return 0;
}

static int read_told(const cJSON *result, const char *prefix, struct etcd_message *message,
                     struct error *err)
{
    const cJSON *list;
    int64_t revision;
    if (read_flag(result, "created", &message->created, err) != 0 ||
        read_flag(result, "canceled", &message->canceled, err) != 0 ||
        read_number(result, "compact_revision", &message->compact_revision, err) != 0 ||
        read_array(result, "events", &list, err) != 0)
        return -1;
    if (!message->canceled && read_header(result, &revision, err) != 0)
        return -1;
    return list == NULL ? 0 : read_events(list, prefix, message, err);
}

int etcd_read_message(const struct etcd_body *body, const char *prefix,
                      struct etcd_message *message, struct error *err)
{
    const cJSON *root = read_root(body, err), *result;
    *message = (struct etcd_message){0};
    if (root == NULL)
        return -1;
    message->failed = find_failure(root, &message->failure);
    if (message->failed)
        return 0;
    result = read_result(root, err);
    if (result != NULL && read_told(result, prefix, message, err) == 0)
        return 0;
    etcd_message_free(message);
    return -1;
}

void etcd_message_free(struct etcd_message *message)
{
    free(message->events);
    message->events = NULL;
    message->count = 0;
}
