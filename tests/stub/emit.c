#include "tests/stub/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/stub/format.h"

static void give_up(void)
{
    (void)fputs("stub_geocoder: out of memory\n", stderr);
    abort();
}

void emit_bytes(struct buffer *out, const void *data, size_t bytes)
{
    if (buffer_append(out, data, bytes, NULL) != 0)
        give_up();
}

void emit(struct buffer *out, const char *format, ...)
{
    for (size_t room = 512;;) {
        if (buffer_reserve(out, room, NULL) != 0)
            give_up();
        va_list arguments;
        va_start(arguments, format);
        room = out->room - out->used;
        size_t length = format_into((char *)out->data + out->used, room, format, arguments);
        va_end(arguments);
        if (length <= room) {
            out->used += length;
            return;
        }
        room = length;
    }
}

void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL)
        give_up();
    return memory;
}
