/* Records for tests of the table language. */
#ifndef REFRESHD_TESTS_OBSERVED_SAMPLE_H
#define REFRESHD_TESTS_OBSERVED_SAMPLE_H

#include "tables/observed.h"

struct observed_sample {
    struct observed observed; /* points to the two below */
    struct entry entry, old;
};

/* observed_sample_full: Paris now, Madrid before, every figure known; no cause and no district. */
void observed_sample_full(struct observed_sample *out);

/* observed_sample_bare: a point of which nothing is known. */
void observed_sample_bare(struct observed_sample *out);

#endif
