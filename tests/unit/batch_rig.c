#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/batch_rig.h"

static struct error err;

void batch_open(struct batch_rig *rig, const struct geocoder_settings *settings)
{
    struct geocoder_settings used = *settings;
    if (used.batch == 0)
        used.batch = BATCH_POINTS;
    *rig = (struct batch_rig){.count = 4};
    rig_provider_open(&rig->provider, &used);
    for (int i = 0; i < BATCH_POINTS; i++)
        rig->points[i] = (struct point){(40 + i) * 10000000, 20000000 - i * 5000000};
}

void batch_close(struct batch_rig *rig)
{
    free(rig->body);
    rig_provider_close(&rig->provider);
}

char *batch_ask(struct batch_rig *rig)
{
    char *asked = NULL;
    struct geocoder_request *request = &rig->provider.request;
    const struct geocoder_provider *provider = rig->provider.geocoder->provider;
    assert_int_equal(provider->ask(rig->provider.session, rig->points, rig->count, request, &err),
                     0);
    assert_true(asprintf(&asked, "%s?%.*s|%s|%.*s", request->path, (int)request->query.used,
                         (const char *)request->query.data,
                         request->content_type != NULL ? request->content_type : "GET",
                         (int)request->body.used, (const char *)request->body.data) > 0);
    return asked;
}

void batch_read_bytes(struct batch_rig *rig, unsigned status, const char *body, size_t size)
{
    const struct geocoder_provider *provider = rig->provider.geocoder->provider;
    free(rig->body);
    rig->body = malloc(size == 0 ? 1 : size);
    assert_non_null(rig->body);
    memcpy(rig->body, body, size);
    struct geocoder_reply reply = {.status = status, .body = rig->body, .size = size};
    memset(rig->answers, 0xee, sizeof rig->answers);
    assert_int_equal(
        provider->read(rig->provider.session, rig->points, rig->count, &reply, rig->answers, &err),
        0);
    /* Answers outlive the reply. */
    memset(rig->body, 'x', size);
}

void batch_read(struct batch_rig *rig, unsigned status, const char *body)
{
    batch_read_bytes(rig, status, body, strlen(body));
}

void batch_expect_field(struct batch_rig *rig, size_t i, enum address_field field, const char *text)
{
    const struct answer *answer = &rig->answers[i];
    struct buffer plain = {0};
    if (answer->kind == ANSWER_FAILED)
        fail_msg("%zu: %s: %.*s", i, failure_cause_names[answer->cause], (int)answer->detail.length,
                 answer->detail.data);
    assert_int_equal(answer->kind, ANSWER_FOUND);
    struct slice slice = answer->address.field[field];
    if (field == FIELD_LABEL)
        assert_int_equal(address_unfold(&answer->address, &plain, &err), 0);
    else
        assert_int_equal(buffer_append(&plain, slice.data, slice.length, &err), 0);
    assert_int_equal(buffer_append(&plain, "", 1, &err), 0);
    assert_string_equal((const char *)plain.data, text);
    buffer_free(&plain);
}

void batch_expect_label(struct batch_rig *rig, size_t i, const char *label)
{
    batch_expect_field(rig, i, FIELD_LABEL, label);
}

void batch_expect_empty(struct batch_rig *rig, size_t i)
{
    assert_int_equal(rig->answers[i].kind, ANSWER_EMPTY);
}

void batch_expect_failed(struct batch_rig *rig, size_t i, enum failure_cause cause, bool transient,
                         const char *detail_part)
{
    const struct answer *answer = &rig->answers[i];
    char detail[256];
    assert_int_equal(answer->kind, ANSWER_FAILED);
    assert_string_equal(failure_cause_names[answer->cause], failure_cause_names[cause]);
    assert_int_equal(answer->transient, transient);
    (void)snprintf(detail, sizeof detail, "%.*s", (int)answer->detail.length,
                   answer->detail.length > 0 ? answer->detail.data : "");
    if (strstr(detail, detail_part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", detail_part, detail);
    assert_null(strstr(detail, RIG_KEY));
}

void batch_expect_all_failed(struct batch_rig *rig, enum failure_cause cause, bool transient,
                             const char *detail_part)
{
    for (size_t i = 0; i < rig->count; i++)
        batch_expect_failed(rig, i, cause, transient, detail_part);
}
