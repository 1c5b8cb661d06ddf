/* Made-up entries of one tile for the tests of pairs: deterministic, sorted, with everything that
 * entries can be (missing fields, unicode, every outcome, repeats, long text). */
#ifndef REFRESHD_TESTS_PAIR_SAMPLE_H
#define REFRESHD_TESTS_PAIR_SAMPLE_H

#include "cachefmt/pair_builder.h"

#define SAMPLE_TILE 444u /* row 18, column 12: around Strasbourg */

struct pair_sample {
    struct entry *entries;
    size_t count;
    char *text; /* what the entries' slices point into */
};

/* pair_sample_make: about `count` entries in Morton order (points that fell together are dropped).
 * cities = how many places they belong to. */
void pair_sample_make(struct pair_sample *sample, uint64_t seed, size_t count, unsigned cities);
void pair_sample_free(struct pair_sample *sample);

/* pair_sample_build: write the sample as PREFIX.idx and PREFIX.dat. */
int pair_sample_build(const struct pair_sample *sample, const char *prefix, struct pair_info *info,
                      struct error *err);

/* pair_sample_open: open PREFIX.idx and PREFIX.dat. */
int pair_sample_open(struct pair **pair, const char *prefix, struct error *err);

bool entry_equal(const struct entry *a, const struct entry *b);

/* sample_random: splitmix64, the next number of a sequence. */
uint64_t sample_random(uint64_t *state);

#endif
