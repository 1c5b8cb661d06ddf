/* The keys and documents of the shares, as text and back (shares.h says what they are). No I/O. */
#ifndef REFRESHD_FLEET_SHARES_DOCUMENTS_H
#define REFRESHD_FLEET_SHARES_DOCUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cachefmt/pair.h"

/* What a key under the run's prefix is about. */
enum share_key {
    SHARE_KEY_OTHER, /* nothing of the shares' */
    SHARE_KEY_CLAIM,
    SHARE_KEY_DONE,
    SHARE_KEY_HELD,
    SHARE_KEY_REOPENED,
};

/* share_key_parse: key begins with prefix. *share is below `shares`; *name points into key. */
enum share_key share_key_parse(const char *key, const char *prefix, uint32_t shares,
                               uint32_t *share, const char **name);

/* share_key: "PREFIXclaim/0007" and the like; NULL when out of memory. The caller frees. */
char *share_key_claim(const char *prefix, uint32_t share);
char *share_key_done(const char *prefix, uint32_t share);
char *share_key_held(const char *prefix, const char *name);
char *share_key_reopened(const char *prefix);

struct share_done {
    struct pair_id digest;
    char by[72];
};

/* share_done_print: NULL when out of memory; the caller frees. share_done_parse: false when text is
 * not such a document. */
char *share_done_print(const struct share_done *done);
bool share_done_parse(const char *text, struct share_done *out);

/* share_held_print: bit i of bitmap (i % 8 of byte i / 8) for share i; NULL when out of memory.
 * share_held_parse: into bitmap, which has room for `shares` bits and is overwritten; false when
 * text is not such a document. */
#define SHARE_INSTANCE_BYTES 64
char *share_held_print(const unsigned char *bitmap, uint32_t shares, uint32_t count,
                       const char *instance);
bool share_held_parse(const char *text, uint32_t shares, unsigned char *bitmap,
                      char instance[SHARE_INSTANCE_BYTES]);

static inline bool share_bit(const unsigned char *bitmap, uint32_t share)
{
    return (bitmap[share / 8] >> share % 8 & 1) != 0;
}

static inline void share_bit_set(unsigned char *bitmap, uint32_t share)
{
    bitmap[share / 8] |= (unsigned char)(1u << share % 8);
}

#endif
