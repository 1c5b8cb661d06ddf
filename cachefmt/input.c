#include "cachefmt/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_ROOM ((size_t)256 * 1024)

static size_t fill_from_memory(struct input *input)
{
    size_t bytes = input->room - input->end;
    bytes = bytes < input->chunk ? bytes : input->chunk;
    bytes = bytes < input->memory_left ? bytes : input->memory_left;
    if (bytes > 0)
        memcpy(input->data + input->end, input->memory, bytes);
    input->memory += bytes;
    input->memory_left -= bytes;
    return bytes;
}

/* Fill the whole room, so that a pipe that gives a few bytes at a time is not scanned again and
 * again. */
static int fill_from_file(struct input *input, size_t *filled, struct error *err)
{
    size_t bytes = 0;
    while (input->end + bytes < input->room) {
        ssize_t got =
            read(input->fd, input->data + input->end + bytes, input->room - input->end - bytes);
        if (got < 0 && errno == EINTR) {
            if (stop_wanted(input->stop))
                return error_set(err, ERROR_CANCELED, "stopped while reading %s", input->name);
            continue;
        }
        if (got < 0)
            return error_io(err, errno, "read", input->name);
        if (got == 0) {
            /* Whoever stops us may have cut the input short: its end is not the real one. */
            if (stop_wanted(input->stop))
                return error_set(err, ERROR_CANCELED, "stopped while reading %s", input->name);
            break;
        }
        bytes += (size_t)got;
    }
    *filled = bytes;
    return 0;
}

static int make_room(struct input *input, struct error *err)
{
    if (input->begin > 0) {
        memmove(input->data, input->data + input->begin, input->end - input->begin);
        input->end -= input->begin;
        input->begin = 0;
    }
    if (input->end < input->room)
        return 0;
    if (input->room >= INPUT_ROW_LIMIT)
        return error_set(err, ERROR_VALUE, "the row is longer than %zu bytes", INPUT_ROW_LIMIT);
    size_t room = input->room * 2 < INPUT_ROW_LIMIT ? input->room * 2 : INPUT_ROW_LIMIT;
    unsigned char *larger = realloc(input->data, room);
    if (larger == NULL)
        return error_memory(err, "a row of the input");
    input->data = larger;
    input->room = room;
    return 0;
}

int input_fill(struct input *input, struct error *err)
{
    if (input->ended)
        return 0;
    if (make_room(input, err) != 0)
        return -1;
    size_t bytes = 0;
    if (input->fd < 0)
        bytes = fill_from_memory(input);
    else if (fill_from_file(input, &bytes, err) != 0)
        return -1;
    input->end += bytes;
    input->ended = bytes == 0;
    return bytes > 0;
}

int input_skip_line(struct input *input, struct error *err)
{
    for (;;) {
        size_t bytes = input->end - input->begin;
        const unsigned char *from = input->data + input->begin;
        const unsigned char *newline = bytes > 0 ? memchr(from, '\n', bytes) : NULL;
        if (newline != NULL) {
            input->begin = (size_t)(newline - input->data) + 1;
            return 0;
        }
        input->begin = input->end;
        int filled = input_fill(input, err);
        if (filled <= 0)
            return filled;
    }
}

static int begin_reading(struct input *input, struct error *err)
{
    input->data = malloc(FIRST_ROOM);
    if (input->data == NULL)
        return error_memory(err, input->name);
    input->room = FIRST_ROOM;
    while (input->end < 3) {
        int filled = input_fill(input, err);
        if (filled < 0) {
            input_close(input);
            return -1;
        }
        if (filled == 0)
            break;
    }
    if (input->end >= 3 && memcmp(input->data, "\xEF\xBB\xBF", 3) == 0)
        input->begin = 3;
    return 0;
}

int input_open(struct input *input, int fd, const char *name, const volatile int *stop,
               struct error *err)
{
    *input = (struct input){.fd = fd, .name = name, .stop = stop};
    return begin_reading(input, err);
}

int input_open_memory(struct input *input, const void *data, size_t bytes, size_t chunk,
                      const char *name, struct error *err)
{
    *input = (struct input){
        .fd = -1, .name = name, .memory = data, .memory_left = bytes, .chunk = chunk};
    return begin_reading(input, err);
}

void input_close(struct input *input)
{
    free(input->data);
    *input = (struct input){.fd = -1};
}
