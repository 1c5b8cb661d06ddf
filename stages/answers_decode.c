#include "stages/answers_format.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "quadtree/morton.h"

struct answer_record {
    char *name;
    bool plain; /* version 1 */
    uint32_t share;
    uint32_t rows;
    uint32_t read; /* rows given so far */
    uint32_t string_count;
    uint32_t address_count;
    struct slice *strings;
    struct address *addresses;
    struct answer_source *sources;
    uint32_t source_count;
    const unsigned char *at; /* the next row */
    const unsigned char *end;
    uint64_t expected; /* ordinal after the last */
    uint64_t code;
    uint32_t answered_at;
    uint64_t address; /* number of the last found, or address_count */
    struct measure_state measures;
};

static int damaged(const char *name, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT,
                     "%s: a record of answers is damaged (%s); cancel the run and start it again",
                     name, what);
}

static int check_frame(const unsigned char *data, size_t bytes, const char *name, struct error *err)
{
    if (bytes < ANSWERS_HEADER_BYTES + ANSWERS_CHECKSUM_BYTES ||
        memcmp(data, ANSWERS_MAGIC, 8) != 0)
        return damaged(name, "it does not begin as one", err);
    uint32_t version = bytes_get32(data + 8);
    if (version < ANSWERS_VERSION_PLAIN || version > ANSWERS_VERSION)
        return error_set(err, ERROR_CORRUPT,
                         "%s: answers of version %u, this refreshd reads versions to %d; let the "
                         "refreshd that wrote them end the run, or cancel the run and start it "
                         "again",
                         name, version, ANSWERS_VERSION);
    size_t body = bytes - ANSWERS_CHECKSUM_BYTES;
    if (bytes_get64(data + body) != XXH3_64bits(data, body))
        return damaged(name, "wrong checksum", err);
    if (bytes_get32(data + 12) != bytes)
        return damaged(name, "wrong size", err);
    return 0;
}

static const unsigned char *read_strings(struct answer_record *record, const unsigned char *at)
{
    const unsigned char *lengths = at;
    uint64_t length;
    for (uint32_t i = 0; i < record->string_count; i++) {
        at = varint_get(at, record->end, &length);
        if (at == NULL || length > FIELD_BYTES_LIMIT)
            return NULL;
    }
    for (uint32_t i = 0; i < record->string_count; i++) {
        lengths = varint_get(lengths, record->end, &length);
        if (lengths == NULL || length > (size_t)(record->end - at))
            return NULL;
        record->strings[i] = (struct slice){(const char *)at, (uint32_t)length};
        at += length;
    }
    return at;
}

static const unsigned char *read_addresses(struct answer_record *record, const unsigned char *at)
{
    for (uint32_t i = 0; i < record->address_count; i++) {
        uint64_t mask;
        at = varint_get(at, record->end, &mask);
        if (at == NULL || mask >> FIELD_COUNT != 0)
            return NULL;
        for (; mask != 0; mask &= mask - 1) {
            uint64_t number;
            at = varint_get(at, record->end, &number);
            if (at == NULL || number >= record->string_count)
                return NULL;
            record->addresses[i].field[__builtin_ctzll(mask)] = record->strings[number];
        }
    }
    return at;
}

/* A text of a source: 1 + a string's number. */
static const unsigned char *read_source_text(const struct answer_record *record,
                                             const unsigned char *at, struct slice *out)
{
    uint64_t code;
    if ((at = varint_get(at, record->end, &code)) == NULL || code > record->string_count)
        return NULL;
    *out = code > 0 ? record->strings[code - 1] : (struct slice){0};
    return at;
}

static const unsigned char *read_sources(struct answer_record *record, const unsigned char *at)
{
    uint64_t sealed_at = 0;
    for (uint32_t i = 0; i < record->source_count; i++) {
        struct answer_source *source = &record->sources[i];
        uint64_t bottleneck, distance;
        at = read_source_text(record, at, &source->provider);
        at = read_source_text(record, at, &source->peer);
        at = varint_get(at, record->end, &bottleneck);
        at = varint_get(at, record->end, &distance);
        if (at == NULL || bottleneck > STATION_COUNT)
            return NULL;
        source->bottleneck = bottleneck > 0 ? (enum station)(bottleneck - 1) : STATION_COUNT;
        source->sealed_at = sealed_at += (uint64_t)unzigzag(distance);
    }
    return at;
}

static int read_source_table(struct answer_record *record, struct error *err)
{
    uint64_t count;
    record->at = varint_get(record->at, record->end, &count);
    if (record->at == NULL || count > record->rows)
        return damaged(record->name, "wrong table", err);
    record->source_count = (uint32_t)count;
    record->sources = calloc(count + 1, sizeof *record->sources);
    if (record->sources == NULL)
        return error_memory(err, "a record of answers");
    record->at = read_sources(record, record->at);
    return record->at != NULL ? 0 : damaged(record->name, "wrong table", err);
}

static int read_tables(struct answer_record *record, const unsigned char *data, struct error *err)
{
    size_t left = (size_t)(record->end - data) - ANSWERS_HEADER_BYTES;
    record->plain = bytes_get32(data + 8) == ANSWERS_VERSION_PLAIN;
    record->share = bytes_get32(data + 16);
    record->rows = bytes_get32(data + 20);
    record->string_count = bytes_get32(data + 24);
    record->address_count = bytes_get32(data + 28);
    if (record->rows > left / 2 || record->string_count > left ||
        record->address_count > record->rows)
        return damaged(record->name, "impossible counts", err);
    record->strings = calloc(record->string_count + 1ull, sizeof *record->strings);
    record->addresses = calloc(record->address_count + 1ull, sizeof *record->addresses);
    if (record->strings == NULL || record->addresses == NULL)
        return error_memory(err, "a record of answers");
    record->at = read_strings(record, data + ANSWERS_HEADER_BYTES);
    if (record->at != NULL)
        record->at = read_addresses(record, record->at);
    if (record->at == NULL)
        return damaged(record->name, "wrong table", err);
    record->address = record->address_count;
    record->measures = MEASURE_STATE_FIRST;
    return record->plain ? 0 : read_source_table(record, err);
}

int answer_reader_open(struct answer_reader *reader, const void *data, size_t bytes,
                       const char *name, struct error *err)
{
    if (check_frame(data, bytes, name, err) != 0)
        return -1;
    struct answer_reader made = {.record = calloc(1, sizeof *made.record)};
    if (made.record == NULL || (made.record->name = strdup(name)) == NULL) {
        answer_reader_close(&made);
        return error_memory(err, "a record of answers");
    }
    made.record->end = (const unsigned char *)data + bytes - ANSWERS_CHECKSUM_BYTES;
    if (read_tables(made.record, data, err) != 0) {
        answer_reader_close(&made);
        return -1;
    }
    *reader = made;
    return 0;
}

void answer_reader_close(struct answer_reader *reader)
{
    if (reader->record == NULL)
        return;
    free(reader->record->name);
    free(reader->record->strings);
    free(reader->record->addresses);
    free(reader->record->sources);
    free(reader->record);
    reader->record = NULL;
}

uint32_t answer_reader_share(const struct answer_reader *reader)
{
    return reader->record->share;
}

uint32_t answer_reader_rows(const struct answer_reader *reader)
{
    return reader->record->rows;
}

static const unsigned char *read_failure(const struct answer_record *record,
                                         const unsigned char *at, struct settled_answer *out)
{
    uint64_t cause, detail;
    uint64_t status = 0, attempts = 0;
    at = varint_get(at, record->end, &cause);
    if (record->plain) {
        at = varint_get(at, record->end, &status);
        at = varint_get(at, record->end, &attempts);
    }
    at = varint_get(at, record->end, &detail);
    if (at == NULL || cause >= CAUSE_COUNT || status > UINT16_MAX || attempts > UINT16_MAX ||
        detail > record->string_count)
        return NULL;
    out->cause = (enum failure_cause)cause;
    out->measure.status = (uint16_t)status;
    out->measure.attempts = (uint16_t)attempts;
    if (detail > 0)
        out->detail = record->strings[detail - 1];
    return at;
}

/* What every row has: ordinal, code, time. */
static const unsigned char *read_place(struct answer_record *record, const unsigned char *at,
                                       unsigned flags)
{
    uint64_t value = 0;
    if ((flags & ROW_NEXT) == 0) {
        at = varint_get(at, record->end, &value);
        if (at == NULL || value > UINT32_MAX)
            return NULL;
    }
    record->expected += value;
    at = varint_get(at, record->end, &value);
    if (at == NULL)
        return NULL;
    record->code += flags & ROW_DOWN ? 0 - value : value;
    if (record->expected > UINT32_MAX || !point_is_valid(morton_decode(record->code)))
        return NULL;
    if ((flags & ROW_SAME_TIME) == 0) {
        at = varint_get(at, record->end, &value);
        int64_t moment = at == NULL ? -1 : record->answered_at + unzigzag(value & 0x1ffffffff);
        if (moment < 0 || moment > UINT32_MAX || value > 0x1ffffffff)
            return NULL;
        record->answered_at = (uint32_t)moment;
    }
    return at;
}

static const unsigned char *read_address(struct answer_record *record, const unsigned char *at,
                                         unsigned flags, struct settled_answer *out)
{
    if ((flags & ROW_SAME_ADDRESS) == 0)
        at = varint_get(at, record->end, &record->address);
    if (at == NULL || record->address >= record->address_count)
        return NULL;
    out->address = record->addresses[record->address];
    return at;
}

static const unsigned char *read_measure(struct answer_record *record, const unsigned char *at,
                                         unsigned flags, struct settled_answer *out)
{
    struct measure_state *measures = &record->measures;
    bool found = out->settled == SETTLED_FOUND;
    at = measure_get(at, record->end, measures, record->source_count, found, flags);
    if (at == NULL)
        return NULL;
    out->measure = measures->measure;
    if (!found)
        out->measure.distance_cm = MEASURE_UNKNOWN;
    if (measures->source > 0)
        out->source = &record->sources[measures->source - 1];
    return at;
}

static const unsigned char *read_row(struct answer_record *record, const unsigned char *at,
                                     struct settled_answer *out)
{
    if (at == record->end)
        return NULL;
    unsigned flags = *at++;
    if ((record->plain && flags > ROW_FLAGS_PLAIN) || (at = read_place(record, at, flags)) == NULL)
        return NULL;
    out->settled = flags & ROW_SETTLED;
    out->cause = CAUSE_NONE;
    out->measure = ANSWER_MEASURE_UNKNOWN;
    out->source = NULL;
    out->detail = (struct slice){0};
    out->ordinal = (uint32_t)record->expected++;
    out->code = record->code;
    out->answered_at = record->answered_at;
    if (out->settled == SETTLED_FOUND) {
        at = read_address(record, at, flags, out);
    } else {
        memset(&out->address, 0, sizeof out->address);
        if ((flags & ROW_SAME_ADDRESS) != 0)
            return NULL;
        if (out->settled == SETTLED_FAILED)
            at = read_failure(record, at, out);
    }
    return at == NULL || record->plain ? at : read_measure(record, at, flags, out);
}

int answer_reader_next(struct answer_reader *reader, struct settled_answer *out, struct error *err)
{
    struct answer_record *record = reader->record;
    if (record->read == record->rows) {
        if (record->at == record->end)
            return 0;
        return damaged(record->name, "bytes behind the last row", err);
    }
    struct settled_answer answer;
    const unsigned char *at = read_row(record, record->at, &answer);
    if (at == NULL)
        return damaged(record->name, "wrong row", err);
    record->at = at;
    record->read++;
    *out = answer;
    return 1;
}
