/* Exact sums: 192-bit integers in units of 2^-50, so that the order of adding never shows. A
 * multiple of 2^-50 is added exactly, anything else to the nearest one. FIXED_LIMIT values of any
 * count of records fit. */
#ifndef REFRESHD_TABLES_FIXED_H
#define REFRESHD_TABLES_FIXED_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define FIXED_LIMIT 0x1p70 /* magnitudes from here on are not added */
#define FIXED_UNIT 0x1p-50
#define FIXED_BYTES 24

struct fixed {
    unsigned __int128 low;
    uint64_t high; /* the sign is its top bit */
};

static inline void fixed_add(struct fixed *sum, const struct fixed *more)
{
    sum->low += more->low;
    sum->high += more->high + (sum->low < more->low);
}

/* fixed_add_number: |number| < FIXED_LIMIT. Returns whether it had to be rounded. */
static inline bool fixed_add_number(struct fixed *sum, double number)
{
    double units = number / FIXED_UNIT;
    bool whole = true;
    __int128 exact;
    if (fabs(units) < 0x1p62) {
        int64_t nearest = llrint(units);
        whole = (double)nearest == units;
        exact = nearest;
    } else {
        exact = (__int128)units;
    }
    struct fixed more = {(unsigned __int128)exact, exact < 0 ? UINT64_MAX : 0};
    fixed_add(sum, &more);
    return !whole;
}

/* fixed_value: the nearest double. */
double fixed_value(const struct fixed *sum);

/* fixed_put: the fewest bytes that give it back, behind their number; returns the byte behind them,
 * at most FIXED_BYTES + 1. fixed_get: NULL when there is no such sum. */
unsigned char *fixed_put(unsigned char *at, const struct fixed *sum);
const unsigned char *fixed_get(const unsigned char *at, const unsigned char *end,
                               struct fixed *sum);

#endif
