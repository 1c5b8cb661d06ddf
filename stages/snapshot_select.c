#include "stages/snapshot_select.h"

#include <string.h>

#include "quadtree/morton.h"

#define STEP 65536 /* entries between two looks at control */

int selection_open(struct selection *selection, const struct merged *merged,
                   const struct run_parameters *parameters, struct ledger *ledger,
                   const char *retry_of, const struct control *control,
                   struct snapshot_progress *progress, struct error *err)
{
    *selection = (struct selection){
        .merged = merged, .parameters = parameters, .control = control, .progress = progress};
    if (progress != NULL)
        atomic_store_explicit(&progress->walked, 0, memory_order_relaxed);
    if (!parameters->retry_failed)
        return 0;
    return failure_walk_open(&selection->failures, ledger, retry_of, err);
}

void selection_close(struct selection *selection)
{
    failure_walk_close(selection->failures);
    selection->failures = NULL;
}

/* Of one pair of the tile. */
static enum tile_choice choose(const struct run_parameters *parameters,
                               const struct pair_info *info)
{
    if (parameters->cutoff == UINT32_MAX || info->newest < parameters->cutoff)
        return TILE_ALL;
    return info->oldest >= parameters->cutoff ? TILE_NONE : TILE_SOME;
}

enum tile_choice selection_choice(const struct selection *selection, uint32_t tile)
{
    const struct run_parameters *parameters = selection->parameters;
    const struct pair_info *info = &cache_manifest(selection->merged->base)->tiles[tile].info;
    const struct pair *folded = merged_folded(selection->merged, tile);
    if (parameters->some_tiles && (parameters->tiles[tile / 8] >> tile % 8 & 1) == 0)
        return TILE_NONE;
    if (info->entries == 0 && folded == NULL)
        return TILE_NONE;
    enum tile_choice choice = choose(parameters, info->entries > 0 ? info : pair_info(folded));
    if (info->entries > 0 && folded != NULL && choose(parameters, pair_info(folded)) != choice)
        choice = TILE_SOME;
    return choice == TILE_ALL && selection->failures != NULL ? TILE_SOME : choice;
}

/* A tile whose every entry is asked and was found needs no look at dates and outcomes. */
static int list_points(struct selection *selection, const struct pair *pair, struct error *err)
{
    const struct pair_info *info = pair_info(pair);
    const struct quadtree *tree;
    if (info->outcomes[OUTCOME_FOUND] != info->entries)
        return 0;
    if (pair_quadtree(pair, &tree, err) != 0)
        return -1;
    selection->points = tree->points;
    selection->row = 0;
    selection->rows = info->entries;
    return 0;
}

int selection_tile(struct selection *selection, uint32_t tile, struct error *err)
{
    const struct pair *pair = cache_pair(selection->merged->base, tile);
    selection->tile = tile;
    selection->choice = selection_choice(selection, tile);
    selection->filling = selection->choice != TILE_NONE;
    selection->points = NULL;
    if (!selection->filling)
        return 0;
    if (pair != NULL && selection->choice == TILE_ALL &&
        merged_folded(selection->merged, tile) == NULL && list_points(selection, pair, err) != 0)
        return -1;
    if (selection->points == NULL)
        merged_walk(&selection->walk, selection->merged, tile, true);
    return 0;
}

/* 1, 0, -1: is the entry with this code and date selected? */
static int is_selected(struct selection *selection, uint64_t code, uint32_t refreshed_at,
                       struct error *err)
{
    uint32_t cutoff = selection->parameters->cutoff;
    if (cutoff != UINT32_MAX && refreshed_at >= cutoff)
        return 0;
    if (selection->failures == NULL)
        return 1;
    return failure_walk_has(selection->failures, selection->tile, code, err);
}

static void note_walked(struct selection *selection, uint64_t entries)
{
    if (selection->progress != NULL)
        atomic_fetch_add_explicit(&selection->progress->walked, entries, memory_order_relaxed);
}

static int64_t fill_known(struct selection *selection, uint64_t *codes, uint8_t *outcomes,
                          size_t room)
{
    uint64_t left = selection->rows - selection->row;
    size_t count = left < room ? (size_t)left : room;
    for (size_t i = 0; i < count; i++)
        codes[i] = morton_encode(selection->points[selection->row + i]);
    memset(outcomes, OUTCOME_FOUND, count);
    selection->row += count;
    selection->filling = count > 0;
    note_walked(selection, count);
    return (int64_t)count;
}

static int64_t fill_walking(struct selection *selection, uint64_t *codes, uint8_t *outcomes,
                            size_t room, struct error *err)
{
    size_t count = 0;
    uint64_t walked = 0;
    while (count < room && walked < STEP) {
        struct entry entry;
        int got = merged_next(&selection->walk, &entry, err);
        if (got < 0)
            return -1;
        if (got == 0) {
            selection->filling = false;
            break;
        }
        walked++;
        codes[count] = morton_encode(entry.point);
        outcomes[count] = (uint8_t)entry.outcome;
        int selected = is_selected(selection, codes[count], entry.refreshed_at, err);
        if (selected < 0)
            return -1;
        count += (size_t)selected;
    }
    note_walked(selection, walked);
    return (int64_t)count;
}

int64_t selection_fill(struct selection *selection, uint64_t *codes, uint8_t *outcomes, size_t room,
                       struct error *err)
{
    int64_t count = 0;
    while (count == 0 && room > 0 && selection->filling) {
        if (selection->control != NULL && control_ending(selection->control))
            return error_set(err, ERROR_CANCELED, "the snapshot was stopped");
        if (selection->progress != NULL)
            pulse_beat(selection->progress->pulse);
        if (selection->points != NULL)
            count = fill_known(selection, codes, outcomes, room);
        else
            count = fill_walking(selection, codes, outcomes, room, err);
    }
    return count;
}
