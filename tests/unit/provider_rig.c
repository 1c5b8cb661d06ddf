#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/provider_rig.h"

static struct error err;

static void key_path(const struct provider_rig *rig, char path[96])
{
    (void)snprintf(path, 96, "%s/key", rig->directory);
}

void rig_provider_open(struct provider_rig *rig, const struct geocoder_settings *settings)
{
    struct geocoder_settings used = *settings;
    char path[96];
    *rig = (struct provider_rig){.directory = "/tmp/test-provider-XXXXXX"};
    assert_non_null(mkdtemp(rig->directory));
    key_path(rig, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(RIG_KEY "\n", file);
    assert_int_equal(fclose(file), 0);
    const struct geocoder_provider *provider = geocoder_find(settings->provider);
    assert_non_null(provider);
    if (provider->needs_key || settings->key_file != NULL)
        used.key_file = path;
    if (used.url == NULL)
        used.url = "http://127.0.0.1:1";
    if (geocoder_open(&rig->geocoder, &used, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(provider->session_open(rig->geocoder->state, &rig->session, &err), 0);
}

void rig_provider_close(struct provider_rig *rig)
{
    char path[96];
    key_path(rig, path);
    rig->geocoder->provider->session_close(rig->session);
    geocoder_close(rig->geocoder);
    buffer_free(&rig->request.query);
    buffer_free(&rig->request.body);
    free(rig->body);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(rig->directory), 0);
}

char *rig_ask(struct provider_rig *rig)
{
    char *asked = NULL;
    struct point point = RIG_POINT;
    const struct geocoder_provider *provider = rig->geocoder->provider;
    assert_int_equal(provider->ask(rig->session, &point, 1, &rig->request, &err), 0);
    assert_null(rig->request.content_type);
    assert_int_equal(rig->request.body.used, 0);
    assert_true(asprintf(&asked, "%s?%.*s", rig->request.path, (int)rig->request.query.used,
                         (const char *)rig->request.query.data) > 0);
    return asked;
}

void rig_expect_asked(struct provider_rig *rig, const char *expected)
{
    char *asked = rig_ask(rig);
    assert_string_equal(asked, expected);
    free(asked);
    rig_provider_close(rig);
}

const struct answer *rig_read_bytes(struct provider_rig *rig, unsigned status, const char *body,
                                    size_t size)
{
    struct point point = RIG_POINT;
    const struct geocoder_provider *provider = rig->geocoder->provider;
    free(rig->body);
    rig->body = malloc(size == 0 ? 1 : size);
    assert_non_null(rig->body);
    memcpy(rig->body, body, size);
    struct geocoder_reply reply = {.status = status, .body = rig->body, .size = size};
    memset(&rig->answer, 0xee, sizeof rig->answer);
    assert_int_equal(provider->read(rig->session, &point, 1, &reply, &rig->answer, &err), 0);
    assert_true(rig->answer.kind == ANSWER_FOUND || rig->answer.kind == ANSWER_EMPTY ||
                rig->answer.kind == ANSWER_FAILED);
    return &rig->answer;
}

const struct answer *rig_read(struct provider_rig *rig, unsigned status, const char *body)
{
    return rig_read_bytes(rig, status, body, strlen(body));
}

static char *field_text(const struct address *address, int field)
{
    struct buffer text = {0};
    struct slice slice = address->field[field];
    if (field == FIELD_LABEL)
        assert_int_equal(address_unfold(address, &text, &err), 0);
    else
        assert_int_equal(buffer_append(&text, slice.data, slice.length, &err), 0);
    assert_int_equal(buffer_append(&text, "", 1, &err), 0);
    return (char *)text.data;
}

void rig_expect_found(const struct provider_rig *rig, ...)
{
    const char *expected[FIELD_COUNT] = {NULL};
    va_list rest;
    va_start(rest, rig);
    for (int field = va_arg(rest, int); field >= 0; field = va_arg(rest, int))
        expected[field] = va_arg(rest, const char *);
    va_end(rest);
    if (rig->answer.kind == ANSWER_FAILED)
        fail_msg("%s: %.*s", failure_cause_names[rig->answer.cause], (int)rig->answer.detail.length,
                 rig->answer.detail.data);
    assert_int_equal(rig->answer.kind, ANSWER_FOUND);
    for (int f = 0; f < FIELD_COUNT; f++) {
        char *text = field_text(&rig->answer.address, f);
        assert_string_equal(text, expected[f] == NULL ? "" : expected[f]);
        free(text);
    }
}

void rig_expect_empty(const struct provider_rig *rig)
{
    assert_int_equal(rig->answer.kind, ANSWER_EMPTY);
}

void rig_expect_failed(const struct provider_rig *rig, enum failure_cause cause, bool transient,
                       unsigned status, const char *detail_part)
{
    char detail[1024];
    assert_int_equal(rig->answer.kind, ANSWER_FAILED);
    assert_string_equal(failure_cause_names[rig->answer.cause], failure_cause_names[cause]);
    assert_int_equal(rig->answer.transient, transient);
    assert_int_equal(rig->answer.status, status);
    assert_true(rig->answer.detail.length <= 200);
    (void)snprintf(detail, sizeof detail, "%.*s", (int)rig->answer.detail.length,
                   rig->answer.detail.length > 0 ? rig->answer.detail.data : "");
    if (detail_part != NULL && strstr(detail, detail_part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", detail_part, detail);
    if (rig->geocoder->provider->needs_key)
        assert_null(strstr(detail, RIG_KEY));
}

/* Cut anywhere, it is no address, and worth asking again. */
static void survives_truncation(struct provider_rig *rig, const char *good)
{
    for (size_t size = 0; size < strlen(good); size++) {
        (void)rig_read_bytes(rig, 200, good, size);
        rig_expect_failed(rig, CAUSE_BAD_REPLY, true, 200, NULL);
    }
    (void)rig_read(rig, 200, good);
    assert_int_equal(rig->answer.kind, ANSWER_FOUND);
}

static void survives_statuses(struct provider_rig *rig, const char *good)
{
    static const struct {
        unsigned status;
        enum failure_cause cause;
        bool transient;
    } rules[] = {
        {401, CAUSE_DENIED, false},      {402, CAUSE_QUOTA, false},
        {403, CAUSE_DENIED, false},      {404, CAUSE_BAD_REQUEST, false},
        {405, CAUSE_BAD_REQUEST, false}, {408, CAUSE_HTTP_4XX, true},
        {410, CAUSE_HTTP_4XX, false},    {413, CAUSE_BAD_REQUEST, false},
        {414, CAUSE_BAD_REQUEST, false}, {422, CAUSE_BAD_REQUEST, false},
        {425, CAUSE_HTTP_4XX, true},     {429, CAUSE_HTTP_429, true},
        {500, CAUSE_HTTP_5XX, true},     {502, CAUSE_HTTP_5XX, true},
        {503, CAUSE_HTTP_5XX, true},     {504, CAUSE_HTTP_5XX, true},
        {304, CAUSE_HTTP_4XX, false},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        static const char *const bodies[] = {"", "Sorry, later", "<html><b>no</b></html>",
                                             "{\"x\":1}", "[[[["};
        for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
            (void)rig_read(rig, rules[i].status, bodies[b]);
            rig_expect_failed(rig, rules[i].cause, rules[i].transient, rules[i].status,
                              b == 1   ? "Sorry, later"
                              : b == 2 ? "a page for a browser"
                                       : "");
        }
        (void)rig_read(rig, rules[i].status, good);
        assert_int_equal(rig->answer.kind, ANSWER_FAILED);
        (void)rig_read(rig, rules[i].status, "{\"message\":\"no: /x?k=s3cret%2fKey, s3cret/Key\"}");
        rig_expect_failed(rig, rules[i].cause, rules[i].transient, rules[i].status, "no: /x?k=");
        if (rig->geocoder->provider->needs_key)
            rig_expect_failed(rig, rules[i].cause, rules[i].transient, rules[i].status,
                              "no: /x?k=***, ***");
    }
    (void)rig_read(rig, 429, "{\"message\":\"Your daily limit is reached\"}");
    rig_expect_failed(rig, CAUSE_QUOTA, false, 429, "daily limit");
}

static void survives_garbage(struct provider_rig *rig, const char *good)
{
    static const char *const bodies[] = {
        "",
        " \n",
        "null",
        "true",
        "7",
        "\"text\"",
        "[]",
        "{}",
        "[{}]",
        "{\"a\":1}",
        "{\"a\":1",
        "{]",
        "<!DOCTYPE html><html><title>502</title></html>",
        "OK",
        "{\"a\":1} trailing",
        "{\"a\":1}{\"a\":1}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\uZZZZ\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        (void)rig_read(rig, 200, bodies[i]);
        rig_expect_failed(rig, CAUSE_BAD_REPLY, true, 200, "");
    }
    size_t length = strlen(good);
    char *body = malloc(length + 1);
    assert_non_null(body);
    for (size_t i = 0; i < length; i++) {
        static const char bytes[] = {'\0', '\x80', '\xff', '\xc3'};
        for (size_t b = 0; b < sizeof bytes; b++) {
            memcpy(body, good, length);
            body[i] = bytes[b];
            (void)rig_read_bytes(rig, 200, body, length);
            /* In the midst of other characters it may make a good one. */
            if ((unsigned char)good[i] < 0x80 && (unsigned char)good[i + 1] < 0x80)
                rig_expect_failed(rig, CAUSE_BAD_REPLY, true, 200, "");
        }
    }
    free(body);
}

static void survives_nesting(struct provider_rig *rig)
{
    enum { DEPTH = 100000 };
    char *body = malloc(DEPTH * 5 + 1);
    assert_non_null(body);
    memset(body, '[', DEPTH);
    (void)rig_read_bytes(rig, 200, body, DEPTH);
    rig_expect_failed(rig, CAUSE_BAD_REPLY, true, 200, "nested");
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(body + i * 5, "{\"a\":", 5);
    (void)rig_read_bytes(rig, 200, body, DEPTH * 2);
    rig_expect_failed(rig, CAUSE_BAD_REPLY, true, 200, "nested");
    memset(body, ' ', DEPTH * 5);
    (void)rig_read_bytes(rig, 200, body, DEPTH * 5);
    rig_expect_failed(rig, CAUSE_BAD_REPLY, true, 200, "");
    free(body);
}

/* Every text of an answer is one that the reply holds. */
static void expect_texts_of(const struct provider_rig *rig, const char *reply)
{
    char *plain = malloc(strlen(reply) + 1);
    assert_non_null(plain);
    size_t used = 0;
    for (const char *at = reply; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z')
            plain[used++] = (char)(*at | 0x20);
        else
            plain[used++] = *at;
    }
    plain[used] = '\0';
    for (int f = 0; f < FIELD_COUNT; f++) {
        char *text = field_text(&rig->answer.address, f);
        for (char *at = text; *at != '\0'; at++)
            *at = (char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
        if (strstr(plain, text) == NULL)
            fail_msg("\"%s\" is not in %s", text, plain);
        free(text);
    }
    free(plain);
}

/* node_at: the n-th node of a tree in reading order, and its parent; NULL behind the last. */
static cJSON *node_at(cJSON *parent, size_t *n, cJSON **parent_of)
{
    for (cJSON *child = parent->child; child != NULL; child = child->next) {
        *parent_of = parent;
        if ((*n)-- == 0)
            return child;
        cJSON *found = node_at(child, n, parent_of);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* Any value of another type than it should have: no crash, and no text that was never sent. */
static void survives_wrong_types(struct provider_rig *rig, const char *good)
{
    static const char *const others[] = {"null", "true", "7",   "1e999", "\"x\"",        "\"\"",
                                         "[]",   "{}",   "[7]", "[{}]",  "{\"x\":\"y\"}"};
    for (size_t i = 0;; i++) {
        cJSON *parent = NULL;
        for (size_t o = 0; o < sizeof others / sizeof others[0]; o++) {
            size_t n = i;
            cJSON *tree = cJSON_Parse(good);
            assert_non_null(tree);
            cJSON *node = node_at(tree, &n, &parent);
            if (node == NULL) {
                cJSON_Delete(tree);
                return;
            }
            cJSON *other = cJSON_CreateRaw(others[o]);
            if (node->string != NULL)
                other->string = strdup(node->string);
            assert_true(cJSON_ReplaceItemViaPointer(parent, node, other));
            char *body = cJSON_PrintUnformatted(tree);
            assert_non_null(body);
            (void)rig_read(rig, 200, body);
            if (rig->answer.kind == ANSWER_FOUND)
                expect_texts_of(rig, body);
            free(body);
            cJSON_Delete(tree);
        }
    }
}

void rig_survives(struct provider_rig *rig, const char *good)
{
    survives_truncation(rig, good);
    survives_statuses(rig, good);
    survives_garbage(rig, good);
    survives_nesting(rig);
    survives_wrong_types(rig, good);
}
