#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>
#include <zstd.h>

#include "base/clock.h"
#include "tests/unit/cache_rig.h"
#include "tests/unit/certificates_rig.h"
#include "tests/unit/exchange_rig.h"
#include "tests/unit/tls_rig.h"

#define RECORD_BYTES 300000
#define DEADLINE 20.0
#define NONE "00112233445566778899aabbccddeeff"

static struct exchange_rig rig;

static int open_rig(void **state)
{
    if (cache_rig_open(state) != 0)
        return -1;
    cache_rig_must_publish(1, 15);
    exchange_rig_open(&rig, RECORD_BYTES, "peer");
    return 0;
}

static int close_rig(void **state)
{
    exchange_rig_close(&rig);
    return cache_rig_close(state);
}

/* The whole reply to one request, with a NUL behind it; the caller frees it. */
static struct buffer ask_as(const char *certificate, const char *method, const char *path,
                            const char *headers)
{
    struct exchange_identity identity;
    struct buffer reply = {0};
    char text[4096];
    if (certificate != NULL)
        identity = certificates_rig_identity(certificate);
    (void)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
                   method, path, headers);
    tls_rig_ask(exchange_server_port(rig.server), certificate != NULL ? &identity : NULL, text, 0,
                &reply);
    assert_int_equal(buffer_append(&reply, "", 1, NULL), 0);
    reply.used--;
    return reply;
}

static unsigned status_of(const struct buffer *reply)
{
    unsigned status = 0;
    if (reply->used > 12)
        (void)sscanf((const char *)reply->data, "HTTP/1.1 %u", &status);
    return status;
}

static unsigned get(const char *path)
{
    struct buffer reply = ask_as("peer", "GET", path, "");
    unsigned status = status_of(&reply);
    buffer_free(&reply);
    return status;
}

/* What follows the head. */
static struct buffer body_of(const struct buffer *reply)
{
    struct buffer body = {0};
    const char *end = strstr((const char *)reply->data, "\r\n\r\n");
    assert_non_null(end);
    size_t head = (size_t)(end + 4 - (const char *)reply->data);
    assert_int_equal(buffer_append(&body, reply->data + head, reply->used - head, NULL), 0);
    return body;
}

static struct buffer get_body(const char *path, const char *headers, unsigned status)
{
    struct buffer reply = ask_as("peer", "GET", path, headers);
    assert_int_equal(status_of(&reply), status);
    struct buffer body = body_of(&reply);
    buffer_free(&reply);
    return body;
}

static bool reaches_refused(uint64_t least)
{
    double until = clock_monotonic() + DEADLINE;
    while (exchange_server_figures(rig.server).refused < least && clock_monotonic() < until)
        (void)usleep(1000);
    return exchange_server_figures(rig.server).refused >= least;
}

/* --- who gets something ------------------------------------------------------------------ */

static void nobody_else_gets_a_byte(void **state)
{
    static const char *const strangers[] = {NULL, "expired", "future", "foreign", "self", "server"};
    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        static const char *const paths[] = {"/", "/nothing"};
        for (size_t p = 0; p < 3; p++) {
            struct buffer reply =
                ask_as(strangers[i], "GET",
                       p < 2 ? paths[p] : exchange_rig_path(&rig, EXCHANGE_ANSWERS), "");
            if (reply.used > 0)
                fail_msg("%s got: %.60s", strangers[i], (const char *)reply.data);
            buffer_free(&reply);
        }
    }
    assert_true(reaches_refused(18));
    assert_int_equal(rig.asked, 0);
    assert_int_equal(exchange_server_figures(rig.server).requests, 0);
    assert_int_equal(exchange_server_figures(rig.server).bytes_sent, 0);
    assert_int_equal(get(exchange_rig_path(&rig, EXCHANGE_ANSWERS)), 200);
    assert_int_equal(get(exchange_rig_path(&rig, EXCHANGE_ANSWERS)), 200);
    assert_int_equal(exchange_server_figures(rig.server).refused, 18);
}

static void http_without_tls_gets_nothing(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)exchange_server_port(rig.server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char reply[200] = "";
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, text, sizeof text - 1, MSG_NOSIGNAL), sizeof text - 1);
    while (recv(fd, reply, sizeof reply - 1, 0) > 0)
        assert_null(memmem(reply, sizeof reply, "HTTP", 4));
    (void)close(fd);
}

#define STRANGERS 800

/* Connections that never show a certificate, as many as there may be and more. */
static void strangers_do_not_keep_others_out(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)exchange_server_port(rig.server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit files;
    int fds[STRANGERS];
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    for (size_t i = 0; i < STRANGERS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
    }
    double begin = clock_monotonic();
    assert_int_equal(get(exchange_rig_path(&rig, EXCHANGE_MANIFEST)), 200);
    assert_true(clock_monotonic() - begin < 5);
    for (size_t i = 0; i < STRANGERS; i++)
        (void)close(fds[i]);
}

/* --- what there is ----------------------------------------------------------------------- */

static void assert_unpacks_to(const struct buffer *packed, const struct buffer *wanted)
{
    unsigned char *out = malloc(wanted->used + 1);
    assert_true(packed->used < wanted->used);
    assert_int_equal(ZSTD_decompress(out, wanted->used + 1, packed->data, packed->used),
                     wanted->used);
    assert_memory_equal(out, wanted->data, wanted->used);
    free(out);
}

static void every_kind_is_served(void **state)
{
    struct buffer body = get_body(exchange_rig_path(&rig, EXCHANGE_ANSWERS), "", 200);
    (void)state;
    assert_unpacks_to(&body, &rig.record);
    buffer_free(&body);
    body = get_body(exchange_rig_path(&rig, EXCHANGE_LEARNED), "", 200);
    assert_unpacks_to(&body, &rig.csv);
    buffer_free(&body);
    body = get_body(exchange_rig_path(&rig, EXCHANGE_MANIFEST), "", 200);
    struct manifest *manifest;
    assert_int_equal(
        manifest_parse(&manifest, (const char *)body.data, body.used, "the reply", NULL), 0);
    buffer_free(&body);
    body = get_body(exchange_rig_path(&rig, EXCHANGE_INDEX), "", 200);
    assert_int_equal(body.used, manifest->tiles[1].info.index_bytes);
    buffer_free(&body);
    body = get_body(exchange_rig_path(&rig, EXCHANGE_DATA), "", 200);
    assert_int_equal(body.used, manifest->tiles[1].info.data_bytes);
    buffer_free(&body);
    manifest_free(manifest);
    assert_int_equal(exchange_server_figures(rig.server).requests, 5);
    assert_true(exchange_server_figures(rig.server).bytes_sent > 1000);
}

static void what_is_not_there_is_404(void **state)
{
    static const char *const paths[] = {"/answers/" RIG_RUN "/17/" NONE,
                                        "/learned/" RIG_RUN "/" NONE,
                                        "/manifest/" NONE,
                                        "/pair/1/" NONE "/idx",
                                        "/pair/1/" NONE "/dat",
                                        "/pair/4000000000/" NONE "/dat"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(get(paths[i]), 404);
    assert_int_equal(rig.asked, 6);
}

static void what_is_no_name_never_reaches_a_shelf(void **state)
{
    static const struct {
        const char *before, *behind;
    } forms[] = {{"", "/"},     {"", "%00"}, {"/.", ""},   {"", "?x"},
                 {"/x/..", ""}, {"/", ""},   {"", ".part"}};
    (void)state;
    for (enum exchange_kind kind = EXCHANGE_ANSWERS; kind <= EXCHANGE_DATA; kind++) {
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            char path[300];
            (void)snprintf(path, sizeof path, "%s%s%s", forms[i].before,
                           exchange_rig_path(&rig, kind), forms[i].behind);
            assert_int_equal(get(path), 404);
        }
    }
    static const char *const paths[] = {"/",
                                        "/../../../etc/passwd",
                                        "/..%2f..%2fetc%2fpasswd",
                                        "/manifest/..",
                                        "/manifest/%2e%2e",
                                        "/%61nswers/" RIG_RUN
                                        "/17/00112233445566778899aabbccddeeff",
                                        "/pair/1/../../MANIFEST/idx",
                                        "//etc/passwd",
                                        "*",
                                        "https://x/manifest/00112233445566778899aabbccddeeff"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(get(paths[i]), 404);
    assert_int_equal(rig.asked, 0);
}

static void other_methods_are_405(void **state)
{
    static const char *const methods[] = {"HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        struct buffer reply = ask_as("peer", methods[i], exchange_rig_path(&rig, EXCHANGE_MANIFEST),
                                     "Content-Length: 0\r\n");
        assert_int_equal(status_of(&reply), 405);
        buffer_free(&reply);
    }
    assert_int_equal(rig.asked, 0);
}

static void a_failing_shelf_is_500(void **state)
{
    (void)state;
    atomic_store(&rig.fails, true);
    for (enum exchange_kind kind = EXCHANGE_ANSWERS; kind <= EXCHANGE_DATA; kind++)
        assert_int_equal(get(exchange_rig_path(&rig, kind)), 500);
    atomic_store(&rig.fails, false);
    assert_int_equal(get(exchange_rig_path(&rig, EXCHANGE_ANSWERS)), 200);
}

static void a_learned_set_that_went_meanwhile_is_404(void **state)
{
    (void)state;
    assert_int_equal(unlink(rig.csv_path), 0);
    assert_int_equal(get(exchange_rig_path(&rig, EXCHANGE_LEARNED)), 404);
}

/* --- parts -------------------------------------------------------------------------------- */

static void a_range_goes_on_where_it_says(void **state)
{
    (void)state;
    for (enum exchange_kind kind = EXCHANGE_ANSWERS; kind <= EXCHANGE_DATA; kind++) {
        char path[EXCHANGE_PATH_BYTES], header[60];
        (void)snprintf(path, sizeof path, "%s", exchange_rig_path(&rig, kind));
        struct buffer whole = get_body(path, "", 200);
        size_t firsts[] = {1, whole.used / 2, whole.used - 1};
        for (size_t i = 0; i < 3; i++) {
            (void)snprintf(header, sizeof header, "Range: bytes=%zu-\r\n", firsts[i]);
            struct buffer rest = get_body(path, header, 206);
            assert_int_equal(rest.used, whole.used - firsts[i]);
            assert_memory_equal(rest.data, whole.data + firsts[i], rest.used);
            buffer_free(&rest);
        }
        (void)snprintf(header, sizeof header, "Range: bytes=%zu-\r\n", whole.used);
        struct buffer none = get_body(path, header, 416);
        assert_int_equal(none.used, 0);
        buffer_free(&none);
        buffer_free(&whole);
    }
}

static void a_range_says_what_it_is(void **state)
{
    char wanted[80];
    const char *path = exchange_rig_path(&rig, EXCHANGE_MANIFEST);
    struct buffer whole = get_body(path, "", 200);
    struct buffer reply = ask_as("peer", "GET", path, "Range: bytes=7-\r\n");
    (void)state;
    (void)snprintf(wanted, sizeof wanted, "\r\nContent-Range: bytes 7-%zu/%zu\r\n", whole.used - 1,
                   whole.used);
    assert_non_null(strstr((const char *)reply.data, wanted));
    buffer_free(&reply);
    buffer_free(&whole);
}

static void other_ranges_are_as_if_not_there(void **state)
{
    static const char *const ranges[] = {"bytes=0-",
                                         "bytes=1-2",
                                         "bytes=-5",
                                         "bytes=1-,3-",
                                         "bytes=x-",
                                         "bytes=",
                                         "bytes=1",
                                         "items=1-",
                                         "bytes= 1-",
                                         "bytes=-",
                                         "bytes=+1-",
                                         "1-",
                                         "bytes=9999999999999999999-"};
    const char *path = exchange_rig_path(&rig, EXCHANGE_MANIFEST);
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        char header[80];
        (void)snprintf(header, sizeof header, "Range: %s\r\n", ranges[i]);
        struct buffer body = get_body(path, header, 200);
        buffer_free(&body);
    }
}

static void compressed_bytes_are_kept_for_the_next_part(void **state)
{
    const char *path = exchange_rig_path(&rig, EXCHANGE_ANSWERS);
    (void)state;
    assert_int_equal(get(path), 200);
    assert_int_equal(get(path), 200);
    struct buffer rest = get_body(path, "Range: bytes=1000-\r\n", 206);
    buffer_free(&rest);
    assert_int_equal(rig.asked, 1);
}

/* --- the start ---------------------------------------------------------------------------- */

static void assert_no_start(const char *listen, struct exchange_identity identity,
                            const char *named)
{
    struct exchange_shelves shelves = {0};
    struct exchange_server *server;
    struct error err;
    assert_int_equal(exchange_server_open(&server, listen, &identity, &shelves, &err), -1);
    if (strstr(err.message, named) == NULL)
        fail_msg("\"%s\" does not name %s", err.message, named);
}

static void a_failed_start_names_what_is_wrong(void **state)
{
    const struct exchange_identity good = certificates_rig_identity("peer");
    struct exchange_identity bad = good;
    (void)state;
    assert_no_start(rig.address, good, rig.address);
    assert_no_start("nowhere", good, "nowhere");
    bad.ca_file = certificates_rig_path("absent.pem");
    assert_no_start("127.0.0.1:0", bad, bad.ca_file);
    bad.ca_file = good.key_file;
    assert_no_start("127.0.0.1:0", bad, bad.ca_file);
    bad = good;
    bad.key_file = certificates_rig_path("other.key");
    assert_no_start("127.0.0.1:0", bad, bad.key_file);
    bad.key_file = good.cert_file;
    assert_no_start("127.0.0.1:0", bad, bad.key_file);
    exchange_server_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        TEST(nobody_else_gets_a_byte),
        TEST(http_without_tls_gets_nothing),
        TEST(strangers_do_not_keep_others_out),
        TEST(every_kind_is_served),
        TEST(what_is_not_there_is_404),
        TEST(what_is_no_name_never_reaches_a_shelf),
        TEST(other_methods_are_405),
        TEST(a_failing_shelf_is_500),
        TEST(a_learned_set_that_went_meanwhile_is_404),
        TEST(a_range_goes_on_where_it_says),
        TEST(a_range_says_what_it_is),
        TEST(other_ranges_are_as_if_not_there),
        TEST(compressed_bytes_are_kept_for_the_next_part),
        TEST(a_failed_start_names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, certificates_rig_open, certificates_rig_close);
}
