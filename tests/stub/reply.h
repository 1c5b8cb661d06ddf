/* A reply, with everything about it that can be wrong, and its bytes in HTTP/1. */
#ifndef REFRESHD_TESTS_STUB_REPLY_H
#define REFRESHD_TESTS_STUB_REPLY_H

#include <stdbool.h>

#include "base/buffer.h"

enum framing {
    FRAMING_LENGTH,
    FRAMING_CHUNKED,
    FRAMING_CHUNKED_BROKEN, /* a chunk's size is no number */
    FRAMING_CHUNKED_OPEN,   /* the last chunk is missing */
    FRAMING_LENGTH_LONG,    /* more is announced than comes */
    FRAMING_LENGTH_SHORT,   /* less is announced than comes */
    FRAMING_OLD,            /* HTTP/1.0: the body ends with the connection */
};

enum ending {
    ENDING_KEEP,
    ENDING_CLOSE_SAID, /* close, having said so */
    ENDING_CLOSE,      /* close without a word */
    ENDING_RESET,
    ENDING_HANG, /* nothing more is sent, nor read */
};

struct reply {
    unsigned status;
    const char *content_type;
    struct buffer headers; /* further ones, each ended by CRLF */
    struct buffer body;
    enum framing framing;
    enum ending ending;
    bool silent;       /* not a byte is sent */
    size_t cut;        /* bytes of the body that are sent; SIZE_MAX = all */
    unsigned delay_ms; /* before the first byte */
};

/* reply_begin: an empty 200 in the memory of the one before. */
void reply_begin(struct reply *reply);
void reply_free(struct reply *reply);

const char *reply_reason(unsigned status);

/* reply_write: the reply's bytes as HTTP/1.1 (or 1.0) appended to out. */
void reply_write(const struct reply *reply, bool keep_alive, struct buffer *out);

#endif
