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

/* What decoding a row reads stands first and begins a cache line, here and below: a lookup finds
 * none of it in the nearer caches. */
struct segment_slot {
    _Alignas(64) atomic_bool good; /* checksum and structure were right; segment may be read */
    uint32_t rows;
    uint64_t first_row;
    struct segment segment;
    struct pair_segment_row where;
};

struct pair_checks {
    _Alignas(64) atomic_bool index_good;
    atomic_bool table_good; /* slots may be read */
    uint32_t segments;
    struct segment_slot *slots;
    pthread_mutex_t lock;
};

struct pair {
    _Alignas(64) struct quadtree tree;
    struct pair_checks *checks;
    struct pair_info info;
    const unsigned char *index, *data;
    struct mapping index_mapping, data_mapping; /* zero for a pair in memory */
    char *index_name, *data_name;
    struct pair_header index_header, data_header;
};

/* pair_allocate_lines: zeroed memory that begins a cache line; to free(). NULL when there is none.
 */
void *pair_allocate_lines(size_t bytes);

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
