#include "daemon/refreshctl_layout.h"

#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "\xE2\x80\xA6"

struct layout_cell {
    size_t from, bytes;
    unsigned width; /* characters */
    bool number;
    bool last; /* of its row */
};

struct column {
    unsigned width;
    bool left; /* something that is no number is in it */
};

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* Bytes of the character at `at`, as its first byte and those that follow say. */
static size_t character(const char *at)
{
    const char *end = at + 1;
    while (is_continuation(*end))
        end++;
    return (size_t)(end - at);
}

/* Control characters, of C0 and of C1 (C2 80 to C2 9F). */
static bool is_control(const char *at, size_t bytes)
{
    unsigned char first = (unsigned char)at[0];
    return first < 0x20 || first == 0x7F ||
           (bytes == 2 && first == 0xC2 && (unsigned char)at[1] < 0xA0);
}

static int put(struct layout *layout, struct layout_cell *cell, const char *text, size_t bytes,
               struct error *err)
{
    if (buffer_append(&layout->text, text, bytes, err) != 0)
        return -1;
    cell->bytes += bytes;
    cell->width++;
    return 0;
}

int layout_cell(struct layout *layout, const char *text, bool number, struct error *err)
{
    struct layout_cell cell = {.from = layout->text.used, .number = number};
    while (*text != '\0') {
        size_t bytes = character(text);
        const char *rest = text + bytes;
        bool cut = cell.width + 1 == LAYOUT_WIDEST && *rest != '\0';
        bool bad = is_control(text, bytes);
        int result = cut   ? put(layout, &cell, ELLIPSIS, strlen(ELLIPSIS), err)
                     : bad ? put(layout, &cell, "?", 1, err)
                           : put(layout, &cell, text, bytes, err);
        if (result != 0)
            return -1;
        if (cut)
            break;
        text = rest;
    }
    return buffer_append(&layout->cells, &cell, sizeof cell, err);
}

int layout_end(struct layout *layout, struct error *err)
{
    struct layout_cell *cells = (struct layout_cell *)layout->cells.data;
    size_t count = layout->cells.used / sizeof *cells;
    if (count == 0 || cells[count - 1].last) { /* a row without cells */
        if (layout_cell(layout, "", false, err) != 0)
            return -1;
        return layout_end(layout, err);
    }
    cells[count - 1].last = true;
    return 0;
}

static void measure(const struct layout *layout, struct column *columns)
{
    const struct layout_cell *cells = (const struct layout_cell *)layout->cells.data;
    size_t count = layout->cells.used / sizeof *cells, at = 0;
    bool head = layout->headed;
    for (size_t i = 0; i < count; i++) {
        struct column *column = &columns[at];
        if (cells[i].width > column->width)
            column->width = cells[i].width;
        column->left = column->left || (!head && !cells[i].number && cells[i].width > 0);
        head = head && !cells[i].last;
        at = cells[i].last ? 0 : at + 1;
    }
}

static int spaces(struct buffer *out, unsigned count, struct error *err)
{
    for (; count > 0; count--)
        if (buffer_append(out, " ", 1, err) != 0)
            return -1;
    return 0;
}

/* Spaces are put before text only, so that no line ends in them. */
static int print_rows(const struct layout *layout, const struct column *columns, struct buffer *out,
                      struct error *err)
{
    const struct layout_cell *cells = (const struct layout_cell *)layout->cells.data;
    size_t count = layout->cells.used / sizeof *cells, at = 0;
    unsigned owed = 2;
    for (size_t i = 0; i < count; i++) {
        unsigned pad = columns[at].width - cells[i].width;
        if (!columns[at].left)
            owed += pad;
        if (cells[i].bytes > 0) {
            if (spaces(out, owed, err) != 0 ||
                buffer_append(out, layout->text.data + cells[i].from, cells[i].bytes, err) != 0)
                return -1;
            owed = 0;
        }
        owed += (columns[at].left ? pad : 0) + 2;
        at++;
        if (!cells[i].last)
            continue;
        if (buffer_append(out, "\n", 1, err) != 0)
            return -1;
        at = 0;
        owed = 2;
    }
    return 0;
}

int layout_print(const struct layout *layout, struct buffer *out, struct error *err)
{
    size_t most = layout->cells.used / sizeof(struct layout_cell);
    struct column *columns = calloc(most + 1, sizeof *columns);
    if (columns == NULL)
        return error_memory(err, "a table");
    measure(layout, columns);
    int result = print_rows(layout, columns, out, err);
    free(columns);
    return result;
}

void layout_free(struct layout *layout)
{
    buffer_free(&layout->text);
    buffer_free(&layout->cells);
}
