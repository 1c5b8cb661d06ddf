/* Descents from the root of the directory to blocks. Compiled into each file that searches, with
 * LANES (8 where AVX-512 may be used, 4 where AVX2 may, else 2) set before. */
#ifndef REFRESHD_QUADTREE_DESCENT_H
#define REFRESHD_QUADTREE_DESCENT_H

#include "quadtree/search.h"

#if LANES > 2
#include <immintrin.h>
#endif

/* The place of code in a node: how many of its keys but the first are not above it. */
static inline size_t place_in_node(const uint64_t *keys, uint64_t code)
{
#if LANES == 8
    __m512i wanted = _mm512_set1_epi64((long long)code);
    __mmask16 not_above[2];
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++)
        not_above[i] =
            _mm512_kunpackb(_mm512_cmpge_epu64_mask(wanted, _mm512_loadu_si512(keys + i * 16 + 8)),
                            _mm512_cmpge_epu64_mask(wanted, _mm512_loadu_si512(keys + i * 16)));
    return (size_t)__builtin_popcount((uint32_t)not_above[1] << 16 | not_above[0] | 1) - 1;
#elif LANES == 4
    /* Signed comparison is right: no code of a valid point, nor the padding, has the top bit. */
    __m256i wanted = _mm256_set1_epi64x((long long)code);
    __m256i above = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (size_t i = 0; i < FANOUT; i += 4)
        above = _mm256_sub_epi64(
            above, _mm256_cmpgt_epi64(_mm256_loadu_si256((const __m256i_u *)(keys + i)), wanted));
    uint64_t sums[4];
    _mm256_storeu_si256((__m256i_u *)sums, above);
    size_t not_above = FANOUT - (size_t)(sums[0] + sums[1] + sums[2] + sums[3]);
    return not_above - (not_above > 0);
#else
    size_t place = 0;
    for (size_t i = 1; i < FANOUT; i++)
        place += keys[i] <= code;
    return place;
#endif
}

/* A node ahead of its use; inlined by force as in nearby.h. */
static inline __attribute__((always_inline)) void prefetch_node(const uint64_t *keys)
{
    for (size_t i = 0; i < FANOUT; i += 8)
        __builtin_prefetch(keys + i);
}

/* One level down: the last of its keys that is not above code, below the one numbered `above`. */
static inline size_t step_down(const struct quadtree *tree, const struct quadtree_level *level,
                               size_t above, uint64_t code)
{
    size_t place = above << FANOUT_BITS;
    place += place_in_node(tree->directory + level->first + place, code);
    return place < level->last ? place : level->last;
}

/* find_block: the last block whose first code is not above code (block 0 if none). count > 0. */
static inline size_t find_block(const struct quadtree *tree, uint64_t code)
{
    size_t block = 0;
    if (__builtin_expect(tree->depth - 1 < QUADTREE_USUAL_DEPTH, 1)) {
#pragma GCC unroll 3
        for (unsigned i = 0; i < QUADTREE_USUAL_DEPTH; i++)
            block = step_down(tree, &tree->usual[i], block, code);
        return block;
    }
    for (unsigned i = 0; i < tree->depth; i++)
        block = step_down(tree, &tree->levels[i], block, code);
    return block;
}

/* find_blocks: find_block for each code. The descents run side by side, so that their memory reads
 * overlap. */
static inline void find_blocks(const struct quadtree *tree, const uint64_t *codes, size_t n,
                               size_t *blocks)
{
    for (size_t i = 0; i < n; i++)
        blocks[i] = 0;
    for (unsigned level = 0; level < tree->depth; level++) {
        const uint64_t *keys = tree->directory + tree->levels[level].first;
        const uint64_t *below = keys + whole_nodes(tree->levels[level].last + 1);
        size_t last = tree->levels[level].last;
        for (size_t i = 0; i < n; i++) {
            size_t place = blocks[i] << FANOUT_BITS;
            place += place_in_node(keys + place, codes[i]);
            blocks[i] = place < last ? place : last;
            if (n > 1 && level + 1 < tree->depth)
                prefetch_node(below + (blocks[i] << FANOUT_BITS));
        }
    }
}

#endif
