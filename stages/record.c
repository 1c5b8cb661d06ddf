#include "stages/record.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"

#define CHECKSUM_BYTES 8

static uint64_t checksum_of(const void *key, size_t key_bytes, const void *data, size_t bytes)
{
    return XXH3_64bits_withSeed(data, bytes, XXH3_64bits(key, key_bytes));
}

void record_begin(struct record *record, unsigned version)
{
    *record = (struct record){0};
    record_number(record, version);
}

static void append(struct record *record, const void *data, size_t bytes)
{
    if (!record->failed && buffer_append(&record->bytes, data, bytes, NULL) != 0)
        record->failed = true;
}

void record_number(struct record *record, uint64_t number)
{
    unsigned char bytes[VARINT_LIMIT];
    append(record, bytes, (size_t)(varint_put(bytes, number) - bytes));
}

void record_double(struct record *record, double number)
{
    append(record, &number, sizeof number);
}

void record_bytes(struct record *record, const void *data, size_t bytes)
{
    record_number(record, bytes);
    append(record, data, bytes);
}

void record_text(struct record *record, const char *text)
{
    record_bytes(record, text, strlen(text));
}

int record_seal(struct record *record, const void *key, size_t key_bytes, struct error *err)
{
    if (record->failed)
        return error_memory(err, "a record");
    uint64_t checksum = checksum_of(key, key_bytes, record->bytes.data, record->bytes.used);
    return buffer_append(&record->bytes, &checksum, sizeof checksum, err);
}

void record_free(struct record *record)
{
    buffer_free(&record->bytes);
}

const char *view_open(struct view *view, const void *key, size_t key_bytes, const void *value,
                      size_t bytes)
{
    const unsigned char *data = value;
    if (bytes <= CHECKSUM_BYTES)
        return "a record is too short";
    bytes -= CHECKSUM_BYTES;
    if (bytes_get64(data + bytes) != checksum_of(key, key_bytes, data, bytes))
        return "a record does not match its checksum";
    *view = (struct view){.at = data, .end = data + bytes};
    view->version = (unsigned)view_number(view, UINT32_MAX);
    return view->broken || view->version == 0 ? "a record has no version" : NULL;
}

uint64_t view_number(struct view *view, uint64_t limit)
{
    uint64_t number = 0;
    const unsigned char *at = view->broken ? NULL : varint_get(view->at, view->end, &number);
    if (at == NULL || number > limit) {
        view->broken = true;
        return 0;
    }
    view->at = at;
    return number;
}

double view_double(struct view *view)
{
    double number;
    if (view->broken || (size_t)(view->end - view->at) < sizeof number) {
        view->broken = true;
        return 0;
    }
    memcpy(&number, view->at, sizeof number);
    view->at += sizeof number;
    if (isfinite(number))
        return number;
    view->broken = true;
    return 0;
}

size_t view_slice(struct view *view, const void **out, size_t most)
{
    size_t bytes = (size_t)view_number(view, most);
    if (view->broken || bytes > (size_t)(view->end - view->at)) {
        view->broken = true;
        bytes = 0;
    }
    *out = view->at;
    view->at += bytes;
    return bytes;
}

size_t view_bytes(struct view *view, void *out, size_t room)
{
    const void *data;
    size_t bytes = view_slice(view, &data, room);
    if (bytes > 0)
        memcpy(out, data, bytes);
    return bytes;
}

void view_text(struct view *view, char *out, size_t room)
{
    out[view_bytes(view, out, room - 1)] = '\0';
}

bool view_complete(const struct view *view)
{
    return !view->broken && view->at == view->end;
}
