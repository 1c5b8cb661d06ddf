/* Entries per second that a query looks at.
 *
 *   bench_query CACHE [THREADS] [TABLE]
 *
 * prints "ENTRIES SECONDS", the best of three over a cache whose pages are in memory by then. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "tables/query.h"

static int fail(const struct error *err)
{
    (void)fprintf(stderr, "bench_query: %s\n", err->message);
    return 1;
}

static uint64_t count_entries(const struct cache *cache)
{
    uint64_t entries = 0;
    for (uint32_t tile = 0; tile < grid_tiles(cache_grid(cache)); tile++) {
        const struct pair *pair = cache_pair(cache, tile);
        entries += pair != NULL ? pair_info(pair)->entries : 0;
    }
    return entries;
}

int main(int argc, char **argv)
{
    struct error err;
    struct cache *cache;
    struct tables *tables;
    double best = INFINITY;
    if (argc < 2)
        return 2;
    struct query_options options = {
        .tile = -1, .threads = argc > 2 ? (unsigned)atoi(argv[2]) : 1, .now = (uint32_t)time(NULL)};
    if (cache_open(&cache, argv[1], NULL, &err) != 0 ||
        tables_parse(&tables, argc > 3 ? argv[3] : "countries = sum[countrycode] of 1", &err) != 0)
        return fail(&err);
    for (int i = 0; i < 3; i++) {
        struct tally *tally;
        double begin = clock_monotonic();
        if (query_run(cache, tables, &options, &tally, &err) != 0)
            return fail(&err);
        double seconds = clock_monotonic() - begin;
        best = seconds < best ? seconds : best;
        tally_free(tally);
    }
    (void)printf("%llu %.6f\n", (unsigned long long)count_entries(cache), best);
    tables_free(tables);
    cache_close(cache);
    return 0;
}
