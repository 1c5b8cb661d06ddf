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

struct quadtree quadtree_view(const struct point *points, size_t count, const uint64_t *directory)
{
    struct quadtree tree = {
        .points = points,
        .count = count,
        .directory = directory,
        .search = count > 0 ? search_for_processor() : NULL,
        .blocks = block_count(count),
    };
    for (size_t n = tree.blocks; n > 1; n = (n + FANOUT - 1) >> FANOUT_BITS)
        tree.depth++;
    size_t keys = tree.blocks;
    for (unsigned level = tree.depth; level-- > 0;) {
        tree.levels[level].last = keys - 1;
        keys = (keys + FANOUT - 1) >> FANOUT_BITS;
    }
    for (unsigned level = 1; level < tree.depth; level++)
        tree.levels[level].first =
            tree.levels[level - 1].first + whole_nodes(tree.levels[level - 1].last + 1);
    for (unsigned i = 0; i < tree.depth && tree.depth <= QUADTREE_USUAL_DEPTH; i++)
        tree.usual[QUADTREE_USUAL_DEPTH - tree.depth + i] = tree.levels[i];
    if (directory != NULL && tree.depth > 0)
        tree.first_codes = directory + tree.levels[tree.depth - 1].first;
    return tree;
}

size_t quadtree_directory_bytes(size_t count)
{
    struct quadtree tree = quadtree_view(NULL, count, NULL);
    if (tree.depth == 0)
        return 0;
    struct quadtree_level blocks = tree.levels[tree.depth - 1];
    return (blocks.first + whole_nodes(blocks.last + 1)) * sizeof(uint64_t);
}

void quadtree_build(const struct point *points, size_t count, uint64_t *directory)
{
    struct quadtree tree = quadtree_view(points, count, directory);
    size_t stride = BLOCK;
    for (unsigned level = tree.depth; level-- > 0;) {
        uint64_t *keys = directory + tree.levels[level].first;
        size_t used = tree.levels[level].last + 1;
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
    size_t block;
    find_blocks(tree, &code, 1, &block);
    size_t row = block * BLOCK;
    size_t end = tree->count - row < BLOCK ? tree->count : row + BLOCK;
    while (row < end && morton_encode(tree->points[row]) < code)
        row++;
    return row;
}
