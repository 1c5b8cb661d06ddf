/* The bytes of an answer batch, and the batch in memory. Internal to stages/answers*.c.
 *
 * Little-endian. "varint" is base/bytes.h.
 *
 *   0   8  magic "RFDANSWR"
 *   8   4  version: 1, or 2 when anything is known of what the answers cost
 *   12  4  bytes of the whole record
 *   16  4  share
 *   20  4  rows
 *   24  4  strings
 *   28  4  addresses
 *   32     strings: the varint length of each, then the bytes of all
 *          addresses: each a varint mask of the fields present (bit = enum address_field), then
 *          the varint number of each field's string
 *          version 2: the varint number of sources, then each: 1 + the string number of provider
 *          and of peer, 0 = none; 1 + the bottleneck, 0 = not known; the zigzag distance of
 *          sealed_at from the source before (0 at first)
 *          rows, ordinals ascending
 *   end 8  XXH3 64-bit of everything before
 *
 * A row is one byte of ROW_ flags, then varints: the ordinal's distance from the expected one
 * (the row before + 1; 0 at first) unless ROW_NEXT; the distance of the code from the row before
 * (0 at first), downwards when ROW_DOWN; the zigzag distance of answered_at from the row before
 * unless ROW_SAME_TIME; for found, the address number unless ROW_SAME_ADDRESS; for failed, cause,
 * in version 1 status and attempts, and 1 + the string number of the detail, 0 = none. Version 2
 * goes on with the measure unless ROW_SAME_MEASURE, and for found with 1 + the distance in
 * centimetres, 0 = not known, unless ROW_SAME_DISTANCE as the found row before (not known at
 * first).
 *
 * A measure is one byte of MEASURE_ flags, then what they announce: the zigzag distance of 1 + the
 * latency (0 = not known) from the row before; 1 + the time waited, when it is not the latency; the
 * zigzag distance of 1 + the bytes from the row before; status; attempts; 1 + the number of the
 * source, 0 = not known. Before the first row all is not known, status and attempts 0.
 *
 * Strings, addresses and sources are numbered in the order of their first use, those of sources
 * last, so the record depends on the answers alone. */
#ifndef REFRESHD_STAGES_ANSWERS_FORMAT_H
#define REFRESHD_STAGES_ANSWERS_FORMAT_H

#include "stages/answers.h"

#define ANSWERS_MAGIC "RFDANSWR"
#define ANSWERS_VERSION 2
#define ANSWERS_VERSION_PLAIN 1 /* without measures and sources */
#define ANSWERS_HEADER_BYTES 32
#define ANSWERS_CHECKSUM_BYTES 8

#define ROW_SETTLED 3u
#define ROW_NEXT 4u
#define ROW_DOWN 8u
#define ROW_SAME_TIME 16u
#define ROW_SAME_ADDRESS 32u
#define ROW_SAME_MEASURE 64u
#define ROW_SAME_DISTANCE 128u
#define ROW_FLAGS_PLAIN 63u

#define MEASURE_LATENCY 1u
#define MEASURE_WAITED 2u
#define MEASURE_BYTES 4u
#define MEASURE_STATUS 8u
#define MEASURE_ATTEMPTS 16u
#define MEASURE_SOURCE 32u
#define MEASURE_FLAGS 63u
#define MEASURE_ROOM (1 + 6 * VARINT_LIMIT)

#define NO_TEXT UINT32_MAX

/* A row of a batch being filled. */
struct batch_row {
    uint64_t code;
    uint32_t ordinal;
    uint32_t answered_at;
    uint32_t text;   /* index into texts: the address of found, the detail of failed; or NO_TEXT */
    uint32_t source; /* index into texts, or NO_TEXT: the batch's */
    struct answer_measure measure;
    uint8_t settled;
    uint8_t cause;
};

/* A distinct address, detail or source: FIELD_COUNT lengths, then the bytes of all fields. A detail
 * is an address of one field, a source one of three, so that one table serves all. */
enum source_field { SOURCE_PROVIDER, SOURCE_PEER, SOURCE_STAMP };
#define SOURCE_STAMP_BYTES 9 /* bottleneck, sealed_at */
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
    uint32_t last;   /* the text found last */
    uint32_t source; /* of rows without one of their own, or NO_TEXT */
    uint32_t last_source;
    struct answer_counts counts;
    struct buffer record;
    struct ordinal_range *ranges;
    size_t ranges_count;
};

/* batch_text_field: one field of a text of the batch. */
struct slice batch_text_field(const struct answer_batch *batch, uint32_t text, unsigned field);

/* --- answers_measure.c ----------------------------------------------------------------------- */

/* What the measures of rows are told as the difference to: the row before. */
struct measure_state {
    struct answer_measure measure; /* distance: of the found row before */
    uint32_t source;               /* 1 + its number, 0 = not known */
};
#define MEASURE_STATE_FIRST ((struct measure_state){ANSWER_MEASURE_UNKNOWN, 0})

/* measure_put: write the measure and the distance of a row behind `at`, where there is room for
 * MEASURE_ROOM + VARINT_LIMIT; its flags (ROW_SAME_..) are added to *flags. */
unsigned char *measure_put(unsigned char *at, struct measure_state *state,
                           const struct answer_measure *measure, uint32_t source, bool found,
                           unsigned *flags);

/* measure_get: read what measure_put wrote; state is what the row has then. sources is how many
 * there are. NULL when it makes no sense. */
const unsigned char *measure_get(const unsigned char *at, const unsigned char *end,
                                 struct measure_state *state, uint32_t sources, bool found,
                                 unsigned flags);

/* measure_is_plain: the measure of a row is nothing that version 1 can't tell. */
bool measure_is_plain(const struct answer_measure *measure, bool failed);

#endif
