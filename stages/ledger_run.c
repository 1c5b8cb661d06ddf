#include "stages/ledger_store.h"

#include <stdlib.h>
#include <string.h>

#define BY_TILE_VERSION 1

static const char active_key[] = "active";
/* Counts of each tile. */
static const char selected_key[] = "selected";
static const char folded_key[] = "folded";

int active_get(struct work *work, uint64_t *number, struct run_record *run, struct error *err)
{
    struct view view;
    int found = store_get(work, TABLE_RUN, active_key, sizeof active_key - 1, RUN_RECORD_VERSION,
                          &view, err);
    if (found == 1 && (!run_record_read(&view, number, run) || !view_complete(&view)))
        return store_damaged(work->ledger, "the active run makes no sense", err);
    return found;
}

int active_put(struct work *work, uint64_t number, const struct run_record *run, struct error *err)
{
    struct record record;
    run_record_write(&record, number, run);
    return store_put(work, TABLE_RUN, active_key, sizeof active_key - 1, &record, err);
}

int active_need(struct work *work, uint64_t *number, struct run_record *run, struct error *err)
{
    int found = active_get(work, number, run, err);
    if (found == 0)
        return error_set(err, ERROR_STATE, "no run is active");
    return found < 0 ? -1 : 0;
}

/* The active run, which must be the one of that id. */
static int active_same(struct work *work, const char *id, uint64_t *number, struct run_record *run,
                       struct error *err)
{
    if (active_need(work, number, run, err) != 0)
        return -1;
    if (strcmp(run->id, id) != 0)
        return error_set(err, ERROR_STATE, "run %s is not the active run (%s)", id, run->id);
    return 0;
}

int ledger_run(struct ledger *ledger, struct run_record *out, struct error *err)
{
    struct work work;
    struct run_record run;
    uint64_t number;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    int found = work_end(&work, active_get(&work, &number, &run, err), err);
    if (found == 1)
        *out = run;
    return found;
}

static int begin_run(struct work *work, const struct run_record *run, struct error *err)
{
    struct run_record other;
    uint64_t number;
    int found = active_get(work, &number, &other, err);
    if (found != 0)
        return found < 0 ? -1 : error_set(err, ERROR_STATE, "run %s is active already", other.id);
    if (history_last(work, &number, err) != 0 ||
        store_clear(work, failures_table(number + 1), err) != 0 ||
        store_clear(work, TABLE_BATCHES, err) != 0 || store_clear(work, TABLE_TILES, err) != 0 ||
        store_clear(work, TABLE_TALLIES, err) != 0 ||
        report_begin(work, number + 1, run->parameters.tables, err) != 0)
        return -1;
    return active_put(work, number + 1, run, err);
}

int ledger_run_begin(struct ledger *ledger, const struct run_record *run, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(&work, begin_run(&work, run, err), err);
}

static int update_run(struct work *work, const struct run_record *run, struct error *err)
{
    struct run_record stored;
    struct run_record next = *run;
    uint64_t number;
    if (active_same(work, run->id, &number, &stored, err) != 0)
        return -1;
    next.counts = stored.counts;
    next.log_end = stored.log_end;
    return active_put(work, number, &next, err);
}

int ledger_run_update(struct ledger *ledger, const struct run_record *run, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(&work, update_run(&work, run, err), err);
}

static int put_by_tile(struct work *work, const char *key, const uint64_t *by_tile, size_t tiles,
                       struct error *err)
{
    struct record record;
    record_begin(&record, BY_TILE_VERSION);
    for (size_t i = 0; i < tiles; i++)
        record_number(&record, by_tile[i]);
    return store_put(work, TABLE_RUN, key, strlen(key), &record, err);
}

static int finish_snapshot(struct work *work, const struct run_counts *counts,
                           const uint64_t *selected_by_tile, const uint64_t *folded_by_tile,
                           size_t tiles, struct error *err)
{
    struct run_record run;
    uint64_t number;
    if (active_need(work, &number, &run, err) != 0)
        return -1;
    if (run.phase != PHASE_SNAPSHOT)
        return error_set(err, ERROR_STATE, "run %s has its point files already", run.id);
    run.phase = PHASE_REFRESH;
    run.counts = *counts;
    if (put_by_tile(work, selected_key, selected_by_tile, tiles, err) != 0)
        return -1;
    int result = counts->folded > 0
                     ? put_by_tile(work, folded_key, folded_by_tile, tiles, err)
                     : store_delete(work, TABLE_RUN, folded_key, sizeof folded_key - 1, err);
    return result == 0 ? active_put(work, number, &run, err) : -1;
}

static uint64_t sum_of(const uint64_t *numbers, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; numbers != NULL && i < count; i++)
        sum += numbers[i];
    return sum;
}

int ledger_snapshot_done(struct ledger *ledger, const struct run_counts *counts,
                         const uint64_t *selected_by_tile, const uint64_t *folded_by_tile,
                         size_t tiles, struct error *err)
{
    struct work work;
    if (sum_of(selected_by_tile, tiles) != counts->selected ||
        sum_of(folded_by_tile, tiles) != counts->folded ||
        counts->selected + counts->carried != counts->total || counts->folded > counts->total)
        return error_set(err, ERROR_STATE, "the snapshot's counts do not add up");
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(
        &work, finish_snapshot(&work, counts, selected_by_tile, folded_by_tile, tiles, err), err);
}

/* 1, 0 = there are none, -1. */
static int get_by_tile(struct work *work, const char *key, uint64_t *out, size_t tiles,
                       struct error *err)
{
    struct view view;
    int found = store_get(work, TABLE_RUN, key, strlen(key), BY_TILE_VERSION, &view, err);
    if (found != 1)
        return found;
    for (size_t i = 0; i < tiles; i++)
        out[i] = view_number(&view, UINT64_MAX);
    if (!view_complete(&view))
        return store_damaged(work->ledger, "the points of the tiles make no sense", err);
    return 1;
}

int selected_get(struct work *work, uint64_t *out, size_t tiles, struct error *err)
{
    int found = get_by_tile(work, selected_key, out, tiles, err);
    if (found == 0)
        return error_set(err, ERROR_STATE, "no run has point files");
    return found < 0 ? -1 : 0;
}

int ledger_selected_by_tile(struct ledger *ledger, uint64_t *out, size_t tiles, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    return work_end(&work, selected_get(&work, out, tiles, err), err);
}

int ledger_folded_by_tile(struct ledger *ledger, uint64_t *out, size_t tiles, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    int found = work_end(&work, get_by_tile(&work, folded_key, out, tiles, err), err);
    if (found == 0)
        memset(out, 0, tiles * sizeof *out);
    return found < 0 ? -1 : 0;
}

static int end_run(struct work *work, const struct run_record *run, const struct counted *counted,
                   struct error *err)
{
    struct run_record stored;
    struct run_record ended = *run;
    uint64_t number;
    if (active_same(work, run->id, &number, &stored, err) != 0)
        return -1;
    ended.counts = stored.counts;
    ended.log_end = stored.log_end;
    if (report_end(work, number, counted, err) != 0 ||
        history_put(work, number, &ended, err) != 0 || store_clear(work, TABLE_BATCHES, err) != 0 ||
        store_clear(work, TABLE_TILES, err) != 0 || store_clear(work, TABLE_TALLIES, err) != 0 ||
        store_delete(work, TABLE_RUN, selected_key, sizeof selected_key - 1, err) != 0 ||
        store_delete(work, TABLE_RUN, folded_key, sizeof folded_key - 1, err) != 0)
        return -1;
    return store_delete(work, TABLE_RUN, active_key, sizeof active_key - 1, err);
}

int ledger_run_end(struct ledger *ledger, const struct run_record *run,
                   const struct counted *counted, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(&work, end_run(&work, run, counted, err), err);
}
