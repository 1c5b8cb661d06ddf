/* What the files of the search share. Private to quadtree/. */
#ifndef REFRESHD_QUADTREE_SEARCH_H
#define REFRESHD_QUADTREE_SEARCH_H

#include "quadtree/distance.h"
#include "quadtree/morton.h"
#include "quadtree/quadtree.h"

/* Points in a block: four cache lines that are read side by side. So large a block makes the
 * directory small enough to stay in the processor's cache, and holds most neighbours of a query. */
#define BLOCK_BITS 5
#define BLOCK ((size_t)1 << BLOCK_BITS)
#define FANOUT_BITS 5 /* keys in a node of the directory: four cache lines */
#define FANOUT ((size_t)1 << FANOUT_BITS)
#define DIRECTORY_PADDING ((uint64_t)INT64_MAX) /* above every code of a valid point */

#define LONGITUDE_BITS 0x5555555555555555ULL
#define LATITUDE_BITS 0xaaaaaaaaaaaaaaaaULL

#define NO_ROW SIZE_MAX

static inline size_t block_count(size_t count)
{
    return count / BLOCK + (count % BLOCK != 0);
}

/* Keys of a level with its padding. */
static inline size_t whole_nodes(size_t keys)
{
    return (keys + FANOUT - 1) & ~(FANOUT - 1);
}

/* A rectangle of points as two codes: its south-west and its north-east corner. */
struct rectangle {
    uint64_t low, high;
};

static inline bool rectangle_contains(struct rectangle r, uint64_t code)
{
    uint64_t lon = r.low & LONGITUDE_BITS, lat = r.low & LATITUDE_BITS;
    return (code & LONGITUDE_BITS) - lon <= (r.high & LONGITUDE_BITS) - lon &&
           (code & LATITUDE_BITS) - lat <= (r.high & LATITUDE_BITS) - lat;
}

/* rectangle_split: cut at the highest quadtree line that crosses r; low != high. Codes of the
 * first part are all below those of the second (LITMAX and BIGMIN: Tropf and Herzog, 1981). */
static inline void rectangle_split(struct rectangle r, struct rectangle *first,
                                   struct rectangle *second)
{
    unsigned bit = 63 - (unsigned)__builtin_clzll(r.low ^ r.high);
    uint64_t line = 1ULL << bit;
    uint64_t below = (bit & 1 ? LATITUDE_BITS : LONGITUDE_BITS) & (line - 1);
    *first = (struct rectangle){r.low, (r.high & ~(below | line)) | below};
    *second = (struct rectangle){(r.low & ~(below | line)) | line, r.high};
}

/* The best found so far, or the radius while row is NO_ROW. */
struct best {
    struct origin origin;
    double haversine;
    size_t row;
    struct point point;
};

/* best_offer: take the entry at row if it is nearer, or as near and lower. True when taken. */
bool best_offer(struct best *best, size_t row, struct point point, double haversine);

/* radius_haversine: an upper bound, barely above, of the haversine of every point in radius. */
double radius_haversine(double radius);

/* search_anywhere: improve best by a walk over the whole world; for queries near a pole and for
 * far neighbours. */
void search_anywhere(const struct quadtree *tree, struct best *best);

/* search_one and search_group: quadtree_nearest and quadtree_nearest_batch (up to GROUP queries)
 * over at least one point; of a group, the radius is not negative. The same code is
 * compiled for any x86-64, for AVX2 and for AVX-512. */
#define GROUP 32
typedef quadtree_search search_one;
typedef void search_group(const struct quadtree *tree, const struct point *queries, size_t n,
                          double radius, struct nearest *out);
search_one search_one_any, search_one_avx2, search_one_avx512;
search_group search_group_any, search_group_avx2, search_group_avx512;

/* search_for_processor: the search_one that is fastest on this processor. */
search_one *search_for_processor(void);

#endif
