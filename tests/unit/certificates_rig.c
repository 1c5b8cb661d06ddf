#include "tests/unit/certificates_rig.h"

#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/durable.h"

#define DAY 86400

static char directory[] = "/tmp/certificates-XXXXXX";
static const char template[] = "/tmp/certificates-XXXXXX";

struct authority {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

struct wish {
    const char *name;
    long from, to; /* days from now */
    const char *address;
    const char *purpose; /* NULL: server and client */
};

const char *certificates_rig_path(const char *file)
{
    static char paths[16][120];
    static unsigned next;
    char *path = paths[next++ % 16];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, file);
    return path;
}

struct exchange_identity certificates_rig_identity(const char *name)
{
    char cert[60], key[60];
    (void)snprintf(cert, sizeof cert, "%s.pem", name);
    (void)snprintf(key, sizeof key, "%s.key", name);
    return (struct exchange_identity){.ca_file = certificates_rig_path("ca.pem"),
                                      .cert_file = certificates_rig_path(cert),
                                      .key_file = certificates_rig_path(key)};
}

static int write_file(const char *name, const char *suffix, gnutls_datum_t *data)
{
    char file[60];
    (void)snprintf(file, sizeof file, "%s%s", name, suffix);
    FILE *out = fopen(certificates_rig_path(file), "we");
    bool written = out != NULL && fwrite(data->data, 1, data->size, out) == data->size;
    if (out != NULL)
        written = fclose(out) == 0 && written;
    gnutls_free(data->data);
    return written ? 0 : -1;
}

static int save(const char *name, gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    gnutls_datum_t data;
    if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &data) != 0 ||
        write_file(name, ".pem", &data) != 0)
        return -1;
    return gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &data) == 0 &&
                   write_file(name, ".key", &data) == 0
               ? 0
               : -1;
}

/* With a fresh key, a name, a serial number and days of validity; not signed yet. */
static int begin(struct authority *out, const char *name, long from, long to)
{
    static unsigned char serial = 1;
    time_t now = time(NULL);
    serial++;
    if (gnutls_x509_crt_init(&out->crt) != 0 || gnutls_x509_privkey_init(&out->key) != 0 ||
        gnutls_x509_privkey_generate(out->key, GNUTLS_PK_ECDSA,
                                     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) != 0)
        return -1;
    return gnutls_x509_crt_set_version(out->crt, 3) == 0 &&
                   gnutls_x509_crt_set_serial(out->crt, &serial, 1) == 0 &&
                   gnutls_x509_crt_set_activation_time(out->crt, now + from * DAY) == 0 &&
                   gnutls_x509_crt_set_expiration_time(out->crt, now + to * DAY) == 0 &&
                   gnutls_x509_crt_set_dn_by_oid(out->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                                 (unsigned)strlen(name)) == 0 &&
                   gnutls_x509_crt_set_key(out->crt, out->key) == 0
               ? 0
               : -1;
}

static int sign(const struct authority *of, const struct authority *by)
{
    return gnutls_x509_crt_sign2(of->crt, by->crt, by->key, GNUTLS_DIG_SHA256, 0);
}

static void end(struct authority *authority)
{
    gnutls_x509_crt_deinit(authority->crt);
    gnutls_x509_privkey_deinit(authority->key);
}

static int make_authority(struct authority *out, const char *name)
{
    if (begin(out, name, -1, 30) != 0)
        return -1;
    return gnutls_x509_crt_set_ca_status(out->crt, 1) == 0 &&
                   gnutls_x509_crt_set_key_usage(out->crt, GNUTLS_KEY_KEY_CERT_SIGN) == 0 &&
                   sign(out, out) == 0 && save(name, out->crt, out->key) == 0
               ? 0
               : -1;
}

static int set_purposes(gnutls_x509_crt_t crt, const char *purpose)
{
    if (purpose != NULL)
        return gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0);
    return gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0) == 0
               ? gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0)
               : -1;
}

/* by NULL: by itself. */
static int make(const struct authority *by, const struct wish *wish)
{
    static const char host[] = "localhost";
    struct authority made;
    struct in_addr address;
    int result = -1;
    if (inet_pton(AF_INET, wish->address, &address) != 1 ||
        begin(&made, wish->name, wish->from, wish->to) != 0)
        return -1;
    if (gnutls_x509_crt_set_subject_alt_name(made.crt, GNUTLS_SAN_IPADDRESS, &address,
                                             sizeof address, GNUTLS_FSAN_SET) == 0 &&
        gnutls_x509_crt_set_subject_alt_name(made.crt, GNUTLS_SAN_DNSNAME, host, sizeof host - 1,
                                             GNUTLS_FSAN_APPEND) == 0 &&
        set_purposes(made.crt, wish->purpose) == 0 && sign(&made, by != NULL ? by : &made) == 0)
        result = save(wish->name, made.crt, made.key);
    end(&made);
    return result;
}

int certificates_rig_open(void **state)
{
    static const char here[] = "127.0.0.1";
    static const struct wish wishes[] = {
        {"peer", -1, 30, here, NULL},
        {"other", -1, 30, here, NULL},
        {"expired", -20, -10, here, NULL},
        {"future", 10, 20, here, NULL},
        {"elsewhere", -1, 30, "127.0.0.9", NULL},
        {"server", -1, 30, here, GNUTLS_KP_TLS_WWW_SERVER},
    };
    static const struct wish foreign = {"foreign", -1, 30, here, NULL};
    static const struct wish self = {"self", -1, 30, here, NULL};
    struct authority ours, theirs;
    (void)state;
    memcpy(directory, template, sizeof directory);
    if (mkdtemp(directory) == NULL || make_authority(&ours, "ca") != 0 ||
        make_authority(&theirs, "foreign-ca") != 0)
        return -1;
    int result = make(&theirs, &foreign) == 0 ? make(NULL, &self) : -1;
    for (size_t i = 0; result == 0 && i < sizeof wishes / sizeof wishes[0]; i++)
        result = make(&ours, &wishes[i]);
    end(&ours);
    end(&theirs);
    return result;
}

int certificates_rig_close(void **state)
{
    (void)state;
    return durable_remove_directory(directory, NULL);
}
