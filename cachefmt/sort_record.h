/* An entry on its way through the sorter: a header with the key, and a body of `bytes` bytes.
 *
 *   outcome u8, FIELD_COUNT lengths (LEB128), the fields' bytes one after the other
 *
 * The same bytes lie in memory and in the scratch file, which this process alone reads. */
#ifndef REFRESHD_CACHEFMT_SORT_RECORD_H
#define REFRESHD_CACHEFMT_SORT_RECORD_H

#include "cachefmt/address.h"

struct sort_record {
    uint64_t code; /* Morton code */
    uint32_t tile;
    uint32_t bytes; /* of the body */
    uint32_t refreshed_at;
    uint32_t check; /* of the body, so that a bad disk is noticed */
};

static inline bool sort_record_same_point(const struct sort_record *a, const struct sort_record *b)
{
    return a->code == b->code && a->tile == b->tile;
}

/* Does a come before b in tile and Morton order? */
static inline bool sort_record_before(const struct sort_record *a, const struct sort_record *b)
{
    return a->tile != b->tile ? a->tile < b->tile : a->code < b->code;
}

#define SORT_RECORD_BODY_LIMIT (1 + FIELD_COUNT * (5 + FIELD_BYTES_LIMIT))

/* sort_record_body_bytes: size of the entry's body. */
size_t sort_record_body_bytes(const struct entry *entry);

/* sort_record_encode: fill header (all of it) and body. */
void sort_record_encode(const struct entry *entry, uint32_t tile, size_t body_bytes,
                        struct sort_record *header, unsigned char *body);

/* sort_record_decode: the entry, with slices into body. False when the bytes are not what was
 * encoded. */
bool sort_record_decode(const struct sort_record *header, const unsigned char *body,
                        struct entry *out);

#endif
