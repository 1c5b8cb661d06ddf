/* The kinds there are; kind.c has them in the order of the manual. */
#ifndef REFRESHD_TABLES_KINDS_H
#define REFRESHD_TABLES_KINDS_H

#include "tables/kind.h"

extern const struct kind kind_sum, kind_count, kind_mean; /* kind_sum.c */
extern const struct kind kind_minimum, kind_maximum, kind_sample,
    kind_collection; /* kind_least.c */
extern const struct kind kind_quantile;
extern const struct kind kind_top;
extern const struct kind kind_unique;

#endif
