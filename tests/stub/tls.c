#include "tests/stub/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stub/emit.h"

#define PIECE 16384

struct tls {
    SSL_CTX *context;
};

struct secure {
    SSL *ssl;
    BIO *in, *out; /* belong to ssl */
};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *length,
                           const unsigned char *offered, unsigned offered_length, void *unused)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    (void)ssl;
    (void)unused;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, length, ours, sizeof ours - 1, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

struct tls *tls_open(const char *certificate, const char *key, bool http2)
{
    struct tls *tls = allocate(sizeof *tls);
    tls->context = SSL_CTX_new(TLS_server_method());
    if (tls->context == NULL ||
        SSL_CTX_use_certificate_chain_file(tls->context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        tls_close(tls);
        return NULL;
    }
    if (http2)
        SSL_CTX_set_alpn_select_cb(tls->context, choose_protocol, NULL);
    return tls;
}

void tls_close(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

struct secure *secure_open(struct tls *tls)
{
    struct secure *secure = allocate(sizeof *secure);
    secure->ssl = SSL_new(tls->context);
    secure->in = BIO_new(BIO_s_mem());
    secure->out = BIO_new(BIO_s_mem());
    if (secure->ssl == NULL || secure->in == NULL || secure->out == NULL)
        abort();
    SSL_set_bio(secure->ssl, secure->in, secure->out);
    SSL_set_accept_state(secure->ssl);
    return secure;
}

void secure_close(struct secure *secure)
{
    if (secure == NULL)
        return;
    SSL_free(secure->ssl);
    free(secure);
}

/* Move what OpenSSL wants to send to out. */
static void drain(struct secure *secure, struct buffer *out)
{
    char *data;
    long size = BIO_get_mem_data(secure->out, &data);
    if (size > 0)
        emit_bytes(out, data, (size_t)size);
    (void)BIO_reset(secure->out);
}

bool secure_receive(struct secure *secure, const void *data, size_t size, struct buffer *plain,
                    struct buffer *out)
{
    char piece[PIECE];
    int got;
    ERR_clear_error();
    (void)BIO_write(secure->in, data, (int)size);
    while ((got = SSL_read(secure->ssl, piece, sizeof piece)) > 0)
        emit_bytes(plain, piece, (size_t)got);
    int error = SSL_get_error(secure->ssl, got);
    drain(secure, out);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

void secure_send(struct secure *secure, const struct buffer *plain, struct buffer *out)
{
    ERR_clear_error();
    if (plain->used > 0)
        (void)SSL_write(secure->ssl, plain->data, (int)plain->used);
    drain(secure, out);
}

bool secure_is_ready(const struct secure *secure)
{
    return SSL_is_init_finished(secure->ssl);
}

bool secure_is_http2(const struct secure *secure)
{
    const unsigned char *name;
    unsigned length;
    SSL_get0_alpn_selected(secure->ssl, &name, &length);
    return length == 2 && memcmp(name, "h2", 2) == 0;
}
