#include "geocoder/reply_rows.h"

#include <string.h>

void reply_rows_begin(struct reply_rows *rows, char *text, size_t bytes)
{
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        bytes -= 3;
    }
    const char *newline = bytes > 0 ? memchr(text, '\n', bytes) : NULL;
    size_t line = newline != NULL ? (size_t)(newline - text) : bytes;
    bool semicolons =
        line > 0 && memchr(text, ';', line) != NULL && memchr(text, ',', line) == NULL;
    *rows =
        (struct reply_rows){.at = text, .end = text + bytes, .separator = semicolons ? ';' : ','};
}

/* Behind the field that begins at `at`; *field gets its text, still with doubled quotes, and
 * *doubled how many. NULL when it is broken. */
static char *scan_quoted(char *at, const char *end, struct slice *field, bool *doubled)
{
    char *begin = ++at;
    *doubled = false;
    for (;;) {
        size_t left = (size_t)(end - at);
        char *quote = memchr(at, '"', left <= FIELD_BYTES_LIMIT ? left : FIELD_BYTES_LIMIT + 1);
        if (quote == NULL || (size_t)(quote - begin) > FIELD_BYTES_LIMIT)
            return NULL;
        at = quote + 1;
        if (at == end || *at != '"') {
            *field = (struct slice){begin, (uint32_t)(quote - begin)};
            return at;
        }
        *doubled = true;
        at++;
    }
}

static char *scan_plain(char *at, const char *end, char separator, struct slice *field)
{
    char *begin = at;
    while (at < end && *at != separator && *at != '\n' && *at != '\r' && *at != '"')
        at++;
    if ((at < end && *at == '"') || (size_t)(at - begin) > FIELD_BYTES_LIMIT)
        return NULL;
    *field = (struct slice){begin, (uint32_t)(at - begin)};
    return at;
}

static void halve_quotes(struct slice *field, char *text)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < field->length; i++) {
        text[used++] = field->data[i];
        if (field->data[i] == '"')
            i++;
    }
    field->length = used;
}

static enum reply_row_kind broken_row(struct reply_rows *rows)
{
    char *newline = memchr(rows->at, '\n', (size_t)(rows->end - rows->at));
    rows->at = newline != NULL ? newline + 1 : rows->end;
    return REPLY_ROW_BROKEN;
}

/* Texts are changed only once the whole row is known to be good: a broken one is read again from
 * its second line. */
static void decode_quotes(struct reply_row *row, const uint64_t *doubled)
{
    for (size_t i = 0; i < row->fields && i < REPLY_COLUMNS; i++) {
        if ((doubled[i / 64] >> i % 64 & 1) != 0)
            halve_quotes(&row->field[i], (char *)row->field[i].data);
    }
}

static enum reply_row_kind read_row(struct reply_rows *rows, struct reply_row *row)
{
    uint64_t doubled[REPLY_COLUMNS / 64] = {0};
    bool any_doubled = false;
    char *at = rows->at;
    row->fields = 0;
    for (;;) {
        struct slice field;
        bool has_doubled = false;
        if (at < rows->end && *at == '"')
            at = scan_quoted(at, rows->end, &field, &has_doubled);
        else
            at = scan_plain(at, rows->end, rows->separator, &field);
        if (at == NULL)
            return broken_row(rows);
        if (row->fields < REPLY_COLUMNS) {
            row->field[row->fields] = field;
            if (has_doubled)
                doubled[row->fields / 64] |= UINT64_C(1) << row->fields % 64;
            any_doubled = any_doubled || has_doubled;
        }
        row->fields++;
        if (at == rows->end || *at != rows->separator)
            break;
        at++;
    }
    if (at < rows->end && *at == '\r')
        at++;
    if (at < rows->end && *at != '\n')
        return broken_row(rows);
    row->ended = at < rows->end;
    rows->at = at + row->ended;
    if (any_doubled)
        decode_quotes(row, doubled);
    return REPLY_ROW_GOOD;
}

enum reply_row_kind reply_rows_next(struct reply_rows *rows, struct reply_row *row)
{
    while (rows->at < rows->end && (*rows->at == '\n' || *rows->at == '\r'))
        rows->at++;
    if (rows->at == rows->end)
        return REPLY_ROW_NONE;
    return read_row(rows, row);
}
