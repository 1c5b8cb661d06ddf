#include "base/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int buffer_reserve(struct buffer *buffer, size_t more, struct error *err)
{
    if (more <= buffer->room - buffer->used)
        return 0;
    if (more > SIZE_MAX / 4 - buffer->used)
        return error_memory(err, "a buffer");
    size_t room = buffer->room < 256 ? 256 : buffer->room;
    while (room < buffer->used + more)
        room *= 2;
    unsigned char *larger = realloc(buffer->data, room);
    if (larger == NULL)
        return error_memory(err, "a buffer");
    buffer->data = larger;
    buffer->room = room;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t bytes, struct error *err)
{
    if (bytes == 0)
        return 0;
    if (buffer_reserve(buffer, bytes, err) != 0)
        return -1;
    memcpy(buffer->data + buffer->used, data, bytes);
    buffer->used += bytes;
    return 0;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->used = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
