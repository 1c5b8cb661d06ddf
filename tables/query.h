/* A query: tables over the entries of a published generation, on all cores, without a run. */
#ifndef REFRESHD_TABLES_QUERY_H
#define REFRESHD_TABLES_QUERY_H

#include "cachefmt/cache.h"
#include "tables/tally.h"

struct query_options {
    int64_t tile; /* this one alone; -1 = all */
    bool has_box;
    struct box box;   /* inclusive; west > east crosses the antimeridian */
    unsigned threads; /* 0 = as many as there are cores */
    uint32_t now;     /* unix seconds: ages are as of then */
};

/* query_run: *out is the caller's to free. ERROR_USAGE: no such tile. */
int query_run(const struct cache *cache, const struct tables *tables,
              const struct query_options *options, struct tally **out, struct error *err);

#endif
