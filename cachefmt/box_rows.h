/* The rows of a pair that a box can hold. */
#ifndef REFRESHD_CACHEFMT_BOX_ROWS_H
#define REFRESHD_CACHEFMT_BOX_ROWS_H

#include "cachefmt/pair.h"

/* box_normal: the same box with longitude 180 written -180, as every point has it. */
struct box box_normal(struct box box);

/* box_rows: rows [*begin, *end) of the pair hold all its points that lie in the box, a normal one,
 * and others (box_contains tells). Empty when the two are apart. */
int box_rows(const struct pair *pair, struct box box, uint64_t *begin, uint64_t *end,
             struct error *err);

#endif
