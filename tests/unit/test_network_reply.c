#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/session_rig.h"

static struct error err;

static struct answer answers[2];

static struct geocoder_reply made(unsigned status, const char *body)
{
    return (struct geocoder_reply){.status = status, .body = body, .size = strlen(body)};
}

static const cJSON *read_as_object(const struct geocoder_reply *reply)
{
    const cJSON *tree = NULL;
    assert_int_equal(read_object(rig_session, reply, 2, &tree, answers, &err), 0);
    return tree;
}

static void there_is_room_for_every_answer(void **state)
{
    struct geocoder_reply reply = made(200, "{\"a\":1}");
    (void)state;
    assert_int_equal(read_begin(rig_session, &reply, 2, &err), 0);
    assert_int_equal(rig_session->text.used, 0);
    assert_true(rig_session->text.room >= 3 * reply.size + 2 * ANSWER_ROOM);
    assert_int_equal(buffer_append(&rig_session->text, "x", 1, &err), 0);
    assert_int_equal(read_begin(rig_session, &reply, 2, &err), 0);
    assert_int_equal(rig_session->text.used, 0);
}

static void an_object_is_read(void **state)
{
    struct geocoder_reply reply = made(200, " {\"a\":\"\\u00e9\"} \n");
    (void)state;
    const cJSON *tree = read_as_object(&reply);
    assert_non_null(tree);
    assert_string_equal(json_text(tree, "a"), "\xc3\xa9");
    assert_null(json_text(tree, "b"));
    reply = made(299, "{}");
    assert_non_null(read_as_object(&reply));
}

static void what_is_no_object_fails_all(void **state)
{
    static const char *const bodies[] = {"", "7", "[]", "null", "\"x\"", "{", "<html>", "{}x"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct geocoder_reply reply = made(200, bodies[i]);
        assert_null(read_as_object(&reply));
        for (int a = 0; a < 2; a++) {
            assert_int_equal(answers[a].kind, ANSWER_FAILED);
            assert_int_equal(answers[a].cause, CAUSE_BAD_REPLY);
            assert_true(answers[a].transient);
            assert_true(answers[a].detail.length > 0);
        }
    }
}

static void another_status_fails_all(void **state)
{
    struct geocoder_reply reply = made(502, "{\"message\":\"no backend\"}");
    (void)state;
    assert_null(read_as_object(&reply));
    for (int a = 0; a < 2; a++) {
        assert_int_equal(answers[a].cause, CAUSE_HTTP_5XX);
        assert_int_equal(answers[a].status, 502);
        assert_memory_equal(answers[a].detail.data, "no backend", 10);
    }
}

static void a_reply_has_a_limit(void **state)
{
    size_t limit = GEOCODER_REPLY_BYTES(2);
    char *body = malloc(limit + 1);
    (void)state;
    assert_non_null(body);
    memset(body, ' ', limit + 1);
    body[0] = '{';
    body[1] = '}';
    struct geocoder_reply reply = {.status = 200, .body = body, .size = limit};
    assert_non_null(read_as_object(&reply));
    reply.size = limit + 1;
    assert_null(read_as_object(&reply));
    assert_int_equal(answers[1].cause, CAUSE_BAD_REPLY);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_room_for_every_answer),
        cmocka_unit_test(an_object_is_read),
        cmocka_unit_test(what_is_no_object_fails_all),
        cmocka_unit_test(another_status_fails_all),
        cmocka_unit_test(a_reply_has_a_limit),
    };
    return cmocka_run_group_tests(tests, rig_session_open, rig_session_close);
}
