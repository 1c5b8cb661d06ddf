/* Morton codes (Z-order; G. M. Morton, IBM Ltd., 1966): bit 2i of a code is bit i of
 * lon + 1800000000, bit 2i+1 is bit i of lat + 900000000. Codes order points as a depth-first
 * walk of a quadtree does, so every quadtree cell is one contiguous range of codes. */
#ifndef REFRESHD_QUADTREE_MORTON_H
#define REFRESHD_QUADTREE_MORTON_H

#include <stdint.h>

#include "quadtree/point.h"

static inline uint64_t morton_spread(uint32_t value)
{
    uint64_t bits = value;
    bits = (bits | bits << 16) & 0x0000ffff0000ffffULL;
    bits = (bits | bits << 8) & 0x00ff00ff00ff00ffULL;
    bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0fULL;
    bits = (bits | bits << 2) & 0x3333333333333333ULL;
    return (bits | bits << 1) & 0x5555555555555555ULL;
}

static inline uint32_t morton_gather(uint64_t bits)
{
    bits &= 0x5555555555555555ULL;
    bits = (bits | bits >> 1) & 0x3333333333333333ULL;
    bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0fULL;
    bits = (bits | bits >> 4) & 0x00ff00ff00ff00ffULL;
    bits = (bits | bits >> 8) & 0x0000ffff0000ffffULL;
    return (uint32_t)(bits | bits >> 16);
}

static inline uint64_t morton_encode(struct point point)
{
    return morton_spread((uint32_t)point.lon + LONGITUDE_LIMIT) |
           morton_spread((uint32_t)point.lat + LATITUDE_LIMIT) << 1;
}

/* morton_decode: the inverse; a code that no valid point has gives an invalid point
 * (point_is_valid tells). */
static inline struct point morton_decode(uint64_t code)
{
    struct point point = {
        .lat = (int32_t)(morton_gather(code >> 1) - LATITUDE_LIMIT),
        .lon = (int32_t)(morton_gather(code) - LONGITUDE_LIMIT),
    };
    return point;
}

#endif
