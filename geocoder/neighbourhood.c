#include "geocoder/neighbourhood.h"

#include <math.h>

#include "quadtree/grid.h"
#include "quadtree/morton.h"

#define RADIANS_PER_UNIT (M_PI / 180.0 / POINT_UNITS_PER_DEGREE)

/* Rounding in vectors and in the quadtree's distances stays far below these. */
#define ROUNDING 1e-12
#define RELATIVE_ROUNDING 1e-9

/* How a radius is looked for that holds enough places and not too many. */
#define FEWEST_GATHERED (NEIGHBOURHOOD_PLACES * 3 / 2)
#define MOST_GATHERED ((size_t)NEIGHBOURHOOD_PLACES * 8)
#define ATTEMPTS 8
#define LEAST_REACH 500.0
#define LARGEST_REACH 1000e3

#define SHORT_CHORD 0.02

#define WALK_LIMIT 66
#define FEW_ROWS 128

#define LONGITUDE_BITS 0x5555555555555555ULL
#define LATITUDE_BITS 0xaaaaaaaaaaaaaaaaULL

struct gathering {
    const struct quadtree *tree;
    struct box box;
    size_t count;
    size_t rows[MOST_GATHERED];
};

/* Codes from low to high, of which those inside the gathering's box lie in the rows from first up
 * to last. */
struct stretch {
    uint64_t low, high;
    size_t first, last;
};

struct vector vector_of(struct point point)
{
    double lat_sine, lat_cosine, lon_sine, lon_cosine;
    sincos(point.lat * RADIANS_PER_UNIT, &lat_sine, &lat_cosine);
    sincos(point.lon * RADIANS_PER_UNIT, &lon_sine, &lon_cosine);
    return (struct vector){lat_cosine * lon_cosine, lat_cosine * lon_sine, lat_sine};
}

double chord_of(double metres)
{
    double half = metres / (2 * EARTH_RADIUS_METRES);
    return half >= M_PI / 2 ? 2 : 2 * sin(half);
}

/* Short chords, and most are, by the series of the arc sine: the next term is below 1e-13 of it. */
double metres_of(double chord)
{
    double square = chord * chord;
    if (chord < SHORT_CHORD)
        return EARTH_RADIUS_METRES * chord * (1 + square / 24 + 3 * square * square / 640);
    return 2 * EARTH_RADIUS_METRES * asin(fmin(chord / 2, 1));
}

static double chord_between(struct vector a, struct vector b)
{
    double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
    return sqrt(x * x + y * y + z * z);
}

void neighbourhood_vectors(const struct quadtree *tree, struct vector *vectors)
{
    for (size_t row = 0; row < tree->count; row++)
        vectors[row] = vector_of(tree->points[row]);
}

static bool scan(struct gathering *gathering, const struct stretch *stretch)
{
    for (size_t row = stretch->first; row < stretch->last; row++) {
        if (!box_contains(gathering->box, gathering->tree->points[row]))
            continue;
        if (gathering->count == MOST_GATHERED)
            return false;
        gathering->rows[gathering->count++] = row;
    }
    return true;
}

/* halve: cut a stretch at the highest quadtree line that crosses the box (LITMAX and BIGMIN, Tropf
 * and Herzog 1981); the codes between the halves lie outside of it. */
static void halve(const struct quadtree *tree, const struct stretch *whole, struct stretch out[2])
{
    unsigned bit = 63 - (unsigned)__builtin_clzll(whole->low ^ whole->high);
    uint64_t line = 1ULL << bit;
    uint64_t below = (bit & 1 ? LATITUDE_BITS : LONGITUDE_BITS) & (line - 1);
    uint64_t middle_low = (whole->high & ~(below | line)) | below;
    uint64_t middle_high = (whole->low & ~(below | line)) | line;
    size_t first_end = quadtree_lower_bound(tree, middle_low + 1);
    size_t second_start = quadtree_lower_bound(tree, middle_high);
    out[0] = (struct stretch){whole->low, middle_low, whole->first, first_end};
    out[1] = (struct stretch){middle_high, whole->high, second_start, whole->last};
}

/* gather_box: the rows inside box, which does not cross the antimeridian, join the gathering.
 * False when they are too many. */
static bool gather_box(struct gathering *gathering, struct box box)
{
    const struct quadtree *tree = gathering->tree;
    struct stretch pending[WALK_LIMIT];
    size_t n = 1;
    pending[0].low = morton_encode((struct point){box.south, box.west});
    pending[0].high = morton_encode((struct point){box.north, box.east});
    pending[0].first = quadtree_lower_bound(tree, pending[0].low);
    pending[0].last = quadtree_lower_bound(tree, pending[0].high + 1);
    gathering->box = box;
    while (n > 0) {
        struct stretch stretch = pending[--n];
        if (stretch.first >= stretch.last)
            continue;
        if (stretch.last - stretch.first <= FEW_ROWS || stretch.low == stretch.high) {
            if (!scan(gathering, &stretch))
                return false;
            continue;
        }
        halve(tree, &stretch, &pending[n]);
        n += 2;
    }
    return true;
}

static bool gather(struct gathering *gathering, struct point centre, double radius)
{
    struct box box = box_around(centre, radius);
    gathering->count = 0;
    if (box.west <= box.east)
        return gather_box(gathering, box);
    struct box western = box, eastern = box;
    western.west = -LONGITUDE_LIMIT;
    eastern.east = LONGITUDE_LIMIT - 1;
    return gather_box(gathering, western) && gather_box(gathering, eastern);
}

/* find_reach: gather what lies within a radius that holds about as many places as there is room
 * for; the radius, or 0 when none does. */
static double find_reach(struct gathering *gathering, struct point centre, double guess,
                         double distance)
{
    double radius = fmin(fmax(guess, fmax(1.5 * distance, LEAST_REACH)), LARGEST_REACH);
    double least = 0, most = 0;
    for (int i = 0; i < ATTEMPTS; i++) {
        bool fits = gather(gathering, centre, radius);
        if (fits && (gathering->count >= FEWEST_GATHERED || radius >= LARGEST_REACH))
            return radius;
        if (fits)
            least = radius;
        else
            most = radius;
        if (most > 0)
            radius = least > 0 ? (least + most) / 2 : radius / 2;
        else
            radius = fmin(radius * 1.7, LARGEST_REACH);
    }
    return gather(gathering, centre, least) && least > 0 ? least : 0;
}

/* take: the gathered places by distance from the centre, nearest first, as far as there is room;
 * outer shrinks to the nearest of those that have none. */
static void take(struct neighbourhood *around, const struct gathering *gathering,
                 const struct vector *vectors)
{
    double chords[NEIGHBOURHOOD_PLACES];
    around->count = 0;
    for (size_t i = 0; i < gathering->count; i++) {
        size_t row = gathering->rows[i];
        double chord = chord_between(around->centre, vectors[row]);
        if (chord >= around->outer)
            continue;
        if (around->count == NEIGHBOURHOOD_PLACES) {
            unsigned last = NEIGHBOURHOOD_PLACES - 1;
            around->outer = fmax(chord, chords[last]);
            if (chord >= chords[last])
                continue;
            around->count--;
        }
        unsigned place = around->count++;
        for (; place > 0 && chords[place - 1] > chord; place--) {
            chords[place] = chords[place - 1];
            around->rows[place] = around->rows[place - 1];
        }
        chords[place] = chord;
        around->rows[place] = row;
    }
}

bool neighbourhood_build(struct neighbourhood *around, const struct quadtree *tree,
                         const struct vector *vectors, struct point centre, double distance)
{
    struct gathering gathering = {.tree = tree};
    double reach = 0;
    around->count = 0;
    if (distance < LARGEST_REACH)
        reach = find_reach(&gathering, centre, around->reach, distance);
    if (reach == 0)
        return false;
    around->reach = reach;
    around->centre = vector_of(centre);
    around->outer = chord_of(reach);
    take(around, &gathering, vectors);
    for (unsigned i = 0; i < NEIGHBOURHOOD_PLACES; i++) {
        bool filled = i < around->count;
        around->x[i] = filled ? vectors[around->rows[i]].x : INFINITY;
        around->y[i] = filled ? vectors[around->rows[i]].y : INFINITY;
        around->z[i] = filled ? vectors[around->rows[i]].z : INFINITY;
    }
    return around->count > 0;
}

bool neighbourhood_nearest(const struct neighbourhood *around, struct vector query, size_t *row,
                           double *chord)
{
    double squares[NEIGHBOURHOOD_PLACES];
    double best = INFINITY, second = INFINITY;
    unsigned found = 0;
    if (around->count == 0)
        return false;
    double room = around->outer - chord_between(around->centre, query);
    if (room <= 0)
        return false;
    for (unsigned i = 0; i < NEIGHBOURHOOD_PLACES; i++) {
        double x = around->x[i] - query.x, y = around->y[i] - query.y, z = around->z[i] - query.z;
        squares[i] = x * x + y * y + z * z;
    }
    for (unsigned i = 0; i < NEIGHBOURHOOD_PLACES; i++) {
        if (squares[i] < best) {
            second = best;
            best = squares[i];
            found = i;
        } else if (squares[i] < second) {
            second = squares[i];
        }
    }
    double nearest = sqrt(best);
    double next = fmin(sqrt(second), room);
    if (next - nearest <= next * RELATIVE_ROUNDING + ROUNDING)
        return false;
    *row = around->rows[found];
    *chord = nearest;
    return true;
}

unsigned neighbourhood_roomiest(const struct neighbourhood *around, unsigned count,
                                struct vector query)
{
    unsigned best = 0;
    double least = INFINITY;
    for (unsigned i = 0; i < count; i++) {
        double depth = chord_between(around[i].centre, query) / around[i].outer;
        if (around[i].count > 0 && depth < least) {
            least = depth;
            best = i;
        }
    }
    return best;
}
