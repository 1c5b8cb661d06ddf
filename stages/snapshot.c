#include "stages/snapshot_select.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define CHUNK 4096

/* What a run needs on disk. A point is 9 bytes in a point file and, where a geocoder gives every
 * point an address of its own, seldom more than 48 in the answers. A new pair is written beside the
 * old, and may come out larger. */
#define POINT_BYTES 9
#define ANSWER_BYTES 48
#define PAIR_FACTOR 2

struct chunk {
    uint64_t codes[CHUNK];
    uint8_t outcomes[CHUNK];
};

/* How many points of a tile with that many entries are selected, or -1. */
static int64_t count_selected(struct selection *selection, uint32_t tile, uint64_t entries,
                              struct chunk *chunk, struct error *err)
{
    enum tile_choice choice = selection_choice(selection, tile);
    if (choice != TILE_SOME)
        return choice == TILE_ALL ? (int64_t)entries : 0;
    if (selection_tile(selection, tile, err) != 0)
        return -1;
    int64_t sum = 0;
    int64_t count;
    while ((count = selection_fill(selection, chunk->codes, chunk->outcomes, CHUNK, err)) > 0)
        sum += count;
    return count < 0 ? -1 : sum;
}

static uint64_t pair_bytes(const struct pair *pair)
{
    return pair == NULL ? 0 : pair_info(pair)->index_bytes + pair_info(pair)->data_bytes;
}

static int count_tile(struct snapshot_plan *plan, struct selection *selection, uint32_t tile,
                      struct chunk *chunk, struct error *err)
{
    const struct merged *merged = selection->merged;
    struct merged_tile counted;
    if (merged_count(merged, tile, &counted, err) != 0)
        return -1;
    int64_t selected = count_selected(selection, tile, counted.entries, chunk, err);
    if (selected < 0)
        return -1;
    plan->selected_by_tile[tile] = (uint64_t)selected;
    plan->folded_by_tile[tile] = counted.folded;
    plan->total += counted.entries;
    plan->selected += (uint64_t)selected;
    plan->folded += counted.folded;
    if (selected > 0 || counted.folded > 0)
        plan->cache_bytes += PAIR_FACTOR * (pair_bytes(cache_pair(merged->base, tile)) +
                                            pair_bytes(merged_folded(merged, tile)));
    return 0;
}

static int count_tiles(struct snapshot_plan *plan, struct selection *selection, struct chunk *chunk,
                       struct error *err)
{
    uint32_t tiles = grid_tiles(cache_grid(selection->merged->base));
    for (uint32_t tile = 0; tile < tiles; tile++) {
        if (count_tile(plan, selection, tile, chunk, err) != 0)
            return -1;
    }
    plan->state_bytes = plan->selected * (POINT_BYTES + ANSWER_BYTES);
    plan->disk_bytes = plan->state_bytes + plan->cache_bytes;
    return 0;
}

int snapshot_plan(struct snapshot_plan *plan, const struct merged *merged,
                  const struct run_parameters *parameters, struct ledger *ledger,
                  const char *retry_of, const struct control *control,
                  struct snapshot_progress *progress, struct error *err)
{
    struct selection selection;
    struct snapshot_plan made = {0};
    int result = -1;
    if (selection_open(&selection, merged, parameters, ledger, retry_of, control, progress, err) !=
        0)
        return -1;
    struct chunk *chunk = malloc(sizeof *chunk);
    uint32_t tiles = grid_tiles(cache_grid(merged->base));
    made.selected_by_tile = calloc(tiles, sizeof *made.selected_by_tile);
    made.folded_by_tile = calloc(tiles, sizeof *made.folded_by_tile);
    if (chunk == NULL || made.selected_by_tile == NULL || made.folded_by_tile == NULL)
        error_memory(err, "the plan of the run");
    else
        result = count_tiles(&made, &selection, chunk, err);
    if (result == 0)
        *plan = made;
    else
        snapshot_plan_free(&made);
    free(chunk);
    selection_close(&selection);
    return result;
}

void snapshot_plan_free(struct snapshot_plan *plan)
{
    free(plan->selected_by_tile);
    free(plan->folded_by_tile);
    *plan = (struct snapshot_plan){0};
}

static int check_directory(const char *path, uint64_t needed, struct error *err)
{
    struct statvfs figures;
    if (statvfs(path, &figures) != 0)
        return error_io(err, errno, "read the free space of", path);
    uint64_t available = (uint64_t)figures.f_bavail * figures.f_frsize;
    if (needed <= available)
        return 0;
    return error_set(err, ERROR_DISK_FULL, "disk full: %s (needs %.1f MB, %.1f MB free)", path,
                     (double)needed / 1e6, (double)available / 1e6);
}

int snapshot_check_space(const struct snapshot_plan *plan, const char *state_directory,
                         const char *cache_directory, struct error *err)
{
    struct stat state, cache;
    if (stat(state_directory, &state) != 0)
        return error_io(err, errno, "read", state_directory);
    if (stat(cache_directory, &cache) != 0)
        return error_io(err, errno, "read", cache_directory);
    if (state.st_dev == cache.st_dev)
        return check_directory(state_directory, plan->disk_bytes, err);
    if (check_directory(state_directory, plan->state_bytes, err) != 0)
        return -1;
    return check_directory(cache_directory, plan->cache_bytes, err);
}
