#include "cachefmt/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int manifest_create(struct manifest **out, struct grid grid, struct error *err)
{
    if (grid.rows == 0 || grid.columns == 0 || grid.rows > GRID_SIDE_LIMIT ||
        grid.columns > GRID_SIDE_LIMIT)
        return error_set(err, ERROR_VALUE, "a grid of %ux%u tiles is not possible (1 to %u a side)",
                         grid.rows, grid.columns, GRID_SIDE_LIMIT);
    struct manifest *manifest = calloc(1, sizeof *manifest);
    if (manifest == NULL)
        return error_memory(err, "a manifest");
    manifest->grid = grid;
    manifest->tiles = calloc(grid_tiles(grid), sizeof *manifest->tiles);
    if (manifest->tiles == NULL) {
        free(manifest);
        return error_memory(err, "a manifest");
    }
    for (uint32_t tile = 0; tile < grid_tiles(grid); tile++) {
        manifest->tiles[tile].info.tile = tile;
        manifest->tiles[tile].info.grid = grid;
    }
    manifest_seal(manifest);
    *out = manifest;
    return 0;
}

int manifest_copy(struct manifest **out, const struct manifest *from, struct error *err)
{
    struct manifest *copy;
    if (manifest_create(&copy, from->grid, err) != 0)
        return -1;
    copy->generation = from->generation;
    memcpy(copy->run, from->run, sizeof copy->run);
    copy->published = from->published;
    copy->digest = from->digest;
    memcpy(copy->tiles, from->tiles, grid_tiles(from->grid) * sizeof *copy->tiles);
    *out = copy;
    return 0;
}

void manifest_free(struct manifest *manifest)
{
    if (manifest == NULL)
        return;
    free(manifest->tiles);
    free(manifest);
}

/* A chain, d = xxh3-128(d, pair id) from tile to tile: one fixed block at a time needs no memory.
 * It begins with the grid; an empty tile counts as an id of zeros. */
void manifest_seal(struct manifest *manifest)
{
    static const struct pair_id none;
    struct {
        struct pair_id chain;
        struct pair_id next;
    } block = {0};
    memcpy(block.chain.bytes, &manifest->grid.rows, 4);
    memcpy(block.chain.bytes + 4, &manifest->grid.columns, 4);
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        const struct pair_info *info = &manifest->tiles[tile].info;
        block.next = info->entries > 0 ? info->id : none;
        XXH128_canonical_t hash;
        XXH128_canonicalFromHash(&hash, XXH3_128bits(&block, sizeof block));
        memcpy(block.chain.bytes, hash.digest, PAIR_ID_BYTES);
    }
    manifest->digest = block.chain;
}

struct cache_figures manifest_figures(const struct manifest *manifest)
{
    struct cache_figures sum = {.tiles = grid_tiles(manifest->grid)};
    for (uint32_t tile = 0; tile < sum.tiles; tile++) {
        const struct pair_info *info = &manifest->tiles[tile].info;
        if (info->entries == 0)
            continue;
        if (sum.tiles_nonempty == 0 || info->oldest < sum.oldest)
            sum.oldest = info->oldest;
        if (info->newest > sum.newest)
            sum.newest = info->newest;
        sum.tiles_nonempty++;
        sum.entries += info->entries;
        sum.index_bytes += info->index_bytes;
        sum.data_bytes += info->data_bytes;
        for (unsigned i = 0; i < OUTCOME_COUNT; i++)
            sum.outcomes[i] += info->outcomes[i];
    }
    return sum;
}

char *pair_id_format(const struct pair_id *id, char out[2 * PAIR_ID_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < PAIR_ID_BYTES; i++) {
        out[2 * i] = digits[id->bytes[i] >> 4];
        out[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    out[2 * PAIR_ID_BYTES] = '\0';
    return out;
}

static int hexadecimal_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool pair_id_parse(const char *text, struct pair_id *out)
{
    struct pair_id id;
    if (strlen(text) != (size_t)2 * PAIR_ID_BYTES)
        return false;
    for (unsigned i = 0; i < PAIR_ID_BYTES; i++) {
        int high = hexadecimal_value(text[2 * i]);
        int low = hexadecimal_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (unsigned char)(high << 4 | low);
    }
    *out = id;
    return true;
}
