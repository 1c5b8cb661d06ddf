#include "fleet/exchange_internal.h"

#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"

#define FILE_LIMIT ((size_t)1 << 20)

const char exchange_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

/* --- ours ------------------------------------------------------------------------------ */

static int wrong_file(struct error *err, const char *path, int code)
{
    return error_set(err, ERROR_CONFIG, "%s: %s", path, gnutls_strerror(code));
}

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text,
                            .size = (unsigned)strlen(text)};
}

/* Say here what libmicrohttpd would not: which file is wrong. */
static int check(const struct exchange_credentials *texts, const struct exchange_identity *identity,
                 struct error *err)
{
    gnutls_certificate_credentials_t scratch;
    gnutls_datum_t ca = datum(texts->ca), cert = datum(texts->cert), key = datum(texts->key);
    if (gnutls_certificate_allocate_credentials(&scratch) != GNUTLS_E_SUCCESS)
        return error_memory(err, "the certificates");
    int result = 0;
    int code = gnutls_certificate_set_x509_trust_mem(scratch, &ca, GNUTLS_X509_FMT_PEM);
    if (code <= 0)
        result =
            wrong_file(err, identity->ca_file, code < 0 ? code : GNUTLS_E_NO_CERTIFICATE_FOUND);
    if (result == 0)
        code = gnutls_certificate_set_x509_key_mem(scratch, &cert, &key, GNUTLS_X509_FMT_PEM);
    if (result == 0 && code < 0) {
        result = wrong_file(err, identity->cert_file, code);
        (void)error_suffix(err, " (with the key in %s)", identity->key_file);
    }
    gnutls_certificate_free_credentials(scratch);
    return result;
}

static int read_text(const char *path, char **out, struct error *err)
{
    size_t bytes;
    return read_whole_file(path, FILE_LIMIT, out, &bytes, err);
}

int credentials_read(struct exchange_credentials *out, const struct exchange_identity *identity,
                     struct error *err)
{
    struct exchange_credentials texts = {0};
    if (read_text(identity->ca_file, &texts.ca, err) != 0 ||
        read_text(identity->cert_file, &texts.cert, err) != 0 ||
        read_text(identity->key_file, &texts.key, err) != 0 || check(&texts, identity, err) != 0) {
        credentials_free(&texts);
        return -1;
    }
    *out = texts;
    return 0;
}

void credentials_free(struct exchange_credentials *credentials)
{
    if (credentials->key != NULL)
        explicit_bzero(credentials->key, strlen(credentials->key));
    free(credentials->ca);
    free(credentials->cert);
    free(credentials->key);
    *credentials = (struct exchange_credentials){0};
}

/* --- theirs ---------------------------------------------------------------------------- */

bool peer_is_trusted(gnutls_session_t session)
{
    unsigned status = ~0u;
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    return gnutls_certificate_type_get(session) == GNUTLS_CRT_X509 &&
           gnutls_certificate_verify_peers(session, &purpose, 1, &status) == GNUTLS_E_SUCCESS &&
           status == 0;
}

static int verify(gnutls_session_t session)
{
    return peer_is_trusted(session) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

void peer_demand(gnutls_session_t session)
{
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_function(session, verify);
}
