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

#include "base/bytes.h"
#include "tables/kind.h"

#define PACKED_NUMBER_BYTES ((size_t)9)
#define PACKED_TEXT_BYTES ((size_t)2 + TABLE_TEXT_BYTES)
#define PACKED_BYTES (TABLE_EXPRESSIONS * PACKED_TEXT_BYTES) /* most of one list of values */

/* packed_size: bytes that packed_put needs; packed_put returns the byte behind what it wrote. */
size_t packed_size(const struct value *values, unsigned count);
unsigned char *packed_put(unsigned char *at, const struct value *values, unsigned count);

uint64_t packed_hash(const struct value *values, unsigned count);

/* The tags in front of values. */
enum packed_tag { PACKED_NUMBER = 1, PACKED_TEXT, PACKED_FALSE, PACKED_TRUE };

/* packed_kept: bytes of a text that are kept. */
uint32_t packed_cut(const struct value *text);

static inline uint32_t packed_kept(const struct value *text)
{
    return text->length <= TABLE_TEXT_BYTES ? text->length : packed_cut(text);
}

/* packed_same: memcmp(a, b, length) == 0 without a call: texts are short. */
static inline bool packed_same(const void *a, const void *b, size_t length)
{
    const unsigned char *left = a, *right = b;
    if (length > 16)
        return memcmp(left, right, length) == 0;
    if (length >= 8)
        return bytes_get64(left) == bytes_get64(right) &&
               bytes_get64(left + length - 8) == bytes_get64(right + length - 8);
    if (length >= 4)
        return bytes_get32(left) == bytes_get32(right) &&
               bytes_get32(left + length - 4) == bytes_get32(right + length - 4);
    if (length >= 2)
        return bytes_get16(left) == bytes_get16(right) && left[length - 1] == right[length - 1];
    return length == 0 || *left == *right;
}

/* packed_equal: whether packed bytes are those of the values. */
__attribute__((always_inline)) static inline bool
packed_equal(const unsigned char *packed, const struct value *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct value *value = &values[i];
        if (value->kind == VALUE_TEXT) {
            uint32_t length = packed_kept(value);
            if (packed[0] != PACKED_TEXT || packed[1] != length ||
                !packed_same(packed + 2, value->data, length))
                return false;
            packed += 2 + length;
        } else if (value->kind == VALUE_NUMBER) {
            double number = value->number + 0.0; /* -0 is 0 */
            if (packed[0] != PACKED_NUMBER || !packed_same(packed + 1, &number, sizeof number))
                return false;
            packed += PACKED_NUMBER_BYTES;
        } else if (*packed++ != (value->number != 0 ? PACKED_TRUE : PACKED_FALSE)) {
            return false;
        }
    }
    return true;
}

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
