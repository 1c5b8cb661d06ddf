#include "tests/stub/stub.h"

#include <string.h>

#include "tests/stub/emit.h"

/* --- control ------------------------------------------------------------------------ */

static void set_script(struct stub *stub, const struct request *request, struct reply *reply)
{
    char message[200];
    if (script_set(&stub->script, request->body.at, request->body.length, message))
        return;
    reply->status = 400;
    emit(&reply->body, "%s\n", message);
}

/* True when the request was for the stub itself. */
static bool control(struct stub *stub, const struct request *request, struct reply *reply)
{
    if (text_is(request->path, "/_script")) {
        set_script(stub, request, reply);
    } else if (text_is(request->path, "/_stats")) {
        journal_stats(&stub->journal, &reply->body);
    } else if (text_is(request->path, "/_last")) {
        reply->content_type = "application/octet-stream";
        emit_bytes(&reply->body, stub->journal.last.data, stub->journal.last.used);
    } else {
        return false;
    }
    return true;
}

/* --- questions ------------------------------------------------------------------------ */

static bool has_key(const struct stub *stub, const struct shape *shape,
                    const struct request *request)
{
    struct text key;
    if (stub->key == NULL || shape->key == NULL)
        return true;
    return query_value(request, shape->key, &key) && text_is(key, stub->key);
}

static void refuse(struct stub *stub, unsigned long long connection, const struct client *client,
                   struct reply *reply, unsigned status, const char *why)
{
    reply->status = status;
    emit(&reply->body, "{\"error\":{\"code\":%u,\"message\":\"%s\"}}", status, why);
    journal_add(&stub->journal, connection, client->name, why, &stub->rows);
}

static struct text without_prefix(struct text path, const char *prefix)
{
    size_t length = strlen(prefix);
    if (path.length < length || memcmp(path.at, prefix, length) != 0)
        return (struct text){"", 0};
    return (struct text){path.at + length, path.length - length};
}

void stub_answer(struct stub *stub, unsigned long long connection, const struct request *request,
                 struct reply *reply)
{
    struct rows *rows = &stub->rows;
    struct script *script = &stub->script;
    reply_begin(reply);
    if (control(stub, request, reply))
        return;
    rows->count = 0;
    struct client *client = clients_find(&stub->clients, request->user_agent);
    journal_keep(&stub->journal, request);
    const struct shape *shape =
        shape_find(without_prefix(request->path, stub->prefix), stub->provider);
    if (shape == NULL) {
        refuse(stub, connection, client, reply, 404, "bad_path");
        return;
    }
    if (!shape->read(request, rows)) {
        refuse(stub, connection, client, reply, 400, "bad_request");
        return;
    }
    if (!has_key(stub, shape, request)) {
        refuse(stub, connection, client, reply, 401, "bad_key");
        return;
    }
    const struct rule *rule = script_choose(script, rows);
    journal_add(&stub->journal, connection, client->name, rule == NULL ? NULL : rule->fault->name,
                rows);
    struct knowledge knowledge = {.version = script->version, .empty = script->empty};
    if (rule != NULL && rule->fault->before != NULL)
        rule->fault->before(&rule->values, rows, &knowledge);
    shape->write(rows, &knowledge, reply);
    reply->delay_ms = script->delay_ms + clients_delay(&stub->clients, client, rows->count);
    if (rule != NULL)
        fault_spoil(rule->fault, &rule->values, request, reply);
}
