#include "cachefmt/csv.h"

#include <stdlib.h>
#include <string.h>

#define RAW_LIMIT ((size_t)64 * 1024) /* of a malformed row, kept for the list of rejects */

/* A field as it lies in the input, relative to the row's first byte. */
struct csv_field {
    size_t begin, end; /* without the quotes around it */
    size_t doubled;    /* quotes inside that are written twice */
};

struct csv_reader {
    struct input *input;
    uint64_t line;     /* of the next unread byte */
    uint64_t row_line; /* on which the present row begins */
    size_t columns;    /* of the header; 0 while it is being read */
    enum column column[COLUMN_COUNT];
    unsigned char place[COLUMN_COUNT];
    struct csv_field field[COLUMN_COUNT];
    size_t fields;        /* of the present row; only the first COLUMN_COUNT are kept */
    struct buffer texts;  /* fields with doubled quotes, decoded */
    struct buffer broken; /* beginning of a malformed row */
};

enum scan_result { SCAN_DONE, SCAN_MORE, SCAN_BAD };

/* Where a scan over one row stands. */
struct scan {
    const unsigned char *data, *at, *end;
    bool ended; /* no bytes come after end */
    uint64_t breaks;
    struct csv_field field;
};

static const unsigned char ends_plain_run[256] = {[','] = 1, ['\n'] = 1, ['\r'] = 1, ['"'] = 1};

/* An error in the field that is being scanned. */
static enum scan_result field_error(const struct csv_reader *reader, struct error *err,
                                    const char *message)
{
    size_t number = reader->fields + 1;
    if (number <= reader->columns)
        error_set(err, ERROR_VALUE, "column %zu (%s): %s", number,
                  column_names[reader->column[number - 1]], message);
    else
        error_set(err, ERROR_VALUE, "column %zu: %s", number, message);
    return SCAN_BAD;
}

static enum scan_result scan_plain(const struct csv_reader *reader, struct scan *scan,
                                   struct error *err)
{
    const unsigned char *at = scan->at;
    while (at < scan->end && !ends_plain_run[*at])
        at++;
    if ((size_t)(at - scan->at) > FIELD_BYTES_LIMIT)
        return field_error(reader, err, "the field is longer than 65536 bytes");
    if (at == scan->end && !scan->ended)
        return SCAN_MORE;
    if (at < scan->end && *at == '"')
        return field_error(reader, err,
                           "a quote inside a field that is not quoted; quote the field and write "
                           "the quote twice");
    scan->field = (struct csv_field){(size_t)(scan->at - scan->data), (size_t)(at - scan->data), 0};
    scan->at = at;
    return SCAN_DONE;
}

static enum scan_result scan_quoted(const struct csv_reader *reader, struct scan *scan,
                                    struct error *err)
{
    const unsigned char *begin = scan->at + 1;
    const unsigned char *at = begin;
    size_t doubled = 0;
    for (;;) {
        while (at < scan->end && *at != '"') {
            scan->breaks += *at == '\n';
            at++;
        }
        if ((size_t)(at - begin) - doubled > FIELD_BYTES_LIMIT)
            return field_error(reader, err, "the field is longer than 65536 bytes");
        if (at == scan->end && !scan->ended)
            return SCAN_MORE;
        if (at == scan->end)
            return field_error(reader, err, "the quote that opens the field is never closed");
        if (at + 1 == scan->end && !scan->ended)
            return SCAN_MORE;
        if (at + 1 == scan->end || at[1] != '"')
            break;
        doubled++;
        at += 2;
    }
    scan->field =
        (struct csv_field){(size_t)(begin - scan->data), (size_t)(at - scan->data), doubled};
    scan->at = at + 1;
    return SCAN_DONE;
}

/* After a field: a comma, or the end of the row (*last). */
static enum scan_result scan_delimiter(const struct csv_reader *reader, struct scan *scan,
                                       bool *last, struct error *err)
{
    *last = true;
    if (scan->at == scan->end)
        return scan->ended ? SCAN_DONE : SCAN_MORE;
    if (*scan->at == ',') {
        *last = false;
        scan->at++;
        return SCAN_DONE;
    }
    if (*scan->at == '\r') {
        if (scan->at + 1 == scan->end && !scan->ended)
            return SCAN_MORE;
        if (scan->at + 1 < scan->end && scan->at[1] != '\n')
            return field_error(reader, err, "a carriage return outside quotes");
        scan->at++;
        if (scan->at == scan->end)
            return SCAN_DONE;
    }
    if (*scan->at != '\n')
        return field_error(reader, err, "text after the quote that closes the field");
    scan->at++;
    scan->breaks++;
    return SCAN_DONE;
}

/* Find the fields of the row at the input's beginning, as far as it has been read. */
static enum scan_result scan_row(struct csv_reader *reader, struct scan *scan, struct error *err)
{
    bool last = false;
    reader->fields = 0;
    while (!last) {
        enum scan_result result;
        if (scan->at < scan->end && *scan->at == '"')
            result = scan_quoted(reader, scan, err);
        else
            result = scan_plain(reader, scan, err);
        if (result == SCAN_DONE)
            result = scan_delimiter(reader, scan, &last, err);
        if (result != SCAN_DONE)
            return result;
        if (reader->fields < COLUMN_COUNT)
            reader->field[reader->fields] = scan->field;
        reader->fields++;
    }
    return SCAN_DONE;
}

/* The length of the first line at the input's beginning, read as far as rejects need it. */
static int first_line(struct input *input, size_t *bytes, struct error *err)
{
    for (;;) {
        const unsigned char *from = input->data + input->begin;
        size_t length = input->end - input->begin;
        length = length < RAW_LIMIT ? length : RAW_LIMIT;
        const unsigned char *newline = length > 0 ? memchr(from, '\n', length) : NULL;
        if (newline != NULL || length == RAW_LIMIT || input->ended) {
            *bytes = newline != NULL ? (size_t)(newline - from) : length;
            return 0;
        }
        if (input_fill(input, err) < 0)
            return -1;
    }
}

/* Put the beginning of a malformed row aside and go to the line after its first. */
static int resynchronise(struct csv_reader *reader, struct row *row, struct error *err)
{
    struct input *input = reader->input;
    size_t bytes;
    if (first_line(input, &bytes, err) != 0)
        return -1;
    const unsigned char *from = input->data + input->begin;
    if (bytes > 0 && from[bytes - 1] == '\r')
        bytes--;
    buffer_clear(&reader->broken);
    if (buffer_append(&reader->broken, from, bytes, err) != 0 || input_skip_line(input, err) != 0)
        return -1;
    reader->line++;
    row->raw = (struct slice){(const char *)reader->broken.data, (uint32_t)bytes};
    return 0;
}

static bool is_blank_line(const struct csv_reader *reader)
{
    return reader->fields == 1 && reader->field[0].begin == 0 && reader->field[0].end == 0;
}

/* Take the next row that is not blank: 1, and *bytes of it lie at *data; 0 at the end; -1. */
static int take_row(struct csv_reader *reader, struct row *row, const char **data, size_t *bytes,
                    struct error *err)
{
    struct input *input = reader->input;
    for (;;) {
        if (input->begin == input->end && input->ended)
            return 0;
        struct scan scan = {.data = input->data + input->begin,
                            .at = input->data + input->begin,
                            .end = input->data + input->end,
                            .ended = input->ended};
        reader->row_line = reader->line;
        row->line = reader->line;
        struct error found;
        found.code = ERROR_NONE;
        enum scan_result result = scan_row(reader, &scan, &found);
        if (result == SCAN_MORE) {
            if (input_fill(input, &found) >= 0)
                continue;
            result = SCAN_BAD;
        }
        if (result == SCAN_BAD) {
            if (found.code == ERROR_VALUE && resynchronise(reader, row, err) != 0)
                return -1;
            if (err != NULL)
                *err = found;
            return -1;
        }
        *data = (const char *)scan.data;
        *bytes = (size_t)(scan.at - scan.data);
        reader->line += scan.breaks;
        input->begin += *bytes;
        if (!is_blank_line(reader))
            return 1;
    }
}

/* The field's text, with doubled quotes made single in reader->texts, which has the room. */
static struct slice field_text(struct csv_reader *reader, const char *data, size_t number)
{
    const struct csv_field *field = &reader->field[number];
    struct slice text = {data + field->begin, (uint32_t)(field->end - field->begin)};
    if (field->doubled == 0)
        return text;
    char *decoded = (char *)reader->texts.data + reader->texts.used;
    size_t used = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        decoded[used++] = text.data[i];
        if (text.data[i] == '"')
            i++;
    }
    reader->texts.used += used;
    return (struct slice){decoded, (uint32_t)used};
}

static int count_error(const struct csv_reader *reader, struct error *err)
{
    if (reader->fields > reader->columns)
        return error_set(err, ERROR_VALUE, "column %zu: %zu fields where the header has %zu",
                         reader->columns + 1, reader->fields, reader->columns);
    return error_set(err, ERROR_VALUE,
                     "column %zu (%s): missing: %zu field%s where the header has %zu",
                     reader->fields + 1, column_names[reader->column[reader->fields]],
                     reader->fields, reader->fields == 1 ? "" : "s", reader->columns);
}

int csv_next(struct csv_reader *reader, struct row *row, struct error *err)
{
    const char *data;
    size_t bytes;
    int got = take_row(reader, row, &data, &bytes, err);
    if (got <= 0)
        return got;
    size_t raw = bytes;
    if (raw > 0 && data[raw - 1] == '\n')
        raw--;
    if (raw > 0 && data[raw - 1] == '\r')
        raw--;
    row->raw = (struct slice){data, (uint32_t)raw};
    if (reader->fields != reader->columns)
        return count_error(reader, err);
    memset(row->value, 0, sizeof row->value);
    memcpy(row->place, reader->place, sizeof row->place);
    buffer_clear(&reader->texts);
    if (buffer_reserve(&reader->texts, bytes, err) != 0)
        return -1;
    for (size_t i = 0; i < reader->columns; i++)
        row->value[reader->column[i]] = field_text(reader, data, i);
    return 1;
}

static int header_column(struct csv_reader *reader, const char *data, size_t number,
                         struct error *err)
{
    char shown[EXCERPT_BYTES];
    struct slice name = field_text(reader, data, number);
    int column = column_find(name);
    if (column < 0)
        return error_set(err, ERROR_VALUE,
                         "%s line %llu column %zu: unknown column %s; the columns are %s",
                         reader->input->name, (unsigned long long)reader->row_line, number + 1,
                         text_excerpt(name, shown), column_list);
    if (reader->place[column] != 0)
        return error_set(err, ERROR_VALUE,
                         "%s line %llu column %zu: column %s occurs twice; the columns are %s",
                         reader->input->name, (unsigned long long)reader->row_line, number + 1,
                         column_names[column], column_list);
    reader->column[number] = (enum column)column;
    reader->place[column] = (unsigned char)(number + 1);
    return 0;
}

static int read_header(struct csv_reader *reader, struct error *err)
{
    const char *data;
    size_t bytes;
    struct row row = {0};
    int got = take_row(reader, &row, &data, &bytes, err);
    if (got < 0) {
        if (err == NULL || err->code != ERROR_VALUE)
            return -1;
        struct error found = *err;
        return error_set(err, found.code, "%s line %llu %.300s", reader->input->name,
                         (unsigned long long)row.line, found.message);
    }
    if (got == 0)
        return error_set(err, ERROR_VALUE, "%s is empty; its first line names the columns: %s",
                         reader->input->name, column_list);
    if (buffer_reserve(&reader->texts, bytes, err) != 0)
        return -1;
    for (size_t i = 0; i < reader->fields && i < COLUMN_COUNT; i++) {
        if (header_column(reader, data, i, err) != 0)
            return -1;
    }
    for (int column = COLUMN_LAT; column <= COLUMN_LON; column++) {
        if (reader->place[column] == 0)
            return error_set(err, ERROR_VALUE, "%s line %llu: column %s is missing in the header",
                             reader->input->name, (unsigned long long)reader->row_line,
                             column_names[column]);
    }
    if (reader->fields > COLUMN_COUNT)
        return error_set(err, ERROR_VALUE, "%s line %llu: %zu columns where there are only %d: %s",
                         reader->input->name, (unsigned long long)reader->row_line, reader->fields,
                         COLUMN_COUNT, column_list);
    reader->columns = reader->fields;
    return 0;
}

int csv_open(struct csv_reader **out, struct input *input, struct error *err)
{
    struct csv_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_memory(err, "a CSV reader");
    reader->input = input;
    reader->line = 1;
    if (read_header(reader, err) != 0) {
        csv_close(reader);
        return -1;
    }
    *out = reader;
    return 0;
}

void csv_close(struct csv_reader *reader)
{
    if (reader == NULL)
        return;
    buffer_free(&reader->texts);
    buffer_free(&reader->broken);
    free(reader);
}
