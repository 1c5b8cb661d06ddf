/* A linear quadtree: points in the order of their Morton codes, with a search directory that is
 * used where it lies, for example in a mapped file. Nothing here allocates or does I/O; reading is
 * safe from any number of threads.
 *
 *   points:    count x struct point (latitude, longitude: int32, little-endian), 8-byte aligned,
 *              their Morton codes strictly ascending
 *   directory: quadtree_directory_bytes(count) bytes, made by quadtree_build
 *
 * Points lie there as such and not as codes because a search compares many distances for each code
 * it compares. Hostile points or directories (checksums are the caller's) give wrong rows, never an
 * access outside the two regions and never an endless loop. */
#ifndef REFRESHD_QUADTREE_QUADTREE_H
#define REFRESHD_QUADTREE_QUADTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quadtree/point.h"

#define QUADTREE_DEPTH_LIMIT 12
#define QUADTREE_USUAL_DEPTH 3 /* up to a million points */

/* Where the directory keeps a level. */
struct quadtree_level {
    size_t first; /* index of its first key */
    size_t last;  /* number of its last key */
};

struct quadtree;

struct nearest {
    size_t row;      /* index into points */
    double distance; /* metres */
};

typedef bool quadtree_search(const struct quadtree *tree, struct point query, double radius,
                             struct nearest *out);

/* Made by quadtree_view. */
struct quadtree {
    const struct point *points;
    size_t count;
    quadtree_search *search;     /* quadtree_nearest for this processor; NULL without points */
    const uint64_t *directory;   /* layout: directory.c and FORMAT.md */
    const uint64_t *first_codes; /* of the blocks, in the directory; of no use at depth 0 */
    size_t blocks;
    unsigned depth;
    /* The levels of a tree of usual size, behind empty ones that lead to block 0: a descent through
     * all of them has no branch that depends on the depth. */
    struct quadtree_level usual[QUADTREE_USUAL_DEPTH];
    struct quadtree_level levels[QUADTREE_DEPTH_LIMIT]; /* root first */
};

/* quadtree_directory_bytes: size of the directory for count points (0 for none). */
size_t quadtree_directory_bytes(size_t count);

/* quadtree_build: fill the directory for points. The result depends on the points alone. */
void quadtree_build(const struct point *points, size_t count, uint64_t *directory);

/* quadtree_view: a tree of what lies there. */
struct quadtree quadtree_view(const struct point *points, size_t count, const uint64_t *directory);

/* quadtree_sort: sort codes ascending in place; scratch holds as many (radix sort). */
void quadtree_sort(uint64_t *codes, uint64_t *scratch, size_t count);

/* quadtree_lower_bound: the first row whose code is at least code; count when there is none. */
size_t quadtree_lower_bound(const struct quadtree *tree, uint64_t code);

/* quadtree_nearest: the entry at the least great-circle distance from query among those at
 * distance <= radius metres (INFINITY for any); ties go to the lower row. Returns false and leaves
 * *out when there is none. Exact at the antimeridian and the poles. */
static inline bool quadtree_nearest(const struct quadtree *tree, struct point query, double radius,
                                    struct nearest *out)
{
    return tree->search != NULL && tree->search(tree, query, radius, out);
}

/* quadtree_nearest_batch: quadtree_nearest for n queries, faster than one by one because memory
 * reads of several queries overlap. out[i].row is SIZE_MAX on a miss. out[i].distance on entry is
 * ignored. */
void quadtree_nearest_batch(const struct quadtree *tree, const struct point *queries, size_t n,
                            double radius, struct nearest *out);

#endif
