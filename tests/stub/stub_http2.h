/* One HTTP/2 connection: the same stub, many requests at a time. */
#ifndef REFRESHD_TESTS_STUB_STUB_HTTP2_H
#define REFRESHD_TESTS_STUB_STUB_HTTP2_H

#include <uv.h>

#include "tests/stub/stub.h"

struct http2;

/* Called with bytes to be sent; they are the callee's until it returns. */
typedef void http2_send(void *context, const struct buffer *bytes);

struct http2 *http2_open(uv_loop_t *loop, struct stub *stub, unsigned long long connection,
                         http2_send *send, void *context);

/* http2_receive: false when the connection is over. */
bool http2_receive(struct http2 *http2, const void *data, size_t size);

/* http2_close: nothing is sent any more. NULL is allowed. */
void http2_close(struct http2 *http2);

#endif
