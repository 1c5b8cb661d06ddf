/* Whether a client takes gzip, and what it gets then; assets and their tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "daemon/http_internal.h"
#include "http_rig.h"

static const char plain[] = "<!doctype html><title>a page</title>";
static const unsigned char packed[] = "not really gzip";
static const struct http_asset page = {.plain = (const unsigned char *)plain,
                                       .plain_bytes = sizeof plain - 1,
                                       .gzip = packed,
                                       .gzip_bytes = sizeof packed - 1,
                                       .etag = "\"abc\"",
                                       .security_policy = "default-src 'none'"};

static enum http_next route_page(struct http_call *call, struct http_reply *reply)
{
    (void)call;
    reply->content_type = "text/html; charset=utf-8";
    reply->cache_control = "no-cache";
    reply->asset = &page;
    return HTTP_REPLY;
}

static enum http_next put(struct http_reply *reply, size_t bytes, bool noise)
{
    assert_int_equal(buffer_reserve(&reply->body, bytes, NULL), 0);
    unsigned state = 12345;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525 + 1013904223;
        reply->body.data[i] = noise ? (unsigned char)(state >> 24) : (unsigned char)('a' + i % 7);
    }
    reply->body.used = bytes;
    return HTTP_REPLY;
}

static enum http_next route_tiny(struct http_call *call, struct http_reply *reply)
{
    (void)call;
    return put(reply, 100, false);
}

static enum http_next route_small(struct http_call *call, struct http_reply *reply)
{
    (void)call;
    return put(reply, 1000, false);
}

static enum http_next route_large(struct http_call *call, struct http_reply *reply)
{
    (void)call;
    return put(reply, 500000, false);
}

static enum http_next route_noise(struct http_call *call, struct http_reply *reply)
{
    (void)call;
    return put(reply, 5000, true);
}

static const struct http_path paths[] = {{"/page", route_page},   {"/tiny", route_tiny},
                                         {"/small", route_small}, {"/large", route_large},
                                         {"/noise", route_noise}, {NULL, NULL}};

static int set_up(void **state)
{
    struct http_settings settings = http_rig_settings(paths);
    *state = http_rig_open(&settings);
    return 0;
}

static int tear_down(void **state)
{
    http_close(*state);
    return 0;
}

static void test_accepted(void **state)
{
    (void)state;
    static const char *const yes[] = {"gzip",
                                      "GZIP",
                                      "x-gzip",
                                      "deflate, gzip;q=1.0, *;q=0.5",
                                      "*",
                                      "gzip;q=0.001",
                                      " br , gzip ",
                                      "gzip ; q=0.5",
                                      "*;q=0, gzip",
                                      "identity;q=0,gzip",
                                      "gzip;x=0;q=.5",
                                      "gzip;q=1;x=0"};
    static const char *const no[] = {"",         "br",      "gzip;q=0",    "gzip; q=0.000",
                                     "*;q=0",    "gzipped", "gzip;q=0, *", "identity",
                                     ",,;;,q=1", "gz ip",   ";gzip",       "gzip;Q=0.0"};
    assert_false(gzip_accepted(NULL));
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!gzip_accepted(yes[i]))
            fail_msg("not accepted: %s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (gzip_accepted(no[i]))
            fail_msg("accepted: %s", no[i]);
}

static char *ask(const struct http *http, const char *method, const char *path, const char *header)
{
    char request[300];
    (void)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path,
                   header);
    return http_rig_ask(http, request);
}

/* The body unpacked is what `put` makes. */
static void assert_unpacks(const char *reply, size_t bytes)
{
    unsigned char *text = malloc(bytes + 1);
    z_stream stream = {0};
    assert_non_null(text);
    assert_int_equal(inflateInit2(&stream, 31), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)http_rig_body(reply);
    stream.avail_in = (uInt)strtoul(http_rig_header(reply, "Content-Length"), NULL, 10);
    stream.next_out = text;
    stream.avail_out = (uInt)bytes + 1;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, bytes);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(text[i], 'a' + i % 7);
    (void)inflateEnd(&stream);
    free(text);
}

static void assert_encoded(const char *reply, bool gzip, bool varies)
{
    assert_int_equal(http_rig_status(reply), 200);
    assert_string_equal(http_rig_header(reply, "Content-Encoding"), gzip ? "gzip" : "");
    assert_string_equal(http_rig_header(reply, "Vary"), varies ? "Accept-Encoding" : "");
}

static void test_bodies(void **state)
{
    static const struct {
        const char *path;
        size_t bytes;
        bool gzip, varies;
    } cases[] = {{"/tiny", 100, false, false},
                 {"/small", 1000, true, true},
                 {"/large", 500000, true, true},
                 {"/noise", 5000, false, true}};
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            char *reply = ask(*state, "GET", cases[i].path, "Accept-Encoding: gzip\r\n");
            assert_encoded(reply, cases[i].gzip, cases[i].varies);
            if (cases[i].gzip)
                assert_unpacks(reply, cases[i].bytes);
            char *head = ask(*state, "HEAD", cases[i].path, "Accept-Encoding: gzip\r\n");
            assert_memory_equal(head + 80, reply + 80, strlen(head) - 80); /* not the date */
            free(head);
            free(reply);
            reply = ask(*state, "GET", cases[i].path, "Accept-Encoding: gzip;q=0\r\n");
            assert_encoded(reply, false, cases[i].varies);
            assert_int_equal(strtoul(http_rig_header(reply, "Content-Length"), NULL, 10),
                             cases[i].bytes);
            free(reply);
        }
}

static void test_asset(void **state)
{
    char *reply = ask(*state, "GET", "/page", "");
    assert_encoded(reply, false, true);
    assert_string_equal(http_rig_body(reply), plain);
    assert_string_equal(http_rig_header(reply, "ETag"), "W/\"abc\"");
    assert_string_equal(http_rig_header(reply, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(http_rig_header(reply, "Content-Security-Policy"), "default-src 'none'");
    assert_string_equal(http_rig_header(reply, "Access-Control-Allow-Origin"), "");
    free(reply);
    reply = ask(*state, "GET", "/page", "Accept-Encoding: gzip\r\n");
    assert_encoded(reply, true, true);
    assert_string_equal(http_rig_body(reply), (const char *)packed);
    free(reply);
}

static void test_known_asset(void **state)
{
    static const char *const known[] = {"\"abc\"", "W/\"abc\"", "*", "\"x\", W/\"abc\" , \"y\""};
    static const char *const other[] = {"\"ab\"", "\"abcd\"", "abc", "", "W/", "\"x\",\"abc"};
    char header[100];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        (void)snprintf(header, sizeof header, "If-None-Match: %s\r\n", known[i]);
        int fd = http_rig_connect(*state);
        char request[200];
        (void)snprintf(request, sizeof request, "GET /page HTTP/1.1\r\nHost: x\r\n%s\r\n", header);
        http_rig_send(fd, request);
        char *reply = http_rig_read_reply(fd, true);
        assert_int_equal(http_rig_status(reply), 304);
        assert_string_equal(http_rig_header(reply, "ETag"), "W/\"abc\"");
        assert_string_equal(http_rig_header(reply, "Cache-Control"), "no-cache");
        free(reply);
        http_rig_send(fd, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n"); /* no body came before it */
        reply = http_rig_read_reply(fd, false);
        assert_int_equal(http_rig_status(reply), 200);
        free(reply);
        (void)close(fd);
    }
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        (void)snprintf(header, sizeof header, "If-None-Match: %s\r\n", other[i]);
        char *reply = ask(*state, "GET", "/page", header);
        assert_int_equal(http_rig_status(reply), 200);
        free(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_asset),
        cmocka_unit_test(test_known_asset),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
