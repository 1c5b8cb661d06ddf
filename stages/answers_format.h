/* The bytes of an answer batch, and the batch in memory. Internal to stages/answers*.c.
 *
 * Little-endian. "varint" is base/bytes.h.
 *
 *   0   8  magic "RFDANSWR"
 *   8   4  version, 1
 *   12  4  bytes of the whole record
 *   16  4  share
 *   20  4  rows
 *   24  4  strings
 *   28  4  addresses
 *   32     strings: the varint length of each, then the bytes of all
 *          addresses: each a varint mask of the fields present (bit = enum address_field), then
 *          the varint number of each field's string
 *          rows, ordinals ascending
 *   end 8  XXH3 64-bit of everything before
 *
 * A row is one byte of ROW_ flags, then varints: the ordinal's distance from the expected one
 * (the row before + 1; 0 at first) unless ROW_NEXT; the distance of the code from the row before
 * (0 at first), downwards when ROW_DOWN; the zigzag distance of answered_at from the row before
 * unless ROW_SAME_TIME; for found, the address number unless ROW_SAME_ADDRESS; for failed, cause,
 * status, attempts and 1 + the string number of the detail, 0 = none. Strings and addresses are
 * numbered in the order of their first use, so the record depends on the answers alone. */
#ifndef REFRESHD_STAGES_ANSWERS_FORMAT_H
#define REFRESHD_STAGES_ANSWERS_FORMAT_H

#include "stages/answers.h"

#define ANSWERS_MAGIC "RFDANSWR"
#define ANSWERS_VERSION 1
#define ANSWERS_HEADER_BYTES 32
#define ANSWERS_CHECKSUM_BYTES 8

#define ROW_SETTLED 3u
#define ROW_NEXT 4u
#define ROW_DOWN 8u
#define ROW_SAME_TIME 16u
#define ROW_SAME_ADDRESS 32u
#define ROW_FLAGS 63u

#define NO_TEXT UINT32_MAX

/* A row of a batch being filled. */
struct batch_row {
    uint64_t code;
    uint32_t ordinal;
    uint32_t answered_at;
    uint32_t text; /* index into texts: the address of found, the detail of failed; or NO_TEXT */
    uint16_t status;
    uint16_t attempts;
    uint8_t settled;
    uint8_t cause;
};

/* A distinct address or detail: FIELD_COUNT lengths, then the bytes of all fields. A detail is an
 * address of one field, so that one table serves both. */
struct batch_text {
    size_t offset; /* into keys */
    uint32_t bytes;
    uint32_t number; /* given when sealing, NO_TEXT before */
    uint64_t hash;
};

struct answer_batch {
    uint32_t share;
    uint32_t rows;
    uint32_t rows_room;
    struct batch_row *row;
    bool ascending; /* rows came in ordinal order so far */
    bool sealed;
    bool whole; /* adopted: it has every answer of its share */
    struct buffer keys;
    struct batch_text *text;
    uint32_t texts;
    uint32_t texts_room;
    uint32_t *slots; /* open addressing, index + 1; a power of two of them, at least 2 x texts */
    uint32_t slots_count;
    uint32_t last; /* the text found last */
    struct answer_counts counts;
    struct buffer record;
    struct ordinal_range *ranges;
    size_t ranges_count;
};

/* batch_text_field: one field of a text of the batch. */
struct slice batch_text_field(const struct answer_batch *batch, uint32_t text, unsigned field);

#endif
