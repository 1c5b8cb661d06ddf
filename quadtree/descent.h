/* Descents from the root of the directory to blocks. Compiled into each file that searches, with
 * LANES (4 where AVX2 may be used, else 2) set before. */
#ifndef REFRESHD_QUADTREE_DESCENT_H
#define REFRESHD_QUADTREE_DESCENT_H

#include "quadtree/search.h"

#if LANES == 4
#include <immintrin.h>
#endif

/* The place of code in a node: how many of its keys but the first are not above it. */
static inline size_t place_in_node(const uint64_t *keys, uint64_t code)
{
#if LANES == 4
    /* Signed comparison is right: no code of a valid point, nor the padding, has the top bit. */
    __m256i wanted = _mm256_set1_epi64x((long long)code);
    __m256i low = _mm256_loadu_si256((const __m256i_u *)keys);
    __m256i high = _mm256_loadu_si256((const __m256i_u *)(keys + 4));
    int above = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(low, wanted))) |
                _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(high, wanted))) << 4;
    return 7 - (size_t)__builtin_popcount((unsigned)above & 0xfe);
#else
    size_t place = 0;
    for (size_t i = 1; i < FANOUT; i++)
        place += keys[i] <= code;
    return place;
#endif
}

/* All codes below a node of the lowest level, ahead of knowing the block: the page walk and the
 * reads then overlap with the read of the node. */
static inline void prefetch_below_node(const struct quadtree *tree, size_t node)
{
    const uint64_t *codes = tree->codes + (node << (FANOUT_BITS + BLOCK_BITS));
    for (size_t i = 0; i < FANOUT * BLOCK; i += 8)
        __builtin_prefetch(codes + i);
}

/* find_blocks: for each code the last block whose first code is not above it (block 0 if none).
 * The descents run side by side, so that their memory reads overlap. count > 0. */
static inline void find_blocks(const struct quadtree *tree, const struct levels *levels,
                               const uint64_t *codes, size_t n, size_t *blocks)
{
    for (size_t i = 0; i < n; i++)
        blocks[i] = 0;
    for (unsigned level = 0; level < levels->depth; level++) {
        const uint64_t *keys = tree->directory + levels->offset[level];
        const uint64_t *below =
            level + 1 < levels->depth ? tree->directory + levels->offset[level + 1] : tree->codes;
        unsigned shift = level + 1 < levels->depth ? FANOUT_BITS : BLOCK_BITS;
        size_t last = levels->keys[level] - 1;
        for (size_t i = 0; i < n; i++) {
            size_t place = blocks[i] << FANOUT_BITS;
            place += place_in_node(keys + place, codes[i]);
            blocks[i] = place < last ? place : last;
            __builtin_prefetch(below + (blocks[i] << shift));
            if (level + 2 == levels->depth)
                prefetch_below_node(tree, blocks[i]);
        }
    }
}

#endif
