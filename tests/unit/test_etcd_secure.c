/* The client against an etcd that wants certificates. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/certificates_rig.h"
#include "tests/unit/etcd_rig.h"

static struct etcd_rig rig;
static struct error err;
static char cert[200], key[200], ca[200];

static void copy_path(char out[200], const char *file)
{
    (void)snprintf(out, 200, "%s", certificates_rig_path(file));
}

static int start(void **state)
{
    if (certificates_rig_open(state) != 0)
        return -1;
    copy_path(cert, "peer.pem");
    copy_path(key, "peer.key");
    copy_path(ca, "ca.pem");
    return etcd_rig_start_secure(&rig, cert, key, ca) ? 0 : -1;
}

static int stop(void **state)
{
    etcd_rig_stop(&rig);
    return certificates_rig_close(state);
}

static int ask(const struct etcd_settings *settings)
{
    struct etcd_range range;
    struct etcd_txn txn;
    struct etcd *etcd;
    int64_t lease;
    assert_int_equal(etcd_open(&etcd, settings, &err), 0);
    etcd_txn_begin(&txn);
    etcd_put(&txn, "/a", "b", 0);
    int result = etcd_commit(etcd, &txn, NULL, &err);
    if (result == 1) {
        assert_int_equal(etcd_get(etcd, "/a", &range, &err), 0);
        assert_string_equal(range.pairs[0].value, "b");
        etcd_range_free(&range);
        assert_int_equal(etcd_lease_grant(etcd, 10, &lease, &err), 0);
        assert_int_equal(etcd_lease_keep(etcd, lease, &err), 1);
    }
    etcd_close(etcd);
    return result;
}

static void a_certificate_of_the_authority_is_taken(void **state)
{
    struct etcd_settings settings = rig.settings;
    (void)state;
    assert_int_equal(ask(&settings), 1);
    struct exchange_identity other = certificates_rig_identity("other");
    settings.cert_file = other.cert_file;
    settings.key_file = other.key_file;
    assert_int_equal(ask(&settings), 1);
}

static void expect_refusal(const char *name)
{
    struct etcd_settings settings = rig.settings;
    struct exchange_identity identity = certificates_rig_identity(name);
    settings.cert_file = identity.cert_file;
    settings.key_file = identity.key_file;
    assert_int_equal(ask(&settings), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
}

static void others_are_refused(void **state)
{
    struct etcd_settings settings = rig.settings;
    (void)state;
    expect_refusal("expired");
    expect_refusal("foreign");
    expect_refusal("self");
    settings.cert_file = settings.key_file = "";
    assert_int_equal(ask(&settings), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
}

static void another_authority_s_etcd_is_not_trusted(void **state)
{
    struct etcd_settings settings = rig.settings;
    (void)state;
    settings.ca_file = certificates_rig_path("foreign-ca.pem");
    assert_int_equal(ask(&settings), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    settings.ca_file = "/nowhere/ca.pem";
    assert_int_equal(ask(&settings), -1);
    assert_non_null(strstr(err.message, "/nowhere/ca.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_of_the_authority_is_taken),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(another_authority_s_etcd_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
