/* Lookups through libgeocache (the nearest entry and all its fields), two threads against one.
 *
 *   bench_library DIRECTORY [SECONDS]
 *
 * The points asked for lie up to 20 m from entries drawn at random from the whole cache. One and
 * two threads take turns, and the best turn of each counts: whatever else the machine does
 * meanwhile can only make a turn worse. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cachefmt/cache.h"
#include "geocache/geocache.h"

#define QUERIES 500000u
#define TURNS 15
#define SOME 128 /* lookups between two looks at the clock */

struct worker {
    _Alignas(128) struct geocache *cache;
    const struct geocache_point *queries;
    pthread_barrier_t *start;
    double seconds;
    double rate;  /* out: lookups a second */
    size_t bytes; /* out: of fields, so that they are read */
    int failed;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int32_t jitter(uint64_t *state)
{
    return (int32_t)(next_random(state) % 2001) - 1000;
}

/* Entries of every tile in proportion, in random order. */
static struct geocache_point *draw_queries(const char *directory, uint64_t seed, struct error *err)
{
    struct cache *cache;
    struct geocache_point *queries = calloc(QUERIES, sizeof *queries);
    if (queries == NULL || cache_open(&cache, directory, NULL, err) != 0)
        return NULL;
    const struct manifest *manifest = cache_manifest(cache);
    double share = QUERIES / (double)manifest_figures(manifest).entries, owed = 0;
    size_t count = 0;
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        uint64_t entries = manifest->tiles[tile].info.entries;
        for (owed += share * (double)entries; owed >= 1 && count < QUERIES; owed -= 1) {
            struct cache_hit hit = {.tile = tile, .row = next_random(&seed) % entries};
            struct entry entry;
            if (cache_entry(cache, &hit, &entry, err) != 0)
                return NULL;
            queries[count++] = (struct geocache_point){entry.point.lat + jitter(&seed),
                                                       entry.point.lon + jitter(&seed)};
        }
    }
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = next_random(&seed) % (i + 1);
        struct geocache_point held = queries[i];
        queries[i] = queries[other];
        queries[other] = held;
    }
    for (size_t i = count; i < QUERIES; i++)
        queries[i] = queries[i - count];
    cache_close(cache);
    return queries;
}

static void look_up(struct worker *worker, struct geocache_reader *reader, size_t i)
{
    const struct geocache_result *result;
    const struct geocache_point *query = &worker->queries[i % QUERIES];
    int status = geocache_lookup_e7(reader, query->lat, query->lon, 100, &result, NULL);
    worker->failed |= status != GEOCACHE_HIT;
    for (size_t f = 0; status == GEOCACHE_HIT && f < result->field_count; f++)
        worker->bytes += result->fields[f].length;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct geocache_reader *reader;
    worker->failed = geocache_reader_open(&reader, worker->cache, NULL) != 0;
    (void)pthread_barrier_wait(worker->start);
    if (worker->failed)
        return NULL;
    double began = clock_monotonic(), now = began;
    size_t done = 0;
    while (now - began < worker->seconds) {
        for (unsigned i = 0; i < SOME; i++)
            look_up(worker, reader, done++);
        now = clock_monotonic();
    }
    worker->rate = (double)done / (now - began);
    geocache_reader_close(reader);
    return NULL;
}

/* Lookups a second of all threads together; 0 when one failed. */
static double turn(struct geocache *cache, struct geocache_point *const *queries, unsigned threads,
                   double seconds)
{
    struct worker workers[2];
    pthread_t ids[2];
    pthread_barrier_t start;
    double rate = 0;
    int failed = 0;
    if (pthread_barrier_init(&start, NULL, threads) != 0)
        return 0;
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){
            .cache = cache, .queries = queries[i], .start = &start, .seconds = seconds};
        if (pthread_create(&ids[i], NULL, work, &workers[i]) != 0)
            exit(1);
    }
    for (unsigned i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
        rate += workers[i].rate;
        failed |= workers[i].failed;
    }
    (void)pthread_barrier_destroy(&start);
    return failed ? 0 : rate;
}

int main(int argc, char **argv)
{
    struct error err = {.message = "a lookup failed"};
    struct geocache_error error;
    struct geocache *cache;
    struct geocache_point *queries[2];
    double seconds = argc > 2 ? atof(argv[2]) : 0.3, best[2] = {0, 0};
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "bench_library DIRECTORY [SECONDS]\n");
        return 2;
    }
    for (unsigned i = 0; i < 2; i++)
        if ((queries[i] = draw_queries(argv[1], 88172645463325252u + i, &err)) == NULL)
            goto fail;
    if (geocache_open(&cache, argv[1], 0, &error) != 0) {
        (void)fprintf(stderr, "bench_library: %s\n", error.message);
        return 1;
    }
    for (unsigned i = 0; i <= 2 * TURNS; i++) {
        /* The first turn is for the page tables and the checks at first touch. */
        double rate = turn(cache, queries, i == 0 ? 2 : i % 2 + 1, seconds);
        if (rate == 0)
            goto fail;
        if (i > 0)
            best[i % 2] = fmax(best[i % 2], rate);
    }
    geocache_close(cache);
    (void)printf("BENCH library_two_threads ours=%.4g theirs=%.4g unit=M/s ratio=%.3g\n",
                 best[1] / 1e6, best[0] / 1e6, best[1] / best[0]);
    free(queries[0]);
    free(queries[1]);
    return 0;
fail:
    (void)fprintf(stderr, "bench_library: %s\n", err.message);
    return 1;
}
