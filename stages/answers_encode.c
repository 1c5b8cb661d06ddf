#include "stages/answers_format.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "quadtree/quadtree.h"

#define ROW_BYTES_LIMIT (64 + MEASURE_ROOM) /* flags, at most six varints and the measure */
#define NO_STRING UINT32_MAX

/* The tables of a record while it is made: texts of the batch in order of first use, and their
 * distinct strings. */
struct tables {
    uint32_t *addresses; /* texts that are addresses, by number */
    uint32_t address_count;
    struct slice *strings;
    uint32_t string_count;
    uint32_t *slots; /* string number + 1 */
    uint32_t mask;
    uint32_t *fields;  /* texts x FIELD_COUNT string numbers, NO_STRING = missing */
    uint32_t *sources; /* texts that are sources, by number */
    uint32_t source_count;
    uint32_t *source_codes; /* by text: 1 + the number of the source, 0 = none */
};

static void tables_free(struct tables *tables)
{
    free(tables->addresses);
    free(tables->strings);
    free(tables->slots);
    free(tables->fields);
    free(tables->sources);
    free(tables->source_codes);
}

static int tables_create(struct tables *tables, uint32_t texts, struct error *err)
{
    size_t strings = (size_t)texts * FIELD_COUNT + 1;
    size_t slots = 2;
    while (slots < strings * 2)
        slots *= 2;
    tables->addresses = malloc((texts + 1) * sizeof *tables->addresses);
    tables->strings = malloc(strings * sizeof *tables->strings);
    tables->slots = calloc(slots, sizeof *tables->slots);
    tables->fields = malloc(strings * sizeof *tables->fields);
    tables->sources = malloc((texts + 1) * sizeof *tables->sources);
    tables->source_codes = calloc(texts + 1, sizeof *tables->source_codes);
    tables->mask = (uint32_t)(slots - 1);
    if (tables->addresses == NULL || tables->strings == NULL || tables->slots == NULL ||
        tables->fields == NULL || tables->sources == NULL || tables->source_codes == NULL) {
        tables_free(tables);
        return error_memory(err, "a batch of answers");
    }
    return 0;
}

static uint32_t string_number(struct tables *tables, struct slice string)
{
    uint32_t slot = (uint32_t)XXH3_64bits(string.data, string.length) & tables->mask;
    for (; tables->slots[slot] != 0; slot = (slot + 1) & tables->mask)
        if (slice_equal(tables->strings[tables->slots[slot] - 1], string))
            return tables->slots[slot] - 1;
    tables->strings[tables->string_count] = string;
    tables->slots[slot] = ++tables->string_count;
    return tables->string_count - 1;
}

static void number_field(const struct answer_batch *batch, struct tables *tables, uint32_t text,
                         unsigned field)
{
    struct slice string = batch_text_field(batch, text, field);
    tables->fields[(size_t)text * FIELD_COUNT + field] =
        string.length == 0 ? NO_STRING : string_number(tables, string);
}

static uint32_t row_source(const struct answer_batch *batch, const struct batch_row *row)
{
    return row->source != NO_TEXT ? row->source : batch->source;
}

/* Number the sources and their strings in order of first use. */
static void number_sources(const struct answer_batch *batch, struct tables *tables)
{
    for (uint32_t i = 0; i < batch->rows; i++) {
        uint32_t source = row_source(batch, &batch->row[i]);
        if (source == NO_TEXT || tables->source_codes[source] != 0)
            continue;
        number_field(batch, tables, source, SOURCE_PROVIDER);
        number_field(batch, tables, source, SOURCE_PEER);
        tables->sources[tables->source_count++] = source;
        tables->source_codes[source] = tables->source_count;
    }
}

/* Number the texts and strings in order of first use. */
static void number_texts(struct answer_batch *batch, struct tables *tables)
{
    uint32_t numbered = 0;
    for (uint32_t i = 0; i < batch->rows && numbered < batch->texts; i++) {
        uint32_t text = batch->row[i].text;
        if (text == NO_TEXT || batch->text[text].number != NO_TEXT)
            continue;
        for (unsigned field = 0; field < FIELD_COUNT; field++)
            number_field(batch, tables, text, field);
        batch->text[text].number = 0;
        numbered++;
    }
    for (uint32_t i = 0; i < batch->texts; i++)
        batch->text[i].number = NO_TEXT;
    for (uint32_t i = 0; i < batch->rows; i++) {
        const struct batch_row *row = &batch->row[i];
        if (row->settled != SETTLED_FOUND || batch->text[row->text].number != NO_TEXT)
            continue;
        batch->text[row->text].number = tables->address_count;
        tables->addresses[tables->address_count++] = row->text;
    }
}

static int put_strings(struct buffer *record, const struct tables *tables, struct error *err)
{
    if (buffer_reserve(record, (size_t)tables->string_count * VARINT_LIMIT, err) != 0)
        return -1;
    unsigned char *at = record->data + record->used;
    for (uint32_t i = 0; i < tables->string_count; i++)
        at = varint_put(at, tables->strings[i].length);
    record->used = (size_t)(at - record->data);
    for (uint32_t i = 0; i < tables->string_count; i++)
        if (buffer_append(record, tables->strings[i].data, tables->strings[i].length, err) != 0)
            return -1;
    return 0;
}

static int put_addresses(struct buffer *record, const struct tables *tables, struct error *err)
{
    size_t limit = (size_t)tables->address_count * (FIELD_COUNT + 1) * VARINT_LIMIT;
    if (buffer_reserve(record, limit, err) != 0)
        return -1;
    unsigned char *at = record->data + record->used;
    for (uint32_t i = 0; i < tables->address_count; i++) {
        const uint32_t *fields = tables->fields + (size_t)tables->addresses[i] * FIELD_COUNT;
        unsigned mask = 0;
        for (unsigned field = 0; field < FIELD_COUNT; field++)
            mask |= fields[field] == NO_STRING ? 0 : 1u << field;
        at = varint_put(at, mask);
        for (unsigned field = 0; field < FIELD_COUNT; field++)
            if (fields[field] != NO_STRING)
                at = varint_put(at, fields[field]);
    }
    record->used = (size_t)(at - record->data);
    return 0;
}

static uint64_t string_code(const struct tables *tables, uint32_t text, unsigned field)
{
    uint32_t string = tables->fields[(size_t)text * FIELD_COUNT + field];
    return string == NO_STRING ? 0 : string + 1ull;
}

static int put_sources(struct buffer *record, const struct answer_batch *batch,
                       const struct tables *tables, struct error *err)
{
    size_t limit = (4 * (size_t)tables->source_count + 1) * VARINT_LIMIT;
    uint64_t before = 0;
    if (buffer_reserve(record, limit, err) != 0)
        return -1;
    unsigned char *at = varint_put(record->data + record->used, tables->source_count);
    for (uint32_t i = 0; i < tables->source_count; i++) {
        uint32_t text = tables->sources[i];
        const char *stamp = batch_text_field(batch, text, SOURCE_STAMP).data;
        unsigned bottleneck = (unsigned char)stamp[0];
        uint64_t sealed_at = bytes_get64(stamp + 1);
        at = varint_put(at, string_code(tables, text, SOURCE_PROVIDER));
        at = varint_put(at, string_code(tables, text, SOURCE_PEER));
        at = varint_put(at, bottleneck < STATION_COUNT ? bottleneck + 1 : 0);
        at = varint_put(at, zigzag((int64_t)(sealed_at - before)));
        before = sealed_at;
    }
    record->used = (size_t)(at - record->data);
    return 0;
}

static unsigned char *put_failure(unsigned char *at, const struct batch_row *row, bool plain,
                                  const struct tables *tables)
{
    at = varint_put(at, row->cause);
    if (plain) {
        at = varint_put(at, row->measure.status);
        at = varint_put(at, row->measure.attempts);
    }
    if (row->text == NO_TEXT)
        return varint_put(at, 0);
    return varint_put(at, string_code(tables, row->text, 0));
}

static int put_rows(struct answer_batch *batch, const struct tables *tables, bool plain,
                    struct error *err)
{
    struct measure_state measures = MEASURE_STATE_FIRST;
    struct batch_row before = {.ordinal = UINT32_MAX};
    uint32_t address = NO_TEXT;
    for (uint32_t i = 0; i < batch->rows; i++) {
        const struct batch_row *row = &batch->row[i];
        if (buffer_reserve(&batch->record, ROW_BYTES_LIMIT, err) != 0)
            return -1;
        unsigned char *start = batch->record.data + batch->record.used;
        unsigned char *at = start + 1;
        unsigned flags = row->settled;
        uint32_t skipped = row->ordinal - (before.ordinal + 1);
        if (skipped == 0)
            flags |= ROW_NEXT;
        else
            at = varint_put(at, skipped);
        bool down = row->code < before.code;
        flags |= down ? ROW_DOWN : 0;
        at = varint_put(at, down ? before.code - row->code : row->code - before.code);
        if (row->answered_at == before.answered_at)
            flags |= ROW_SAME_TIME;
        else
            at = varint_put(at, zigzag((int64_t)row->answered_at - before.answered_at));
        if (row->settled == SETTLED_FOUND && row->text == address)
            flags |= ROW_SAME_ADDRESS;
        else if (row->settled == SETTLED_FOUND)
            at = varint_put(at, batch->text[address = row->text].number);
        else if (row->settled == SETTLED_FAILED)
            at = put_failure(at, row, plain, tables);
        if (!plain) {
            uint32_t source = row_source(batch, row);
            at = measure_put(at, &measures, &row->measure,
                             source == NO_TEXT ? 0 : tables->source_codes[source],
                             row->settled == SETTLED_FOUND, &flags);
        }
        *start = (unsigned char)flags;
        batch->record.used += (size_t)(at - start);
        before = *row;
    }
    return 0;
}

static int sort_rows(struct answer_batch *batch, struct error *err)
{
    if (batch->ascending)
        return 0;
    size_t rows = batch->rows;
    uint64_t *keys = malloc(2 * rows * sizeof *keys);
    struct batch_row *sorted = malloc(rows * sizeof *sorted);
    int result = -1;
    if (keys == NULL || sorted == NULL) {
        error_memory(err, "a batch of answers");
        goto out;
    }
    for (size_t i = 0; i < rows; i++)
        keys[i] = (uint64_t)batch->row[i].ordinal << 32 | i;
    quadtree_sort(keys, keys + rows, rows);
    for (size_t i = 0; i < rows; i++) {
        sorted[i] = batch->row[(uint32_t)keys[i]];
        if (i > 0 && sorted[i].ordinal == sorted[i - 1].ordinal) {
            error_set(err, ERROR_STATE, "point %u of point file %u is answered twice in one batch",
                      sorted[i].ordinal, batch->share);
            goto out;
        }
    }
    free(batch->row);
    batch->row = sorted;
    batch->rows_room = batch->rows;
    batch->ascending = true;
    sorted = NULL;
    result = 0;
out:
    free(keys);
    free(sorted);
    return result;
}

static int make_ranges(struct answer_batch *batch, struct error *err)
{
    size_t count = 0;
    for (uint32_t i = 0; i < batch->rows; i++)
        count += i == 0 || batch->row[i].ordinal != batch->row[i - 1].ordinal + 1;
    free(batch->ranges);
    batch->ranges_count = 0;
    batch->ranges = malloc((count + 1) * sizeof *batch->ranges);
    if (batch->ranges == NULL)
        return error_memory(err, "a batch of answers");
    for (uint32_t i = 0; i < batch->rows; i++) {
        if (i == 0 || batch->row[i].ordinal != batch->row[i - 1].ordinal + 1)
            batch->ranges[batch->ranges_count++] = (struct ordinal_range){batch->row[i].ordinal, 0};
        batch->ranges[batch->ranges_count - 1].count++;
    }
    return 0;
}

/* Is nothing known of what the answers cost? Version 1 tells them then, as it always did: what was
 * recorded before there were measures keeps its bytes, and so its digest, when it is put together
 * again. */
static bool is_plain(const struct answer_batch *batch)
{
    bool plain = true;
    for (uint32_t i = 0; i < batch->rows && plain; i++) {
        const struct batch_row *row = &batch->row[i];
        plain = row_source(batch, row) == NO_TEXT &&
                measure_is_plain(&row->measure, row->settled == SETTLED_FAILED);
    }
    return plain;
}

static int put_record(struct answer_batch *batch, const struct tables *tables, struct error *err)
{
    bool plain = is_plain(batch);
    struct buffer *record = &batch->record;
    unsigned char header[ANSWERS_HEADER_BYTES] = ANSWERS_MAGIC;
    buffer_clear(record);
    if (buffer_append(record, header, sizeof header, err) != 0 ||
        put_strings(record, tables, err) != 0 || put_addresses(record, tables, err) != 0 ||
        (!plain && put_sources(record, batch, tables, err) != 0) ||
        put_rows(batch, tables, plain, err) != 0 ||
        buffer_reserve(record, ANSWERS_CHECKSUM_BYTES, err) != 0)
        return -1;
    size_t bytes = record->used + ANSWERS_CHECKSUM_BYTES;
    if (bytes > UINT32_MAX)
        return error_set(err, ERROR_VALUE, "a batch of answers is larger than 4 GB");
    bytes_put32(record->data + 8, plain ? ANSWERS_VERSION_PLAIN : ANSWERS_VERSION);
    bytes_put32(record->data + 12, (uint32_t)bytes);
    bytes_put32(record->data + 16, batch->share);
    bytes_put32(record->data + 20, batch->rows);
    bytes_put32(record->data + 24, tables->string_count);
    bytes_put32(record->data + 28, tables->address_count);
    bytes_put64(record->data + record->used, XXH3_64bits(record->data, record->used));
    record->used = bytes;
    return 0;
}

int answer_batch_seal(struct answer_batch *batch, struct error *err)
{
    if (batch->sealed)
        return 0;
    if (sort_rows(batch, err) != 0 || make_ranges(batch, err) != 0)
        return -1;
    struct tables tables = {0};
    if (tables_create(&tables, batch->texts, err) != 0)
        return -1;
    number_texts(batch, &tables);
    number_sources(batch, &tables);
    int result = put_record(batch, &tables, err);
    tables_free(&tables);
    batch->sealed = result == 0;
    return result;
}
