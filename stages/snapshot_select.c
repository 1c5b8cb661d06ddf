#include "stages/snapshot_select.h"

#include <string.h>

#include "quadtree/morton.h"

#define STEP 65536 /* entries between two looks at control */

int selection_open(struct selection *selection, const struct cache *cache,
                   const struct run_parameters *parameters, struct ledger *ledger,
                   const char *retry_of, const struct control *control,
                   struct snapshot_progress *progress, struct error *err)
{
    *selection = (struct selection){
        .cache = cache, .parameters = parameters, .control = control, .progress = progress};
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

enum tile_choice selection_choice(const struct selection *selection, uint32_t tile)
{
    const struct run_parameters *parameters = selection->parameters;
    const struct pair_info *info = &cache_manifest(selection->cache)->tiles[tile].info;
    if (info->entries == 0)
        return TILE_NONE;
    if (parameters->some_tiles && (parameters->tiles[tile / 8] >> tile % 8 & 1) == 0)
        return TILE_NONE;
    bool every_date = parameters->cutoff == UINT32_MAX || info->newest < parameters->cutoff;
    if (!every_date && info->oldest >= parameters->cutoff)
        return TILE_NONE;
    return every_date && selection->failures == NULL ? TILE_ALL : TILE_SOME;
}

int selection_tile(struct selection *selection, uint32_t tile, struct error *err)
{
    selection->tile = tile;
    selection->choice = selection_choice(selection, tile);
    selection->pair = NULL;
    if (selection->choice == TILE_NONE)
        return 0;
    const struct pair *pair = cache_pair(selection->cache, tile);
    const struct quadtree *tree;
    if (pair == NULL)
        return error_set(err, ERROR_CORRUPT, "tile %u has entries but no pair", tile);
    if (pair_quadtree(pair, &tree, err) != 0)
        return -1;
    const struct pair_info *info = pair_info(pair);
    selection->pair = pair;
    selection->points = tree->points;
    selection->all_found = info->outcomes[OUTCOME_FOUND] == info->entries;
    pair_walk(&selection->cursor, pair, 0);
    return 0;
}

/* 1, 0, -1: is the entry at `row`, of this date, selected? */
static int is_selected(struct selection *selection, uint64_t row, uint32_t refreshed_at,
                       struct error *err)
{
    uint32_t cutoff = selection->parameters->cutoff;
    if (cutoff != UINT32_MAX && refreshed_at >= cutoff)
        return 0;
    if (selection->failures == NULL)
        return 1;
    return failure_walk_has(selection->failures, selection->tile,
                            morton_encode(selection->points[row]), err);
}

static void note_walked(struct selection *selection, uint64_t entries)
{
    if (selection->progress != NULL)
        atomic_fetch_add_explicit(&selection->progress->walked, entries, memory_order_relaxed);
}

static int64_t fill_known(struct selection *selection, uint64_t *codes, uint8_t *outcomes,
                          size_t room)
{
    uint64_t left = pair_info(selection->pair)->entries - selection->cursor.row;
    size_t count = left < room ? (size_t)left : room;
    for (size_t i = 0; i < count; i++)
        codes[i] = morton_encode(selection->points[selection->cursor.row + i]);
    memset(outcomes, OUTCOME_FOUND, count);
    selection->cursor.row += count;
    note_walked(selection, count);
    return (int64_t)count;
}

static int64_t fill_walking(struct selection *selection, uint64_t *codes, uint8_t *outcomes,
                            size_t room, struct error *err)
{
    size_t count = 0;
    uint64_t first = selection->cursor.row;
    while (count < room && selection->cursor.row - first < STEP) {
        struct entry entry;
        uint64_t row = selection->cursor.row;
        int got = pair_next_date(&selection->cursor, &entry, err);
        if (got < 0)
            return -1;
        if (got == 0) {
            selection->pair = NULL;
            break;
        }
        int selected = is_selected(selection, row, entry.refreshed_at, err);
        if (selected < 0)
            return -1;
        codes[count] = morton_encode(entry.point);
        outcomes[count] = (uint8_t)entry.outcome;
        count += (size_t)selected;
    }
    note_walked(selection, selection->cursor.row - first);
    return (int64_t)count;
}

int64_t selection_fill(struct selection *selection, uint64_t *codes, uint8_t *outcomes, size_t room,
                       struct error *err)
{
    int64_t count = 0;
    while (count == 0 && room > 0 && selection->pair != NULL) {
        if (selection->control != NULL && control_ending(selection->control))
            return error_set(err, ERROR_CANCELED, "the snapshot was stopped");
        if (selection->choice == TILE_ALL && selection->all_found) {
            count = fill_known(selection, codes, outcomes, room);
            if (count == 0)
                selection->pair = NULL;
        } else {
            count = fill_walking(selection, codes, outcomes, room, err);
        }
    }
    return count;
}
