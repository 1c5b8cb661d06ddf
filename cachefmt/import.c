#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/generation.h"
#include "cachefmt/import_rows.h"
#include "cachefmt/input.h"
#include "cachefmt/pair_builder.h"

#define ENTRIES_BETWEEN_CHECKS 1024

struct import {
    const struct import_options *options;
    struct manifest *manifest; /* of the generation being made; tiles with entries have files */
    struct sorter *sorter;
    struct pair_builder *builder; /* of tile, or NULL */
    uint32_t tile;
};

bool transfer_format_parse(const char *text, enum transfer_format *out)
{
    static const char *const names[] = {
        [FORMAT_CSV] = "csv", [FORMAT_NDJSON] = "ndjson", [FORMAT_GEOJSON] = "geojson"};
    for (int format = 0; format <= FORMAT_GEOJSON; format++) {
        if (strcmp(text, names[format]) == 0) {
            *out = (enum transfer_format)format;
            return true;
        }
    }
    return false;
}

/* An empty manifest with the next number, on the grid that the cache has already. */
static int begin_manifest(struct import *import, struct error *err)
{
    const struct import_options *options = import->options;
    struct manifest *current = NULL;
    struct error found;
    uint64_t generation;
    struct grid grid = options->grid;
    if (generation_current(options->directory, &current, &found) == 0) {
        grid = current->grid;
        manifest_free(current);
    } else if (found.code != ERROR_MISSING) {
        if (err != NULL)
            *err = found;
        return -1;
    }
    if (generation_next(options->directory, &generation, err) != 0 ||
        manifest_create(&import->manifest, grid, err) != 0)
        return -1;
    import->manifest->generation = generation;
    return 0;
}

static int begin_pair(struct import *import, uint32_t tile, struct error *err)
{
    char *index_path;
    char *data_path;
    if (generation_pair_paths(import->options->directory, tile, import->manifest->generation,
                              &index_path, &data_path, err) != 0)
        return -1;
    int result = pair_builder_create(&import->builder, index_path, data_path,
                                     import->manifest->grid, tile, err);
    if (result != 0)
        import->builder = NULL;
    import->tile = tile;
    free(index_path);
    free(data_path);
    return result;
}

static int end_pair(struct import *import, struct error *err)
{
    if (import->builder == NULL)
        return 0;
    struct pair_builder *builder = import->builder;
    struct manifest_tile *row = &import->manifest->tiles[import->tile];
    import->builder = NULL;
    row->built = import->manifest->generation;
    return pair_builder_commit(builder, &row->info, err);
}

static int check_stop(const struct import *import, uint64_t entries, struct error *err)
{
    if (entries % ENTRIES_BETWEEN_CHECKS != 0 || !stop_wanted(import->options->stop))
        return 0;
    return error_set(err, ERROR_CANCELED, "the import of %s was stopped", import->options->name);
}

static int build_pairs(struct import *import, struct import_result *result, struct error *err)
{
    struct entry entry;
    uint32_t tile;
    int got;
    while ((got = sorter_next(import->sorter, &tile, &entry, err)) == 1) {
        if (import->builder == NULL || tile != import->tile) {
            if (end_pair(import, err) != 0 || begin_pair(import, tile, err) != 0)
                return -1;
        }
        if (pair_builder_add(import->builder, &entry, err) != 0 ||
            check_stop(import, ++result->entries, err) != 0)
            return -1;
    }
    if (got < 0)
        return -1;
    result->repeated = sorter_repeated(import->sorter);
    return end_pair(import, err);
}

static int publish(struct import *import, struct import_result *result, struct error *err)
{
    struct manifest *manifest = import->manifest;
    time_t now = (time_t)clock_unix();
    struct tm utc;
    manifest->published = (uint32_t)now;
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(manifest->run, sizeof manifest->run, "import-%Y%m%dT%H%M%SZ", &utc) == 0)
        return error_set(err, ERROR_STATE, "the clock's time has no date");
    manifest_seal(manifest);
    result->generation = manifest->generation;
    result->digest = manifest->digest;
    return generation_publish(import->options->directory, manifest, err);
}

/* Is the generation that was being made the published one all the same? */
static bool was_published(const struct import *import)
{
    struct manifest *current;
    struct error found;
    if (generation_current(import->options->directory, &current, &found) != 0)
        return found.code != ERROR_MISSING; /* not known: then its files stay */
    bool same = current->generation == import->manifest->generation;
    manifest_free(current);
    return same;
}

/* Remove the pairs that were built for nothing. */
static void remove_pairs(const struct import *import)
{
    const struct manifest *manifest = import->manifest;
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        char *index_path;
        char *data_path;
        if (manifest->tiles[tile].built == 0 ||
            generation_pair_paths(import->options->directory, tile, manifest->generation,
                                  &index_path, &data_path, NULL) != 0)
            continue;
        (void)unlink(index_path);
        (void)unlink(data_path);
        free(index_path);
        free(data_path);
    }
}

static int import_all(struct import *import, int fd, struct import_result *result,
                      struct error *err)
{
    const struct import_options *options = import->options;
    if (options->format == FORMAT_GEOJSON)
        return error_set(err, ERROR_USAGE, "GeoJSON is for export; import CSV or NDJSON");
    if (begin_manifest(import, err) != 0 ||
        sorter_create(&import->sorter, options->directory, options->memory, err) != 0 ||
        import_rows(options, import->manifest->grid, fd, import->sorter, result, err) != 0)
        return -1;
    if (result->rows == result->rejected)
        return error_set(err, ERROR_VALUE, "%s has no %srows: nothing was imported", options->name,
                         result->rows > 0 ? "good " : "");
    if (sorter_finish(import->sorter, err) != 0 || build_pairs(import, result, err) != 0)
        return -1;
    return publish(import, result, err);
}

int cache_import(const struct import_options *options, int fd, struct import_result *result,
                 struct error *err)
{
    struct import import = {.options = options};
    struct import_result counts = {0};
    int status = import_all(&import, fd, &counts, err);
    pair_builder_abort(import.builder);
    sorter_free(import.sorter);
    if (status == 0) {
        /* It is published: what pruning could not remove, the next pruning will. */
        (void)generation_prune(options->directory, options->keep, 0, NULL);
        *result = counts;
    } else if (import.manifest != NULL && !was_published(&import)) {
        remove_pairs(&import);
    }
    manifest_free(import.manifest);
    return status;
}
