#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/session_rig.h"

static struct error err;

static struct answer answers[3];

static struct geocoder_reply begin(unsigned status, const char *body)
{
    struct geocoder_reply reply = {.status = status, .body = body, .size = strlen(body)};
    assert_int_equal(read_begin(rig_session, &reply, 3, &err), 0);
    return reply;
}

static void expect_detail(const struct answer *answer, const char *expected)
{
    char detail[DETAIL_BYTES + 1] = "";
    assert_true(answer->detail.length <= DETAIL_BYTES);
    if (answer->detail.length > 0)
        memcpy(detail, answer->detail.data, answer->detail.length);
    assert_string_equal(detail, expected);
}

static void statuses_tell_causes(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 700; status++) {
        bool transient = false;
        enum failure_cause cause = status_cause(status, &transient);
        assert_int_equal(cause == CAUSE_NONE, status >= 200 && status < 300);
        if (cause == CAUSE_NONE)
            continue;
        assert_int_equal(transient,
                         status == 408 || status == 425 || status == 429 || status >= 500);
        if (status >= 500)
            assert_int_equal(cause, CAUSE_HTTP_5XX);
    }
}

static void details_are_one_line(void **state)
{
    struct geocoder_reply reply = begin(500, "");
    (void)state;
    fail_one(rig_session, &reply, CAUSE_HTTP_5XX, true,
             " \n a\t\tb\x7f \x1b[31mc \xc2\x9b d\xe2\x80\xa8"
             "e\xff\xc3 \n",
             &answers[0]);
    expect_detail(&answers[0], "a b [31mc d e");
    assert_int_equal(answers[0].kind, ANSWER_FAILED);
    assert_int_equal(answers[0].cause, CAUSE_HTTP_5XX);
    assert_int_equal(answers[0].status, 500);
    assert_true(answers[0].transient);
    fail_one(rig_session, &reply, CAUSE_BAD_REPLY, false, NULL, &answers[0]);
    expect_detail(&answers[0], "");
    assert_false(answers[0].transient);
}

static void long_details_are_cut_between_characters(void **state)
{
    char text[401];
    struct geocoder_reply reply = begin(500, "");
    (void)state;
    text[0] = 'x';
    for (size_t i = 1; i < sizeof text - 2; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[399] = '\0';
    fail_one(rig_session, &reply, CAUSE_HTTP_5XX, true, text, &answers[0]);
    assert_int_equal(answers[0].detail.length, 199);
    assert_memory_equal(answers[0].detail.data, text, 199);
}

static void the_key_is_masked(void **state)
{
    char text[300];
    struct geocoder_reply reply = begin(500, "");
    (void)state;
    fail_one(rig_session, &reply, CAUSE_DENIED, false,
             "no k\xc3\xa9y/1, k%C3%A9y%2F1, k%c3%a9y/1; but k%C3%A9y/2 k\xc3\xa9", &answers[0]);
    expect_detail(&answers[0], "no ***, ***, ***; but k%C3%A9y/2 k\xc3\xa9");
    for (size_t before = 180; before < 205; before++) {
        memset(text, 'x', before);
        memcpy(text + before, RIG_SESSION_KEY, sizeof RIG_SESSION_KEY);
        fail_one(rig_session, &reply, CAUSE_DENIED, false, text, &answers[0]);
        for (size_t i = 0; i < answers[0].detail.length; i++)
            assert_int_not_equal(answers[0].detail.data[i], 'k');
    }
}

static void all_share_one_detail(void **state)
{
    struct geocoder_reply reply = begin(403, "");
    (void)state;
    fail_all(rig_session, &reply, 3, CAUSE_DENIED, false, "go away", answers);
    for (int i = 0; i < 3; i++) {
        expect_detail(&answers[i], "go away");
        assert_int_equal(answers[i].cause, CAUSE_DENIED);
    }
    assert_ptr_equal(answers[0].detail.data, answers[2].detail.data);
    fail_all(rig_session, &reply, 0, CAUSE_DENIED, false, "go away", NULL);
}

static void expect_message(const char *json, const char *expected)
{
    struct geocoder_reply reply = begin(500, json);
    const char *why;
    const cJSON *tree = read_json(rig_session, &reply, &why);
    assert_non_null(tree);
    const char *message = reply_message(tree);
    if (expected == NULL)
        assert_null(message);
    else
        assert_string_equal(message == NULL ? "(none)" : message, expected);
}

static void messages_come_in_many_shapes(void **state)
{
    (void)state;
    expect_message("{\"error\":\"a\"}", "a");
    expect_message("{\"error\":{\"code\":400,\"message\":\"b\"}}", "b");
    expect_message("{\"message\":\"c\"}", "c");
    expect_message("{\"error_message\":\"d\",\"status\":\"NO\"}", "d");
    expect_message("{\"geocoding\":{\"errors\":[\"e\",\"f\"]}}", "e");
    expect_message("{\"errors\":[{\"description\":\"g\"}]}", "g");
    expect_message("{\"status\":{\"code\":402,\"message\":\"h\"}}", "h");
    expect_message("{\"status\":400,\"title\":\"i\"}", "i");
    expect_message("{\"error\":\"x\",\"error_description\":\"j\"}", "j");
    expect_message("{\"error\":[],\"errors\":{},\"message\":7,\"detail\":null}", NULL);
    expect_message("{\"error\":\"\"}", NULL);
    expect_message("[\"error\"]", NULL);
}

static void quotas_are_not_paces(void **state)
{
    (void)state;
    assert_true(speaks_of_quota("Daily limit reached"));
    assert_true(speaks_of_quota("You are over your QUOTA"));
    assert_true(speaks_of_quota("Queries per month exceeded"));
    assert_false(speaks_of_quota("Queries per second exceeded"));
    assert_false(speaks_of_quota("Too Many Requests"));
    assert_false(speaks_of_quota(NULL));
}

static void expect_status(unsigned status, const char *body, enum failure_cause cause,
                          const char *detail)
{
    struct geocoder_reply reply = begin(status, body);
    fail_status(rig_session, &reply, 3, answers);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answers[i].cause, cause);
        assert_int_equal(answers[i].status, status);
        expect_detail(&answers[i], detail);
    }
}

static void a_refusal_carries_its_message(void **state)
{
    (void)state;
    expect_status(503, "Query took too long\n", CAUSE_HTTP_5XX, "Query took too long");
    expect_status(503, "\n <html>", CAUSE_HTTP_5XX,
                  "a page for a browser came instead of an answer");
    expect_status(503, "", CAUSE_HTTP_5XX, "");
    expect_status(403, "{\"message\":\"no\"}", CAUSE_DENIED, "no");
    expect_status(403, "{\"message\":\"monthly quota\"}", CAUSE_QUOTA, "monthly quota");
    expect_status(429, "slow down", CAUSE_HTTP_429, "slow down");
    assert_true(answers[0].transient);
    expect_status(429, "daily limit", CAUSE_QUOTA, "daily limit");
    assert_false(answers[0].transient);
    expect_status(500, "{\"message\":\"daily\"}", CAUSE_HTTP_5XX, "daily");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_tell_causes),
        cmocka_unit_test(details_are_one_line),
        cmocka_unit_test(long_details_are_cut_between_characters),
        cmocka_unit_test(the_key_is_masked),
        cmocka_unit_test(all_share_one_detail),
        cmocka_unit_test(messages_come_in_many_shapes),
        cmocka_unit_test(quotas_are_not_paces),
        cmocka_unit_test(a_refusal_carries_its_message),
    };
    return cmocka_run_group_tests(tests, rig_session_open, rig_session_close);
}
