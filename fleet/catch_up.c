/* Nothing that is published is touched until all is here and checked; what was fetched waits in the
 * state directory, under names that say what it is, so an attempt that breaks costs nothing. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "fleet/catch_up_internal.h"

struct catching_up {
    struct exchange_client *client;
    const struct exchange_sources *sources;
    struct catch_up_progress *progress;
    struct catch_up_plan plan;
};

/* --- fetching ------------------------------------------------------------------------------ */

static int fetch_pair(struct catching_up *up, const struct manifest_tile *row, struct error *err)
{
    char *index_path, *data_path;
    if (plan_waits(&up->plan, row))
        return 0;
    if (plan_waiting_paths(&up->plan, row, &index_path, &data_path, err) != 0)
        return -1;
    int result = exchange_fetch_pair(up->client, up->sources, row, index_path, data_path, err);
    free(index_path);
    free(data_path);
    return result;
}

static uint64_t bytes_of(const struct manifest_tile *row)
{
    return row->info.index_bytes + row->info.data_bytes;
}

static void forecast(struct catching_up *up)
{
    const struct manifest *manifest = up->plan.manifest;
    uint32_t pairs = 0;
    uint64_t bytes = 0;
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        if (plan_misses(&manifest->tiles[tile])) {
            pairs++;
            bytes += bytes_of(&manifest->tiles[tile]);
        }
    }
    atomic_store(&up->progress->pairs_fetched, 0);
    atomic_store(&up->progress->bytes_fetched, 0);
    atomic_store(&up->progress->pairs, pairs);
    atomic_store(&up->progress->bytes, bytes);
}

static int fetch_all(struct catching_up *up, struct error *err)
{
    const struct manifest *manifest = up->plan.manifest;
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        const struct manifest_tile *row = &manifest->tiles[tile];
        if (!plan_misses(row))
            continue;
        if (fetch_pair(up, row, err) != 0)
            return -1;
        atomic_fetch_add(&up->progress->pairs_fetched, 1);
        atomic_fetch_add(&up->progress->bytes_fetched, bytes_of(row));
    }
    return 0;
}

/* --- publishing ---------------------------------------------------------------------------- */

static int publish(struct catching_up *up, const struct pair_id *digest, struct error *err)
{
    const struct catch_up_settings *settings = up->plan.settings;
    struct manifest *manifest = up->plan.manifest;
    if (plan_move(&up->plan, err) != 0)
        return -1;
    manifest_seal(manifest);
    if (!pair_id_equal(&manifest->digest, digest))
        return error_set(err, ERROR_CORRUPT, "what was fetched is not the fleet's generation");
    if (generation_publish(settings->cache_directory, manifest, err) != 0)
        return -1;
    /* It is published: what can't be removed now, the next pruning will. */
    (void)generation_prune(settings->cache_directory, settings->keep_generations, 0, NULL);
    (void)durable_remove_directory(up->plan.waiting_directory, NULL);
    return 0;
}

static int follow(struct catching_up *up, const struct catch_up_settings *settings,
                  const struct manifest *theirs, struct error *err)
{
    plan_free(&up->plan);
    if (plan_make(&up->plan, settings, theirs, err) != 0)
        return -1;
    forecast(up);
    int result = -1;
    if (plan_check_space(&up->plan, err) == 0 && fetch_all(up, err) == 0)
        result = publish(up, &theirs->digest, err);
    return result;
}

/* 1 and its number: the published generation has the digest already. 0; -1. */
static int is_published(const char *cache_directory, const struct pair_id *digest,
                        uint64_t *generation, struct error *err)
{
    struct manifest *current;
    struct error own;
    if (generation_current(cache_directory, &current, &own) != 0) {
        if (own.code == ERROR_MISSING)
            return 0;
        if (err != NULL)
            *err = own;
        return -1;
    }
    bool same = pair_id_equal(&current->digest, digest);
    if (same)
        *generation = current->generation;
    manifest_free(current);
    return same;
}

/* The digest of a manifest is one of its pairs' ids; the rest of it may be a lie, which shows when
 * the pairs are not what their rows say. Then another peer's manifest may be right. */
static int follow_any(struct catching_up *up, const struct catch_up_settings *settings,
                      const struct pair_id *digest, struct error *err)
{
    struct exchange_sources rest = *up->sources;
    for (;;) {
        struct manifest *theirs;
        if (exchange_fetch_manifest(up->client, &rest, digest, &theirs, err) != 0)
            return -1;
        int result = follow(up, settings, theirs, err);
        manifest_free(theirs);
        if (result == 0 || err->code != ERROR_CORRUPT || rest.count <= 1)
            return result;
        rest.addresses++;
        rest.count--;
    }
}

static int follow_kept_or_any(struct catching_up *up, const struct catch_up_settings *settings,
                              const struct pair_id *digest, struct error *err)
{
    struct manifest *kept;
    int found = kept_manifest(settings->cache_directory, digest, &kept, err);
    if (found == 0)
        return follow_any(up, settings, digest, err);
    if (found < 0)
        return -1;
    int result = follow(up, settings, kept, err);
    manifest_free(kept);
    return result;
}

int catch_up(const struct catch_up_settings *settings, struct exchange_client *client,
             const struct exchange_sources *sources, const struct pair_id *digest,
             struct catch_up_progress *progress, uint64_t *generation, struct error *err)
{
    struct catching_up up = {.client = client, .sources = sources, .progress = progress};
    struct error own;
    uint64_t number = 0;
    int published = is_published(settings->cache_directory, digest, &number, &own);
    int result = published < 0 ? -1 : 0;
    if (published == 0) {
        result = follow_kept_or_any(&up, settings, digest, &own);
        if (result == 0)
            number = up.plan.manifest->generation;
        plan_free(&up.plan);
    }
    if (result == 0)
        *generation = number;
    else if (err != NULL)
        *err = own;
    return result;
}
