/* The fixed header that both files of a pair begin with, and the checksums that seal them. The
 * structs here ARE the bytes of FORMAT.md: little-endian, no holes. Internal to cachefmt. */
#ifndef REFRESHD_CACHEFMT_PAIR_HEADER_H
#define REFRESHD_CACHEFMT_PAIR_HEADER_H

#include <xxhash.h>

#include "cachefmt/pair.h"

#define PAIR_VERSION 1
#define PAIR_SECTIONS 2
#define CHECKSUM_BYTES 16

#define PAIR_ADVICE "restore the file from a peer or roll back (refreshctl cache rollback)"

/* XXH3 128-bit in its canonical (big-endian) form. */
struct checksum {
    unsigned char bytes[CHECKSUM_BYTES];
};

struct pair_section {
    uint64_t offset; /* from the start of the file */
    uint64_t bytes;
    struct checksum checksum;
};

enum pair_index_section { SECTION_POINTS, SECTION_DIRECTORY };
enum pair_data_section { SECTION_SEGMENT_TABLE };

enum pair_file { PAIR_INDEX, PAIR_DATA };

struct pair_header {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint32_t rows, columns, tile;
    uint32_t reserved; /* 0 */
    uint64_t entries;
    uint64_t outcomes[OUTCOME_COUNT];
    uint32_t oldest, newest;
    uint64_t file_bytes;
    struct pair_id id;
    struct pair_section section[PAIR_SECTIONS];
    unsigned char zero[16];
    struct checksum checksum; /* of all bytes before it */
};

/* One row of the data file's segment table. */
struct pair_segment_row {
    uint64_t offset; /* from the start of the file */
    uint64_t bytes;
    uint64_t first_row;
    uint32_t rows;
    uint32_t reserved; /* 0 */
    struct checksum checksum;
};

#define PAIR_HEADER_BYTES 192
#define PAIR_SEGMENT_ROWS (1u << 17) /* most rows of one segment */

_Static_assert(sizeof(struct pair_header) == PAIR_HEADER_BYTES, "bytes of FORMAT.md");
_Static_assert(sizeof(struct pair_segment_row) == 48, "bytes of FORMAT.md");

/* pair_points_bytes: size of the points' section; the directory behind it begins at a multiple of
 * PAIR_ALIGNMENT, so that no node of it lies on two cache lines. */
#define PAIR_ALIGNMENT 64
static inline uint64_t pair_points_bytes(uint64_t entries)
{
    return (entries * sizeof(struct point) + PAIR_ALIGNMENT - 1) & ~(uint64_t)(PAIR_ALIGNMENT - 1);
}

struct checksum checksum_of(const void *data, size_t bytes);

/* checksum_from: of all that went into a streaming XXH3 128-bit state. */
struct checksum checksum_from(const XXH3_state_t *state);

static inline bool checksum_equal(struct checksum a, struct checksum b)
{
    return memcmp(a.bytes, b.bytes, CHECKSUM_BYTES) == 0;
}

/* pair_header_seal: with figures and sections of both headers filled in, set everything else:
 * magic, version, pair id, checksums. */
void pair_header_seal(struct pair_header *index, struct pair_header *data);

/* pair_header_read: check one file's header against its own checksum and the file's size; name is
 * the file in messages. */
int pair_header_read(struct pair_header *out, enum pair_file kind, const void *file, size_t bytes,
                     const char *name, struct error *err);

/* pair_header_match: do the two headers belong together, and is their pair id right? */
int pair_header_match(const struct pair_header *index, const struct pair_header *data,
                      const char *index_name, const char *data_name, struct error *err);

/* pair_reseal: recompute every checksum and the pair id of a pair in memory, as far as its
 * structure can be followed, so that a fuzzer's changes are not all caught at the door. Tests only.
 */
void pair_reseal(void *index, size_t index_bytes, void *data, size_t data_bytes);

#endif
