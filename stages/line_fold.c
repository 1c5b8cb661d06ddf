/* What the run refreshes: its base generation and the learned points frozen for it. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"

#define ADVICE "cancel the run and start it again"

int fold_remove(struct line *line, struct error *err)
{
    return durable_remove_directory(line->folded_directory, err);
}

static int manifest_path(const char *directory, uint64_t generation, char **path, struct error *err)
{
    int made = generation == 0 ? asprintf(path, "%s/MANIFEST", directory)
                               : asprintf(path, "%s/MANIFEST.%" PRIu64, directory, generation);
    return made < 0 ? error_memory(err, "a file name") : 0;
}

/* --- the base --------------------------------------------------------------------------- */

static int open_base(struct line *line, const struct run_record *run, struct cache **out,
                     struct error *err)
{
    const char *directory = line->settings.cache_directory;
    struct manifest *manifest;
    char *path;
    if (manifest_path(directory, run->base_generation, &path, err) != 0)
        return -1;
    int result = manifest_read(&manifest, path, err);
    if (result == 0) {
        if (!pair_id_equal(&manifest->digest, &run->base_digest))
            result =
                error_set(err, ERROR_CORRUPT,
                          "%s is not the generation that the run began with; cancel the run", path);
        else
            result = cache_open_manifest(out, directory, manifest, NULL, err);
        manifest_free(manifest);
    }
    free(path);
    return result;
}

/* --- the folded set ---------------------------------------------------------------------- */

static int check_folded(const struct manifest *manifest, const struct run_record *run,
                        const char *path, struct error *err)
{
    if (manifest_figures(manifest).entries == run->folded.entries &&
        pair_id_equal(&manifest->digest, &run->folded.digest) &&
        manifest->grid.rows == run->grid.rows && manifest->grid.columns == run->grid.columns)
        return 0;
    return error_set(err, ERROR_CORRUPT,
                     "%s: these are not the learned points that the run began with; " ADVICE, path);
}

static int open_folded(struct line *line, const struct run_record *run, struct cache **out,
                       struct error *err)
{
    const char *directory = line->folded_directory;
    struct manifest *manifest;
    char *path;
    if (manifest_path(directory, 0, &path, err) != 0)
        return -1;
    int result = manifest_read(&manifest, path, err);
    if (result == 0) {
        result = check_folded(manifest, run, path, err);
        if (result == 0)
            result = cache_open_manifest(out, directory, manifest, NULL, err);
        manifest_free(manifest);
    } else if (err != NULL && err->code == ERROR_MISSING) {
        error_set(err, ERROR_CORRUPT, "%s: the run's learned points are gone; " ADVICE, path);
    }
    free(path);
    return result;
}

static int open_frozen(struct run_input *input, const char *directory, struct folded_set *folded,
                       struct error *err)
{
    if (cache_open(&input->folded, directory, NULL, err) != 0)
        return -1;
    const struct manifest *manifest = cache_manifest(input->folded);
    folded->entries = manifest_figures(manifest).entries;
    folded->digest = manifest->digest;
    input->merged.folded = input->folded;
    return 0;
}

int fold_freeze(struct line *line, const struct run_record *run, struct run_input *input,
                struct folded_set *folded, struct error *err)
{
    const char *directory = line->folded_directory;
    const struct coordination *coordination = line->coordination;
    uint64_t count = 0;
    *folded = (struct folded_set){0};
    if (fold_remove(line, err) != 0)
        return -1;
    pulse_rest(&line->pulses[THREAD_CONDUCTOR]);
    int result = coordination->freeze(coordination->context, run, line->settings.learned, directory,
                                      &count, &line->control, err);
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    if (result != 0 || (count > 0 && open_frozen(input, directory, folded, err) != 0)) {
        (void)fold_remove(line, NULL);
        return -1;
    }
    return 0;
}

int fold_forget(struct line *line, struct run_input *input, struct folded_set *folded,
                struct error *err)
{
    cache_close(input->folded);
    input->folded = NULL;
    input->merged.folded = NULL;
    *folded = (struct folded_set){0};
    return fold_remove(line, err);
}

/* --- the forecast ------------------------------------------------------------------------ */

/* A folded entry takes about this much in the folded set, and in its new pair. */
#define ENTRY_BYTES 64

struct forecast {
    const struct cache *base;
    const struct run_parameters *parameters;
    struct snapshot_plan *plan;
};

static int forecast_entry(void *context, const struct entry *entry, struct error *err)
{
    struct forecast *forecast = context;
    const struct run_parameters *parameters = forecast->parameters;
    struct snapshot_plan *plan = forecast->plan;
    uint32_t tile = grid_tile(cache_grid(forecast->base), entry->point);
    if (parameters->some_tiles && (parameters->tiles[tile / 8] >> tile % 8 & 1) == 0)
        return 0;
    int effect = merged_effect(forecast->base, tile, entry, err);
    if (effect <= MERGED_NOTHING)
        return effect;
    bool asked = effect == MERGED_ADDS && !parameters->retry_failed &&
                 (parameters->cutoff == UINT32_MAX || entry->refreshed_at < parameters->cutoff);
    plan->total += effect == MERGED_ADDS;
    plan->folded++;
    plan->folded_by_tile[tile]++;
    plan->selected += asked;
    plan->selected_by_tile[tile] += asked;
    plan->disk_bytes += (uint64_t)2 * ENTRY_BYTES;
    return 0;
}

int fold_forecast(struct line *line, const struct cache *base,
                  const struct run_parameters *parameters, struct snapshot_plan *plan,
                  struct error *err)
{
    struct forecast forecast = {base, parameters, plan};
    struct learned *learned = line->settings.learned;
    if (learned == NULL || learned_count(learned) == 0)
        return 0;
    return learned_each(learned, forecast_entry, &forecast, err);
}

/* --- both -------------------------------------------------------------------------------- */

int run_input_open(struct run_input *out, struct line *line, const struct run_record *run,
                   struct error *err)
{
    struct run_input input = {0};
    bool folds = run->phase != PHASE_SNAPSHOT && run->folded.entries > 0;
    if (open_base(line, run, &input.base, err) != 0)
        return -1;
    if (folds && open_folded(line, run, &input.folded, err) != 0) {
        cache_close(input.base);
        return -1;
    }
    input.merged.base = input.base;
    input.merged.folded = input.folded;
    input.merged.tiles = run->parameters.some_tiles ? run->parameters.tiles : NULL;
    *out = input;
    return 0;
}

void run_input_close(struct run_input *input)
{
    cache_close(input->folded);
    cache_close(input->base);
    *input = (struct run_input){0};
}
