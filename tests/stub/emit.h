/* Text appended to a buffer. A stub that is out of memory has nothing left to test: it ends. */
#ifndef REFRESHD_TESTS_STUB_EMIT_H
#define REFRESHD_TESTS_STUB_EMIT_H

#include "base/buffer.h"

/* emit: with the conversions of format.h. */
void emit(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void emit_bytes(struct buffer *out, const void *data, size_t bytes);

void *allocate(size_t bytes); /* zeroed */

#endif
