/* Tables: records of a few uint32 fields, bit-packed in blocks with a frame of reference for each
 * field and block (after Goldstein, Ramakrishnan and Shaft, "Compressing Relations and Indexes",
 * ICDE 1998), readable at random in constant time. Everything a segment holds but text is a table:
 * its rows, its places, the offsets of its dictionaries. Bytes: FORMAT.md. Internal to cachefmt.
 *
 * A table does not know its number of records and fields; whoever refers to it does. A field with
 * one value throughout the table takes no room in its blocks. Zero stands for "missing" wherever
 * tables are used, so a block may keep it apart from its frame (TABLE_ZERO_APART). */
#ifndef REFRESHD_CACHEFMT_PAIR_TABLE_H
#define REFRESHD_CACHEFMT_PAIR_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

#define TABLE_BLOCK_SHIFT 7
#define TABLE_BLOCK (1u << TABLE_BLOCK_SHIFT) /* records of a block */
#define TABLE_FIELDS 7                        /* most fields of a record */
#define TABLE_SLACK 8 /* bytes that must follow the last table, so that reads may be 8 wide */

#define TABLE_ZERO_APART 0x80u /* in a width byte: code 0 is the value 0, whatever the base */

struct table {
    const unsigned char *bytes;
    const unsigned char *offsets; /* of blocks, relative to bytes */
    uint32_t records;
    uint8_t fields;
    uint8_t varying;             /* how many fields are not constant */
    uint8_t order[TABLE_FIELDS]; /* the varying fields' numbers, ascending */
    uint32_t constant[TABLE_FIELDS];
};

/* table_append: encode count > 0 records of `fields` values each behind out. */
int table_append(struct buffer *out, const uint32_t *records, uint32_t count, unsigned fields,
                 struct error *err);

/* table_open: the table at `offset` of a region whose first `limit` bytes it may use, TABLE_SLACK
 * included. Checks the structure, so that reading stays inside whatever the bytes are. */
bool table_open(struct table *out, const unsigned char *region, size_t offset, size_t limit,
                uint32_t count, unsigned fields);

static inline uint32_t table_load32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* One block, opened. Varying field v of a record has base[v] and the low bits of width[v]. */
struct table_block {
    const unsigned char *base; /* 4 bytes each */
    const unsigned char *width;
    const unsigned char *records;
    uint32_t stride; /* bits of a record */
};

/* table_block: open the block of a record; only for tables with varying fields. */
static inline struct table_block table_block(const struct table *table, uint32_t record)
{
    size_t number = record >> TABLE_BLOCK_SHIFT;
    struct table_block block;
    block.base = table->bytes + table_load32(table->offsets + 4 * number);
    block.width = block.base + 4 * (size_t)table->varying;
    block.records = block.width + table->varying;
    block.stride = 0;
    for (unsigned v = 0; v < table->varying; v++)
        block.stride += block.width[v] & ~TABLE_ZERO_APART;
    return block;
}

/* table_value: the value of varying field v, which lies at *bit; moves *bit behind it. */
static inline uint32_t table_value(const struct table_block *block, unsigned v, uint64_t *bit)
{
    uint64_t word;
    unsigned flags = block->width[v];
    unsigned width = flags & ~TABLE_ZERO_APART;
    memcpy(&word, block->records + (*bit >> 3), sizeof word);
    uint32_t code = (uint32_t)(word >> (*bit & 7) & ((1ULL << width) - 1));
    *bit += width;
    return code == 0 && (flags & TABLE_ZERO_APART) != 0 ? 0
                                                        : table_load32(block->base + 4 * v) + code;
}

#endif
