#include "tables/query.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "cachefmt/box_rows.h"
#include "quadtree/morton.h"

#define PIECE_ROWS 65536u
#define MOST_THREADS 256u
#define SECONDS_PER_DAY 86400.0

/* Some rows of a tile: what a thread takes at a time, so that one large tile keeps all busy. */
struct piece {
    const struct pair *pair;
    uint64_t begin, end;
};

struct query {
    const struct query_options *options;
    const struct tables *tables;
    struct box box;
    unsigned reads; /* as tables_reads */
    struct piece *piece;
    size_t pieces, room;
    atomic_size_t next; /* piece that nobody has taken */
    atomic_bool stop;   /* a thread failed */
};

struct worker {
    struct query *query;
    struct tally *tally;
    pthread_t thread;
    struct error err;
    bool failed;
};

/* --- what there is to do ------------------------------------------------------------------- */

static int add_piece(struct query *query, const struct piece *piece, struct error *err)
{
    if (query->pieces == query->room) {
        size_t room = query->room > 0 ? 2 * query->room : 64;
        struct piece *pieces = realloc(query->piece, room * sizeof *pieces);
        if (pieces == NULL)
            return error_memory(err, "a query");
        query->piece = pieces;
        query->room = room;
    }
    query->piece[query->pieces++] = *piece;
    return 0;
}

static int add_pair(struct query *query, const struct pair *pair, struct error *err)
{
    uint64_t begin = 0, end = pair_info(pair)->entries;
    if (query->options->has_box && box_rows(pair, query->box, &begin, &end, err) != 0)
        return -1;
    while (begin < end) {
        struct piece piece = {pair, begin, end - begin > PIECE_ROWS ? begin + PIECE_ROWS : end};
        if (add_piece(query, &piece, err) != 0)
            return -1;
        begin = piece.end;
    }
    return 0;
}

static int add_tiles(struct query *query, const struct cache *cache, struct error *err)
{
    int64_t only = query->options->tile;
    uint32_t tiles = grid_tiles(cache_grid(cache));
    if (only >= tiles)
        return error_set(err, ERROR_USAGE, "there is no tile %lld: the last one is %u",
                         (long long)only, tiles - 1);
    for (uint32_t tile = 0; tile < tiles; tile++) {
        const struct pair *pair = cache_pair(cache, tile);
        if (pair != NULL && (only < 0 || only == tile) && add_pair(query, pair, err) != 0)
            return -1;
    }
    return 0;
}

/* --- a thread's part of it ------------------------------------------------------------------ */

static struct slice outcome_name(enum outcome outcome)
{
    const char *name = outcome_names[outcome];
    return (struct slice){name, (uint32_t)strlen(name)};
}

/* What a query does not know: everything that an answer would tell. */
static struct observed nothing_known(void)
{
    return (struct observed){
        .age_days = NAN,
        .distance_m = NAN,
        .latency_ms = NAN,
        .status = NAN,
        .attempts = NAN,
        .bytes = NAN,
        .answered_s = NAN,
        .geocode_ms = NAN,
        .write_ms = NAN,
        .rebuild_ms = NAN,
    };
}

static int take_piece(struct worker *worker, const struct piece *piece)
{
    const struct query *query = worker->query;
    const struct query_options *options = query->options;
    struct pair_cursor cursor;
    struct entry entry;
    struct observed observed = nothing_known();
    observed.tile = pair_info(piece->pair)->tile;
    observed.entry = &entry;
    pair_walk_fields(&cursor, piece->pair, piece->begin, query->reads);
    while (cursor.row < piece->end) {
        int got = pair_next(&cursor, &entry, &worker->err);
        if (got <= 0)
            return got;
        if (options->has_box && !box_contains(query->box, entry.point))
            continue;
        observed.code = morton_encode(entry.point);
        observed.outcome = outcome_name(entry.outcome);
        observed.age_days =
            entry.refreshed_at == 0
                ? (double)NAN
                : ((double)options->now - (double)entry.refreshed_at) / SECONDS_PER_DAY;
        if (tally_take(worker->tally, &observed, &worker->err) != 0)
            return -1;
    }
    return 0;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct query *query = worker->query;
    while (!worker->failed && !atomic_load_explicit(&query->stop, memory_order_relaxed)) {
        size_t i = atomic_fetch_add_explicit(&query->next, 1, memory_order_relaxed);
        if (i >= query->pieces)
            break;
        worker->failed = take_piece(worker, &query->piece[i]) != 0;
        if (worker->failed)
            atomic_store_explicit(&query->stop, true, memory_order_relaxed);
    }
    return NULL;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* run_workers: the calling thread is the first one. Fewer threads than were wanted do as well. */
static void run_workers(struct worker *workers, unsigned count)
{
    unsigned started = 1;
    while (started < count &&
           thread_start(&workers[started].thread, "query", work, &workers[started], NULL) == 0)
        started++;
    work(&workers[0]);
    for (unsigned i = 1; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
}

/* merge: all tallies into the first one. */
static int merge(struct worker *workers, unsigned count, struct error *err)
{
    for (unsigned i = 0; i < count; i++) {
        if (workers[i].failed) {
            if (err != NULL)
                *err = workers[i].err;
            return -1;
        }
    }
    for (unsigned i = 1; i < count; i++) {
        if (tally_merge(workers[0].tally, workers[i].tally, err) != 0)
            return -1;
    }
    return 0;
}

static int count_pieces(struct query *query, unsigned threads, struct tally **out,
                        struct error *err)
{
    int result = -1;
    struct worker *workers = calloc(threads, sizeof *workers);
    if (workers == NULL)
        return error_memory(err, "a query");
    for (unsigned i = 0; i < threads; i++) {
        workers[i].query = query;
        if (tally_create(&workers[i].tally, query->tables, err) != 0)
            goto done;
    }
    run_workers(workers, threads);
    if (merge(workers, threads, err) != 0)
        goto done;
    *out = workers[0].tally;
    workers[0].tally = NULL;
    result = 0;
done:
    for (unsigned i = 0; i < threads; i++)
        tally_free(workers[i].tally);
    free(workers);
    return result;
}

static unsigned thread_count(const struct query *query)
{
    unsigned threads = query->options->threads;
    if (threads == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        threads = cores > 0 ? (unsigned)cores : 1;
    }
    if (threads > MOST_THREADS)
        threads = MOST_THREADS;
    if (threads > query->pieces)
        threads = query->pieces > 0 ? (unsigned)query->pieces : 1;
    return threads;
}

int query_run(const struct cache *cache, const struct tables *tables,
              const struct query_options *options, struct tally **out, struct error *err)
{
    struct query query = {.options = options,
                          .tables = tables,
                          .box = box_normal(options->box),
                          .reads = tables_reads(tables)};
    int result = add_tiles(&query, cache, err);
    if (result == 0)
        result = count_pieces(&query, thread_count(&query), out, err);
    free(query.piece);
    return result;
}
