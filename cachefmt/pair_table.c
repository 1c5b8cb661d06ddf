#include "cachefmt/pair_table.h"

#define FIELD_BYTES 5 /* of a table's head for each field: base and width */
#define AT_ONCE 128   /* records looked at field by field while they are in the nearest cache */

static unsigned bits_for(uint32_t value)
{
    return value == 0 ? 0 : 32 - (unsigned)__builtin_clz(value);
}

static void store32(unsigned char *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

/* Append a run of bits, lowest first; the buffer has room. */
struct bit_writer {
    unsigned char *at;
    uint64_t pending;
    unsigned filled;
};

static inline void put_bits(struct bit_writer *writer, uint32_t value, unsigned width)
{
    writer->pending |= (uint64_t)value << writer->filled;
    writer->filled += width;
    if (writer->filled >= 32) {
        store32(writer->at, (uint32_t)writer->pending);
        writer->at += 4;
        writer->pending >>= 32;
        writer->filled -= 32;
    }
}

static unsigned char *finish_bits(struct bit_writer *writer)
{
    for (; writer->filled > 0; writer->filled -= writer->filled < 8 ? writer->filled : 8) {
        *writer->at++ = (unsigned char)writer->pending;
        writer->pending >>= 8;
    }
    return writer->at;
}

/* What a frame follows from. */
struct range {
    uint32_t least; /* over values that are not 0 */
    uint32_t most;
    bool zero;
};

static void widen(struct range *range, const uint32_t *values, uint32_t count, unsigned step)
{
    uint32_t least = range->least, most = range->most;
    bool zero = range->zero;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = values[(size_t)i * step];
        zero |= value == 0;
        least = value - 1 < least - 1 ? value : least;
        most = value > most ? value : most;
    }
    *range = (struct range){least, most, zero};
}

/* A value is stored as value - base, and zero as 0 when it is kept apart (base is then the least
 * other value less 1). */
static struct table_field frame_of(struct range range)
{
    uint32_t least = range.least, most = range.most;
    if (most == 0)
        return (struct table_field){0};
    if (!range.zero)
        return (struct table_field){.base = least, .width = (uint8_t)bits_for(most - least)};
    uint8_t apart = (uint8_t)bits_for(most - least + 1), together = (uint8_t)bits_for(most);
    if (apart < together)
        return (struct table_field){.base = least - 1, .width = apart, .zero_apart = true};
    return (struct table_field){.width = together};
}

static void find_frames(struct table_field *frame, const uint32_t *records, uint32_t count,
                        unsigned fields)
{
    struct range range[TABLE_FIELDS];
    for (unsigned f = 0; f < fields; f++)
        range[f] = (struct range){UINT32_MAX, 0, false};
    for (uint32_t i = 0; i < count; i += AT_ONCE) {
        uint32_t n = count - i < AT_ONCE ? count - i : AT_ONCE;
        for (unsigned f = 0; f < fields; f++)
            widen(&range[f], records + (size_t)i * fields + f, n, fields);
    }
    for (unsigned f = 0; f < fields; f++)
        frame[f] = frame_of(range[f]);
}

/* The packed records, to a whole byte. */
static unsigned char *pack(unsigned char *at, const uint32_t *records, uint32_t count,
                           unsigned fields, const struct table_field *frame)
{
    struct table_field varying[TABLE_FIELDS];
    uint8_t order[TABLE_FIELDS];
    unsigned used = 0;
    for (unsigned f = 0; f < fields; f++) {
        order[used] = (uint8_t)f;
        varying[used] = frame[f];
        used += frame[f].width > 0;
    }
    struct bit_writer writer = {.at = at};
    for (uint32_t i = 0; i < count; i++, records += fields) {
        for (unsigned v = 0; v < used; v++) {
            uint32_t value = records[order[v]];
            bool apart = varying[v].zero_apart && value == 0;
            put_bits(&writer, apart ? 0 : value - varying[v].base, varying[v].width);
        }
    }
    return finish_bits(&writer);
}

int table_append(struct buffer *out, const uint32_t *records, uint32_t count, unsigned fields,
                 struct error *err)
{
    struct table_field frame[TABLE_FIELDS];
    size_t stride = 0;
    find_frames(frame, records, count, fields);
    for (unsigned f = 0; f < fields; f++)
        stride += frame[f].width;
    size_t head = FIELD_BYTES * (size_t)fields;
    if (buffer_reserve(out, head + (stride * count + 7) / 8 + 8, err) != 0)
        return -1;
    unsigned char *at = (unsigned char *)out->data + out->used;
    for (unsigned f = 0; f < fields; f++) {
        store32(at + 4 * f, frame[f].base);
        at[4 * fields + f] =
            (unsigned char)(frame[f].width | (frame[f].zero_apart ? TABLE_ZERO_APART : 0));
    }
    unsigned char *end = pack(at + head, records, count, fields, frame);
    out->used += (size_t)(end - at);
    return 0;
}

bool table_open(struct table *out, const unsigned char *region, size_t offset, size_t limit,
                uint32_t count, unsigned fields, size_t *end)
{
    size_t head = FIELD_BYTES * (size_t)fields;
    if (offset > limit || head + TABLE_SLACK > limit - offset)
        return false;
    const unsigned char *at = region + offset;
    struct table table = {.bits = at + head, .records = count};
    for (unsigned f = 0; f < fields; f++) {
        struct table_field *field = &table.field[f];
        memcpy(&field->base, at + 4 * f, sizeof field->base);
        field->first_bit = (uint8_t)table.stride;
        field->width = (uint8_t)(at[4 * fields + f] & ~TABLE_ZERO_APART);
        field->zero_apart = (at[4 * fields + f] & TABLE_ZERO_APART) != 0;
        if (field->width > 32)
            return false;
        field->mask = (uint32_t)((1ULL << field->width) - 1);
        table.stride += field->width;
    }
    size_t bytes = ((size_t)table.stride * count + 7) / 8;
    if (bytes > limit - offset - head - TABLE_SLACK)
        return false;
    if (end != NULL)
        *end = offset + head + bytes;
    *out = table;
    return true;
}
