#include "stages/snapshot_walk.h"

#include <string.h>

#include "quadtree/morton.h"

#define CHUNK 4096 /* points handed over at once, and between two looks at control */

struct chunk {
    uint64_t codes[CHUNK];
    uint8_t outcomes[CHUNK];
    size_t used;
};

int snapshot_walk_open(struct snapshot_walk *walk, const struct cache *cache,
                       const struct run_parameters *parameters, struct ledger *ledger,
                       const char *retry_of, const struct control *control,
                       struct snapshot_progress *progress, struct error *err)
{
    *walk = (struct snapshot_walk){
        .cache = cache, .parameters = parameters, .control = control, .progress = progress};
    if (!parameters->retry_failed)
        return 0;
    return failure_walk_open(&walk->failures, ledger, retry_of, err);
}

void snapshot_walk_close(struct snapshot_walk *walk)
{
    if (walk->failures != NULL)
        failure_walk_close(walk->failures);
    walk->failures = NULL;
}

static bool every_date(const struct run_parameters *parameters)
{
    return parameters->cutoff == UINT32_MAX;
}

enum tile_share snapshot_tile_share(const struct snapshot_walk *walk, uint32_t tile)
{
    const struct run_parameters *parameters = walk->parameters;
    const struct pair_info *info = &cache_manifest(walk->cache)->tiles[tile].info;
    if (info->entries == 0)
        return TILE_NOTHING;
    if (parameters->some_tiles && !(parameters->tiles[tile / 8] >> tile % 8 & 1))
        return TILE_NOTHING;
    if (parameters->retry_failed)
        return TILE_SOME;
    if (every_date(parameters) || info->newest < parameters->cutoff)
        return TILE_EVERYTHING;
    return info->oldest < parameters->cutoff ? TILE_SOME : TILE_NOTHING;
}

static int look_around(const struct snapshot_walk *walk, size_t walked, struct error *err)
{
    if (walk->progress != NULL)
        atomic_fetch_add_explicit(&walk->progress->walked, walked, memory_order_relaxed);
    if (walk->control != NULL && control_ending(walk->control))
        return error_set(err, ERROR_CANCELED, "the snapshot was stopped");
    return 0;
}

/* Every entry of a tile in which all were found before: codes as they lie in the index. */
static int walk_codes(struct snapshot_walk *walk, const struct pair *pair, snapshot_sink *sink,
                      void *context, struct error *err)
{
    static const uint8_t found[CHUNK] = {OUTCOME_FOUND};
    const struct quadtree *tree;
    if (pair_quadtree(pair, &tree, err) != 0)
        return -1;
    for (size_t row = 0; row < tree->count; row += CHUNK) {
        size_t count = tree->count - row < CHUNK ? tree->count - row : CHUNK;
        if (sink(context, tree->codes + row, found, count, err) != 0 ||
            look_around(walk, count, err) != 0)
            return -1;
    }
    return 0;
}

/* 1 = ask this entry again, 0 = carry it over, -1. */
static int is_selected(struct snapshot_walk *walk, uint32_t tile, uint64_t code,
                       const struct entry *entry, struct error *err)
{
    const struct run_parameters *parameters = walk->parameters;
    if (!every_date(parameters) && entry->refreshed_at >= parameters->cutoff)
        return 0;
    return walk->failures == NULL ? 1 : failure_walk_has(walk->failures, tile, code, err);
}

static int flush_chunk(struct chunk *chunk, snapshot_sink *sink, void *context, struct error *err)
{
    size_t count = chunk->used;
    chunk->used = 0;
    return count == 0 ? 0 : sink(context, chunk->codes, chunk->outcomes, count, err);
}

static int walk_entries(struct snapshot_walk *walk, const struct pair *pair, uint32_t tile,
                        snapshot_sink *sink, void *context, struct error *err)
{
    struct pair_cursor cursor;
    struct chunk chunk = {.used = 0};
    struct entry entry;
    size_t walked = 0;
    int more;
    pair_walk(&cursor, pair, 0);
    while ((more = pair_next_date(&cursor, &entry, err)) == 1) {
        uint64_t code = morton_encode(entry.point);
        int selected = is_selected(walk, tile, code, &entry, err);
        if (selected < 0)
            return -1;
        if (selected == 1) {
            chunk.codes[chunk.used] = code;
            chunk.outcomes[chunk.used++] = (uint8_t)entry.outcome;
        }
        if (chunk.used == CHUNK && flush_chunk(&chunk, sink, context, err) != 0)
            return -1;
        if (++walked % CHUNK == 0 && look_around(walk, CHUNK, err) != 0)
            return -1;
    }
    if (more < 0 || look_around(walk, walked % CHUNK, err) != 0)
        return -1;
    return flush_chunk(&chunk, sink, context, err);
}

int snapshot_walk_tile(struct snapshot_walk *walk, uint32_t tile, snapshot_sink *sink,
                       void *context, struct error *err)
{
    enum tile_share share = snapshot_tile_share(walk, tile);
    if (share == TILE_NOTHING)
        return 0;
    const struct pair *pair = cache_pair(walk->cache, tile);
    const struct pair_info *info = pair_info(pair);
    if (share == TILE_EVERYTHING && info->outcomes[OUTCOME_FOUND] == info->entries)
        return walk_codes(walk, pair, sink, context, err);
    return walk_entries(walk, pair, tile, sink, context, err);
}
