/* Prometheus text, format 0.0.4: families of samples. Allocation failures are kept until the end.
 *
 *   struct prometheus page = {.out = &buffer};
 *   prometheus_family(&page, "refreshd_entries", "gauge", "Entries by outcome.");
 *   prometheus_sample(&page, "outcome", "found", 12);
 *   return prometheus_end(&page, err);
 *
 * A family is begun once; its samples follow, each with another label. */
#ifndef REFRESHD_DAEMON_PROMETHEUS_H
#define REFRESHD_DAEMON_PROMETHEUS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/latency.h"

struct prometheus {
    struct buffer *out;
    const char *family; /* of the samples that follow */
    bool failed;
    struct error err;
};

/* prometheus_family: names and types are constants; help is any one line. */
void prometheus_family(struct prometheus *page, const char *name, const char *type,
                       const char *help);

/* prometheus_sample: label NULL = none; value is any UTF-8 text. figure may be NAN: unknown. */
void prometheus_sample(struct prometheus *page, const char *label, const char *value,
                       double figure);

/* prometheus_count: the same for whole numbers, every digit of them. */
void prometheus_count(struct prometheus *page, const char *label, const char *value,
                      uint64_t count);

/* prometheus_one: a family of one sample without a label. */
void prometheus_one(struct prometheus *page, const char *name, const char *type, const char *help,
                    double figure);

/* prometheus_histogram: counts[i] for those up to bounds[i] and not to the one before (not
 * cumulated), counts[bound_count] for the rest. */
void prometheus_histogram(struct prometheus *page, const char *name, const char *help,
                          const double *bounds, unsigned bound_count, const uint64_t *counts,
                          double sum);

int prometheus_end(const struct prometheus *page, struct error *err);

#endif
