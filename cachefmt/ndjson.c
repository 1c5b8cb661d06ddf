#include "cachefmt/ndjson.h"

#include <string.h>

#define RAW_LIMIT ((size_t)64 * 1024) /* of a line that was too long, kept for the rejects */

void ndjson_open(struct ndjson_reader *reader, struct input *input)
{
    *reader = (struct ndjson_reader){.input = input, .line = 1};
}

void ndjson_close(struct ndjson_reader *reader)
{
    buffer_free(&reader->texts);
    buffer_free(&reader->broken);
}

/* Keep the beginning of an endless line and go to the one after it. */
static int skip_long_line(struct ndjson_reader *reader, struct row *row, struct error *err)
{
    struct input *input = reader->input;
    buffer_clear(&reader->broken);
    if (buffer_append(&reader->broken, input->data + input->begin, RAW_LIMIT, err) != 0 ||
        input_skip_line(input, err) != 0)
        return -1;
    row->raw = (struct slice){(const char *)reader->broken.data, (uint32_t)RAW_LIMIT};
    return 0;
}

/* The next line without its end: 1; 0 at the end of the input; -1. */
static int take_line(struct ndjson_reader *reader, struct row *row, struct error *err)
{
    struct input *input = reader->input;
    size_t seen = 0;
    for (;;) {
        const unsigned char *from = input->data + input->begin;
        size_t bytes = input->end - input->begin;
        const unsigned char *newline =
            bytes > seen ? memchr(from + seen, '\n', bytes - seen) : NULL;
        if (newline != NULL || input->ended) {
            if (newline == NULL && bytes == 0)
                return 0;
            size_t length = newline != NULL ? (size_t)(newline - from) : bytes;
            input->begin += length + (newline != NULL);
            if (length > 0 && from[length - 1] == '\r')
                length--;
            row->line = reader->line++;
            row->raw = (struct slice){(const char *)from, (uint32_t)length};
            return 1;
        }
        seen = bytes;
        struct error found;
        if (input_fill(input, &found) >= 0)
            continue;
        row->line = reader->line++;
        if (found.code == ERROR_VALUE && skip_long_line(reader, row, err) != 0)
            return -1;
        if (err != NULL)
            *err = found;
        return -1;
    }
}

static bool is_blank(struct slice line)
{
    for (uint32_t i = 0; i < line.length; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    }
    return true;
}

int ndjson_next(struct ndjson_reader *reader, struct row *row, struct error *err)
{
    for (;;) {
        int got = take_line(reader, row, err);
        if (got <= 0)
            return got;
        if (is_blank(row->raw))
            continue;
        if (ndjson_parse(row->raw.data, row->raw.length, row, &reader->texts, err) != 0)
            return -1;
        return 1;
    }
}
