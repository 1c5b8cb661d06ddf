/* The search directory: normative layout.
 *
 * Points are taken in blocks of 32; the last block may be shorter. Level 0 of the directory has one
 * key for each block, the Morton code of the block's first point. Level n+1 has one key for each 32
 * keys (a node) of level n, the first of them. Levels end with the first that has at most 32 keys,
 * the root. Each level is padded with 0x7fffffffffffffff to a multiple of 32 keys. The directory is
 * all levels one behind the other, the root first, level 0 last; keys are uint64, little-endian.
 * Nothing to choose from, a single block or none, has a directory of no bytes. */
#define LANES 2
#include "quadtree/descent.h"

static size_t whole_nodes(size_t keys)
{
    return (keys + FANOUT - 1) & ~(FANOUT - 1);
}

void levels_of(struct levels *levels, size_t count)
{
    size_t keys[DEPTH_LIMIT];
    unsigned depth = 0;
    levels->blocks = block_count(count);
    for (size_t n = levels->blocks; n > 1; n = (n + FANOUT - 1) >> FANOUT_BITS)
        keys[depth++] = n;
    levels->depth = depth;
    size_t offset = 0;
    for (unsigned level = 0; level < depth; level++) {
        levels->keys[level] = keys[depth - 1 - level];
        levels->offset[level] = offset;
        offset += whole_nodes(levels->keys[level]);
    }
}

size_t quadtree_directory_bytes(size_t count)
{
    struct levels levels;
    levels_of(&levels, count);
    if (levels.depth == 0)
        return 0;
    unsigned last = levels.depth - 1;
    return (levels.offset[last] + whole_nodes(levels.keys[last])) * sizeof(uint64_t);
}

void quadtree_build(const struct point *points, size_t count, uint64_t *directory)
{
    struct levels levels;
    levels_of(&levels, count);
    size_t stride = BLOCK;
    for (unsigned level = levels.depth; level-- > 0;) {
        uint64_t *keys = directory + levels.offset[level];
        size_t used = levels.keys[level];
        for (size_t i = 0; i < used; i++)
            keys[i] = morton_encode(points[i * stride]);
        for (size_t i = used; i < whole_nodes(used); i++)
            keys[i] = DIRECTORY_PADDING;
        stride <<= FANOUT_BITS;
    }
}

size_t quadtree_lower_bound(const struct quadtree *tree, uint64_t code)
{
    if (tree->count == 0)
        return 0;
    struct levels levels;
    levels_of(&levels, tree->count);
    size_t block;
    find_blocks(tree, &levels, &code, 1, &block);
    size_t row = block * BLOCK;
    size_t end = tree->count - row < BLOCK ? tree->count : row + BLOCK;
    while (row < end && morton_encode(tree->points[row]) < code)
        row++;
    return row;
}
