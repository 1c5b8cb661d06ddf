/* The dates of many entries in little memory, so that their ages can be told at any later time.
 *
 *   struct date_bins *bins = ...;                 6 KB that are used again for each tile
 *   date_bins_begin(bins, now);
 *   date_bins_add(bins, entry.refreshed_at); ...
 *   date_bins_take(bins, &dates, &count, err);    only bins that hold something
 *   dates_by_age(dates, count, later, by_age);
 *
 * Dates fall into bins whose width is a thirty-second of the age at `now` (64 s at least); a bin
 * remembers the mean of its dates. Ages only grow, so an entry is never told younger or older than
 * it is by more than a thirty-second. */
#ifndef REFRESHD_DAEMON_CENSUS_DATES_H
#define REFRESHD_DAEMON_CENSUS_DATES_H

#include <stddef.h>

#include "base/error.h"
#include "daemon/census.h"

#define DATE_BINS 704

struct date_bins {
    uint32_t now;
    uint64_t counts[DATE_BINS];
    uint64_t sums[DATE_BINS]; /* of the dates */
    uint64_t undated;
    uint32_t oldest, newest; /* of dated entries; 0 = there are none */
};

/* So many entries of about this date. */
struct dated {
    uint64_t count;
    uint32_t date; /* unix seconds */
};

void date_bins_begin(struct date_bins *bins, uint32_t now);

/* date_bins_add: 0 = never refreshed. A date after `now` is as good as now. */
void date_bins_add(struct date_bins *bins, uint32_t date);

/* date_bins_take: *out, newest first, is the caller's to free; NULL when there are none. */
int date_bins_take(const struct date_bins *bins, struct dated **out, size_t *count,
                   struct error *err);

/* dates_by_age: add to the buckets by age at `now`; *age_sum grows by the ages in seconds. */
void dates_by_age(const struct dated *dates, size_t count, uint32_t now,
                  uint64_t by_age[CENSUS_BUCKETS], double *age_sum);

/* dates_mean: 0 = there are none. */
uint32_t dates_mean(const struct dated *dates, size_t count);

#endif
