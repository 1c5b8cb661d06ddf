/* The address of a point: a pure function of the point and a version, so that whoever asks can tell
 * whether the right address came back for it (tests/e2e/harness.py computes the same). */
#ifndef REFRESHD_TESTS_STUB_PLACE_H
#define REFRESHD_TESTS_STUB_PLACE_H

#include <stdint.h>

#include "quadtree/point.h"

struct place {
    struct point point;
    char lat[16], lon[16]; /* of point, in degrees; by whoever moves it last (shapes.c) */
    char housenumber[8], street[32], postcode[8], city[24], district[24], county[24], state[24];
    char label[160]; /* "17 Rue 42 v1, 03412 Città 7, France" */
    const char *country, *code2, *code3;
};

uint64_t place_hash(struct point point);

void place_fill(struct place *place, struct point point, unsigned version);

/* place_chosen: whether the point is one of those 1 in k that `salt` chooses; k = 0 chooses none.
 */
int place_chosen(struct point point, unsigned k, unsigned salt);

uint64_t mix_bits(uint64_t value);

#endif
