/* What the files that read a pair share: pair.c (open, close, checks), pair_walk.c, pair_verify.c.
 * Internal to cachefmt.
 *
 * Everything in struct pair is set by open and constant after, but for struct pair_checks: `lock`
 * guards the first check of a part; a part's flag is set with release order after all that it
 * vouches for was written, and read with acquire order, so a set flag needs no lock. */
#ifndef REFRESHD_CACHEFMT_PAIR_READER_H
#define REFRESHD_CACHEFMT_PAIR_READER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/mapping.h"
#include "cachefmt/pair_header.h"
#include "cachefmt/pair_segment.h"

struct segment_slot {
    atomic_bool good; /* checksum and structure were right; segment may be read */
    struct pair_segment_row where;
    struct segment segment;
};

struct pair_checks {
    pthread_mutex_t lock;
    atomic_bool index_good;
    atomic_bool table_good; /* slots may be read */
    struct segment_slot *slots;
    uint32_t segments;
};

struct pair {
    struct pair_info info;
    struct pair_header index_header, data_header;
    const unsigned char *index, *data;
    struct mapping index_mapping, data_mapping; /* zero for a pair in memory */
    char *index_name, *data_name;
    struct quadtree tree;
    struct pair_checks *checks;
};

/* pair_corrupt: fill err for a file of the pair; returns -1. */
int pair_corrupt(const char *file, const char *what, struct error *err);

/* pair_segments: check and read the segment table at its first use. */
int pair_segments(const struct pair *pair, struct error *err);

/* pair_segment: the slot that holds row (row < entries), checked at its first use. */
int pair_segment(const struct pair *pair, uint64_t row, const struct segment_slot **out,
                 struct error *err);

/* pair_check_index, pair_check_segment: look at the bytes again, whatever was found before. */
int pair_check_index(const struct pair *pair, struct error *err);
int pair_check_segment(const struct pair *pair, const struct pair_segment_row *where,
                       struct error *err);

#endif
