#include "daemon/census.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/census_dates.h"
#include "daemon/log.h"

#define PART_ROWS 4096     /* rows between two looks at the clock */
#define PART_SECONDS 0.002 /* a generation is held for no longer, but for the check of an index */
#define REST 3.0           /* times as long as it worked: a quarter of a core at most */
#define NICENESS 10 /* not the lowest: a lookup may wait for a check that this thread makes */

enum tile_mark { TILE_UNCOUNTED, TILE_COUNTED, TILE_DAMAGED };

/* One tile of the published generation, and the dates of its entries once they are counted. */
struct tile_count {
    struct manifest_tile row;
    enum tile_mark mark;
    struct dated *dates;
    size_t date_count;
    uint64_t undated;
    uint32_t oldest, newest;
};

struct census {
    struct follower *follower;
    struct follow_reader *reader; /* the thread's */
    struct date_bins bins;        /* the thread's */
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows; the thread alone writes but the two wishes */
    pthread_cond_t wake;
    bool closing, changed;
    uint64_t generation; /* 0 = nothing is published */
    char run[RUN_ID_BYTES];
    uint32_t published;
    struct grid grid;
    struct tile_count *tiles;
};

static bool same_pair(const struct pair_info *a, const struct pair_info *b)
{
    return a->entries == b->entries && pair_id_equal(&a->id, &b->id);
}

/* --- what is published --------------------------------------------------------------------- */

static void free_tiles(struct tile_count *tiles, uint32_t count)
{
    for (uint32_t i = 0; i < count && tiles != NULL; i++)
        free(tiles[i].dates);
    free(tiles);
}

/* Counted tiles whose pair is still the same stay counted. The lock is held. */
static void take_rows(struct census *census, const struct manifest *manifest)
{
    for (uint32_t i = 0; i < grid_tiles(manifest->grid); i++) {
        struct tile_count *tile = &census->tiles[i];
        bool same = same_pair(&tile->row.info, &manifest->tiles[i].info);
        tile->row = manifest->tiles[i];
        if (same && tile->row.info.entries > 0)
            continue;
        free(tile->dates);
        *tile = (struct tile_count){
            .row = manifest->tiles[i],
            .mark = manifest->tiles[i].info.entries > 0 ? TILE_UNCOUNTED : TILE_COUNTED,
        };
    }
    census->generation = manifest->generation;
    census->published = manifest->published;
    memcpy(census->run, manifest->run, sizeof census->run);
}

/* The grid may differ after an import. */
static int take_manifest(struct census *census, const struct manifest *manifest, struct error *err)
{
    struct grid grid = manifest->grid;
    struct tile_count *old = NULL;
    uint32_t old_count = census->tiles != NULL ? grid_tiles(census->grid) : 0;
    struct tile_count *fresh = NULL;
    if (census->tiles == NULL || grid.rows != census->grid.rows ||
        grid.columns != census->grid.columns) {
        fresh = calloc(grid_tiles(grid), sizeof *fresh);
        if (fresh == NULL)
            return error_memory(err, "the census");
    }
    (void)pthread_mutex_lock(&census->lock);
    if (fresh != NULL) {
        old = census->tiles;
        census->tiles = fresh;
        census->grid = grid;
    }
    take_rows(census, manifest);
    (void)pthread_mutex_unlock(&census->lock);
    free_tiles(old, old_count);
    return 0;
}

/* See what is published now: 1, 0 = nothing, -1. */
static int look(struct census *census, struct error *err)
{
    const struct cache *cache = follow_hold(census->reader);
    int result = 0;
    if (cache != NULL)
        result = take_manifest(census, cache_manifest(cache), err) == 0 ? 1 : -1;
    follow_let_go(census->reader);
    return result;
}

/* --- counting --------------------------------------------------------------------------------- */

/* Count on from *row for a short while: 1 = more is left, 0 = that was the tile, -1. */
static int count_part(struct census *census, const struct pair *pair, uint64_t *row,
                      struct error *err)
{
    double end = clock_monotonic() + PART_SECONDS;
    struct pair_cursor cursor;
    struct entry entry;
    int more = 1;
    pair_walk(&cursor, pair, *row);
    do {
        for (unsigned i = 0; i < PART_ROWS && more > 0; i++) {
            more = pair_next_date(&cursor, &entry, err);
            if (more > 0)
                date_bins_add(&census->bins, entry.refreshed_at);
        }
    } while (more > 0 && clock_monotonic() < end);
    *row = cursor.row;
    return more;
}

/* Rest after work that began then. False when the census is to end. */
static bool rest(struct census *census, double began)
{
    double now = clock_monotonic();
    double until = now + REST * (now - began);
    struct timespec time = clock_timespec(until);
    int waited = 0;
    (void)pthread_mutex_lock(&census->lock);
    while (!census->closing && waited == 0)
        waited = pthread_cond_timedwait(&census->wake, &census->lock, &time);
    bool closing = census->closing;
    (void)pthread_mutex_unlock(&census->lock);
    return !closing;
}

static void mark_damaged(struct census *census, uint32_t tile, const struct error *err)
{
    char quoted[LOG_QUOTED_BYTES];
    log_event(LOG_LEVEL_WARNING, "census_skipped",
              "tile=%" PRIu32 " reason=%s hint=\"ages leave it out; refreshctl cache verify\"",
              tile, log_quote(err->message, quoted));
    (void)pthread_mutex_lock(&census->lock);
    census->tiles[tile].mark = TILE_DAMAGED;
    (void)pthread_mutex_unlock(&census->lock);
}

static int mark_counted(struct census *census, uint32_t number, struct error *err)
{
    struct tile_count *tile = &census->tiles[number];
    struct dated *dates;
    size_t count;
    if (date_bins_take(&census->bins, &dates, &count, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&census->lock);
    tile->mark = TILE_COUNTED;
    tile->dates = dates;
    tile->date_count = count;
    tile->undated = census->bins.undated;
    tile->oldest = census->bins.oldest;
    tile->newest = census->bins.newest;
    (void)pthread_mutex_unlock(&census->lock);
    return 0;
}

/* Count one part with the generation held: as count_part, and -2 when the tile is another now. */
static int hold_and_count(struct census *census, uint32_t tile, uint64_t *row, struct error *err)
{
    const struct cache *cache = follow_hold(census->reader);
    const struct pair *pair = NULL;
    int result = -2;
    if (cache != NULL && tile < grid_tiles(cache_grid(cache)))
        pair = cache_pair(cache, tile);
    if (pair != NULL && same_pair(pair_info(pair), &census->tiles[tile].row.info))
        result = count_part(census, pair, row, err);
    follow_let_go(census->reader);
    return result;
}

/* False when the census has to look again, or to end. */
static bool count_tile(struct census *census, uint32_t tile)
{
    struct error err;
    uint64_t row = 0;
    int more = 1;
    date_bins_begin(&census->bins, clock_unix());
    while (more > 0) {
        double began = clock_monotonic();
        more = hold_and_count(census, tile, &row, &err);
        if (more == -2 || !rest(census, began))
            return false;
    }
    if (more == 0 && mark_counted(census, tile, &err) != 0)
        more = -1;
    if (more < 0)
        mark_damaged(census, tile, &err);
    return true;
}

static void count_tiles(struct census *census)
{
    struct error err;
    int published = look(census, &err);
    if (published < 0)
        log_failure(LOG_LEVEL_WARNING, "census_failed", &err);
    if (published <= 0)
        return;
    for (uint32_t i = 0; i < grid_tiles(census->grid); i++) {
        if (census->tiles[i].mark == TILE_UNCOUNTED && !count_tile(census, i)) {
            census_changed(census);
            return;
        }
    }
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Wait until there is something to look at. False = the census is to end. */
static bool wait_for_change(struct census *census)
{
    (void)pthread_mutex_lock(&census->lock);
    while (!census->closing && !census->changed)
        (void)pthread_cond_wait(&census->wake, &census->lock);
    bool closing = census->closing;
    census->changed = false;
    (void)pthread_mutex_unlock(&census->lock);
    return !closing;
}

static void *census_thread(void *argument)
{
    struct census *census = argument;
    (void)setpriority(PRIO_PROCESS, 0, NICENESS); /* on Linux: of this thread */
    while (wait_for_change(census))
        count_tiles(census);
    return NULL;
}

static void destroy(struct census *census)
{
    follow_reader_close(census->reader);
    free_tiles(census->tiles, census->tiles != NULL ? grid_tiles(census->grid) : 0);
    (void)pthread_mutex_destroy(&census->lock);
    (void)pthread_cond_destroy(&census->wake);
    free(census);
}

int census_open(struct census **out, struct follower *follower, struct error *err)
{
    pthread_condattr_t attributes;
    struct census *census = calloc(1, sizeof *census);
    if (census == NULL)
        return error_memory(err, "the census");
    (void)pthread_mutex_init(&census->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&census->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    census->follower = follower;
    census->changed = true;
    if (follow_reader_open(&census->reader, follower, err) != 0 || look(census, err) < 0 ||
        thread_start(&census->thread, "census", census_thread, census, err) != 0) {
        destroy(census);
        return -1;
    }
    *out = census;
    return 0;
}

void census_close(struct census *census)
{
    if (census == NULL)
        return;
    (void)pthread_mutex_lock(&census->lock);
    census->closing = true;
    (void)pthread_cond_signal(&census->wake);
    (void)pthread_mutex_unlock(&census->lock);
    (void)pthread_join(census->thread, NULL);
    destroy(census);
}

void census_changed(struct census *census)
{
    (void)pthread_mutex_lock(&census->lock);
    census->changed = true;
    (void)pthread_cond_signal(&census->wake);
    (void)pthread_mutex_unlock(&census->lock);
}

/* --- the view ------------------------------------------------------------------------------- */

static struct census_tile tile_view(const struct tile_count *tile)
{
    const struct pair_info *info = &tile->row.info;
    bool counted = tile->mark == TILE_COUNTED;
    struct census_tile out = {
        .entries = info->entries,
        .counted = counted,
        .oldest = counted ? tile->oldest : info->oldest,
        .newest = counted ? tile->newest : info->newest,
        .mean = counted ? dates_mean(tile->dates, tile->date_count) : 0,
        .undated = counted ? tile->undated : 0,
        .bytes = info->index_bytes + info->data_bytes,
        .built = tile->row.built,
    };
    memcpy(out.outcomes, info->outcomes, sizeof out.outcomes);
    return out;
}

static void add_tile(struct census_view *view, uint32_t now, const struct tile_count *tile)
{
    if (tile->mark != TILE_COUNTED) {
        view->complete = false;
        view->uncounted += tile->row.info.entries;
        return;
    }
    double age = now > tile->oldest ? (double)(now - tile->oldest) : 0;
    if (tile->date_count > 0 && age > view->oldest_age)
        view->oldest_age = age;
    view->undated += tile->undated;
    dates_by_age(tile->dates, tile->date_count, now, view->by_age, &view->age_sum);
}

/* Room for as many tiles as there are now; 0 = nothing is published. */
static int make_room(struct census *census, struct census_view *view, struct error *err)
{
    (void)pthread_mutex_lock(&census->lock);
    view->grid = census->grid;
    bool published = census->generation > 0;
    (void)pthread_mutex_unlock(&census->lock);
    if (!published)
        return 0;
    view->tiles = calloc(grid_tiles(view->grid), sizeof *view->tiles);
    return view->tiles != NULL ? 1 : error_memory(err, "the census");
}

/* False when the grid changed since the room was made. */
static bool fill_view(struct census *census, uint32_t now, struct census_view *view)
{
    (void)pthread_mutex_lock(&census->lock);
    bool fits = view->grid.rows == census->grid.rows && view->grid.columns == census->grid.columns;
    view->generation = census->generation;
    view->published = census->published;
    memcpy(view->run, census->run, sizeof view->run);
    view->complete = true;
    for (uint32_t i = 0; fits && i < grid_tiles(view->grid); i++) {
        view->tiles[i] = tile_view(&census->tiles[i]);
        add_tile(view, now, &census->tiles[i]);
    }
    (void)pthread_mutex_unlock(&census->lock);
    return fits;
}

int census_view_take(struct census *census, uint32_t now, struct census_view *out,
                     struct error *err)
{
    for (;;) {
        struct census_view view = {0};
        int room = make_room(census, &view, err);
        if (room <= 0)
            return room;
        if (fill_view(census, now, &view)) {
            *out = view;
            return 1;
        }
        census_view_free(&view);
    }
}

void census_view_free(struct census_view *view)
{
    free(view->tiles);
    view->tiles = NULL;
}
