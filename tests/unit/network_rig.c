#include "tests/unit/network_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/patience.h"

/* --- a provider that asks with the point's latitude as a number ---------------------- */

_Atomic bool network_rig_posting;

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
    int length =
        snprintf(text, sizeof text, "key=%s&n=%d&count=%zu", NETWORK_RIG_KEY, points[0].lat, count);
    request->path = "/reverse";
    request->content_type = network_rig_posting ? "text/plain" : NULL;
    buffer_clear(&request->query);
    buffer_clear(&request->body);
    if (network_rig_posting && buffer_append(&request->body, "what is here?", 13, err) != 0)
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

static void alarm_rang(uv_timer_t *timer)
{
    (void)timer;
}

void network_rig_start(struct network_rig *rig, unsigned slot, int number)
{
    struct error err;
    struct network_outcome *one = &rig->slots[slot];
    one->point = (struct point){.lat = number};
    one->request = (struct request){.count = 1, .points = &one->point};
    if (rig->transport->start(rig->transport, &one->request, &err) != 0)
        fail_msg("%s", err.message);
}

static void request_done(void *context, struct request *request, const struct answer *answers,
                         const struct error *err)
{
    struct network_rig *rig = context;
    struct network_outcome *one = (struct network_outcome *)request;
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
    assert_null(strstr(answers[0].kind == ANSWER_FAILED ? one->text : "", NETWORK_RIG_KEY));
    if (rig->again > 0) {
        char wanted[30];
        (void)snprintf(wanted, sizeof wanted, "&n=%d&", one->point.lat);
        rig->failed += one->answer.kind == ANSWER_FAILED;
        rig->wrong += one->answer.kind == ANSWER_FOUND && strstr(one->text, wanted) == NULL;
        network_rig_start(rig, (unsigned)(one - rig->slots), (int)rig->again--);
    }
}

struct network_rig *network_rig_make(void)
{
    struct network_rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    assert_int_equal(uv_timer_init(&rig->loop, &rig->alarm), 0);
    rig->geocoder.provider = &provider;
    rig->geocoder.settings = (struct geocoder_settings){
        .url = rig->url, .ca_file = "", .user_agent = "tester/1", .timeout = 5, .batch = 1};
    network_rig_posting = false;
    return rig;
}

void network_rig_open(struct network_rig *rig)
{
    struct error err;
    if (transport_network_open(&rig->transport, &rig->loop, &rig->geocoder, request_done, rig,
                               &err) != 0)
        fail_msg("%s", err.message);
}

struct network_rig *network_rig_script(const struct step *steps, size_t count)
{
    struct network_rig *rig = network_rig_make();
    memcpy(rig->script.steps, steps, count * sizeof *steps);
    rig->script.count = count;
    http_script_start(&rig->script);
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%u/base", rig->script.port);
    network_rig_open(rig);
    return rig;
}

unsigned network_rig_run_for(struct network_rig *rig, double seconds, unsigned until_done)
{
    unsigned turns = 0;
    double end = clock_monotonic() + seconds;
    (void)uv_timer_start(&rig->alarm, alarm_rang, 20, 20);
    for (; rig->done < until_done && clock_monotonic() < end; turns++)
        (void)uv_run(&rig->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&rig->alarm);
    return turns;
}

void network_rig_run_until(struct network_rig *rig, unsigned done)
{
    network_rig_run_for(rig, PATIENCE, done);
    assert_int_equal(rig->done, done);
}

const struct network_outcome *network_rig_ask(struct network_rig *rig)
{
    rig->slots[0] = (struct network_outcome){.times = 0};
    network_rig_start(rig, 0, 7);
    network_rig_run_until(rig, rig->done + 1);
    assert_false(rig->slots[0].no_answer);
    assert_int_equal(rig->slots[0].times, 1);
    return &rig->slots[0];
}

void network_rig_close(struct network_rig *rig)
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
