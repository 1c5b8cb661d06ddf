/* Tables: records of a few uint32 fields, bit-packed in blocks with a frame of reference for each
 * field and block (after Goldstein, Ramakrishnan and Shaft, "Compressing Relations and Indexes",
 * ICDE 1998), readable at random in constant time. Everything a segment holds but text is a table:
 * its rows, its places, the offsets of its dictionaries. Bytes: FORMAT.md. Internal to cachefmt.
 *
 * A table does not know its number of records and fields; whoever refers to it does. A field with
 * one value throughout the table takes no room in its blocks. */
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

struct table {
    const unsigned char *bytes;
    const unsigned char *offsets; /* of blocks, relative to bytes */
    uint32_t records;
    uint8_t fields;
    uint8_t varying;             /* how many fields are not constant */
    uint8_t order[TABLE_FIELDS]; /* the varying fields' numbers, ascending */
    uint32_t constant[TABLE_FIELDS];
};

/* One block, opened: field f of record i is base[f] + the width[f] bits at i * stride + shift. */
struct table_block {
    const unsigned char *records;
    uint32_t stride; /* bits of a record */
    uint32_t base[TABLE_FIELDS];
    uint8_t width[TABLE_FIELDS];
};

/* table_append: encode count records of `fields` values each behind out. */
int table_append(struct buffer *out, const uint32_t *records, uint32_t count, unsigned fields,
                 struct error *err);

/* table_open: the table at `offset` of a region whose first `limit` bytes it may use, TABLE_SLACK
 * included. Checks the structure, so that table_read stays inside whatever the bytes are. */
bool table_open(struct table *out, const unsigned char *region, size_t offset, size_t limit,
                uint32_t count, unsigned fields);

/* table_block_open: block number `block` of an opened table. */
void table_block_open(const struct table *table, uint32_t block, struct table_block *out);

static inline uint32_t table_load32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t table_bits(const unsigned char *records, uint64_t bit, unsigned width)
{
    uint64_t word;
    memcpy(&word, records + (bit >> 3), sizeof word);
    return (uint32_t)(word >> (bit & 7) & ((1ULL << width) - 1));
}

/* table_read: all fields of one record; record < records. */
static inline void table_read(const struct table *table, uint32_t record, uint32_t *out)
{
    for (unsigned f = 0; f < table->fields; f++)
        out[f] = table->constant[f];
    unsigned varying = table->varying;
    if (varying == 0)
        return;
    uint32_t block = record >> TABLE_BLOCK_SHIFT;
    const unsigned char *header = table->bytes + table_load32(table->offsets + 4 * (size_t)block);
    const unsigned char *widths = header + 4 * varying;
    const unsigned char *records = widths + varying;
    uint32_t stride = 0;
    for (unsigned v = 0; v < varying; v++)
        stride += widths[v];
    uint64_t bit = (uint64_t)(record & (TABLE_BLOCK - 1)) * stride;
    for (unsigned v = 0; v < varying; v++) {
        out[table->order[v]] = table_load32(header + 4 * v) + table_bits(records, bit, widths[v]);
        bit += widths[v];
    }
}

/* table_read_pair: a table of one field: records `record` and the one after it. */
static inline void table_read_pair(const struct table *table, uint32_t record, uint32_t *first,
                                   uint32_t *second)
{
    *first = table->constant[0];
    *second = table->constant[0];
    if (table->varying == 0)
        return;
    if ((record & (TABLE_BLOCK - 1)) == TABLE_BLOCK - 1) {
        table_read(table, record, first);
        table_read(table, record + 1, second);
        return;
    }
    uint32_t block = record >> TABLE_BLOCK_SHIFT;
    const unsigned char *header = table->bytes + table_load32(table->offsets + 4 * (size_t)block);
    uint32_t base = table_load32(header);
    unsigned width = header[4];
    uint64_t bit = (uint64_t)(record & (TABLE_BLOCK - 1)) * width;
    *first = base + table_bits(header + 5, bit, width);
    *second = base + table_bits(header + 5, bit + width, width);
}

#endif
