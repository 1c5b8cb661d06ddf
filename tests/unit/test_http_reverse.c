/* The route /reverse over a real cache: what is found, what is not, what is wrong, what is broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "daemon/http_routes.h"
#include "daemon/metrics.h"
#include "http_rig.h"
#include "learned_rig.h"

#define MISS "{\"error\":\"Unable to geocode\"}"

struct fixture {
    struct learned_rig rig;
    struct follower *follower;
    struct lookup_limits limits;
    struct http_services services;
    struct http *http;
};

static void publish(struct fixture *f, uint64_t generation, const char *street)
{
    struct entry entries[] = {
        learned_entry((struct point){515000000, -1234567}, 1600000000, street, OUTCOME_FOUND),
        learned_entry((struct point){525000000, -1234567}, 1600000000, NULL, OUTCOME_NONE)};
    learned_rig_publish(&f->rig, generation, entries, 2);
    assert_int_equal(follow_look(f->follower, NULL), 1);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    learned_rig_open(&f->rig);
    struct follow_settings follow = {
        .directory = f->rig.cache, .may_be_missing = true, .interval = -1};
    assert_int_equal(durable_make_directory(f->rig.cache, NULL), 0);
    assert_int_equal(follower_open(&f->follower, &follow, NULL), 0);
    assert_int_equal(lookups_open(&f->services.lookups, f->follower, f->rig.learned, NULL), 0);
    assert_int_equal(metrics_create(&f->services.metrics, NULL), 0);
    f->limits.radius = 100;
    f->services.limits = &f->limits;
    f->services.follower = f->follower;
    struct http_settings settings = http_rig_settings(http_paths);
    settings.desks = &http_desks;
    settings.services = &f->services;
    f->http = http_rig_open(&settings);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    http_close(f->http);
    metrics_free(f->services.metrics);
    lookups_close(f->services.lookups);
    follower_close(f->follower);
    learned_rig_close(&f->rig);
    return 0;
}

static char *ask(const struct fixture *f, const char *query, unsigned status)
{
    char request[512];
    (void)snprintf(request, sizeof request, "GET /reverse?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
    char *reply = http_rig_ask(f->http, request);
    assert_int_equal(http_rig_status(reply), status);
    assert_string_equal(http_rig_header(reply, "Content-Type"), "application/json; charset=utf-8");
    return reply;
}

static void assert_reply(const struct fixture *f, const char *query, unsigned status,
                         const char *part)
{
    char *reply = ask(f, query, status);
    if (strstr(http_rig_body(reply), part) == NULL)
        fail_msg("%s has no %s", http_rig_body(reply), part);
    free(reply);
}

static void test_hit_and_miss(void **state)
{
    struct fixture *f = *state;
    assert_reply(f, "lat=51.5&lon=-0.1234567", 200, MISS); /* nothing is published */
    publish(f, 1, "High Street");
    assert_reply(f, "lat=51.5&lon=-0.1234567", 200, "High Street");
    assert_reply(f, "lon=-0.12345671234567890&lat=51.50000000000000123&email=a%40b.c", 200,
                 "High Street");
    assert_reply(f, "lat=51.5&lon=-0.1234567&format=geocodejson", 200, "FeatureCollection");
    assert_reply(f, "lat=51.6&lon=-0.1234567", 200, MISS);
    assert_reply(f, "lat=52.5&lon=-0.1234567", 200, MISS); /* known to be without an address */
    f->limits.radius = 20000;
    assert_reply(f, "lat=51.6&lon=-0.1234567", 200, "High Street");
    assert_int_equal(metrics_lookups(f->services.metrics), 7);
}

static void test_switch(void **state)
{
    struct fixture *f = *state;
    publish(f, 1, "High Street");
    int fd = http_rig_connect(f->http);
    for (int i = 0; i < 2; i++) {
        http_rig_send(fd, "GET /reverse?lat=51.5&lon=-0.1234567 HTTP/1.1\r\nHost: x\r\n\r\n");
        char *reply = http_rig_read_reply(fd, false);
        assert_non_null(strstr(reply, i == 0 ? "High Street" : "New Street"));
        free(reply);
        if (i == 0)
            publish(f, 2, "New Street");
    }
    (void)close(fd);
}

static void test_bad_parameters(void **state)
{
    struct fixture *f = *state;
    publish(f, 1, "High Street");
    static const char *const bad[] = {"",
                                      "lat=51.5",
                                      "lon=1",
                                      "lat=91&lon=1",
                                      "lat=51.5&lon=181",
                                      "lat=nan&lon=1",
                                      "lat=0x10&lon=1",
                                      "lat=51,5&lon=1",
                                      "lat=51.5&lon=1&format=xml2",
                                      "lat=51.5&lon=1&zoom=near",
                                      "lat=51.5&lon=1%00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_reply(f, bad[i], 400, "{\"error\":{\"code\":400,\"message\":");
    assert_int_equal(metrics_lookups(f->services.metrics), 0);
}

/* Every byte of the data files is turned over. */
static void damage(const struct fixture *f)
{
    char pattern[200];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s/*.dat", f->rig.cache);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat st;
        int fd = open(found.gl_pathv[i], O_RDWR);
        assert_true(fd >= 0 && fstat(fd, &st) == 0);
        unsigned char *bytes =
            mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_true(bytes != MAP_FAILED);
        for (off_t at = 0; at < st.st_size; at++)
            bytes[at] ^= 0xff;
        (void)munmap(bytes, (size_t)st.st_size);
        (void)close(fd);
    }
    globfree(&found);
}

static void test_damage(void **state)
{
    struct fixture *f = *state;
    publish(f, 1, "High Street");
    damage(f);
    for (int i = 0; i < 3; i++)
        assert_reply(f, "lat=51.5&lon=-0.1234567", 500, "{\"error\":{\"code\":500,\"message\":");
    assert_reply(f, "lat=10&lon=10", 200, MISS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hit_and_miss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_switch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
