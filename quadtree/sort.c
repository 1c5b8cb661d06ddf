#include <string.h>

#include "quadtree/quadtree.h"

#define DIGIT_BITS 11
#define DIGIT_VALUES (1u << DIGIT_BITS)
#define DIGITS ((64 + DIGIT_BITS - 1) / DIGIT_BITS)

static inline unsigned digit_of(uint64_t code, unsigned digit)
{
    return (unsigned)(code >> (digit * DIGIT_BITS)) & (DIGIT_VALUES - 1);
}

static void count_digits(const uint64_t *codes, size_t count, size_t table[DIGITS][DIGIT_VALUES])
{
    memset(table, 0, sizeof(size_t) * DIGITS * DIGIT_VALUES);
    for (size_t i = 0; i < count; i++)
        for (unsigned digit = 0; digit < DIGITS; digit++)
            table[digit][digit_of(codes[i], digit)]++;
}

static void scatter(const uint64_t *from, uint64_t *to, size_t count, unsigned digit,
                    size_t places[DIGIT_VALUES])
{
    size_t place = 0;
    for (unsigned value = 0; value < DIGIT_VALUES; value++) {
        size_t members = places[value];
        places[value] = place;
        place += members;
    }
    for (size_t i = 0; i < count; i++)
        to[places[digit_of(from[i], digit)]++] = from[i];
}

/* Below this many a table of all digits costs more than the insertions. */
#define FEW 64

static void sort_few(uint64_t *codes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t code = codes[i];
        size_t at = i;
        for (; at > 0 && codes[at - 1] > code; at--)
            codes[at] = codes[at - 1];
        codes[at] = code;
    }
}

void quadtree_sort(uint64_t *codes, uint64_t *scratch, size_t count)
{
    if (count <= FEW) {
        sort_few(codes, count);
        return;
    }
    size_t table[DIGITS][DIGIT_VALUES];
    count_digits(codes, count, table);
    uint64_t *from = codes, *to = scratch;
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        if (table[digit][digit_of(from[0], digit)] == count)
            continue;
        scatter(from, to, count, digit, table[digit]);
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != codes)
        memcpy(codes, from, count * sizeof *codes);
}
