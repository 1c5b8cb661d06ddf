/* A growing run of bytes. Zero it to begin with (`struct buffer b = {0};`), buffer_free to end. */
#ifndef REFRESHD_BASE_BUFFER_H
#define REFRESHD_BASE_BUFFER_H

#include <stddef.h>

#include "base/error.h"

struct buffer {
    unsigned char *data;
    size_t used;
    size_t room;
};

/* buffer_reserve: make room for `more` bytes behind used. On failure the buffer is unchanged. */
int buffer_reserve(struct buffer *buffer, size_t more, struct error *err);

int buffer_append(struct buffer *buffer, const void *data, size_t bytes, struct error *err);

/* buffer_clear: forget the content, keep the memory. */
void buffer_clear(struct buffer *buffer);

/* buffer_free: release the memory; the buffer is empty and usable again. */
void buffer_free(struct buffer *buffer);

#endif
