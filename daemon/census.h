/* The census: how old the published entries are, tile by tile. A thread of low priority walks the
 * pairs of each new generation once (only those that changed) and keeps the sums.
 *
 *   census_open(&census, follower, err);      knows the tiles, begins to count
 *   census_changed(census);                   after a switch: look again
 *   census_view_take(census, &view, err); ... census_view_free(&view);
 *   census_close(census); */
#ifndef REFRESHD_DAEMON_CENSUS_H
#define REFRESHD_DAEMON_CENSUS_H

#include "cachefmt/follow.h"

/* Ages up to these many days, the last without a bound: +Inf. */
#define CENSUS_BUCKETS 10
extern const double census_bucket_days[CENSUS_BUCKETS - 1];

struct census_tile {
    uint64_t entries;
    uint64_t outcomes[OUTCOME_COUNT];
    bool counted;            /* walked: the three dates are those of its dated entries */
    uint32_t oldest, newest; /* unix seconds; 0 = never refreshed */
    uint32_t mean;           /* mean of refreshed_at over dated entries; 0 = none or not counted */
    uint64_t undated;        /* of counted ones: entries that were never refreshed */
    uint64_t bytes;          /* of the pair */
    uint64_t built;          /* generation that built the pair */
};

struct census_view {
    uint64_t generation;
    char run[32];
    uint32_t published;
    struct grid grid;
    bool complete;      /* every tile has been walked */
    uint64_t uncounted; /* entries of tiles not walked yet, or damaged; not in what follows */
    uint64_t undated;   /* entries that were never refreshed */
    uint64_t by_age[CENSUS_BUCKETS]; /* dated entries by age as of now, not cumulated */
    double oldest_age;               /* seconds, of the oldest dated entry; 0 = there is none */
    double age_sum;                  /* seconds, over dated entries */
    struct census_tile *tiles;       /* grid_tiles(grid) of them */
};

struct census;

int census_open(struct census **out, struct follower *follower, struct error *err);
void census_close(struct census *census); /* NULL is allowed */
void census_changed(struct census *census);

/* census_view_take: a copy as of now, ages relative to `now` (unix seconds). 1 = taken, 0 = nothing
 * is published, -1. Any thread. */
int census_view_take(struct census *census, uint32_t now, struct census_view *out,
                     struct error *err);
void census_view_free(struct census_view *view);

#endif
