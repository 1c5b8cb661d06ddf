/* Learned points as a cache directory of their own: walked in the order of their codes, sorted by
 * tile, built as any other pairs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/durable.h"
#include "cachefmt/generation.h"
#include "cachefmt/pair_builder.h"
#include "cachefmt/sorter.h"
#include "stages/learned_store.h"

#define GENERATION 1

struct freeze {
    struct learned *learned;
    const char *directory; /* being made */
    struct manifest *manifest;
    struct sorter *sorter;
    struct pair_builder *builder; /* of tile, or NULL */
    uint32_t tile;
    uint64_t count;
};

/* --- out of the table ---------------------------------------------------------------------- */

static int sort_row(void *context, const struct entry *entry, struct error *err)
{
    struct freeze *freeze = context;
    freeze->count++;
    return sorter_add(freeze->sorter, grid_tile(freeze->manifest->grid, entry->point), entry, err);
}

static int sort_rows(struct freeze *freeze, struct error *err)
{
    if (learned_each(freeze->learned, sort_row, freeze, err) != 0)
        return -1;
    return sorter_finish(freeze->sorter, err);
}

/* --- into pairs ---------------------------------------------------------------------------- */

static int begin_pair(struct freeze *freeze, uint32_t tile, struct error *err)
{
    char *index_path, *data_path;
    if (generation_pair_paths(freeze->directory, tile, GENERATION, &index_path, &data_path, err) !=
        0)
        return -1;
    int result = pair_builder_create(&freeze->builder, index_path, data_path,
                                     freeze->manifest->grid, tile, err);
    if (result != 0)
        freeze->builder = NULL;
    freeze->tile = tile;
    free(index_path);
    free(data_path);
    return result;
}

static int end_pair(struct freeze *freeze, struct error *err)
{
    struct pair_builder *builder = freeze->builder;
    struct manifest_tile *row = &freeze->manifest->tiles[freeze->tile];
    if (builder == NULL)
        return 0;
    freeze->builder = NULL;
    row->built = GENERATION;
    return pair_builder_commit(builder, &row->info, err);
}

static int build_pairs(struct freeze *freeze, struct error *err)
{
    struct entry entry;
    uint32_t tile;
    int got;
    while ((got = sorter_next(freeze->sorter, &tile, &entry, err)) == 1) {
        if ((freeze->builder == NULL || tile != freeze->tile) &&
            (end_pair(freeze, err) != 0 || begin_pair(freeze, tile, err) != 0))
            return -1;
        if (pair_builder_add(freeze->builder, &entry, err) != 0)
            return -1;
    }
    return got < 0 ? -1 : end_pair(freeze, err);
}

static int publish(struct freeze *freeze, struct error *err)
{
    struct manifest *manifest = freeze->manifest;
    manifest->generation = GENERATION;
    manifest->published = clock_unix();
    (void)snprintf(manifest->run, sizeof manifest->run, "learned");
    manifest_seal(manifest);
    return generation_publish(freeze->directory, manifest, err);
}

static int make(struct freeze *freeze, struct grid grid, struct error *err)
{
    int result = -1;
    if (manifest_create(&freeze->manifest, grid, err) != 0 ||
        sorter_create(&freeze->sorter, freeze->directory, 0, err) != 0 ||
        sort_rows(freeze, err) != 0)
        goto out;
    result = freeze->count == 0 ? 0 : build_pairs(freeze, err);
    if (result == 0 && freeze->count > 0)
        result = publish(freeze, err);
out:
    pair_builder_abort(freeze->builder);
    sorter_free(freeze->sorter);
    manifest_free(freeze->manifest);
    return result;
}

/* --- the directory ------------------------------------------------------------------------- */

static int sync_parent(const char *directory, struct error *err)
{
    char *parent = strdup(directory);
    if (parent == NULL)
        return error_memory(err, directory);
    char *slash = strrchr(parent, '/');
    if (slash != NULL)
        slash[slash == parent] = '\0';
    int result = durable_sync_directory(slash != NULL ? parent : ".", err);
    free(parent);
    return result;
}

static int put_in_place(const char *made, const char *directory, struct error *err)
{
    if (rename(made, directory) != 0)
        return error_io(err, errno, "rename", made);
    return sync_parent(directory, err);
}

int learned_freeze(struct learned *learned, struct grid grid, const char *directory,
                   uint64_t *count, struct error *err)
{
    char *made;
    if (asprintf(&made, "%s.tmp", directory) < 0)
        return error_memory(err, directory);
    struct freeze freeze = {.learned = learned, .directory = made};
    int result = -1;
    if (durable_remove_directory(directory, err) == 0 && durable_remove_directory(made, err) == 0 &&
        durable_make_directory(made, err) == 0 && make(&freeze, grid, err) == 0)
        result = freeze.count > 0 ? put_in_place(made, directory, err) : sync_parent(made, err);
    if (result != 0 || freeze.count == 0)
        (void)durable_remove_directory(made, NULL);
    if (result == 0)
        *count = freeze.count;
    free(made);
    return result;
}
