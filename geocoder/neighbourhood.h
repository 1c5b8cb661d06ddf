/* The places around one point, remembered so that the next questions nearby need no search.
 *
 *   vectors = calloc(tree->count, sizeof *vectors); neighbourhood_vectors(tree, vectors);
 *   neighbourhood_build(&around, tree, vectors, point, distance);
 *   if (neighbourhood_nearest(&around, vector_of(query), &row, &chord)) ...
 *
 * Questions come in Morton order, so most are answered by the neighbourhood that an earlier one
 * built. A neighbourhood holds every place within some distance of its centre. When one of them is
 * nearer to the query than that distance less the way from the centre to the query, no place
 * outside can be nearer still: that is the triangle inequality, which holds for chords through the
 * earth as well, and chords need no trigonometry. What cannot be decided beyond doubt, near ties
 * included, is left to the quadtree, so an answer never depends on the questions before it.
 * Thread safe for separate objects; vectors are only read. */
#ifndef REFRESHD_GEOCODER_NEIGHBOURHOOD_H
#define REFRESHD_GEOCODER_NEIGHBOURHOOD_H

#include <stdbool.h>

#include "quadtree/quadtree.h"

#define NEIGHBOURHOOD_PLACES 32

/* A point on the unit sphere. */
struct vector {
    double x, y, z;
};

struct neighbourhood {
    struct vector centre;
    double outer; /* chord: places that are not in the list are at least this far from centre */
    unsigned count;
    double reach; /* metres: the radius that the last building ended with; 0 = none yet */
    double x[NEIGHBOURHOOD_PLACES], y[NEIGHBOURHOOD_PLACES], z[NEIGHBOURHOOD_PLACES];
    size_t rows[NEIGHBOURHOOD_PLACES];
};

struct vector vector_of(struct point point);

/* neighbourhood_vectors: the vector of every row; vectors has room for tree->count. */
void neighbourhood_vectors(const struct quadtree *tree, struct vector *vectors);

/* neighbourhood_build: remember the places around centre, whose nearest place is `distance` metres
 * away. False when there is no sensible neighbourhood; it answers nothing then. A zeroed object may
 * be built; one built before lends its reach as a first guess. */
bool neighbourhood_build(struct neighbourhood *around, const struct quadtree *tree,
                         const struct vector *vectors, struct point centre, double distance);

/* neighbourhood_nearest: the row nearest to query and its chord, when it is certain. */
bool neighbourhood_nearest(const struct neighbourhood *around, struct vector query, size_t *row,
                           double *chord);

/* neighbourhood_roomiest: of count neighbourhoods the one that query lies deepest in. */
unsigned neighbourhood_roomiest(const struct neighbourhood *around, unsigned count,
                                struct vector query);

/* chord_of: the chord, on the unit sphere, of a great-circle distance in metres. */
double chord_of(double metres);

/* metres_of: the other way round. */
double metres_of(double chord);

#endif
