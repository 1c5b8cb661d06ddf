/* Values of an LMDB table as bytes: a version, then varints, doubles and length-prefixed bytes in a
 * fixed order, then the XXH3 64-bit of key and value. New fields are added at the end together with
 * a new version; a reader refuses versions above its own. */
#ifndef REFRESHD_STAGES_RECORD_H
#define REFRESHD_STAGES_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* A value being written. Begin with record_begin; a failed allocation is remembered and found at
 * record_seal. */
struct record {
    struct buffer bytes;
    bool failed;
};

void record_begin(struct record *record, unsigned version);
void record_number(struct record *record, uint64_t number);
void record_double(struct record *record, double number);
void record_bytes(struct record *record, const void *data, size_t bytes);
void record_text(struct record *record, const char *text);

/* record_seal: add the checksum of key and value; the record is complete. -1 when memory ran out
 * here or on the way. */
int record_seal(struct record *record, const void *key, size_t key_bytes, struct error *err);
void record_free(struct record *record);

/* A value being read. Anything that doesn't fit makes it broken and reads as 0. */
struct view {
    const unsigned char *at;
    const unsigned char *end;
    unsigned version; /* of the record, for who reads older ones too */
    bool broken;
};

/* view_open: check the checksum of a sealed value and read its version, of which the caller is the
 * judge. NULL, or what is wrong with the bytes. */
const char *view_open(struct view *view, const void *key, size_t key_bytes, const void *value,
                      size_t bytes);

uint64_t view_number(struct view *view, uint64_t limit);
double view_double(struct view *view);
/* view_slice: where the bytes that were written lie, at most `most` of them; returns how many. */
size_t view_slice(struct view *view, const void **out, size_t most);
/* view_bytes: as many bytes as were written, at most room, into out; returns how many. */
size_t view_bytes(struct view *view, void *out, size_t room);
void view_text(struct view *view, char *out, size_t room);

/* view_complete: nothing broken and nothing left. */
bool view_complete(const struct view *view);

#endif
