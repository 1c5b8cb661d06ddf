/* Made-up but real-looking points for the demo and the benchmarks: clustered around the places of
 * the gazetteer, a few large, most small, each with a street address in its place. Deterministic.
 */
#ifndef REFRESHD_TESTS_PLACES_H
#define REFRESHD_TESTS_PLACES_H

#include "cachefmt/pair.h"

struct places;

int places_open(struct places **out, struct error *err);
void places_close(struct places *places);

/* places_count, places_entry: the places themselves. */
uint64_t places_count(const struct places *places);
int places_entry(const struct places *places, uint64_t number, struct entry *out,
                 struct error *err);

/* places_point: the number-th of an endless list of points. */
struct point places_point(const struct places *places, uint64_t number);

/* places_address: a street address for a point in the place nearest to it; `moved` metres to the
 * north look for the place elsewhere, so that the address is a wrong one. Slices point into text
 * (cleared first) or live as long as places. */
int places_address(const struct places *places, struct point point, double moved,
                   struct buffer *text, struct address *out, struct error *err);

/* places_mix: a well-mixed 64-bit hash. */
uint64_t places_mix(uint64_t value);

#endif
