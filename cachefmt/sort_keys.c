#include "cachefmt/sort_keys.h"

#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGIT_VALUES (1u << DIGIT_BITS)
#define CODE_DIGITS 6 /* of 64 bits of a code; the last one takes the rest, 9 bits */
#define TILE_DIGITS 3
#define DIGITS (CODE_DIGITS + TILE_DIGITS)

static inline unsigned digit_of(const struct sort_key *key, unsigned digit)
{
    uint64_t bits = digit < CODE_DIGITS ? key->code >> digit * DIGIT_BITS
                                        : key->tile >> (digit - CODE_DIGITS) * DIGIT_BITS;
    return (unsigned)bits & (DIGIT_VALUES - 1);
}

static bool is_sorted(const struct sort_key *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (keys[i].tile != keys[i - 1].tile ? keys[i].tile < keys[i - 1].tile
                                             : keys[i].code < keys[i - 1].code)
            return false;
    }
    return true;
}

/* One stable pass over a digit. Returns false, with nothing moved, when all keys agree in it. */
static bool sort_by_digit(const struct sort_key *from, struct sort_key *to, size_t count,
                          unsigned digit)
{
    size_t place[DIGIT_VALUES] = {0};
    for (size_t i = 0; i < count; i++)
        place[digit_of(&from[i], digit)]++;
    if (place[digit_of(&from[0], digit)] == count)
        return false;
    size_t total = 0;
    for (unsigned value = 0; value < DIGIT_VALUES; value++) {
        size_t keys = place[value];
        place[value] = total;
        total += keys;
    }
    for (size_t i = 0; i < count; i++)
        to[place[digit_of(&from[i], digit)]++] = from[i];
    return true;
}

void sort_keys(struct sort_key *keys, struct sort_key *scratch, size_t count)
{
    if (is_sorted(keys, count))
        return;
    struct sort_key *from = keys;
    struct sort_key *to = scratch;
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        if (!sort_by_digit(from, to, count, digit))
            continue;
        struct sort_key *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
}
