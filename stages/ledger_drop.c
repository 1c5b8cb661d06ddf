/* Taking back what the ledger has of shares. */
#include "stages/ledger_store.h"

#include <stdlib.h>

#include "stages/pointfile.h"

/* The tiles of a run's points. */
struct tiles {
    uint64_t *first; /* ordinal at which the points of each begin; count + 1 of them */
    uint32_t count;
};

static int tiles_open(struct tiles *tiles, struct work *work, const struct run_record *run,
                      struct error *err)
{
    tiles->count = grid_tiles(run->grid);
    tiles->first = calloc((size_t)tiles->count + 1, sizeof *tiles->first);
    if (tiles->first == NULL)
        return error_memory(err, "the tiles");
    if (selected_get(work, tiles->first + 1, tiles->count, err) != 0) {
        free(tiles->first);
        return -1;
    }
    for (uint32_t tile = 0; tile < tiles->count; tile++)
        tiles->first[tile + 1] += tiles->first[tile];
    return 0;
}

static int drop_tiles(struct work *work, const struct tiles *tiles, uint64_t first, uint64_t end,
                      struct run_counts *counts, struct error *err)
{
    for (uint32_t tile = 0; tile < tiles->count && tiles->first[tile] < end; tile++) {
        if (tiles->first[tile] < tiles->first[tile + 1] && tiles->first[tile + 1] > first &&
            tile_drop(work, tile, counts, err) != 0)
            return -1;
    }
    return 0;
}

/* False when there is less than what is to be taken back. */
static bool take_back(struct run_counts *counts, const struct answer_counts *less)
{
    for (size_t i = 0; i < SETTLED_COUNT; i++) {
        if (less->settled[i] > counts->settled[i])
            return false;
        counts->settled[i] -= less->settled[i];
    }
    for (size_t i = 0; i < CAUSE_COUNT; i++) {
        if (less->causes[i] > counts->causes[i])
            return false;
        counts->causes[i] -= less->causes[i];
    }
    counts->retried -= less->retried < counts->retried ? less->retried : counts->retried;
    return true;
}

static uint64_t answers_in(const struct answer_counts *counts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SETTLED_COUNT; i++)
        sum += counts->settled[i];
    return sum;
}

static int drop_share(struct work *work, uint64_t number, struct run_record *run,
                      const struct tiles *tiles, const struct dropped_share *share,
                      struct error *err)
{
    uint32_t shares = run->parameters.shares;
    if (share->share >= shares)
        return error_set(err, ERROR_STATE, "the run has no share %u", share->share);
    uint64_t first = point_file_first(run->counts.selected, shares, share->share);
    uint64_t end = point_file_first(run->counts.selected, shares, share->share + 1);
    bool done = end > first && answers_in(&share->counts) == end - first;
    if (batches_drop(work, share->share, share->batches, share->count, err) != 0)
        return -1;
    if (!take_back(&run->counts, &share->counts) || run->counts.shares_done < done)
        return store_damaged(work->ledger, "batches and counts differ", err);
    run->counts.shares_done -= done;
    for (size_t i = 0; i < share->failed_count; i++) {
        if (failures_drop(work, number, run->grid, share->failed[i], err) != 0)
            return -1;
    }
    return drop_tiles(work, tiles, first, end, &run->counts, err);
}

static int drop_shares(struct work *work, const struct dropped_share *shares, size_t count,
                       struct error *err)
{
    struct run_record run;
    struct tiles tiles;
    uint64_t number;
    int result = 0;
    if (active_need(work, &number, &run, err) != 0)
        return -1;
    if (run.phase != PHASE_REFRESH)
        return error_set(err, ERROR_STATE, "run %s takes no answers back now", run.id);
    if (tiles_open(&tiles, work, &run, err) != 0)
        return -1;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = drop_share(work, number, &run, &tiles, &shares[i], err);
    free(tiles.first);
    return result == 0 ? active_put(work, number, &run, err) : -1;
}

int ledger_drop_shares(struct ledger *ledger, const struct dropped_share *shares, size_t count,
                       struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(&work, drop_shares(&work, shares, count, err), err);
}
