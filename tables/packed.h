/* Values as bytes: keys of cells, what kinds keep, what is written.
 *
 *   a number  1, the 8 bytes of the double, never -0
 *   a text    2, its length (1 to 255), its bytes: longer ones are cut between characters
 *   a truth   3 (false) or 4 (true)
 *
 * Equal values have equal bytes and hashes, on every machine. Nothing here fails. */
#ifndef REFRESHD_TABLES_PACKED_H
#define REFRESHD_TABLES_PACKED_H

#include <cjson/cJSON.h>

#include "tables/kind.h"

#define PACKED_NUMBER_BYTES ((size_t)9)
#define PACKED_TEXT_BYTES ((size_t)2 + TABLE_TEXT_BYTES)
#define PACKED_BYTES (TABLE_EXPRESSIONS * PACKED_TEXT_BYTES) /* most of one list of values */

/* packed_size: bytes that packed_put needs; packed_put returns the byte behind what it wrote. */
size_t packed_size(const struct value *values, unsigned count);
unsigned char *packed_put(unsigned char *at, const struct value *values, unsigned count);

uint64_t packed_hash(const struct value *values, unsigned count);

/* packed_equal: whether packed bytes are those of the values. */
bool packed_equal(const unsigned char *packed, const struct value *values, unsigned count);

/* packed_get: count values out of bytes that nobody vouches for, their texts point there; returns
 * the byte behind, or NULL when they make no sense. */
const unsigned char *packed_get(const unsigned char *at, const unsigned char *end, unsigned count,
                                struct value *values);

/* packed_compare: in the order of values: truths, numbers, texts by bytes. */
int packed_compare(const unsigned char *a, const unsigned char *b, unsigned count);

/* packed_json: a value, or a list when there are several. NULL: no memory. */
cJSON *packed_json(const unsigned char *packed, unsigned count);

/* packed_add: append one value after the other to object under names[count]. */
bool packed_add(cJSON *object, const unsigned char *packed, const char *const *names,
                unsigned count);

#endif
