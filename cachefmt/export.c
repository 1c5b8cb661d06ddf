#include <errno.h>

#include "cachefmt/box_rows.h"
#include "cachefmt/export_row.h"

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

static int export_pair(struct export *export, const struct pair *pair, struct error *err)
{
    struct pair_cursor cursor;
    struct entry entry;
    uint64_t begin = 0, end = pair_info(pair)->entries;
    if (export->options->has_box && box_rows(pair, export->box, &begin, &end, err) != 0)
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
    export.box = box_normal(options->box);
    int result = export_tiles(&export, err);
    buffer_free(&export.text);
    buffer_free(&export.label);
    return result;
}
