#include "stages/ledger_record.h"

#include <string.h>

static void write_parameters(struct record *record, const struct run_parameters *parameters)
{
    record_number(record, parameters->cutoff);
    record_double(record, parameters->older_than);
    record_double(record, parameters->finish_within);
    record_double(record, parameters->rate);
    record_number(record, parameters->workers);
    record_number(record, parameters->concurrency);
    record_number(record, parameters->shares);
    record_number(record, parameters->publish_tiles);
    record_number(record, parameters->retry_failed);
    record_number(record, parameters->some_tiles);
    record_bytes(record, parameters->tiles, parameters->some_tiles ? sizeof parameters->tiles : 0);
}

static void read_parameters(struct view *view, struct run_parameters *parameters)
{
    parameters->cutoff = (uint32_t)view_number(view, UINT32_MAX);
    parameters->older_than = view_double(view);
    parameters->finish_within = view_double(view);
    parameters->rate = view_double(view);
    parameters->workers = (unsigned)view_number(view, UINT32_MAX);
    parameters->concurrency = (unsigned)view_number(view, UINT32_MAX);
    parameters->shares = (unsigned)view_number(view, UINT32_MAX);
    parameters->publish_tiles = view_number(view, 1) != 0;
    parameters->retry_failed = view_number(view, 1) != 0;
    parameters->some_tiles = view_number(view, 1) != 0;
    (void)view_bytes(view, parameters->tiles, sizeof parameters->tiles);
}

/* Arrays by outcome and cause carry their length: a later version may know more of them. */
static void write_numbers(struct record *record, const uint64_t *numbers, size_t count)
{
    record_number(record, count);
    for (size_t i = 0; i < count; i++)
        record_number(record, numbers[i]);
}

static void read_numbers(struct view *view, uint64_t *numbers, size_t room)
{
    size_t count = (size_t)view_number(view, room);
    for (size_t i = 0; i < count; i++)
        numbers[i] = view_number(view, UINT64_MAX);
}

static void write_counts(struct record *record, const struct run_counts *counts)
{
    record_number(record, counts->total);
    record_number(record, counts->selected);
    record_number(record, counts->carried);
    write_numbers(record, counts->settled, SETTLED_COUNT);
    write_numbers(record, counts->causes, CAUSE_COUNT);
    record_number(record, counts->retried);
    record_number(record, counts->changed);
    record_number(record, counts->shares_done);
    record_number(record, counts->tiles_rebuilt);
}

static void read_counts(struct view *view, struct run_counts *counts)
{
    counts->total = view_number(view, UINT64_MAX);
    counts->selected = view_number(view, UINT64_MAX);
    counts->carried = view_number(view, UINT64_MAX);
    read_numbers(view, counts->settled, SETTLED_COUNT);
    read_numbers(view, counts->causes, CAUSE_COUNT);
    counts->retried = view_number(view, UINT64_MAX);
    counts->changed = view_number(view, UINT64_MAX);
    counts->shares_done = view_number(view, UINT64_MAX);
    counts->tiles_rebuilt = view_number(view, UINT64_MAX);
}

void run_record_write(struct record *record, uint64_t number, const struct run_record *run)
{
    record_begin(record, RUN_RECORD_VERSION);
    record_number(record, number);
    record_text(record, run->id);
    write_parameters(record, &run->parameters);
    record_number(record, run->phase);
    record_number(record, run->stop);
    record_text(record, run->reason);
    record_number(record, run->base_generation);
    record_bytes(record, run->base_digest.bytes, PAIR_ID_BYTES);
    record_number(record, run->generation);
    record_number(record, run->grid.rows);
    record_number(record, run->grid.columns);
    record_number(record, run->started_at);
    record_number(record, run->ended_at);
    record_double(record, run->elapsed);
    record_number(record, run->requests);
    write_counts(record, &run->counts);
    record_number(record, run->log_end.file);
    record_number(record, run->log_end.offset);
    record_number(record, run->result);
    record_number(record, run->forced);
    record_text(record, run->provider);
    record_number(record, run->folded.entries);
    record_bytes(record, run->folded.digest.bytes, PAIR_ID_BYTES);
    record_number(record, run->counts.folded);
}

bool run_record_read(struct view *view, uint64_t *number, struct run_record *run)
{
    memset(run, 0, sizeof *run);
    *number = view_number(view, UINT64_MAX);
    view_text(view, run->id, sizeof run->id);
    read_parameters(view, &run->parameters);
    run->phase = (enum run_phase)view_number(view, PHASE_PUBLISH);
    run->stop = (enum run_stop)view_number(view, STOP_HELD);
    view_text(view, run->reason, sizeof run->reason);
    run->base_generation = view_number(view, UINT64_MAX);
    (void)view_bytes(view, run->base_digest.bytes, PAIR_ID_BYTES);
    run->generation = view_number(view, UINT64_MAX);
    run->grid.rows = (uint32_t)view_number(view, GRID_SIDE_LIMIT);
    run->grid.columns = (uint32_t)view_number(view, GRID_SIDE_LIMIT);
    run->started_at = (uint32_t)view_number(view, UINT32_MAX);
    run->ended_at = (uint32_t)view_number(view, UINT32_MAX);
    run->elapsed = view_double(view);
    run->requests = view_number(view, UINT64_MAX);
    read_counts(view, &run->counts);
    run->log_end.file = (uint32_t)view_number(view, UINT32_MAX);
    run->log_end.offset = view_number(view, INT64_MAX);
    run->result = (enum run_result)view_number(view, RESULT_FAILED);
    run->forced = view_number(view, 1) != 0;
    view_text(view, run->provider, sizeof run->provider);
    if (view->version >= 2) {
        run->folded.entries = view_number(view, UINT64_MAX);
        (void)view_bytes(view, run->folded.digest.bytes, PAIR_ID_BYTES);
        run->counts.folded = view_number(view, UINT64_MAX);
    }
    return !view->broken;
}

static void write_info(struct record *record, const struct pair_info *info)
{
    record_number(record, info->tile);
    record_number(record, info->grid.rows);
    record_number(record, info->grid.columns);
    record_number(record, info->entries);
    write_numbers(record, info->outcomes, OUTCOME_COUNT);
    record_number(record, info->oldest);
    record_number(record, info->newest);
    record_number(record, info->index_bytes);
    record_number(record, info->data_bytes);
    record_bytes(record, info->id.bytes, PAIR_ID_BYTES);
}

static void read_info(struct view *view, struct pair_info *info)
{
    info->tile = (uint32_t)view_number(view, GRID_SIDE_LIMIT * GRID_SIDE_LIMIT - 1);
    info->grid.rows = (uint32_t)view_number(view, GRID_SIDE_LIMIT);
    info->grid.columns = (uint32_t)view_number(view, GRID_SIDE_LIMIT);
    info->entries = view_number(view, UINT64_MAX);
    read_numbers(view, info->outcomes, OUTCOME_COUNT);
    info->oldest = (uint32_t)view_number(view, UINT32_MAX);
    info->newest = (uint32_t)view_number(view, UINT32_MAX);
    info->index_bytes = view_number(view, UINT64_MAX);
    info->data_bytes = view_number(view, UINT64_MAX);
    (void)view_bytes(view, info->id.bytes, PAIR_ID_BYTES);
}

void tile_record_write(struct record *record, const struct tile_record *tile)
{
    record_begin(record, TILE_RECORD_VERSION);
    record_number(record, tile->tile);
    record_number(record, tile->row.built);
    write_info(record, &tile->row.info);
    record_number(record, tile->compared);
    record_number(record, tile->found_before);
    record_number(record, tile->changed);
    record_number(record, tile->lost);
    record_number(record, tile->gained);
    record_number(record, tile->country_changed);
}

bool tile_record_read(struct view *view, struct tile_record *tile)
{
    memset(tile, 0, sizeof *tile);
    tile->tile = (uint32_t)view_number(view, GRID_SIDE_LIMIT * GRID_SIDE_LIMIT - 1);
    tile->row.built = view_number(view, UINT64_MAX);
    read_info(view, &tile->row.info);
    tile->compared = view_number(view, UINT64_MAX);
    tile->found_before = view_number(view, UINT64_MAX);
    tile->changed = view_number(view, UINT64_MAX);
    tile->lost = view_number(view, UINT64_MAX);
    tile->gained = view_number(view, UINT64_MAX);
    tile->country_changed = view_number(view, UINT64_MAX);
    return !view->broken;
}
