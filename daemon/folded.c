#include "daemon/folded.h"

#include <stdlib.h>
#include <string.h>

static struct pair_id id_of(const struct cache *cache, uint32_t tile)
{
    struct pair_id none = {{0}};
    const struct pair *pair = cache_pair(cache, tile);
    return pair == NULL ? none : pair_info(pair)->id;
}

/* Another grid makes every tile another one. */
static int make_room(struct folded *folded, uint32_t tiles, struct error *err)
{
    if (folded->seen != NULL && folded->tiles == tiles)
        return 0;
    struct pair_id *seen = calloc(tiles, sizeof *seen);
    if (seen == NULL)
        return error_memory(err, "the tiles of a generation");
    free(folded->seen);
    folded->seen = seen;
    folded->tiles = tiles;
    return 0;
}

static bool differs(const struct folded *folded, const struct cache *cache, uint32_t tile)
{
    struct pair_id id = id_of(cache, tile);
    return !pair_id_equal(&id, &folded->seen[tile]);
}

int folded_remove(struct folded *folded, struct learned *learned, const struct cache *now,
                  uint64_t *dropped, struct error *err)
{
    uint8_t changed[(GRID_SIDE_LIMIT * GRID_SIDE_LIMIT + 7) / 8] = {0};
    uint32_t tiles = grid_tiles(cache_grid(now));
    if (make_room(folded, tiles, err) != 0)
        return -1;
    for (uint32_t tile = 0; tile < tiles; tile++) {
        if (differs(folded, now, tile))
            changed[tile / 8] |= (uint8_t)(1u << tile % 8);
    }
    if (learned_count(learned) > 0 &&
        learned_drop_published(learned, now, changed, dropped, err) != 0)
        return -1;
    for (uint32_t tile = 0; tile < tiles; tile++)
        folded->seen[tile] = id_of(now, tile);
    return 0;
}

void folded_free(struct folded *folded)
{
    free(folded->seen);
    *folded = (struct folded){NULL, 0};
}
