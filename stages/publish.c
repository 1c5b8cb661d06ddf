#include "stages/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* The published manifest when it is of this run; NULL when it is another's. */
static int published_by_run(const char *cache_directory, const struct run_record *run,
                            struct manifest **out, struct error *err)
{
    struct manifest *current;
    if (generation_current(cache_directory, &current, err) != 0)
        return -1;
    if (current->generation != run->generation || strcmp(current->run, run->id) != 0) {
        manifest_free(current);
        current = NULL;
    }
    *out = current;
    return 0;
}

/* Every entry the run counted is in the manifest, and no other. */
static int check_total(const struct manifest *manifest, const struct run_record *run,
                       struct error *err)
{
    uint64_t entries = manifest_figures(manifest).entries;
    if (entries == run->counts.total)
        return 0;
    return error_set(err, ERROR_CORRUPT,
                     "the rebuilt tiles have %" PRIu64 " entries, not the %" PRIu64
                     " of the run; cancel it and start it again",
                     entries, run->counts.total);
}

static int copy_for_run(struct manifest **out, const struct manifest *from,
                        const struct run_record *run, struct error *err)
{
    struct manifest *manifest;
    if (manifest_copy(&manifest, from, err) != 0)
        return -1;
    manifest->generation = run->generation;
    memcpy(manifest->run, run->id, sizeof manifest->run);
    manifest->published = clock_unix();
    *out = manifest;
    return 0;
}

/* Tiles without points to ask or to fold in keep the base's row. */
static int fill_rows(struct manifest *manifest, struct ledger *ledger, struct error *err)
{
    size_t tiles = grid_tiles(manifest->grid);
    uint64_t *selected = calloc(tiles, sizeof *selected);
    uint64_t *folded = calloc(tiles, sizeof *folded);
    int result = -1;
    if (selected == NULL || folded == NULL) {
        error_memory(err, "a manifest");
        goto out;
    }
    if (ledger_selected_by_tile(ledger, selected, tiles, err) != 0 ||
        ledger_folded_by_tile(ledger, folded, tiles, err) != 0)
        goto out;
    for (uint32_t tile = 0; tile < tiles; tile++) {
        struct tile_record record;
        int known = ledger_tile(ledger, tile, &record, err);
        if (known < 0)
            goto out;
        if (known > 0) {
            manifest->tiles[tile] = record.row;
        } else if (selected[tile] > 0 || folded[tile] > 0) {
            error_set(err, ERROR_STATE, "tile %u is not rebuilt yet", tile);
            goto out;
        }
    }
    result = 0;
out:
    free(folded);
    free(selected);
    return result;
}

int publish_run(struct ledger *ledger, const char *cache_directory, const struct manifest *base,
                const struct run_record *run, struct error *err)
{
    struct manifest *manifest = NULL;
    struct manifest *before = NULL;
    int result = -1;
    if (copy_for_run(&manifest, base, run, err) != 0)
        return -1;
    if (fill_rows(manifest, ledger, err) != 0 || check_total(manifest, run, err) != 0)
        goto out;
    manifest_seal(manifest);
    if (published_by_run(cache_directory, run, &before, err) != 0)
        goto out;
    if (before != NULL && memcmp(&before->digest, &manifest->digest, sizeof before->digest) == 0)
        result = 0;
    else
        result = generation_publish(cache_directory, manifest, err);
out:
    manifest_free(before);
    manifest_free(manifest);
    return result;
}

int publish_tile(const char *cache_directory, const struct manifest *base,
                 const struct run_record *run, const struct tile_record *tile, struct error *err)
{
    struct manifest *before = NULL;
    struct manifest *manifest = NULL;
    if (published_by_run(cache_directory, run, &before, err) != 0)
        return -1;
    int result = copy_for_run(&manifest, before != NULL ? before : base, run, err);
    if (result == 0) {
        manifest->tiles[tile->tile] = tile->row;
        manifest_seal(manifest);
        result = generation_publish(cache_directory, manifest, err);
    }
    manifest_free(before);
    manifest_free(manifest);
    return result;
}
