#include "stages/publish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* --- a run ------------------------------------------------------------------------------- */

struct publication {
    char *directory;
    struct manifest *manifest;
    struct generation_prepared *prepared; /* NULL: it is published already */
};

static void publication_free(struct publication *publication)
{
    manifest_free(publication->manifest);
    free(publication->directory);
    free(publication);
}

/* Prepare the manifest, unless it was published before a crash. */
static int prepare(struct publication *publication, const struct run_record *run, struct error *err)
{
    struct manifest *before = NULL;
    struct manifest *manifest = publication->manifest;
    if (published_by_run(publication->directory, run, &before, err) != 0)
        return -1;
    bool out = before != NULL && pair_id_equal(&before->digest, &manifest->digest);
    manifest_free(before);
    return out ? 0
               : generation_prepare(&publication->prepared, publication->directory, manifest, err);
}

int publication_prepare(struct publication **out, struct ledger *ledger,
                        const char *cache_directory, const struct manifest *base,
                        const struct run_record *run, struct error *err)
{
    struct publication *publication = calloc(1, sizeof *publication);
    if (publication == NULL || (publication->directory = strdup(cache_directory)) == NULL) {
        free(publication);
        return error_memory(err, "a manifest");
    }
    int result = copy_for_run(&publication->manifest, base, run, err);
    if (result == 0 && (fill_rows(publication->manifest, ledger, err) != 0 ||
                        check_total(publication->manifest, run, err) != 0))
        result = -1;
    if (result == 0) {
        manifest_seal(publication->manifest);
        result = prepare(publication, run, err);
    }
    if (result != 0)
        publication_free(publication);
    else
        *out = publication;
    return result;
}

struct pair_id publication_digest(const struct publication *publication)
{
    return publication->manifest->digest;
}

int publication_arm(struct publication *publication, uint32_t published, struct error *err)
{
    struct manifest *manifest = publication->manifest;
    if (publication->prepared == NULL)
        return 0;
    if (published != 0 && published != manifest->published) {
        manifest->published = published;
        generation_withdraw(publication->prepared);
        publication->prepared = NULL;
        if (generation_prepare(&publication->prepared, publication->directory, manifest, err) != 0)
            return -1;
    }
    return generation_arm(publication->prepared, err);
}

/* When MANIFEST got its name. */
static int renamed_at(const char *directory, double *at, struct error *err)
{
    struct stat status;
    char *path;
    if (asprintf(&path, "%s/MANIFEST", directory) < 0)
        return error_memory(err, "a file name");
    int result = stat(path, &status) == 0 ? 0 : error_io(err, errno, "read", path);
    free(path);
    if (result == 0)
        *at = (double)status.st_ctim.tv_sec + (double)status.st_ctim.tv_nsec * 1e-9;
    return result;
}

int publication_switch(struct publication *publication, double *at, struct error *err)
{
    struct generation_prepared *prepared = publication->prepared;
    int result = prepared != NULL ? generation_switch(prepared, at, err)
                                  : renamed_at(publication->directory, at, err);
    publication_free(publication);
    return result;
}

void publication_withdraw(struct publication *publication)
{
    if (publication == NULL)
        return;
    generation_withdraw(publication->prepared);
    publication_free(publication);
}

/* --- a tile ------------------------------------------------------------------------------ */

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
