#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/durable.h"
#include "base/listen.h"
#include "fleet/exchange_client_internal.h"
#include "tests/unit/certificates_rig.h"
#include "tests/unit/fetch_rig.h"
#include "tests/unit/tls_rig.h"

#define NOBODY "127.0.0.1:1"

typedef int fetch_call(const char *const *addresses);
static fetch_call *const fetches[] = {fetch_rig_answers, fetch_rig_learned, fetch_rig_manifest,
                                      fetch_rig_pair};
#define FETCHES (sizeof fetches / sizeof fetches[0])

static void assert_fetched(int result)
{
    if (result != 0)
        fail_msg("%s", fetch_rig.err.message);
}

static void assert_error(int result, enum error_code code)
{
    assert_int_equal(result, -1);
    if (fetch_rig.err.code != code)
        fail_msg("not %s but %s: %s", error_name(code), error_name(fetch_rig.err.code),
                 fetch_rig.err.message);
}

static void everything_is_fetched_over_one_connection(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    (void)state;
    for (size_t i = 0; i < FETCHES; i++)
        assert_fetched(fetches[i](from));
    assert_int_equal(exchange_server_figures(fetch_rig.peer.server).requests, 5);
    assert_int_equal(exchange_server_figures(fetch_rig.peer.server).refused, 0);
    assert_int_equal(exchange_client_bytes(fetch_rig.client),
                     exchange_server_figures(fetch_rig.peer.server).bytes_sent);
}

static void the_next_source_helps_out(void **state)
{
    struct exchange_rig empty;
    const char *const from[] = {NOBODY, "127.0.0.1:2", empty.address, fetch_rig.peer.address, NULL};
    (void)state;
    exchange_rig_open(&empty, 10, "other");
    for (size_t i = 0; i < FETCHES; i++)
        assert_fetched(fetches[i](from));
    exchange_rig_close(&empty);
}

static void what_no_source_has_is_missing(void **state)
{
    struct exchange_rig empty;
    const char *const from[] = {empty.address, fetch_rig.peer.address, NULL};
    const char *const with_nobody[] = {empty.address, NOBODY, NULL};
    const char *const nowhere[] = {NULL};
    (void)state;
    exchange_rig_open(&empty, 10, "other");
    memset(&fetch_rig.record_digest, 7, sizeof fetch_rig.record_digest);
    assert_error(fetch_rig_answers(from), ERROR_MISSING);
    assert_error(fetch_rig_answers(with_nobody), ERROR_UNREACHABLE);
    assert_non_null(strstr(fetch_rig.err.message, NOBODY));
    assert_error(fetch_rig_answers(nowhere), ERROR_MISSING);
    exchange_rig_close(&empty);
}

static void a_source_that_fails_inside_is_unreachable(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    (void)state;
    atomic_store(&fetch_rig.peer.fails, true);
    for (size_t i = 0; i < FETCHES; i++)
        assert_error(fetches[i](from), ERROR_UNREACHABLE);
}

/* --- who is trusted ---------------------------------------------------------------------- */

static void a_server_of_others_is_not_trusted(void **state)
{
    static const char *const strangers[] = {"expired", "future", "foreign", "self", "elsewhere"};
    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        struct exchange_rig stranger;
        const char *const from[] = {stranger.address, NULL};
        exchange_rig_open(&stranger, FETCH_RIG_RECORD, strangers[i]);
        assert_error(fetch_rig_answers(from), ERROR_UNREACHABLE);
        assert_int_equal(stranger.asked, 0);
        exchange_rig_close(&stranger);
    }
}

static void a_client_that_is_not_trusted_gets_nothing(void **state)
{
    static const char *const strangers[] = {"expired", "future", "foreign", "self", "server"};
    const char *const from[] = {fetch_rig.peer.address, NULL};
    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        exchange_client_close(fetch_rig.client);
        fetch_rig.client = exchange_rig_client(strangers[i]);
        for (size_t f = 0; f < FETCHES; f++)
            assert_error(fetches[f](from), ERROR_UNREACHABLE);
        assert_int_equal(exchange_client_bytes(fetch_rig.client), 0);
    }
    assert_int_equal(fetch_rig.peer.asked, 0);
}

static void our_own_files_are_a_fault_of_ours(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, fetch_rig.peer.address, NULL};
    (void)state;
    exchange_client_close(fetch_rig.client);
    fetch_rig.client = exchange_rig_client("absent");
    assert_error(fetch_rig_answers(from), ERROR_CONFIG);
}

static void an_address_is_an_address(void **state)
{
    static const char *const addresses[] = {"",
                                            ":1",
                                            "127.0.0.1",
                                            "127.0.0.1:",
                                            "127.0.0.1:x",
                                            "127.0.0.1:123456",
                                            "a b:1",
                                            "a/b:1",
                                            "user@127.0.0.1:1",
                                            "127.0.0.1:1/../x",
                                            "127.0.0.1:1#",
                                            "127.0.0.1:1?",
                                            "[::1:1",
                                            "[]:1",
                                            "[::1]1",
                                            "[::1]:",
                                            "127.0.0.1:1\r\nx",
                                            "https://127.0.0.1:1"};
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        const char *const from[] = {addresses[i], NULL};
        assert_error(fetch_rig_answers(from), ERROR_UNREACHABLE);
        assert_non_null(strstr(fetch_rig.err.message, "HOST:PORT"));
    }
    assert_int_equal(exchange_server_figures(fetch_rig.peer.server).requests, 0);
}

static void a_name_of_no_run_is_refused(void **state)
{
    struct exchange_sources none = {0};
    struct buffer out = {0};
    (void)state;
    assert_error(exchange_fetch_answers(fetch_rig.client, &none, "../x", 1,
                                        &fetch_rig.peer.record_digest, 10, &out, &fetch_rig.err),
                 ERROR_VALUE);
    assert_error(exchange_fetch_learned(fetch_rig.client, &none, "", &fetch_rig.peer.csv_digest, 10,
                                        fetch_rig_path("set.csv"), &fetch_rig.err),
                 ERROR_VALUE);
}

/* --- files -------------------------------------------------------------------------------- */

static void put(const char *name, const void *data, size_t bytes)
{
    assert_int_equal(durable_write_file(fetch_rig_path(name), data, bytes, NULL), 0);
}

static void a_file_goes_on_where_an_earlier_attempt_ended(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    struct buffer index = fetch_rig_file(false), data = fetch_rig_file(true);
    (void)state;
    put("x.idx.part", index.data, index.used);
    put("x.dat.part", data.data, data.used - 100);
    assert_fetched(fetch_rig_pair(from));
    assert_int_equal(exchange_client_bytes(fetch_rig.client), 100);
    assert_int_equal(exchange_server_figures(fetch_rig.peer.server).requests, 1);
    buffer_free(&index);
    buffer_free(&data);
}

static void a_wrong_beginning_is_fetched_again(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    struct buffer index = fetch_rig_file(false), data = fetch_rig_file(true);
    (void)state;
    data.data[200] ^= 1;
    put("x.idx.part", index.data, index.used / 2);
    put("x.dat.part", data.data, data.used);
    put("set.csv.part", data.data, data.used);
    assert_fetched(fetch_rig_pair(from));
    assert_fetched(fetch_rig_learned(from));
    buffer_free(&index);
    buffer_free(&data);
}

static void a_part_that_is_too_long_is_forgotten(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    struct buffer data = fetch_rig_file(true);
    (void)state;
    assert_int_equal(buffer_append(&data, "x", 1, NULL), 0);
    put("x.dat.part", data.data, data.used);
    assert_fetched(fetch_rig_pair(from));
    buffer_free(&data);
}

static void a_link_is_not_followed(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    (void)state;
    put("set.csv", "keep", 4);
    assert_int_equal(symlink(fetch_rig_path("set.csv"), fetch_rig_path("x.idx.part")), 0);
    assert_error(fetch_rig_pair(from), ERROR_IO);
    assert_int_equal(unlink(fetch_rig_path("x.idx.part")), 0);
    assert_int_equal(unlink(fetch_rig_path("set.csv")), 0);
}

static void a_directory_that_is_gone_is_not_missing_at_the_peer(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    struct exchange_sources sources = {.addresses = from, .count = 1};
    (void)state;
    assert_error(exchange_fetch_learned(fetch_rig.client, &sources, RIG_RUN,
                                        &fetch_rig.peer.csv_digest, 1 << 20,
                                        fetch_rig_path("none/set.csv"), &fetch_rig.err),
                 ERROR_IO);
}

static void a_full_disk_is_said(void **state)
{
    const char *const from[] = {fetch_rig.peer.address, NULL};
    (void)state;
    if (mount("tmpfs", fetch_rig.directory, "tmpfs", 0, "size=64k") != 0)
        skip();
    int result = fetch_rig_learned(from);
    assert_int_equal(umount2(fetch_rig.directory, MNT_DETACH), 0);
    assert_error(result, ERROR_DISK_FULL);
    assert_non_null(strstr(fetch_rig.err.message, "set.csv.part"));
    assert_fetched(fetch_rig_learned(from));
}

static void a_digest_of_a_file_is_that_of_its_bytes(void **state)
{
    struct pair_id digest;
    (void)state;
    assert_int_equal(exchange_digest_file(fetch_rig.peer.csv_path, &digest, NULL), 0);
    assert_memory_equal(&digest, &fetch_rig.peer.csv_digest, sizeof digest);
    assert_error(exchange_digest_file(fetch_rig_path("none"), &digest, &fetch_rig.err),
                 ERROR_MISSING);
}

/* --- the end ------------------------------------------------------------------------------ */

struct interruption {
    double at; /* when it was */
    struct liar *liar;
};

/* As soon as the liar has been asked. */
static void *interrupt(void *context)
{
    struct interruption *interruption = context;
    while (atomic_load(&interruption->liar->asked) == 0)
        (void)usleep(1000);
    interruption->at = clock_monotonic();
    exchange_client_interrupt(fetch_rig.client);
    return NULL;
}

static void an_interrupt_ends_a_fetch_at_once(void **state)
{
    static const struct lie stalls = {.body = "", .announced = 1000, .end = LIAR_STALLS};
    struct liar liar;
    const char *const from[] = {liar.address, fetch_rig.peer.address, NULL};
    pthread_t thread;
    (void)state;
    liar_open(&liar, &stalls, 1);
    struct interruption interruption = {.liar = &liar};
    assert_int_equal(pthread_create(&thread, NULL, interrupt, &interruption), 0);
    int result = fetch_rig_answers(from);
    double end = clock_monotonic();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_error(result, ERROR_CANCELED);
    assert_true(end - interruption.at < 0.2);
    for (size_t i = 0; i < FETCHES; i++)
        assert_error(fetches[i](from), ERROR_CANCELED);
    liar_close(&liar);
    exchange_client_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fetch_rig_open, fetch_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(everything_is_fetched_over_one_connection),
        TEST(the_next_source_helps_out),
        TEST(what_no_source_has_is_missing),
        TEST(a_source_that_fails_inside_is_unreachable),
        TEST(a_server_of_others_is_not_trusted),
        TEST(a_client_that_is_not_trusted_gets_nothing),
        TEST(our_own_files_are_a_fault_of_ours),
        TEST(an_address_is_an_address),
        TEST(a_name_of_no_run_is_refused),
        TEST(a_file_goes_on_where_an_earlier_attempt_ended),
        TEST(a_wrong_beginning_is_fetched_again),
        TEST(a_part_that_is_too_long_is_forgotten),
        TEST(a_link_is_not_followed),
        TEST(a_directory_that_is_gone_is_not_missing_at_the_peer),
        TEST(a_full_disk_is_said),
        TEST(a_digest_of_a_file_is_that_of_its_bytes),
        TEST(an_interrupt_ends_a_fetch_at_once),
    };
    return cmocka_run_group_tests(tests, certificates_rig_open, certificates_rig_close);
}
