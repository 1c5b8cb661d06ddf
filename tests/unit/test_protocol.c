/* The words of the control socket: lines, frames, requests, arguments, replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/protocol.h"

static void cuts_lines_however_they_arrive(void **state)
{
    (void)state;
    static const char text[] = "one\n\ntwo\r\nthree";
    for (size_t step = 1; step <= sizeof text; step++) {
        struct protocol_lines lines = {.limit = 10};
        struct error err;
        char seen[64] = "", *line;
        size_t length;
        for (size_t at = 0; at < strlen(text); at += step) {
            size_t bytes = strlen(text) - at < step ? strlen(text) - at : step;
            assert_int_equal(protocol_lines_add(&lines, text + at, bytes, &err), 0);
            while (protocol_lines_next(&lines, &line, &length, &err) > 0) {
                assert_int_equal(strlen(line), length);
                (void)strncat(seen, line, sizeof seen - strlen(seen) - 1);
                (void)strncat(seen, "|", sizeof seen - strlen(seen) - 1);
            }
        }
        assert_string_equal(seen, "one||two|");
        const unsigned char *rest;
        assert_int_equal(protocol_lines_rest(&lines, &rest), 5);
        assert_memory_equal(rest, "three", 5);
        protocol_lines_skip(&lines, 5);
        assert_int_equal(protocol_lines_rest(&lines, &rest), 0);
        protocol_lines_free(&lines);
    }
}

static void refuses_long_lines(void **state)
{
    (void)state;
    struct error err;
    char *line;
    size_t length;
    struct protocol_lines lines = {.limit = 4};
    assert_int_equal(protocol_lines_add(&lines, "1234\n", 5, &err), 0);
    assert_int_equal(protocol_lines_next(&lines, &line, &length, &err), 1);
    assert_int_equal(protocol_lines_add(&lines, "1234", 4, &err), 0);
    assert_int_equal(protocol_lines_next(&lines, &line, &length, &err), 0);
    assert_int_equal(protocol_lines_add(&lines, "5", 1, &err), 0);
    assert_int_equal(protocol_lines_next(&lines, &line, &length, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    protocol_lines_free(&lines);
}

/* Payload of bytes in steps into out; -1 when they were refused. */
static int read_frames(const char *bytes, size_t count, size_t step, char *out, bool *ended)
{
    struct protocol_frames frames = {0};
    struct error err;
    size_t used = 0;
    for (size_t at = 0; at < count; at += step) {
        const unsigned char *data = (const unsigned char *)bytes + at, *piece;
        size_t left = count - at < step ? count - at : step, length;
        int got;
        while ((got = protocol_frames_next(&frames, &data, &left, &piece, &length, &err)) > 0) {
            memcpy(out + used, piece, length);
            used += length;
        }
        if (got < 0) {
            assert_int_equal(err.code, ERROR_USAGE);
            return -1;
        }
    }
    out[used] = '\0';
    *ended = frames.ended;
    return 0;
}

static void reads_frames_however_they_arrive(void **state)
{
    (void)state;
    static const char whole[] = "\0\0\0\3abc\0\0\0\1d\0\0\0\0";
    for (size_t step = 1; step < sizeof whole; step++) {
        char out[32];
        bool ended = false;
        assert_int_equal(read_frames(whole, sizeof whole - 1, step, out, &ended), 0);
        assert_string_equal(out, "abcd");
        assert_true(ended);
        assert_int_equal(read_frames(whole, sizeof whole - 2, step, out, &ended), 0);
        assert_false(ended);
    }
}

static void refuses_bad_frames(void **state)
{
    (void)state;
    char out[32];
    bool ended;
    assert_int_equal(read_frames("\0\0\0\0x", 5, 5, out, &ended), -1);
    assert_int_equal(read_frames("\0\0\0\0x", 5, 1, out, &ended), -1);
    assert_int_equal(read_frames("\0\x10\0\1", 4, 4, out, &ended), -1);
    assert_int_equal(read_frames("\xff\xff\xff\xff", 4, 2, out, &ended), -1);
}

static void frame_heads_read_back(void **state)
{
    (void)state;
    unsigned char head[PROTOCOL_FRAME_HEAD];
    protocol_frame_head(0x00012345, head);
    assert_memory_equal(head, "\x00\x01\x23\x45", 4);
}

static int parse(const char *line, struct protocol_request *request, struct error *err)
{
    return protocol_request_parse(request, line, strlen(line), err);
}

static void parses_requests(void **state)
{
    (void)state;
    struct protocol_request request;
    struct error err;
    assert_int_equal(parse("{\"command\":\"start\",\"arguments\":{\"rate\":5}}", &request, &err),
                     0);
    assert_string_equal(request.command, "start");
    double rate = 0;
    assert_int_equal(protocol_number(request.arguments, "rate", 0, 10, &rate, &err), 1);
    assert_true(rate == 5);
    protocol_request_free(&request);
    assert_int_equal(parse("{\"command\":\"status\"}", &request, &err), 0);
    assert_null(request.arguments);
    protocol_request_free(&request);
}

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "hello",
                                      "[]",    "{\"command\":1}",
                                      "{}",    "{\"command\":\"x\"} y",
                                      "3",     "{\"command\":\"x\",\"arguments\":[]}",
                                      "\"x\"", "{\"command\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct protocol_request request;
        struct error err;
        assert_int_equal(parse(bad[i], &request, &err), -1);
        assert_int_equal(err.code, ERROR_USAGE);
    }
    struct protocol_request request;
    assert_int_equal(protocol_request_parse(&request, "{\"command\":\"x\"\0}", 16, NULL), -1);
    char deep[8192];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(parse(deep, &request, NULL), -1);
}

static void checks_arguments(void **state)
{
    (void)state;
    struct protocol_request request;
    struct error err;
    assert_int_equal(parse("{\"command\":\"x\",\"arguments\":{\"n\":1.5,\"big\":1e300,\"t\":\"a\","
                           "\"f\":true,\"nil\":null}}",
                           &request, &err),
                     0);
    const cJSON *arguments = request.arguments;
    double number = 7;
    uint64_t whole = 7;
    bool flag = false;
    const char *text = NULL;
    assert_int_equal(protocol_number(arguments, "absent", 0, 9, &number, &err), 0);
    assert_int_equal(protocol_number(arguments, "nil", 0, 9, &number, &err), 0);
    assert_true(number == 7);
    assert_int_equal(protocol_number(arguments, "big", 0, 9, &number, &err), -1);
    assert_non_null(strstr(err.message, "big"));
    assert_int_equal(protocol_number(arguments, "t", 0, 9, &number, &err), -1);
    assert_int_equal(protocol_whole(arguments, "n", 0, 9, &whole, &err), -1);
    assert_int_equal(protocol_flag(arguments, "f", &flag, &err), 1);
    assert_true(flag);
    assert_int_equal(protocol_flag(arguments, "n", &flag, &err), -1);
    assert_int_equal(protocol_text(arguments, "t", &text, &err), 1);
    assert_string_equal(text, "a");
    assert_int_equal(protocol_text(arguments, "f", &text, &err), -1);
    static const char *const some[] = {"n", "big", "t", "f", NULL};
    static const char *const all[] = {"n", "big", "t", "f", "nil", NULL};
    assert_int_equal(protocol_only(arguments, all, &err), 0);
    assert_int_equal(protocol_only(arguments, some, &err), -1);
    assert_int_equal(protocol_only(NULL, some, &err), 0);
    protocol_request_free(&request);
}

static void reads_lists_of_tiles(void **state)
{
    (void)state;
    uint8_t bitmap[72];
    struct error err;
    assert_int_equal(protocol_tiles("3,7-9,575", 576, bitmap, &err), 0);
    for (unsigned tile = 0; tile < 576; tile++) {
        bool wanted = tile == 3 || (tile >= 7 && tile <= 9) || tile == 575;
        assert_int_equal(bitmap[tile / 8] >> tile % 8 & 1, wanted);
    }
    static const char *const bad[] = {"",   ",", "1,", "576",  "9-7",  "-1",
                                      "1-", "a", "1 ", "1--2", "1,,2", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(protocol_tiles(bad[i], 576, bitmap, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    assert_int_equal(protocol_tiles("0", 0, bitmap, &err), -1);
}

static void errors_survive_the_way(void **state)
{
    (void)state;
    for (int code = ERROR_NONE + 1; code <= ERROR_UNREACHABLE; code++) {
        struct error sent = {.code = (enum error_code)code, .message = "say \"why\""}, got = {0};
        cJSON *reply = protocol_reply_error(&sent);
        assert_non_null(reply);
        assert_int_equal(protocol_reply_check(reply, &got), -1);
        assert_int_equal(got.code, sent.code);
        assert_string_equal(got.message, sent.message);
        cJSON_Delete(reply);
    }
    struct error err;
    cJSON *reply = cJSON_Parse("{\"ok\":true}");
    assert_int_equal(protocol_reply_check(reply, &err), 0);
    cJSON_Delete(reply);
    reply = cJSON_Parse("{\"ok\":1,\"code\":\"new\"}");
    assert_int_equal(protocol_reply_check(reply, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    cJSON_Delete(reply);
}

static void errors_have_exit_statuses(void **state)
{
    (void)state;
    assert_int_equal(protocol_exit(ERROR_NONE), 0);
    assert_int_equal(protocol_exit(ERROR_IO), 1);
    assert_int_equal(protocol_exit(ERROR_VALUE), 1);
    assert_int_equal(protocol_exit(ERROR_USAGE), 2);
    assert_int_equal(protocol_exit(ERROR_CONFIG), 2);
    assert_int_equal(protocol_exit(ERROR_UNREACHABLE), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_lines_however_they_arrive),
        cmocka_unit_test(refuses_long_lines),
        cmocka_unit_test(reads_frames_however_they_arrive),
        cmocka_unit_test(refuses_bad_frames),
        cmocka_unit_test(frame_heads_read_back),
        cmocka_unit_test(parses_requests),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(checks_arguments),
        cmocka_unit_test(reads_lists_of_tiles),
        cmocka_unit_test(errors_survive_the_way),
        cmocka_unit_test(errors_have_exit_statuses),
    };
    return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
