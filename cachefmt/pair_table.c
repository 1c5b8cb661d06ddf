#include "cachefmt/pair_table.h"

#define BLOCK_FIELD_BYTES 5 /* of a block's header for each varying field: base and width */

static unsigned bits_for(uint32_t value)
{
    return value == 0 ? 0 : 32 - (unsigned)__builtin_clz(value);
}

static void store32(unsigned char *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static uint32_t block_count(uint32_t records)
{
    return (records + TABLE_BLOCK - 1) >> TABLE_BLOCK_SHIFT;
}

/* Which fields differ from record 0 anywhere; returns how many and lists them. */
static unsigned find_varying(const uint32_t *records, uint32_t count, unsigned fields,
                             uint8_t order[TABLE_FIELDS])
{
    uint32_t differs[TABLE_FIELDS] = {0};
    for (uint32_t i = 1; i < count; i++) {
        for (unsigned f = 0; f < fields; f++)
            differs[f] |= records[f] ^ records[(size_t)i * fields + f];
    }
    unsigned varying = 0;
    for (unsigned f = 0; f < fields; f++) {
        if (differs[f] != 0)
            order[varying++] = (uint8_t)f;
    }
    return varying;
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

/* The frame of one field in one block: a value is stored as value - base, and zero as 0 when it is
 * kept apart (base is then the least other value less 1). */
struct frame {
    uint32_t base;
    unsigned width;
    bool zero_apart;
};

static struct frame find_frame(const uint32_t *values, uint32_t count, unsigned step)
{
    uint32_t least = UINT32_MAX; /* over values that are not 0 */
    uint32_t most = 0;
    bool zero = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = values[(size_t)i * step];
        zero |= value == 0;
        least = value - 1 < least - 1 ? value : least;
        most = value > most ? value : most;
    }
    if (most == 0)
        return (struct frame){0, 0, false};
    if (!zero)
        return (struct frame){least, bits_for(most - least), false};
    if (bits_for(most - least + 1) < bits_for(most))
        return (struct frame){least - 1, bits_for(most - least + 1), true};
    return (struct frame){0, bits_for(most), false};
}

static unsigned char *pack_block(unsigned char *at, const uint32_t *records, uint32_t count,
                                 unsigned fields, const uint8_t *order, unsigned varying)
{
    struct frame frame[TABLE_FIELDS];
    for (unsigned v = 0; v < varying; v++) {
        frame[v] = find_frame(records + order[v], count, fields);
        store32(at + 4 * v, frame[v].base);
        at[4 * varying + v] =
            (unsigned char)(frame[v].width | (frame[v].zero_apart ? TABLE_ZERO_APART : 0));
    }
    struct bit_writer writer = {.at = at + BLOCK_FIELD_BYTES * varying};
    for (uint32_t i = 0; i < count; i++) {
        for (unsigned v = 0; v < varying; v++) {
            uint32_t value = records[(size_t)i * fields + order[v]];
            bool apart = frame[v].zero_apart && value == 0;
            put_bits(&writer, apart ? 0 : value - frame[v].base, frame[v].width);
        }
    }
    return finish_bits(&writer);
}

int table_append(struct buffer *out, const uint32_t *records, uint32_t count, unsigned fields,
                 struct error *err)
{
    uint8_t order[TABLE_FIELDS];
    unsigned varying = find_varying(records, count, fields, order);
    uint32_t blocks = varying == 0 ? 0 : block_count(count);
    size_t head = 5 * (size_t)fields + 4 * (size_t)blocks;
    size_t block_most = (size_t)varying * (BLOCK_FIELD_BYTES + TABLE_BLOCK * 4) + 8;
    if (buffer_reserve(out, head, err) != 0)
        return -1;
    size_t start = out->used;
    for (unsigned f = 0; f < fields; f++)
        store32(out->data + start + 4 * f, records[f]);
    memset(out->data + start + 4 * fields, 0, fields);
    for (unsigned v = 0; v < varying; v++)
        out->data[start + 4 * fields + order[v]] = 1;
    out->used += head;
    for (uint32_t b = 0; b < blocks; b++) {
        if (buffer_reserve(out, block_most, err) != 0)
            return -1;
        store32(out->data + start + 5 * fields + 4 * (size_t)b, (uint32_t)(out->used - start));
        uint32_t first = b << TABLE_BLOCK_SHIFT;
        uint32_t in_block = count - first < TABLE_BLOCK ? count - first : TABLE_BLOCK;
        unsigned char *end = pack_block(out->data + out->used, records + (size_t)first * fields,
                                        in_block, fields, order, varying);
        out->used = (size_t)(end - out->data);
    }
    return 0;
}

static bool block_is_inside(const struct table *table, size_t offset, size_t limit, uint32_t count)
{
    size_t head = (size_t)table->varying * BLOCK_FIELD_BYTES;
    if (offset > limit || head > limit - offset)
        return false;
    const unsigned char *widths = table->bytes + offset + 4 * (size_t)table->varying;
    size_t stride = 0;
    for (unsigned v = 0; v < table->varying; v++) {
        unsigned width = widths[v] & ~TABLE_ZERO_APART;
        if (width > 32)
            return false;
        stride += width;
    }
    size_t bytes = (stride * count + 7) / 8;
    return bytes + TABLE_SLACK <= limit - offset - head;
}

bool table_open(struct table *out, const unsigned char *region, size_t offset, size_t limit,
                uint32_t count, unsigned fields)
{
    size_t head = 5 * (size_t)fields;
    if (count == 0 || offset > limit || head + TABLE_SLACK > limit - offset)
        return false;
    struct table table = {.bytes = region + offset, .records = count, .fields = (uint8_t)fields};
    for (unsigned f = 0; f < fields; f++) {
        table.constant[f] = table_load32(table.bytes + 4 * f);
        unsigned char varies = table.bytes[4 * fields + f];
        if (varies > 1)
            return false;
        if (varies == 1)
            table.order[table.varying++] = (uint8_t)f;
    }
    uint32_t blocks = table.varying == 0 ? 0 : block_count(count);
    limit -= offset;
    if (4 * (size_t)blocks > limit - head)
        return false;
    table.offsets = table.bytes + head;
    for (uint32_t b = 0; b < blocks; b++) {
        uint32_t first = b << TABLE_BLOCK_SHIFT;
        uint32_t in_block = count - first < TABLE_BLOCK ? count - first : TABLE_BLOCK;
        if (!block_is_inside(&table, table_load32(table.offsets + 4 * (size_t)b), limit, in_block))
            return false;
    }
    *out = table;
    return true;
}
