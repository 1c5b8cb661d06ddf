/* Nearest entries. Most queries have a neighbour close by, and then this is all that happens:
 *
 *   1. the block of points that the query's own code falls into gives a first candidate;
 *   2. its distance draws a rectangle that holds every nearer point. If the block covers the
 *      rectangle's codes, that was all; if it and the blocks beside it do, those are looked at;
 *   3. else the rectangle is cut at quadtree lines into at most four parts that are short ranges of
 *      codes each, whose blocks are found and visited too.
 *
 * A group takes each step for all its queries before the next one, so that their memory reads
 * overlap. A visit looks at all points of a block by a planar measure, in single precision, several
 * in each step. The measure has a margin: what is nearer by more than that is nearer on the earth,
 * whatever the curvature and the rounding. Only where points are within the margin of each other
 * does the haversine decide. Where the rectangle would touch a pole or the antimeridian, or is too
 * large for the plane, search_anywhere takes over.
 *
 * The file that includes this sets LANES (64-bit ones in a vector) and the names of the functions
 * it makes, SEARCH_ONE and SEARCH_GROUP. */
#include "quadtree/descent.h"
#include "quadtree/planar.h"

#define PARTS 4
#define FEW_BLOCKS 4 /* a longer range is cut further before it is visited */
#define WALK_LIMIT 66
#define UNKNOWN SIZE_MAX
/* A radius in planar units, rounded up. */
#define UNITS_WITHIN_METRE ((1 + 1e-6) / (EARTH_RADIUS_METRES * RADIANS_PER_UNIT))

struct seeker {
    struct best best; /* haversine and point hold only when measured */
    double radius;
    float cosine;
    float square; /* planar, the least seen; INFINITY before */
    float limit;  /* planar square that nothing as near as the best exceeds */
    float factor; /* what the margin makes of a planar square */
    double widen; /* 1 / cosine */
    size_t home;  /* block */
    bool measured;
    bool anywhere; /* leave it to search_anywhere */
};

struct part {
    struct rectangle rectangle;
    size_t block; /* to begin with */
    unsigned seeker;
};

/* Inlined by force: GCC 12 takes a function that only prefetches for one without effect, and drops
 * its calls. */
static inline __attribute__((always_inline)) void prefetch_block(const struct quadtree *tree,
                                                                 size_t block)
{
    const struct point *points = tree->points + block * BLOCK;
    for (size_t i = 0; i < BLOCK; i += 8)
        __builtin_prefetch(points + i);
}

/* The block, and of those beside it, to which every fourth search goes on, the nearer ends: more
 * would cost other reads their place. */
static inline __attribute__((always_inline)) void prefetch_home(const struct quadtree *tree,
                                                                size_t home)
{
    const struct point *first = tree->points + home * BLOCK;
    prefetch_block(tree, home);
    __builtin_prefetch(home > 0 ? first - 1 : first);
    __builtin_prefetch(home + 1 < tree->blocks ? first + BLOCK : first);
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

/* --- one query -------------------------------------------------------------------------------- */

static inline uint64_t code_of(struct point point)
{
    return spread_bits((uint32_t)point.lon + LONGITUDE_LIMIT) |
           spread_bits((uint32_t)point.lat + LATITUDE_LIMIT) << 1;
}

/* begin: everything but home. */
static inline void begin(struct seeker *seeker, struct point query, double radius)
{
    seeker->radius = radius;
    seeker->best.origin = origin_at(query);
    seeker->best.row = NO_ROW;
    seeker->cosine = (float)seeker->best.origin.cosine;
    seeker->widen = 1 / seeker->best.origin.cosine;
    seeker->square = INFINITY;
    seeker->measured = false;
    seeker->anywhere = false;
}

/* measure: the best's haversine, if only its planar square is known; the radius's while there is
 * none. */
static inline void measure(const struct quadtree *tree, struct seeker *seeker)
{
    struct best *best = &seeker->best;
    if (seeker->measured)
        return;
    seeker->measured = true;
    if (best->row == NO_ROW) {
        best->haversine = radius_haversine(seeker->radius);
        return;
    }
    best->point = tree->points[best->row];
    best->haversine = haversine_from(&best->origin, best->point);
}

/* compare: the best and these points of a block are too near each other for the planar measure. A
 * seeker goes in and out by value, so that the callers' one can stay in registers. */
static __attribute__((noinline)) struct seeker compare(const struct quadtree *tree,
                                                       struct seeker seeker, size_t first,
                                                       uint32_t near, float square)
{
    measure(tree, &seeker);
    for (; near != 0; near &= near - 1) {
        size_t row = first + (size_t)__builtin_ctz(near);
        if (row >= tree->count)
            break;
        struct point point = tree->points[row];
        (void)best_offer(&seeker.best, row, point, haversine_from(&seeker.best.origin, point));
    }
    if (seeker.best.row != NO_ROW && square < seeker.square) {
        seeker.square = square;
        seeker.limit = square * seeker.factor;
    }
    return seeker;
}

/* Points to look at, BLOCK of them, and the row of the first. */
struct view {
    const struct point *points;
    size_t first;
};

/* Of the last block, when it has fewer points: the last BLOCK points instead; a tree of less is
 * filled up with its last point, in room. */
static __attribute__((noinline)) struct view last_points(const struct quadtree *tree,
                                                         struct point room[BLOCK])
{
    if (tree->count >= BLOCK)
        return (struct view){tree->points + tree->count - BLOCK, tree->count - BLOCK};
    memcpy(room, tree->points, tree->count * sizeof *room);
    for (size_t i = tree->count; i < BLOCK; i++)
        room[i] = room[i - 1];
    return (struct view){room, 0};
}

static inline struct view block_points(const struct quadtree *tree, size_t block,
                                       struct point room[BLOCK])
{
    size_t first = block * BLOCK;
    if (__builtin_expect(first + BLOCK > tree->count, 0))
        return last_points(tree, room);
    return (struct view){tree->points + first, first};
}

/* take: what a look at the points from row `first` on has shown; least is not above the limit. */
static inline void take(const struct quadtree *tree, struct seeker *seeker, size_t first,
                        const numbers squares[VECTORS], float least)
{
    float bound = least * seeker->factor;
    uint32_t near = within(squares, bound);
    if (__builtin_expect((near & (near - 1)) != 0 || seeker->square <= bound, 0)) {
        struct seeker compared = compare(tree, *seeker, first, near, least);
        *seeker = compared;
        return;
    }
    seeker->best.row = first + (size_t)__builtin_ctz(near);
    seeker->measured = false;
    seeker->square = least;
    seeker->limit = bound;
}

static inline void visit(const struct quadtree *tree, struct seeker *seeker, size_t block)
{
    struct point room[BLOCK];
    numbers squares[VECTORS];
    struct view view = block_points(tree, block, room);
    float least = look(view.points, seeker->best.origin.point, seeker->cosine, squares);
    if (least <= seeker->limit)
        take(tree, seeker, view.first, squares, least);
}

/* set_margin: choose a factor that holds within reach, the root of a planar square, in units; false
 * when there is none. For points up to H radians north or south and W east or west, with t the
 * tangent of the latitude, the haversine is within a share of tH + H^2/2 + H^2/12 + W^2/12 of the
 * planar square; single precision adds less than 1e-6. */
static inline bool set_margin(struct seeker *seeker, double reach)
{
    double up =
        reach * (RADIANS_PER_UNIT * 1.25); /* more than the great circle and the bend of W */
    double right = up * seeker->widen;
    double margin = right * fabs(seeker->best.origin.sine) + up * up + right * right / 8 + 1e-6;
    /* (1 + margin) / (1 - margin) is below this as margin is below 0.3. */
    seeker->factor = (float)(1 + 3 * margin);
    return right < 0.5 && margin < 0.3;
}

/* visit_home: visit the first block. Returns false when the plane is no measure for what is near;
 * else *around is the rectangle of everything as near as the best, or as the radius. */
static inline __attribute__((always_inline)) bool
visit_home(const struct quadtree *tree, struct seeker *seeker, struct rectangle *around)
{
    struct point room[BLOCK];
    numbers squares[VECTORS];
    struct view view = block_points(tree, seeker->home, room);
    float least = look(view.points, seeker->best.origin.point, seeker->cosine, squares);
    double found = sqrt((double)least), most = seeker->radius * UNITS_WITHIN_METRE + 1e-3;
    double reach = found < most ? found : most;
    seeker->anywhere = true;
    if (!set_margin(seeker, reach))
        return false;
    seeker->limit = (float)(reach * reach) * seeker->factor;
    if (least <= seeker->limit)
        take(tree, seeker, view.first, squares, least);
    double wide = reach * seeker->factor;
    int64_t up = (int64_t)wide + 2, right = (int64_t)(wide * seeker->widen) + 2;
    int64_t x = (int64_t)seeker->best.origin.point.lon + LONGITUDE_LIMIT;
    int64_t y = (int64_t)seeker->best.origin.point.lat + LATITUDE_LIMIT;
    if (x < right || x + right >= FULL_TURN)
        return false;
    seeker->anywhere = false;
    around->low = spread_bits((uint32_t)(x - right)) | spread_bits((uint32_t)(y > up ? y - up : 0))
                                                           << 1;
    around->high = spread_bits((uint32_t)(x + right)) | spread_bits((uint32_t)(y + up)) << 1;
    return true;
}

/* home_covers: nothing of the rectangle lies outside the home block. May say no when it does. */
static inline bool home_covers(const struct quadtree *tree, size_t home, struct rectangle around)
{
    const uint64_t *first_codes = tree->first_codes;
    return home + 1 < tree->blocks && around.low >= first_codes[home] &&
           around.high < first_codes[home + 1];
}

/* The blocks beside home that a rectangle touches. */
enum around { AROUND_NONE = 0, AROUND_BEFORE = 1, AROUND_AFTER = 2, AROUND_FURTHER = 4 };

static inline unsigned blocks_around(const struct quadtree *tree, size_t home,
                                     struct rectangle around)
{
    if (tree->depth == 0 || home_covers(tree, home, around))
        return AROUND_NONE;
    const uint64_t *first_codes = tree->first_codes;
    uint64_t low = home == 0 ? 0 : first_codes[home];
    uint64_t next = home + 1 >= tree->blocks ? UINT64_MAX : first_codes[home + 1];
    uint64_t before = home < 2 ? 0 : first_codes[home - 1];
    uint64_t after = home + 2 >= tree->blocks ? UINT64_MAX : first_codes[home + 2];
    if (around.low < before || around.high >= after)
        return AROUND_FURTHER;
    return (around.low < low ? AROUND_BEFORE : 0u) | (around.high >= next ? AROUND_AFTER : 0u);
}

/* --- further away ------------------------------------------------------------------------------
 */

static inline double positive(double a, double b)
{
    double greater = a > b ? a : b;
    return greater > 0 ? greater : 0;
}

/* A lower bound of the planar square over a rectangle. */
static double planar_to(const struct seeker *seeker, struct rectangle r)
{
    double x = (double)seeker->best.origin.point.lon + LONGITUDE_LIMIT;
    double y = (double)seeker->best.origin.point.lat + LATITUDE_LIMIT;
    double west = gathered(r.low) - x, east = x - gathered(r.high);
    double south = gathered(r.low >> 1) - y, north = y - gathered(r.high >> 1);
    double right = positive(west, east), up = positive(south, north);
    right *= seeker->best.origin.cosine;
    return (up * up + right * right) * (1 - 1e-6);
}

struct stretch {
    struct rectangle rectangle;
    size_t first, last; /* blocks, inclusive */
};

/* walk: visit a rectangle that spans many blocks, nearest parts first, cutting it until a part is
 * short or too far. Both halves of a cut keep to its blocks and share one at most, so the walk ends
 * whatever the directory says. */
static void walk(const struct quadtree *tree, struct seeker *seeker, struct stretch whole)
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
                visit(tree, seeker, block);
            continue;
        }
        struct stretch halves[2] = {now, now};
        rectangle_split(now.rectangle, &halves[0].rectangle, &halves[1].rectangle);
        const uint64_t ends[2] = {halves[0].rectangle.high, halves[1].rectangle.low};
        size_t blocks[2];
        find_blocks(tree, ends, 2, blocks);
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

static void visit_part(const struct quadtree *tree, struct seeker *seeker, const struct part *part)
{
    const struct rectangle rectangle = part->rectangle;
    const uint64_t *first_codes = tree->first_codes;
    size_t block = part->block;
    if (planar_to(seeker, rectangle) > seeker->limit)
        return;
    for (unsigned visited = 0; visited < FEW_BLOCKS; visited++, block++) {
        if (block >= tree->blocks || (visited > 0 && first_codes[block] > rectangle.high))
            return;
        visit(tree, seeker, block);
    }
    if (block >= tree->blocks || first_codes[block] > rectangle.high)
        return;
    size_t last;
    find_blocks(tree, &rectangle.high, 1, &last);
    if (last >= block)
        walk(tree, seeker, (struct stretch){rectangle, block, last});
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

/* plan: the parts of a rectangle still to visit; what lies in the home block is done. Most begin in
 * a block beside it, which the directory's keys around it tell at once; the blocks of the others
 * (UNKNOWN) must be found. */
static unsigned plan(const struct quadtree *tree, const struct seeker *seeker,
                     struct rectangle whole, struct part out[PARTS])
{
    size_t home = seeker->home;
    struct rectangle parts[PARTS];
    const uint64_t *first_codes = tree->first_codes;
    uint64_t low = home == 0 ? 0 : first_codes[home];
    uint64_t next = home + 1 >= tree->blocks ? UINT64_MAX : first_codes[home + 1];
    uint64_t before = home < 2 ? 0 : first_codes[home - 1];
    uint64_t after = home + 2 >= tree->blocks ? UINT64_MAX : first_codes[home + 2];
    unsigned pieces = cut(whole, parts);
    unsigned n = 0;
    for (unsigned i = 0; i < pieces; i++) {
        if ((parts[i].low >= low && parts[i].high < next) ||
            planar_to(seeker, parts[i]) > seeker->limit)
            continue;
        out[n].rectangle = parts[i];
        out[n].block = parts[i].low < before  ? UNKNOWN
                       : parts[i].low < low   ? home - 1
                       : parts[i].low < next  ? home
                       : parts[i].low < after ? home + 1
                                              : UNKNOWN;
        n++;
    }
    return n;
}

/* Find the blocks that plan could not tell. */
static void find_parts(const struct quadtree *tree, struct part *parts, size_t n)
{
    uint64_t codes[GROUP * PARTS];
    size_t blocks[GROUP * PARTS];
    size_t unknown = 0;
    for (size_t i = 0; i < n; i++)
        if (parts[i].block == UNKNOWN)
            codes[unknown++] = parts[i].rectangle.low;
    if (unknown > 0)
        find_blocks(tree, codes, unknown, blocks);
    for (size_t i = 0, next = 0; i < n; i++) {
        if (parts[i].block == UNKNOWN)
            parts[i].block = blocks[next++];
        prefetch_block(tree, parts[i].block);
    }
}

static __attribute__((noinline)) double far_metres(struct best best)
{
    return distance_from(&best.origin, best.point);
}

static inline __attribute__((always_inline)) bool finish(const struct quadtree *tree,
                                                         struct seeker *seeker, struct nearest *out)
{
    struct best *best = &seeker->best;
    if (__builtin_expect(seeker->anywhere, 0)) {
        measure(tree, seeker);
        struct best found = *best;
        search_anywhere(tree, &found);
        *best = found;
    }
    if (best->row == NO_ROW)
        return false;
    measure(tree, seeker);
    double distance;
    if (__builtin_expect(best->haversine <= SHORT_HAVERSINE, 1))
        distance = short_metres(best->haversine);
    else
        distance = best->haversine <= 0.5 ? haversine_metres(best->haversine) : far_metres(*best);
    if (distance > seeker->radius)
        return false;
    out->row = best->row;
    out->distance = distance;
    return true;
}

/* beyond_home: the steps after the first, where the home block was not all. */
static __attribute__((noinline)) struct seeker
beyond_home(const struct quadtree *tree, struct seeker seeker, struct rectangle around)
{
    unsigned beside = blocks_around(tree, seeker.home, around);
    if (beside & AROUND_BEFORE)
        visit(tree, &seeker, seeker.home - 1);
    if (beside & AROUND_AFTER)
        visit(tree, &seeker, seeker.home + 1);
    if (!(beside & AROUND_FURTHER))
        return seeker;
    struct part parts[PARTS];
    unsigned n = plan(tree, &seeker, around, parts);
    find_parts(tree, parts, n);
    for (unsigned i = 0; i < n; i++)
        visit_part(tree, &seeker, &parts[i]);
    return seeker;
}

bool SEARCH_ONE(const struct quadtree *tree, struct point query, double radius, struct nearest *out)
{
    struct seeker seeker;
    struct rectangle around;
    if (!(radius >= 0))
        return false;
    /* The descent first: its last read takes long, and while the processor waits for it, it does
     * what begin needs. Then little stands between the reads of this search and of the next. */
    size_t home = find_block(tree, code_of(query));
    begin(&seeker, query, radius);
    seeker.home = home;
    prefetch_home(tree, home);
    if (visit_home(tree, &seeker, &around) && !home_covers(tree, seeker.home, around)) {
        struct seeker further = beyond_home(tree, seeker, around);
        seeker = further;
    }
    return finish(tree, &seeker, out);
}

/* What is left to do for the queries of a group after the visits of their home blocks. */
struct rest {
    struct part parts[GROUP * PARTS];
    size_t planned;
    struct {
        size_t block;
        unsigned seeker;
    } beside[GROUP * 2];
    size_t visits;
};

static inline void add_visit(const struct quadtree *tree, struct rest *rest, unsigned seeker,
                             size_t block)
{
    prefetch_block(tree, block);
    rest->beside[rest->visits].block = block;
    rest->beside[rest->visits++].seeker = seeker;
}

static inline void visit_first(const struct quadtree *tree, struct seeker *seeker, unsigned number,
                               struct rest *rest)
{
    struct rectangle around;
    if (!visit_home(tree, seeker, &around))
        return;
    unsigned beside = blocks_around(tree, seeker->home, around);
    if (beside & AROUND_BEFORE)
        add_visit(tree, rest, number, seeker->home - 1);
    if (beside & AROUND_AFTER)
        add_visit(tree, rest, number, seeker->home + 1);
    if (!(beside & AROUND_FURTHER))
        return;
    unsigned more = plan(tree, seeker, around, rest->parts + rest->planned);
    for (unsigned i = 0; i < more; i++)
        rest->parts[rest->planned++].seeker = number;
}

void SEARCH_GROUP(const struct quadtree *tree, const struct point *queries, size_t n, double radius,
                  struct nearest *out)
{
    struct seeker seekers[GROUP];
    struct rest rest;
    uint64_t codes[GROUP];
    size_t blocks[GROUP];
    rest.planned = rest.visits = 0;
    for (size_t i = 0; i < n; i++)
        codes[i] = code_of(queries[i]);
    find_blocks(tree, codes, n, blocks);
    for (size_t i = 0; i < n; i++)
        prefetch_block(tree, blocks[i]);
    for (size_t i = 0; i < n; i++)
        begin(&seekers[i], queries[i], radius);
    for (size_t i = 0; i < n; i++) {
        seekers[i].home = blocks[i];
        visit_first(tree, &seekers[i], (unsigned)i, &rest);
    }
    find_parts(tree, rest.parts, rest.planned);
    for (size_t i = 0; i < rest.visits; i++)
        visit(tree, &seekers[rest.beside[i].seeker], rest.beside[i].block);
    for (size_t i = 0; i < rest.planned; i++)
        visit_part(tree, &seekers[rest.parts[i].seeker], &rest.parts[i]);
    for (size_t i = 0; i < n; i++)
        if (!finish(tree, &seekers[i], &out[i]))
            out[i].row = NO_ROW;
}
