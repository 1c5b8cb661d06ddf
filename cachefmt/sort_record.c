#include "cachefmt/sort_record.h"

#include <xxhash.h>

#include "quadtree/morton.h"

static size_t length_bytes(uint32_t length)
{
    size_t bytes = 1;
    for (; length >= 0x80; length >>= 7)
        bytes++;
    return bytes;
}

size_t sort_record_body_bytes(const struct entry *entry)
{
    size_t bytes = 1;
    for (int field = 0; field < FIELD_COUNT; field++) {
        uint32_t length = entry->address.field[field].length;
        bytes += length_bytes(length) + length;
    }
    return bytes;
}

static uint32_t body_check(const struct sort_record *header, const unsigned char *body)
{
    XXH64_hash_t seed = header->code ^ (uint64_t)header->refreshed_at << 32 ^ header->tile;
    return (uint32_t)XXH3_64bits_withSeed(body, header->bytes, seed);
}

void sort_record_encode(const struct entry *entry, uint32_t tile, size_t body_bytes,
                        struct sort_record *header, unsigned char *body)
{
    unsigned char *at = body;
    *at++ = (unsigned char)entry->outcome;
    for (int field = 0; field < FIELD_COUNT; field++) {
        uint32_t length = entry->address.field[field].length;
        for (; length >= 0x80; length >>= 7)
            *at++ = (unsigned char)(length | 0x80);
        *at++ = (unsigned char)length;
    }
    for (int field = 0; field < FIELD_COUNT; field++) {
        struct slice text = entry->address.field[field];
        if (text.length > 0)
            memcpy(at, text.data, text.length);
        at += text.length;
    }
    header->code = morton_encode(entry->point);
    header->tile = tile;
    header->bytes = (uint32_t)body_bytes;
    header->refreshed_at = entry->refreshed_at;
    header->check = body_check(header, body);
}

bool sort_record_decode(const struct sort_record *header, const unsigned char *body,
                        struct entry *out)
{
    const unsigned char *at = body;
    const unsigned char *end = body + header->bytes;
    if (header->bytes < 1 + FIELD_COUNT || header->check != body_check(header, body) ||
        *at >= OUTCOME_COUNT)
        return false;
    out->point = morton_decode(header->code);
    out->refreshed_at = header->refreshed_at;
    out->outcome = (enum outcome) * at++;
    for (int field = 0; field < FIELD_COUNT; field++) {
        uint32_t length = 0;
        unsigned shift = 0;
        unsigned char byte;
        do {
            if (at == end || shift > 21)
                return false;
            byte = *at++;
            length |= (uint32_t)(byte & 0x7F) << shift;
            shift += 7;
        } while (byte >= 0x80);
        out->address.field[field].length = length;
    }
    for (int field = 0; field < FIELD_COUNT; field++) {
        struct slice *text = &out->address.field[field];
        if ((size_t)(end - at) < text->length)
            return false;
        text->data = (const char *)at;
        at += text->length;
    }
    return at == end;
}
