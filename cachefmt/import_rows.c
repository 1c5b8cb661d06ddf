#include "cachefmt/import_rows.h"

#include <errno.h>
#include <inttypes.h>

#include "cachefmt/csv.h"
#include "cachefmt/json_text.h"
#include "cachefmt/ndjson.h"
#include "quadtree/grid.h"

#define REJECT_BYTES ((size_t)64 * 1024) /* of a row's text in the list of rejects */
#define ROWS_BETWEEN_CHECKS 1024

struct row_source {
    const struct import_options *options;
    struct input input;
    struct csv_reader *csv; /* NULL for NDJSON */
    struct ndjson_reader ndjson;
};

static int source_open(struct row_source *source, const struct import_options *options, int fd,
                       struct error *err)
{
    *source = (struct row_source){.options = options};
    if (input_open(&source->input, fd, options->name, options->stop, err) != 0)
        return -1;
    ndjson_open(&source->ndjson, &source->input);
    if (options->format == FORMAT_CSV && csv_open(&source->csv, &source->input, err) != 0) {
        input_close(&source->input);
        return -1;
    }
    return 0;
}

static void source_close(struct row_source *source)
{
    csv_close(source->csv);
    ndjson_close(&source->ndjson);
    input_close(&source->input);
}

static int source_next(struct row_source *source, struct row *row, struct error *err)
{
    return source->csv != NULL ? csv_next(source->csv, row, err)
                               : ndjson_next(&source->ndjson, row, err);
}

/* One CSV field in quotes, UTF-8 whatever the text is, so that the list opens everywhere. */
static int append_quoted(struct buffer *out, const char *text, size_t bytes, struct error *err)
{
    struct buffer clean = {0};
    int result = -1;
    if (append_literal(out, "\"", err) != 0 || buffer_append_utf8(&clean, text, bytes, err) != 0)
        goto out;
    for (size_t i = 0; i < clean.used; i++) {
        if (clean.data[i] == '"' && append_literal(out, "\"", err) != 0)
            goto out;
        if (buffer_append(out, &clean.data[i], 1, err) != 0)
            goto out;
    }
    result = append_literal(out, "\"", err);
out:
    buffer_free(&clean);
    return result;
}

static int write_reject(const struct import_options *options, const struct row *row,
                        const char *reason, bool first, struct error *err)
{
    struct buffer line = {0};
    size_t bytes = row->raw.length < REJECT_BYTES ? row->raw.length : REJECT_BYTES;
    int result = -1;
    if ((first && append_literal(&line, "line,reason,row\n", err) != 0) ||
        buffer_append_unsigned(&line, row->line, err) != 0 ||
        append_literal(&line, ",", err) != 0 ||
        append_quoted(&line, reason, strlen(reason), err) != 0 ||
        append_literal(&line, ",", err) != 0 ||
        append_quoted(&line, row->raw.data, bytes, err) != 0 ||
        append_literal(&line, "\n", err) != 0)
        goto out;
    if (fwrite(line.data, 1, line.used, options->rejects) != line.used) {
        error_io(err, errno, "write", "the list of rejected rows");
        goto out;
    }
    result = 0;
out:
    buffer_free(&line);
    return result;
}

/* A bad row: into the list, or the end of the import. */
static int handle_bad_row(const struct import_options *options, const struct row *row,
                          const struct error *bad, struct import_result *result, struct error *err)
{
    if (options->rejects == NULL)
        return error_set(err, ERROR_VALUE, "%.200s line %" PRIu64 "%s %.350s", options->name,
                         row->line, options->format == FORMAT_CSV ? "" : ",", bad->message);
    return write_reject(options, row, bad->message, result->rejected++ == 0, err);
}

static int check_stop(const struct import_options *options, uint64_t rows, struct error *err)
{
    if (rows % ROWS_BETWEEN_CHECKS != 0 || !stop_wanted(options->stop))
        return 0;
    return error_set(err, ERROR_CANCELED, "the import of %s was stopped", options->name);
}

static int read_all(struct row_source *source, struct grid grid, struct sorter *sorter,
                    struct buffer *text, struct import_result *result, struct error *err)
{
    struct row row = {0};
    struct entry entry;
    struct error found;
    for (;;) {
        int got = source_next(source, &row, &found);
        if (got == 0)
            return 0;
        result->rows++;
        if (check_stop(source->options, result->rows, err) != 0)
            return -1;
        if (got < 0 || row_entry(&row, &entry, text, &found) != 0) {
            if (found.code != ERROR_VALUE) {
                if (err != NULL)
                    *err = found;
                return -1;
            }
            if (handle_bad_row(source->options, &row, &found, result, err) != 0)
                return -1;
            continue;
        }
        if (sorter_add(sorter, grid_tile(grid, entry.point), &entry, err) != 0)
            return -1;
    }
}

int import_rows(const struct import_options *options, struct grid grid, int fd,
                struct sorter *sorter, struct import_result *result, struct error *err)
{
    struct row_source source;
    struct buffer text = {0};
    if (source_open(&source, options, fd, err) != 0)
        return -1;
    int status = read_all(&source, grid, sorter, &text, result, err);
    if (status == 0 && options->rejects != NULL && fflush(options->rejects) != 0)
        status = error_io(err, errno, "write", "the list of rejected rows");
    buffer_free(&text);
    source_close(&source);
    return status;
}
