#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cachefmt/generation.h"
#include "cachefmt/generation_names.h"
#include "cachefmt/pair_builder.h"
#include "tests/unit/cache_rig.h"

const struct grid cache_rig_grid = {2, 2};
char cache_rig_directory[200];

int cache_rig_open(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(cache_rig_directory, sizeof cache_rig_directory, "%s/cache-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    return mkdtemp(cache_rig_directory) != NULL ? 0 : -1;
}

const char *cache_rig_path(const char *name)
{
    static char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", cache_rig_directory, name);
    return path;
}

int cache_rig_close(void **state)
{
    (void)state;
    char **names;
    size_t count;
    if (generation_names(cache_rig_directory, &names, &count, NULL) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        (void)unlink(cache_rig_path(names[i]));
    generation_names_free(names, count);
    return rmdir(cache_rig_directory);
}

struct point cache_rig_first_point(struct grid of, uint32_t tile)
{
    struct box box = grid_tile_box(of, tile);
    return (struct point){.lat = box.south + 1000, .lon = box.west + 1000};
}

/* A pair whose entries say which generation built it. */
int cache_rig_build_pair(const char *index, const char *data, struct grid of, uint32_t tile,
                         uint64_t built, struct pair_info *info, struct error *err)
{
    struct pair_builder *builder;
    char city[32];
    int length = snprintf(city, sizeof city, "City %llu", (unsigned long long)built);
    if (pair_builder_create(&builder, index, data, of, tile, err) != 0)
        return -1;
    struct entry entry = {.point = cache_rig_first_point(of, tile),
                          .refreshed_at = (uint32_t)built};
    entry.address.field[FIELD_CITY] = (struct slice){city, (uint32_t)length};
    for (unsigned i = 0; i < CACHE_RIG_ROWS; i++) {
        entry.point.lon += 8;
        if (pair_builder_add(builder, &entry, err) != 0) {
            pair_builder_abort(builder);
            return -1;
        }
    }
    return pair_builder_commit(builder, info, err);
}

static int build(struct manifest *manifest, uint32_t tile, struct error *err)
{
    char *index;
    char *data;
    struct manifest_tile *row = &manifest->tiles[tile];
    row->built = manifest->generation;
    if (generation_pair_paths(cache_rig_directory, tile, row->built, &index, &data, err) != 0)
        return -1;
    int result = cache_rig_build_pair(index, data, manifest->grid, tile, manifest->generation,
                                      &row->info, err);
    free(index);
    free(data);
    return result;
}

int cache_rig_publish(struct grid of, uint64_t generation, uint64_t mask, struct error *err)
{
    struct manifest *manifest;
    if (generation_current(cache_rig_directory, &manifest, err) != 0 &&
        manifest_create(&manifest, of, err) != 0)
        return -1;
    manifest->generation = generation;
    int result = 0;
    for (uint32_t tile = 0; tile < grid_tiles(of) && result == 0; tile++) {
        if ((mask & UINT64_C(1) << tile % 64) != 0)
            result = build(manifest, tile, err);
    }
    manifest_seal(manifest);
    if (result == 0)
        result = generation_publish(cache_rig_directory, manifest, err);
    manifest_free(manifest);
    return result;
}

void cache_rig_must_publish(uint64_t generation, uint64_t mask)
{
    struct error err;
    if (cache_rig_publish(cache_rig_grid, generation, mask, &err) != 0)
        fail_msg("%s", err.message);
}

struct cache *cache_rig_must_open(struct cache *previous)
{
    struct cache *cache;
    struct error err;
    if (cache_open(&cache, cache_rig_directory, previous, &err) != 0)
        fail_msg("%s", err.message);
    return cache;
}

/* The generation that an entry says it is of. */
uint64_t cache_rig_generation_of(const struct cache *cache, uint32_t tile, uint64_t row)
{
    struct cache_hit hit = {.tile = tile, .row = row};
    struct entry entry;
    struct error err;
    char city[32];
    if (cache_entry(cache, &hit, &entry, &err) != 0)
        return UINT64_MAX;
    struct slice text = entry.address.field[FIELD_CITY];
    int length = snprintf(city, sizeof city, "City %llu", (unsigned long long)entry.refreshed_at);
    bool same = text.length == (uint32_t)length && memcmp(text.data, city, text.length) == 0;
    return same ? entry.refreshed_at : UINT64_MAX;
}
