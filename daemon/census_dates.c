#include "daemon/census_dates.h"

#include <stdlib.h>

#define UNIT 64u  /* seconds: the narrowest bin */
#define EXACT 64u /* bins of one unit; above, each doubling of the age has HALF bins */
#define HALF 32u
#define DAY 86400.0

const double census_bucket_days[CENSUS_BUCKETS - 1] = {1, 3, 7, 14, 30, 90, 180, 365, 730};

static unsigned bin_of(uint32_t age)
{
    uint32_t units = age / UNIT;
    if (units < EXACT)
        return units;
    unsigned doublings = 31u - 5u - (unsigned)__builtin_clz(units); /* units >> doublings < EXACT */
    return HALF * doublings + (units >> doublings);
}

void date_bins_begin(struct date_bins *bins, uint32_t now)
{
    *bins = (struct date_bins){.now = now};
}

void date_bins_add(struct date_bins *bins, uint32_t date)
{
    if (date == 0) {
        bins->undated++;
        return;
    }
    unsigned bin = date < bins->now ? bin_of(bins->now - date) : 0;
    bins->counts[bin]++;
    bins->sums[bin] += date;
    if (bins->oldest == 0 || date < bins->oldest)
        bins->oldest = date;
    if (date > bins->newest)
        bins->newest = date;
}

int date_bins_take(const struct date_bins *bins, struct dated **out, size_t *count,
                   struct error *err)
{
    size_t used = 0;
    for (unsigned i = 0; i < DATE_BINS; i++)
        used += bins->counts[i] > 0;
    struct dated *dates = NULL;
    if (used > 0 && (dates = malloc(used * sizeof *dates)) == NULL)
        return error_memory(err, "the dates of a tile");
    *out = dates;
    *count = used;
    for (unsigned i = 0; i < DATE_BINS; i++) {
        if (bins->counts[i] > 0)
            *dates++ = (struct dated){.count = bins->counts[i],
                                      .date = (uint32_t)(bins->sums[i] / bins->counts[i])};
    }
    return 0;
}

void dates_by_age(const struct dated *dates, size_t count, uint32_t now,
                  uint64_t by_age[CENSUS_BUCKETS], double *age_sum)
{
    for (size_t i = 0; i < count; i++) {
        double age = dates[i].date < now ? (double)(now - dates[i].date) : 0;
        unsigned bucket = 0;
        while (bucket < CENSUS_BUCKETS - 1 && age > census_bucket_days[bucket] * DAY)
            bucket++;
        by_age[bucket] += dates[i].count;
        *age_sum += age * (double)dates[i].count;
    }
}

uint32_t dates_mean(const struct dated *dates, size_t count)
{
    double sum = 0;
    double entries = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)dates[i].date * (double)dates[i].count;
        entries += (double)dates[i].count;
    }
    return entries > 0 ? (uint32_t)(sum / entries) : 0;
}
