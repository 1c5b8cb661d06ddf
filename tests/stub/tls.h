/* TLS over bytes in memory. */
#ifndef REFRESHD_TESTS_STUB_TLS_H
#define REFRESHD_TESTS_STUB_TLS_H

#include <stdbool.h>

#include "base/buffer.h"

struct tls;    /* certificate and key; one for the server */
struct secure; /* one connection */

/* tls_open: NULL when the files are no certificate and key; OpenSSL's reasons are on stderr. */
struct tls *tls_open(const char *certificate, const char *key, bool http2);
void tls_close(struct tls *tls); /* NULL is allowed */

struct secure *secure_open(struct tls *tls);
void secure_close(struct secure *secure); /* NULL is allowed */

/* secure_receive: bytes from the wire in; what they say is appended to plain, what has to be sent
 * to out. False when the connection is over. */
bool secure_receive(struct secure *secure, const void *data, size_t size, struct buffer *plain,
                    struct buffer *out);
void secure_send(struct secure *secure, const struct buffer *plain, struct buffer *out);

bool secure_is_ready(const struct secure *secure); /* the handshake is done */
bool secure_is_http2(const struct secure *secure);

#endif
