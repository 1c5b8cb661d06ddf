/* Tables: records of a few uint32 fields, bit-packed with a frame of reference for each field
 * (after Goldstein, Ramakrishnan and Shaft, "Compressing Relations and Indexes", ICDE 1998).
 * Everything a segment holds but text is a table: its rows, its places, its references to strings.
 * Bytes: FORMAT.md. Internal to cachefmt.
 *
 * All records of a table have the same width, so that the place of a record follows from its number
 * alone: with the table open, reading a value touches no memory but the value's.
 *
 * A table does not know its number of records and fields; whoever refers to it does. A field with
 * one value throughout the table takes no room in its records. Zero stands for "missing" wherever
 * tables are used, so a field may keep it apart from its frame (TABLE_ZERO_APART). */
#ifndef REFRESHD_CACHEFMT_PAIR_TABLE_H
#define REFRESHD_CACHEFMT_PAIR_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

#define TABLE_FIELDS 7 /* most fields of a record */
#define TABLE_SLACK 8  /* bytes that must follow the last table, so that reads may be 8 wide */

#define TABLE_ZERO_APART 0x80u /* in a width byte: code 0 is the value 0, whatever the base */

/* Where a field lies in a record and what its codes mean. */
struct table_field {
    uint32_t base;
    uint32_t mask; /* of its width */
    uint8_t first_bit;
    uint8_t width; /* 0: every record has base */
    bool zero_apart;
};

struct table {
    const unsigned char *bits;
    uint32_t records;
    uint32_t stride; /* bits of a record */
    struct table_field field[TABLE_FIELDS];
};

/* A table of one field. */
struct table_column {
    const unsigned char *bits;
    uint32_t records;
    uint32_t stride;
    struct table_field field;
};

/* table_append: encode count records of `fields` values each behind out. */
int table_append(struct buffer *out, const uint32_t *records, uint32_t count, unsigned fields,
                 struct error *err);

/* table_open: the table at `offset` of a region whose first `limit` bytes it may use, TABLE_SLACK
 * included. Checks the structure, so that reading stays inside whatever the bytes are. *end, unless
 * NULL, is the offset behind the table. */
bool table_open(struct table *out, const unsigned char *region, size_t offset, size_t limit,
                uint32_t count, unsigned fields, size_t *end);

/* table_field_value: a field of the record that begins at `bit`. Without a branch: tables differ
 * from each other, so it would be guessed wrong, and only after the wait for the record. */
static inline uint32_t table_field_value(const unsigned char *bits, uint64_t bit,
                                         const struct table_field *field)
{
    uint64_t word;
    bit += field->first_bit;
    memcpy(&word, bits + (bit >> 3), sizeof word);
    uint32_t code = (uint32_t)(word >> (bit & 7)) & field->mask;
    uint32_t missing = (uint32_t)(code == 0) & (uint32_t)field->zero_apart;
    return (field->base + code) & (missing - 1);
}

static inline uint32_t table_value(const struct table *table, uint32_t record, unsigned field)
{
    return table_field_value(table->bits, (uint64_t)record * table->stride, &table->field[field]);
}

static inline uint32_t table_column_value(const struct table_column *column, uint32_t record)
{
    return table_field_value(column->bits, (uint64_t)record * column->stride, &column->field);
}

#endif
