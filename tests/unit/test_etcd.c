/* The client against a real etcd of one member. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tests/unit/etcd_rig.h"

#define FILES 4096

static struct etcd_rig rig;
static struct etcd *etcd;
static struct error err;

static int start(void **state)
{
    (void)state;
    return etcd_rig_start(&rig, 1) && etcd_open(&etcd, &rig.settings, &err) == 0 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    etcd_close(etcd);
    etcd_rig_stop(&rig);
    return 0;
}

static int64_t put(const char *key, const char *value)
{
    struct etcd_txn txn;
    int64_t revision = 0;
    etcd_txn_begin(&txn);
    etcd_put(&txn, key, value, 0);
    assert_int_equal(etcd_commit(etcd, &txn, &revision, &err), 1);
    return revision;
}

static void expect_text(const char *key, const char *value)
{
    struct etcd_range range;
    assert_int_equal(etcd_get(etcd, key, &range, &err), 0);
    assert_int_equal(range.count, value == NULL ? 0 : 1);
    if (value != NULL) {
        assert_string_equal(range.pairs[0].key, key);
        assert_string_equal(range.pairs[0].value, value);
    }
    etcd_range_free(&range);
    assert_null(range.pairs);
}

static void what_is_put_is_read(void **state)
{
    struct etcd_range range;
    (void)state;
    expect_text("/a/none", NULL);
    int64_t revision = put("/a/one", "{\"text\":\"\xc3\xa4 \\\" <>&\"}");
    expect_text("/a/one", "{\"text\":\"\xc3\xa4 \\\" <>&\"}");
    (void)put("/a/empty", "");
    expect_text("/a/empty", "");
    assert_int_equal(etcd_get(etcd, "/a/one", &range, &err), 0);
    assert_int_equal(range.pairs[0].create_revision, revision);
    assert_int_equal(range.pairs[0].mod_revision, revision);
    assert_int_equal(range.pairs[0].lease, 0);
    assert_int_equal(range.revision, revision + 1);
    etcd_range_free(&range);
}

static void a_transaction_is_won_or_lost(void **state)
{
    struct etcd_txn txn;
    int64_t first = 0, second = 0;
    (void)state;
    for (int wanted = 1; wanted >= 0; wanted--) {
        etcd_txn_begin(&txn);
        etcd_compare_absent(&txn, "/t/run");
        etcd_put(&txn, "/t/run", wanted == 1 ? "mine" : "yours", 0);
        assert_int_equal(etcd_commit(etcd, &txn, wanted == 1 ? &first : &second, &err), wanted);
    }
    assert_int_equal(first, second);
    expect_text("/t/run", "mine");
    (void)put("/t/run", "changed");
    etcd_txn_begin(&txn);
    etcd_compare_modified(&txn, "/t/run", first);
    etcd_delete(&txn, "/t/run");
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), 0);
    expect_text("/t/run", "changed");
    etcd_txn_begin(&txn);
    etcd_compare_created(&txn, "/t/run", first);
    etcd_compare_modified(&txn, "/t/run", first + 1);
    etcd_delete(&txn, "/t/run");
    etcd_put(&txn, "/t/ended", "it", 0);
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), 1);
    expect_text("/t/run", NULL);
    expect_text("/t/ended", "it");
}

static void a_senseless_transaction_is_refused(void **state)
{
    struct etcd_txn txn;
    char *large = calloc(1, (1 << 20) + 2);
    (void)state;
    assert_non_null(large);
    memset(large, 'x', (1 << 20) + 1);
    etcd_txn_begin(&txn);
    etcd_put(&txn, "/s/large", large, 0);
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    large[1 << 20] = '\0';
    (void)put("/s/large", large);
    expect_text("/s/large", large);
    free(large);
    etcd_txn_begin(&txn);
    etcd_compare_modified(&txn, "/s/large", 0);
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    etcd_txn_begin(&txn);
    for (unsigned i = 0; i <= ETCD_TXN_OPERATIONS; i++) {
        char key[40];
        (void)snprintf(key, sizeof key, "/s/many/%u", i);
        etcd_put(&txn, key, "x", 0);
    }
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    etcd_txn_begin(&txn);
    etcd_put(&txn, "/s/twice", "x", 0);
    etcd_delete(&txn, "/s/twice");
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    etcd_txn_begin(&txn);
    etcd_put(&txn, "/s/lease", "x", 77);
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    etcd_txn_begin(&txn);
    etcd_put(&txn, "/s/dropped", "x", 0);
    etcd_txn_drop(&txn);
}

static void put_files(unsigned files)
{
    struct etcd_txn txn;
    char key[80], value[128];
    for (unsigned i = 0; i < files;) {
        etcd_txn_begin(&txn);
        for (unsigned most = i + ETCD_TXN_OPERATIONS; i < most && i < files; i++) {
            (void)snprintf(key, sizeof key, "/refreshd/f/r/20261122/done/%04u", i);
            (void)snprintf(value, sizeof value, "{\"digest\":\"%064u\",\"by\":\"peer-%u\"}", i,
                           i % 3);
            etcd_put(&txn, key, value, 0);
        }
        assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), 1);
    }
}

static void a_large_range_comes_in_order(void **state)
{
    struct etcd_range range;
    char key[80];
    (void)state;
    put_files(FILES);
    (void)put("/refreshd/f/r/20261122/dong", "not asked for");
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        double begin = clock_monotonic();
        assert_int_equal(etcd_get_prefix(etcd, "/refreshd/f/r/20261122/done/", 0, &range, &err), 0);
        double took = clock_monotonic() - begin;
        best = took < best ? took : best;
        assert_int_equal(range.count, FILES);
        for (unsigned k = 0; k < FILES; k++) {
            (void)snprintf(key, sizeof key, "/refreshd/f/r/20261122/done/%04u", k);
            assert_string_equal(range.pairs[k].key, key);
        }
        if (i < 2)
            etcd_range_free(&range);
    }
    print_message("%d pairs in %.1f ms\n", FILES, best * 1e3);
    int64_t since = range.revision;
    etcd_range_free(&range);
    int64_t changed = put("/refreshd/f/r/20261122/done/0777", "again");
    assert_int_equal(etcd_get_prefix(etcd, "/refreshd/f/r/", since + 1, &range, &err), 0);
    assert_int_equal(range.count, 1);
    assert_int_equal(range.pairs[0].mod_revision, changed);
    assert_true(range.pairs[0].create_revision < changed);
    etcd_range_free(&range);
}

static void a_prefix_is_deleted(void **state)
{
    struct etcd_range range;
    struct etcd_txn txn;
    (void)state;
    (void)put("/d/r/1/a", "x");
    (void)put("/d/r/1/b", "x");
    (void)put("/d/r/10", "x");
    etcd_txn_begin(&txn);
    etcd_delete_prefix(&txn, "/d/r/1/");
    etcd_put(&txn, "/d/run", "next", 0);
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), 1);
    assert_int_equal(etcd_get_prefix(etcd, "/d/", 0, &range, &err), 0);
    assert_int_equal(range.count, 2);
    assert_string_equal(range.pairs[0].key, "/d/r/10");
    assert_string_equal(range.pairs[1].key, "/d/run");
    etcd_range_free(&range);
    etcd_txn_begin(&txn);
    etcd_delete_prefix(&txn, "");
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
}

static bool is_absent(const char *key)
{
    struct etcd_range range;
    assert_int_equal(etcd_get(etcd, key, &range, &err), 0);
    bool absent = range.count == 0;
    etcd_range_free(&range);
    return absent;
}

static void a_lease_ends(void **state)
{
    struct timespec pause = {.tv_nsec = 50000000};
    struct etcd_range range;
    struct etcd_txn txn;
    int64_t lease = 0;
    (void)state;
    assert_int_equal(etcd_lease_grant(etcd, 0.4, &lease, &err), 0);
    assert_true(lease > 0);
    etcd_txn_begin(&txn);
    etcd_put(&txn, "/l/peer", "x", lease);
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), 1);
    assert_int_equal(etcd_get(etcd, "/l/peer", &range, &err), 0);
    assert_int_equal(range.pairs[0].lease, lease);
    etcd_range_free(&range);
    double kept = clock_monotonic();
    assert_int_equal(etcd_lease_keep(etcd, lease, &err), 1);
    while (!is_absent("/l/peer")) {
        assert_true(clock_monotonic() < kept + 15);
        (void)nanosleep(&pause, NULL);
    }
    assert_true(clock_monotonic() - kept > 0.9);
    assert_int_equal(etcd_lease_keep(etcd, lease, &err), 0);
    assert_int_equal(etcd_lease_revoke(etcd, lease, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
}

static void a_lease_is_revoked(void **state)
{
    struct etcd_txn txn;
    int64_t lease = 0;
    (void)state;
    assert_int_equal(etcd_lease_grant(etcd, 60, &lease, &err), 0);
    etcd_txn_begin(&txn);
    etcd_put(&txn, "/l/peer", "x", lease);
    assert_int_equal(etcd_commit(etcd, &txn, NULL, &err), 1);
    assert_int_equal(etcd_lease_revoke(etcd, lease, &err), 0);
    expect_text("/l/peer", NULL);
    assert_int_equal(etcd_lease_grant(etcd, 0, &lease, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
}

static void wrong_urls_are_refused(void **state)
{
    static const char *const wrong[] = {"",    "ftp://a:1",       "http://",
                                        "a b", "http://a:1/path", "http://user@a:1"};
    struct etcd_settings settings = {.endpoint_count = 1};
    struct etcd *other = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        settings.endpoints = &wrong[i];
        assert_int_equal(etcd_open(&other, &settings, &err), -1);
        assert_int_equal(err.code, ERROR_CONFIG);
        assert_null(other);
    }
    settings.endpoint_count = 0;
    assert_int_equal(etcd_open(&other, &settings, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(a_transaction_is_won_or_lost),
        cmocka_unit_test(a_senseless_transaction_is_refused),
        cmocka_unit_test(a_large_range_comes_in_order),
        cmocka_unit_test(a_prefix_is_deleted),
        cmocka_unit_test(a_lease_ends),
        cmocka_unit_test(a_lease_is_revoked),
        cmocka_unit_test(wrong_urls_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
