/* Any bytes as CSV: the first one says how large the pieces are in which the rest arrives. However
 * it is cut, the same rows come out, every call moves on, and errors have a text. */
#include <stdlib.h>
#include <string.h>

#include "cachefmt/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum over all that is read. */
static uint64_t read_rows(const uint8_t *data, size_t size, size_t chunk)
{
    struct input input;
    struct csv_reader *csv;
    struct row row;
    struct error err = {0};
    struct entry entry;
    struct buffer text = {0};
    uint64_t sum = 1;
    uint64_t last_line = 0;
    if (input_open_memory(&input, data, size, chunk, "input", &err) != 0)
        abort();
    if (csv_open(&csv, &input, &err) != 0) {
        if (err.message[0] == '\0')
            abort();
        input_close(&input);
        return 0;
    }
    for (;;) {
        int got = csv_next(csv, &row, &err);
        if (got == 0)
            break;
        if (row.line <= last_line || (got < 0 && err.code != ERROR_VALUE))
            abort();
        last_line = row.line;
        sum = sum * 31 + row.line * 7 + row.raw.length;
        if (got == 1 && row_entry(&row, &entry, &text, &err) == 0)
            sum = sum * 31 + (uint32_t)entry.point.lat + entry.refreshed_at;
    }
    buffer_free(&text);
    csv_close(csv);
    input_close(&input);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint64_t whole = read_rows(data + 1, size - 1, 1 << 20);
    uint64_t pieces = read_rows(data + 1, size - 1, (size_t)data[0] % 16 + 1);
    if (whole != pieces)
        abort();
    return 0;
}
