/* Any bytes as what a client sends: cut into lines and requests, or into frames; however the bytes
 * are split on the way, the same comes out. */
#include <stdlib.h>
#include <string.h>

#include "daemon/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_arguments(const struct protocol_request *request)
{
    struct error err;
    double number;
    uint64_t whole;
    bool flag;
    const char *text;
    uint8_t bitmap[72];
    static const char *const names[] = {"a", "tiles", NULL};
    (void)protocol_number(request->arguments, "a", 0, 1e9, &number, &err);
    (void)protocol_whole(request->arguments, "a", 0, 1ULL << 53, &whole, &err);
    (void)protocol_flag(request->arguments, "a", &flag, &err);
    if (protocol_text(request->arguments, "tiles", &text, &err) > 0)
        (void)protocol_tiles(text, 576, bitmap, &err);
    (void)protocol_only(request->arguments, names, &err);
}

/* A number that depends on every line and on how it ended. */
static uint64_t as_lines(const uint8_t *data, size_t size, size_t step)
{
    struct protocol_lines lines = {.limit = 1000};
    struct error err = {0};
    uint64_t sum = 0;
    int got = 0;
    for (size_t at = 0; at < size && got >= 0; at += step) {
        size_t bytes = size - at < step ? size - at : step;
        if (protocol_lines_add(&lines, data + at, bytes, &err) != 0)
            abort();
        char *line;
        size_t length;
        while ((got = protocol_lines_next(&lines, &line, &length, &err)) > 0) {
            struct protocol_request request;
            sum = sum * 31 + length + 1;
            if (protocol_request_parse(&request, line, length, &err) == 0) {
                read_arguments(&request);
                protocol_request_free(&request);
                sum++;
            } else if (err.code != ERROR_USAGE || err.message[0] == '\0') {
                abort();
            }
        }
    }
    protocol_lines_free(&lines);
    return got < 0 ? UINT64_MAX : sum;
}

static uint64_t as_frames(const uint8_t *data, size_t size, size_t step)
{
    struct protocol_frames frames = {0};
    struct error err;
    uint64_t sum = 0;
    for (size_t at = 0; at < size; at += step) {
        const unsigned char *rest = data + at, *piece;
        size_t left = size - at < step ? size - at : step, length;
        int got;
        while ((got = protocol_frames_next(&frames, &rest, &left, &piece, &length, &err)) > 0) {
            if (piece < data || piece + length > data + size || length == 0)
                abort();
            for (size_t i = 0; i < length; i++)
                sum = sum * 31 + piece[i] + 1;
        }
        if (got < 0)
            return UINT64_MAX;
        if (left != 0)
            abort();
    }
    return sum + frames.ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = 1 + data[0] % 7;
    (void)as_lines(data, size, size);
    if (as_lines(data, size, step) != as_lines(data, size, 1))
        abort();
    if (as_frames(data, size, size) != as_frames(data, size, step))
        abort();
    return 0;
}
