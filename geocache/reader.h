/* What one thread looks up with; private to geocache/. */
#ifndef REFRESHD_GEOCACHE_READER_H
#define REFRESHD_GEOCACHE_READER_H

#include "geocache/answers.h"
#include "geocache/handle.h"

struct geocache_reader {
    struct follow_reader *follow;
    struct answers answers;
    size_t batch; /* answers that geocache_batch_result gives */

    /* Of a batch; kept for the next one. */
    size_t room;
    struct point *points;
    struct cache_hit *hits;

    /* Of geocache_info. */
    struct geocache_info info;
    char run[RUN_ID_BYTES];
    char digest[2 * PAIR_ID_BYTES + 1];
};

#endif
