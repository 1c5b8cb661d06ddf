/* Nearest entries. Most queries have a neighbour close by, and then this is all that happens:
 *
 *   1. the block of points that the query's own code falls into gives a first candidate;
 *   2. its distance draws a rectangle that holds every nearer point; the rectangle is cut at
 *      quadtree lines into at most four parts that are short ranges of codes each, and those that
 *      lie in the block are done;
 *   3. the blocks of the other parts are found and visited too.
 *
 * Each step is done for up to GROUP queries at once, so that their memory reads overlap. A visit
 * looks at all points of a block by a planar measure, several in each step: planar <= limit holds
 * for every point as near as the best, whatever the curvature (limit's margin sees to it), and only
 * points that pass are put to the haversine. Where the rectangle would touch a pole or the
 * antimeridian, or is too large for the plane, search_anywhere takes over.
 *
 * The file that includes this sets LANES and SEARCH_GROUP, the name of the function it makes. */
#include <immintrin.h>
#include <string.h>

#include "quadtree/descent.h"

#define PARTS 4
#define FEW_BLOCKS 4 /* a longer range is cut further before it is visited */
#define WALK_LIMIT 66
#define UNKNOWN SIZE_MAX

#define TWO_TO_31 2147483648.0
#define TWO_TO_52 4503599627370496.0

/* haversine per planar square unit, near the query */
#define HAVERSINE_PER_SQUARE ((RADIANS_PER_UNIT / 2) * (RADIANS_PER_UNIT / 2))

struct seeker {
    struct best best;
    uint64_t code;
    double x, y;           /* of the query, in units from the south-west corner of the world */
    double lane_x, lane_y; /* the same as number_lanes counts them */
    double squash;         /* cosine squared */
    double widen;          /* 1 / cosine */
    double up;             /* half height of the rectangle around the best, radians */
    double spread;         /* planar square per haversine, margin included */
    double limit;          /* planar square that nothing as near as best exceeds */
    size_t home;           /* block */
    bool anywhere;         /* leave it to search_anywhere */
};

struct part {
    struct rectangle rectangle;
    size_t block; /* to begin with */
    unsigned seeker;
};

static inline void prefetch_block(const struct quadtree *tree, size_t block)
{
    const struct point *points = tree->points + block * BLOCK;
    for (size_t i = 0; i < BLOCK; i += 8)
        __builtin_prefetch(points + i);
}

#if LANES > 2
static inline uint64_t spread_bits(uint32_t value)
{
    return _pdep_u64(value, LONGITUDE_BITS);
}

static inline double gathered(uint64_t bits)
{
    return (double)(int64_t)_pext_u64(bits, LONGITUDE_BITS);
}
#else
static inline uint64_t spread_bits(uint32_t value)
{
    return morton_spread(value);
}

static inline double gathered(uint64_t bits)
{
    return (double)(int64_t)morton_gather(bits);
}
#endif

static void offer(struct seeker *seeker, size_t row, struct point point)
{
    if (best_offer(&seeker->best, row, point, haversine_from(&seeker->best.origin, point)))
        seeker->limit = seeker->best.haversine * seeker->spread;
}

static void begin(struct seeker *seeker, struct point query, double haversine)
{
    seeker->best = (struct best){.origin = origin_at(query), .haversine = haversine, .row = NO_ROW};
    seeker->code = spread_bits((uint32_t)query.lon + LONGITUDE_LIMIT) |
                   spread_bits((uint32_t)query.lat + LATITUDE_LIMIT) << 1;
    seeker->x = (double)((int64_t)query.lon + LONGITUDE_LIMIT);
    seeker->y = (double)((int64_t)query.lat + LATITUDE_LIMIT);
    seeker->lane_x = (double)query.lon + TWO_TO_31;
    seeker->lane_y = (double)query.lat + TWO_TO_31;
    seeker->squash = seeker->best.origin.cosine * seeker->best.origin.cosine;
    seeker->widen = 1 / seeker->best.origin.cosine;
    seeker->anywhere = false;
}

/* The half height of the rectangle around the best, in radians, never too small. */
static inline double reach(double haversine)
{
    return 2 * sqrt(haversine) * (1 + haversine * 0.25);
}

/* set_limit: choose a margin that holds within the reach of the best so far. For points up to H
 * radians north or south and W east or west, with t the tangent of the latitude, the haversine is
 * at least the planar square times (1 - tH - H^2/2 - H^2/12 - W^2/12). */
static void set_limit(struct seeker *seeker)
{
    const struct origin *origin = &seeker->best.origin;
    double up = reach(seeker->best.haversine);
    double right = up * seeker->widen;
    double margin = right * fabs(origin->sine) + up * up + right * right / 8 + 1e-9;
    seeker->up = up;
    if (!(right < 0.5 && margin < 0.3)) {
        seeker->anywhere = true;
        return;
    }
    /* 1 / (1 - margin) is below this as margin is below 0.3. */
    seeker->spread = (1 / HAVERSINE_PER_SQUARE) * (1 + margin + 2 * margin * margin);
    seeker->limit = seeker->best.haversine * seeker->spread;
}

/* The rectangle around everything as near as the best; false when it leaves the plane. */
static bool rectangle_around(const struct seeker *seeker, struct rectangle *out)
{
    double up = seeker->up;
    double right = up * seeker->widen;
    right *= 1 + right * right * 0.2;
    up = up * (1 / RADIANS_PER_UNIT) + 2;
    right = right * (1 / RADIANS_PER_UNIT) + 2;
    double west = seeker->x - right, east = seeker->x + right;
    if (west < 0 || east >= (double)FULL_TURN)
        return false;
    double south = fmax(seeker->y - up, 0), north = seeker->y + up;
    out->low = spread_bits((uint32_t)west) | spread_bits((uint32_t)south) << 1;
    out->high = spread_bits((uint32_t)east) | spread_bits((uint32_t)north) << 1;
    return true;
}

typedef uint64_t lanes __attribute__((vector_size(8 * LANES)));
typedef double numbers __attribute__((vector_size(8 * LANES)));

/* What a visit has seen of a block: the planar square of each point. */
struct sight {
    numbers squares[BLOCK / LANES];
    double square; /* the least */
};

/* The numbers of int32, plus 2^31: as the low bits of 2^52, less 2^52. */
static inline numbers number_lanes(lanes integers)
{
    return (numbers)((integers ^ 0x80000000ULL) | 0x4330000000000000ULL) - TWO_TO_52;
}

static inline numbers planar_lanes(const struct seeker *seeker, lanes points)
{
    numbers right = number_lanes(points >> 32) - seeker->lane_x;
    numbers up = number_lanes(points & 0xffffffffULL) - seeker->lane_y;
    return up * up + right * right * seeker->squash;
}

#if LANES == 8
static inline numbers lesser(numbers a, numbers b)
{
    return (numbers)_mm512_min_pd((__m512d)a, (__m512d)b);
}

static inline double least_lane(numbers a)
{
    return _mm512_reduce_min_pd((__m512d)a);
}

/* Bit i: lane i is at most limit. */
static inline uint64_t lanes_within(numbers a, double limit)
{
    return _mm512_cmp_pd_mask((__m512d)a, _mm512_set1_pd(limit), _CMP_LE_OQ);
}
#elif LANES == 4
static inline numbers lesser(numbers a, numbers b)
{
    return (numbers)_mm256_min_pd((__m256d)a, (__m256d)b);
}

static inline double least_lane(numbers a)
{
    return fmin(fmin(a[0], a[1]), fmin(a[2], a[3]));
}

static inline uint64_t lanes_within(numbers a, double limit)
{
    __m256d near = _mm256_cmp_pd((__m256d)a, _mm256_set1_pd(limit), _CMP_LE_OQ);
    return (uint64_t)_mm256_movemask_pd(near);
}
#else
static inline numbers lesser(numbers a, numbers b)
{
    return (numbers)_mm_min_pd((__m128d)a, (__m128d)b);
}

static inline double least_lane(numbers a)
{
    return fmin(a[0], a[1]);
}

static inline uint64_t lanes_within(numbers a, double limit)
{
    return (uint64_t)_mm_movemask_pd(_mm_cmple_pd((__m128d)a, _mm_set1_pd(limit)));
}
#endif

/* look: measure the whole block. */
static inline void look(const struct point *points, const struct seeker *seeker,
                        struct sight *sight)
{
    numbers least = (numbers){0} + INFINITY;
#pragma GCC unroll 16
    for (size_t i = 0; i < BLOCK / LANES; i++) {
        lanes here;
        memcpy(&here, points + i * LANES, sizeof here);
        sight->squares[i] = planar_lanes(seeker, here);
        least = lesser(sight->squares[i], least);
    }
    sight->square = least_lane(least);
}

/* Bit i: point i of the block may be within limit. */
static inline uint64_t within(const struct sight *sight, double limit)
{
    uint64_t near = 0;
#pragma GCC unroll 16
    for (size_t i = 0; i < BLOCK / LANES; i++)
        near |= lanes_within(sight->squares[i], limit) << (i * LANES);
    return near;
}

/* visit: put to the seeker every point of a block that could be as near as its best. The home
 * block's visit draws the limit in the first place. */
static void visit(const struct quadtree *tree, struct seeker *seeker, size_t block, bool home)
{
    size_t first = block * BLOCK;
    size_t n = tree->count - first < BLOCK ? tree->count - first : BLOCK;
    const struct point *points = tree->points + first;
    struct point padded[BLOCK];
    struct sight sight;
    if (n < BLOCK) {
        for (size_t i = 0; i < BLOCK; i++)
            padded[i] = points[i < n ? i : n - 1];
        points = padded;
    }
    look(points, seeker, &sight);
    uint64_t near = 0;
    if (home) {
        unsigned nearest = (unsigned)__builtin_ctzll(within(&sight, sight.square));
        nearest = nearest < n ? nearest : (unsigned)n - 1;
        offer(seeker, first + nearest, points[nearest]);
        set_limit(seeker);
        if (seeker->anywhere)
            return;
        // cppcheck-suppress shiftTooManyBits ; n is not 0: a block has a point
        near = within(&sight, seeker->limit) & ~(1ULL << nearest);
    } else if (sight.square <= seeker->limit) {
        near = within(&sight, seeker->limit);
    }
    for (; near != 0; near &= near - 1) {
        size_t i = (size_t)__builtin_ctzll(near);
        if (i < n && sight.squares[i / LANES][i % LANES] <= seeker->limit)
            offer(seeker, first + i, points[i]);
    }
}

/* A lower bound of the planar square over a rectangle. */
static double planar_to(const struct seeker *seeker, struct rectangle r)
{
    double west = gathered(r.low) - seeker->x;
    double east = seeker->x - gathered(r.high);
    double south = gathered(r.low >> 1) - seeker->y;
    double north = seeker->y - gathered(r.high >> 1);
    double right = fmax(0, fmax(west, east)), up = fmax(0, fmax(south, north));
    return up * up + right * right * seeker->squash;
}

struct stretch {
    struct rectangle rectangle;
    size_t first, last; /* blocks, inclusive */
};

/* walk: visit a rectangle that spans many blocks, nearest parts first, cutting it until a part is
 * short or too far. Both halves of a cut keep to its blocks and share one at most, so the walk ends
 * whatever the directory says. */
static void walk(const struct quadtree *tree, const struct levels *levels, struct seeker *seeker,
                 struct stretch whole)
{
    struct stretch pending[WALK_LIMIT];
    size_t n = 0;
    pending[n++] = whole;
    while (n > 0) {
        struct stretch now = pending[--n];
        if (planar_to(seeker, now.rectangle) > seeker->limit)
            continue;
        if (now.last - now.first < FEW_BLOCKS || now.rectangle.low == now.rectangle.high) {
            for (size_t block = now.first; block <= now.last; block++)
                visit(tree, seeker, block, false);
            continue;
        }
        struct stretch halves[2] = {now, now};
        rectangle_split(now.rectangle, &halves[0].rectangle, &halves[1].rectangle);
        const uint64_t ends[2] = {halves[0].rectangle.high, halves[1].rectangle.low};
        size_t blocks[2];
        find_blocks(tree, levels, ends, 2, blocks);
        halves[0].last = blocks[0] < now.first  ? now.first
                         : blocks[0] > now.last ? now.last
                                                : blocks[0];
        halves[1].first = blocks[1] < halves[0].last ? halves[0].last
                          : blocks[1] > now.last     ? now.last
                                                     : blocks[1];
        unsigned nearer =
            planar_to(seeker, halves[1].rectangle) < planar_to(seeker, halves[0].rectangle);
        pending[n++] = halves[!nearer];
        pending[n++] = halves[nearer];
    }
}

static void visit_part(const struct quadtree *tree, const struct levels *levels,
                       struct seeker *seeker, const struct part *part)
{
    const struct rectangle rectangle = part->rectangle;
    const uint64_t *first_codes = tree->directory + levels->offset[levels->depth - 1];
    size_t block = part->block;
    if (planar_to(seeker, rectangle) > seeker->limit)
        return;
    for (unsigned visited = 0; visited < FEW_BLOCKS; visited++, block++) {
        if (block >= levels->blocks || (visited > 0 && first_codes[block] > rectangle.high))
            return;
        visit(tree, seeker, block, false);
    }
    if (block >= levels->blocks || first_codes[block] > rectangle.high)
        return;
    size_t last;
    find_blocks(tree, levels, &rectangle.high, 1, &last);
    if (last >= block)
        walk(tree, levels, seeker, (struct stretch){rectangle, block, last});
}

/* cut: rectangle in up to PARTS parts that each lie in one quadtree cell not much larger. */
static unsigned cut(struct rectangle whole, struct rectangle parts[PARTS])
{
    struct rectangle halves[2];
    if (whole.low == whole.high) {
        parts[0] = whole;
        return 1;
    }
    unsigned n = 0;
    rectangle_split(whole, &halves[0], &halves[1]);
    for (unsigned i = 0; i < 2; i++) {
        if (halves[i].low == halves[i].high)
            parts[n++] = halves[i];
        else {
            rectangle_split(halves[i], &parts[n], &parts[n + 1]);
            n += 2;
        }
    }
    return n;
}

/* plan: the parts still to visit around a seeker's best; what lies in the home block is done. Most
 * parts begin in a block beside it, which the directory's keys around it tell at once; the blocks
 * of the others (UNKNOWN) must be found. */
static unsigned plan(const struct quadtree *tree, const struct levels *levels,
                     struct seeker *seeker, struct part out[PARTS])
{
    struct rectangle whole, parts[PARTS];
    if (!rectangle_around(seeker, &whole)) {
        seeker->anywhere = true;
        return 0;
    }
    if (levels->depth == 0)
        return 0;
    const uint64_t *first_codes = tree->directory + levels->offset[levels->depth - 1];
    size_t home = seeker->home;
    uint64_t low = home == 0 ? 0 : first_codes[home];
    uint64_t next = home + 1 == levels->blocks ? UINT64_MAX : first_codes[home + 1];
    if (whole.low >= low && whole.high < next)
        return 0;
    uint64_t before = home < 2 ? 0 : first_codes[home - 1];
    uint64_t after = home + 2 >= levels->blocks ? UINT64_MAX : first_codes[home + 2];
    unsigned pieces = cut(whole, parts);
    unsigned n = 0;
    for (unsigned i = 0; i < pieces; i++) {
        if (parts[i].low >= low && parts[i].high < next)
            continue;
        out[n].rectangle = parts[i];
        out[n].block = parts[i].low < before  ? UNKNOWN
                       : parts[i].low < low   ? home - 1
                       : parts[i].low < after ? home + 1
                                              : UNKNOWN;
        n++;
    }
    return n;
}

/* Find the blocks that plan could not tell. */
static void find_parts(const struct quadtree *tree, const struct levels *levels, struct part *parts,
                       size_t n)
{
    uint64_t codes[GROUP * PARTS];
    size_t blocks[GROUP * PARTS];
    size_t unknown = 0;
    for (size_t i = 0; i < n; i++)
        if (parts[i].block == UNKNOWN)
            codes[unknown++] = parts[i].rectangle.low;
    if (unknown > 0)
        find_blocks(tree, levels, codes, unknown, blocks);
    for (size_t i = 0, next = 0; i < n; i++) {
        if (parts[i].block == UNKNOWN)
            parts[i].block = blocks[next++];
        prefetch_block(tree, parts[i].block);
    }
}

static void finish(const struct quadtree *tree, const struct levels *levels, struct seeker *seeker,
                   double radius, struct nearest *out)
{
    if (seeker->anywhere)
        search_anywhere(tree, levels, &seeker->best);
    out->row = NO_ROW;
    if (seeker->best.row == NO_ROW)
        return;
    double distance = seeker->best.haversine <= 0.5
                          ? haversine_metres(seeker->best.haversine)
                          : distance_from(&seeker->best.origin, seeker->best.point);
    if (distance > radius)
        return;
    out->row = seeker->best.row;
    out->distance = distance;
}

void SEARCH_GROUP(const struct quadtree *tree, const struct levels *levels,
                  const struct point *queries, size_t n, double radius, double haversine,
                  struct nearest *out)
{
    struct seeker seekers[GROUP];
    struct part parts[GROUP * PARTS];
    uint64_t codes[GROUP];
    size_t blocks[GROUP];
    for (size_t i = 0; i < n; i++) {
        begin(&seekers[i], queries[i], haversine);
        codes[i] = seekers[i].code;
    }
    find_blocks(tree, levels, codes, n, blocks);
    for (size_t i = 0; i < n; i++)
        prefetch_block(tree, blocks[i]);
    size_t planned = 0;
    for (size_t i = 0; i < n; i++) {
        seekers[i].home = blocks[i];
        visit(tree, &seekers[i], blocks[i], true);
        if (seekers[i].anywhere)
            continue;
        unsigned more = plan(tree, levels, &seekers[i], parts + planned);
        for (unsigned j = 0; j < more; j++)
            parts[planned++].seeker = (unsigned)i;
    }
    find_parts(tree, levels, parts, planned);
    for (size_t i = 0; i < planned; i++)
        visit_part(tree, levels, &seekers[parts[i].seeker], &parts[i]);
    for (size_t i = 0; i < n; i++)
        finish(tree, levels, &seekers[i], radius, &out[i]);
}
