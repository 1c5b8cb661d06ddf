#include <errno.h>

#include "cachefmt/export_row.h"
#include "quadtree/morton.h"

#define FLUSH_BYTES ((size_t)128 * 1024)

struct export
{
    const struct export_options *options;
    const struct cache *cache;
    struct box box;
    FILE *out;
    struct buffer text;  /* not written yet */
    struct buffer label; /* of the present entry */
    bool first;          /* no row was written yet */
};

static int write_text(struct export *export, struct error *err)
{
    size_t bytes = export->text.used;
    if (bytes > 0 && fwrite(export->text.data, 1, bytes, export->out) != bytes)
        return error_io(err, errno, "write", "the export");
    buffer_clear(&export->text);
    return 0;
}

/* The same box with longitude 180 written -180, as every point has it. */
static struct box normal_box(struct box box)
{
    if (box.west == LONGITUDE_LIMIT) {
        box.west = -LONGITUDE_LIMIT;
        if (box.east == LONGITUDE_LIMIT)
            box.east = -LONGITUDE_LIMIT;
    }
    if (box.east == LONGITUDE_LIMIT && box.west > -LONGITUDE_LIMIT)
        box.east = -LONGITUDE_LIMIT;
    return box;
}

/* Narrow tile to the part of it that lies in box: false when there is none. A box over the
 * antimeridian narrows the latitudes alone. */
static bool clip(struct box *tile, struct box box)
{
    tile->south = box.south > tile->south ? box.south : tile->south;
    tile->north = box.north < tile->north ? box.north : tile->north;
    if (box.west > box.east)
        return tile->south <= tile->north && (tile->east >= box.west || tile->west <= box.east);
    tile->west = box.west > tile->west ? box.west : tile->west;
    tile->east = box.east < tile->east ? box.east : tile->east;
    return tile->south <= tile->north && tile->west <= tile->east;
}

/* Rows of the pair that can lie in the box: a Morton code grows with each coordinate, so the codes
 * of two opposite corners bound those of all points between. */
static int rows_in_box(const struct export *export, const struct pair *pair, uint64_t *begin,
                       uint64_t *end, struct error *err)
{
    const struct pair_info *info = pair_info(pair);
    const struct quadtree *tree;
    *begin = 0;
    *end = info->entries;
    if (!export->options->has_box)
        return 0;
    struct box part = grid_tile_box(info->grid, info->tile);
    if (!clip(&part, export->box)) {
        *end = 0;
        return 0;
    }
    if (pair_quadtree(pair, &tree, err) != 0)
        return -1;
    if (part.east >= LONGITUDE_LIMIT)
        part.east = LONGITUDE_LIMIT - 1;
    struct point low = {part.south, part.west};
    struct point high = {part.north, part.east};
    *begin = quadtree_lower_bound(tree, morton_encode(low));
    *end = quadtree_lower_bound(tree, morton_encode(high) + 1);
    return 0;
}

static int export_pair(struct export *export, const struct pair *pair, struct error *err)
{
    struct pair_cursor cursor;
    struct entry entry;
    uint64_t begin, end;
    if (rows_in_box(export, pair, &begin, &end, err) != 0)
        return -1;
    pair_walk(&cursor, pair, begin);
    for (uint64_t row = begin; row < end; row++) {
        int got = pair_next(&cursor, &entry, err);
        if (got <= 0)
            return got;
        if (export->options->has_box && !box_contains(export->box, entry.point))
            continue;
        if (export_row(export->options->format, &entry, export->first, &export->label,
                       &export->text, err) != 0)
            return -1;
        export->first = false;
        if (export->text.used >= FLUSH_BYTES && write_text(export, err) != 0)
            return -1;
    }
    return 0;
}

static int export_tiles(struct export *export, struct error *err)
{
    const struct export_options *options = export->options;
    uint32_t tiles = grid_tiles(cache_manifest(export->cache)->grid);
    if (options->tile >= 0 && options->tile >= tiles)
        return error_set(err, ERROR_USAGE, "there is no tile %lld: the last one is %u",
                         (long long)options->tile, tiles - 1);
    if (export_begin(options->format, &export->text, err) != 0)
        return -1;
    for (uint32_t tile = 0; tile < tiles; tile++) {
        const struct pair *pair = cache_pair(export->cache, tile);
        if (pair == NULL || (options->tile >= 0 && options->tile != tile))
            continue;
        if (export_pair(export, pair, err) != 0)
            return -1;
    }
    if (export_end(options->format, &export->text, err) != 0 || write_text(export, err) != 0)
        return -1;
    return fflush(export->out) == 0 ? 0 : error_io(err, errno, "write", "the export");
}

int cache_export(const struct cache *cache, const struct export_options *options, FILE *out,
                 struct error *err)
{
    struct export export = {.options = options, .cache = cache, .out = out, .first = true};
    export.box = normal_box(options->box);
    int result = export_tiles(&export, err);
    buffer_free(&export.text);
    buffer_free(&export.label);
    return result;
}
