/* A TLS client and a scripted HTTPS server that send and read bytes as they are; for 127.0.0.1. */
#ifndef REFRESHD_TESTS_TLS_RIG_H
#define REFRESHD_TESTS_TLS_RIG_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "fleet/exchange.h"

/* tls_rig_ask: connect to the port, send text, and add what comes to *reply until the other side
 * ends or, when `length` is not 0, so many bytes came. identity NULL: without a certificate. */
void tls_rig_ask(unsigned port, const struct exchange_identity *identity, const char *text,
                 size_t length, struct buffer *reply);

/* What the liar does with one connection: read a request, send a head and a body, then so. */
enum liar_end {
    LIAR_CLOSES,
    LIAR_BREAKS, /* off, without the end of TLS */
    LIAR_STALLS, /* and says nothing until it is closed */
    LIAR_SLAMS,  /* the door: before any of it */
};
struct lie {
    const char *head; /* without the empty line; NULL: 200 and the Content-Length */
    const void *body;
    size_t bytes;     /* of the body, sent */
    size_t announced; /* Content-Length; 0 = bytes */
    enum liar_end end;
};

#define LIAR_REQUESTS 32

struct liar {
    unsigned port;
    char address[32];
    _Atomic unsigned asked;            /* requests so far */
    char requests[LIAR_REQUESTS][600]; /* their heads */
    struct liar_work *work;
};

/* liar_open: the first connection gets the first lie and so on, later ones the last. */
void liar_open(struct liar *liar, const struct lie *lies, size_t count);
void liar_close(struct liar *liar);

#endif
