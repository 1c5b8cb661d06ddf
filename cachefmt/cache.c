#include "cachefmt/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cachefmt/cache_tiles.h"
#include "cachefmt/generation_names.h"

#define OPEN_ATTEMPTS 100 /* as many switches in a row as may overtake one opening */

/* A pair that several caches hold; the last one closes it. */
struct shared_pair {
    struct pair *pair;
    uint64_t built;
    atomic_uint holders;
};

struct cache {
    struct manifest *manifest;
    struct grid grid;
    struct shared_pair **pairs; /* one for each tile; NULL for an empty one */
    struct cache_tiles *tiles;
    /* MANIFEST as it was when opened. It stays open, so that no other file can get its inode. */
    char *path; /* NULL: not of a directory */
    int fd;     /* -1: there was none */
    struct stat status;
};

static void drop_pair(struct shared_pair *shared)
{
    if (shared == NULL || atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) != 1)
        return;
    pair_close(shared->pair);
    free(shared);
}

static int share_pair(struct shared_pair **out, struct pair *pair, uint64_t built,
                      struct error *err)
{
    struct shared_pair *shared = malloc(sizeof *shared);
    if (shared == NULL)
        return error_memory(err, "a pair");
    shared->pair = pair;
    shared->built = built;
    atomic_init(&shared->holders, 1);
    *out = shared;
    return 0;
}

/* NULL when out of memory. */
static struct cache *cache_create(struct error *err)
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        error_memory(err, "a cache");
    else
        cache->fd = -1;
    return cache;
}

/* Take the manifest over, on failure too. */
static int set_manifest(struct cache *cache, struct manifest *manifest, struct error *err)
{
    cache->manifest = manifest;
    cache->grid = manifest->grid;
    cache->pairs = calloc(grid_tiles(manifest->grid), sizeof(struct shared_pair *));
    cache->tiles = cache_tiles_create(manifest->grid);
    return cache->pairs != NULL && cache->tiles != NULL ? 0 : error_memory(err, "a cache");
}

void cache_close(struct cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t tile = 0; cache->pairs != NULL && tile < grid_tiles(cache->manifest->grid);
         tile++)
        drop_pair(cache->pairs[tile]);
    free(cache->pairs);
    free(cache->tiles);
    manifest_free(cache->manifest);
    if (cache->fd >= 0)
        (void)close(cache->fd);
    free(cache->path);
    free(cache);
}

static bool can_lend(const struct cache *previous, const struct manifest_tile *row)
{
    if (previous == NULL || row->info.tile >= grid_tiles(previous->manifest->grid))
        return false;
    const struct shared_pair *shared = previous->pairs[row->info.tile];
    return shared != NULL && shared->built == row->built &&
           generation_row_same(&previous->manifest->tiles[row->info.tile], row);
}

static int open_pairs(struct cache *cache, const char *directory, const struct cache *previous,
                      struct error *err)
{
    for (uint32_t tile = 0; tile < grid_tiles(cache->manifest->grid); tile++) {
        const struct manifest_tile *row = &cache->manifest->tiles[tile];
        if (row->info.entries == 0)
            continue;
        if (can_lend(previous, row)) {
            cache->pairs[tile] = previous->pairs[tile];
            atomic_fetch_add_explicit(&cache->pairs[tile]->holders, 1, memory_order_relaxed);
            continue;
        }
        struct pair *pair;
        if (generation_pair_open(&pair, directory, row, err) != 0)
            return -1;
        if (share_pair(&cache->pairs[tile], pair, row->built, err) != 0) {
            pair_close(pair);
            return -1;
        }
    }
    return 0;
}

/* Hold the directory's MANIFEST open. That there is none is no error here. */
static int hold_manifest_file(struct cache *cache, const char *directory, struct error *err)
{
    if (generation_manifest_path(directory, 0, &cache->path, err) != 0)
        return -1;
    cache->fd = open(cache->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (cache->fd < 0)
        return errno == ENOENT ? 0 : error_io(err, errno, "open", cache->path);
    return fstat(cache->fd, &cache->status) == 0 ? 0 : error_io(err, errno, "read", cache->path);
}

/* One attempt; err is not NULL. *stale: it failed, but MANIFEST was replaced meanwhile. */
static int open_current(struct cache **out, const char *directory, const struct cache *previous,
                        bool *stale, struct error *err)
{
    struct manifest *manifest;
    *stale = false;
    struct cache *cache = cache_create(err);
    if (cache == NULL)
        return -1;
    if (hold_manifest_file(cache, directory, err) != 0)
        goto fail;
    if (cache->fd < 0) {
        generation_no_cache(directory, err);
        goto fail;
    }
    if (manifest_read_open(&manifest, cache->fd, cache->path, err) != 0 ||
        set_manifest(cache, manifest, err) != 0 || open_pairs(cache, directory, previous, err) != 0)
        goto fail;
    *out = cache;
    return 0;
fail:
    *stale = cache->fd >= 0 && cache_is_stale(cache);
    if (cache->fd >= 0 && err->code == ERROR_MISSING)
        err->code = ERROR_CORRUPT; /* a cache was published; a file of it is gone */
    cache_close(cache);
    return -1;
}

int cache_open(struct cache **out, const char *directory, struct cache *previous, struct error *err)
{
    struct error own;
    bool stale = true;
    for (unsigned attempt = 0; attempt < OPEN_ATTEMPTS && stale; attempt++) {
        if (open_current(out, directory, previous, &stale, &own) == 0)
            return 0;
    }
    if (err != NULL)
        *err = own;
    return -1;
}

int cache_open_manifest(struct cache **out, const char *directory, const struct manifest *manifest,
                        struct cache *previous, struct error *err)
{
    struct manifest *copy;
    struct cache *cache = cache_create(err);
    if (cache == NULL)
        return -1;
    if (hold_manifest_file(cache, directory, err) != 0 ||
        manifest_copy(&copy, manifest, err) != 0 || set_manifest(cache, copy, err) != 0 ||
        open_pairs(cache, directory, previous, err) != 0) {
        cache_close(cache);
        return -1;
    }
    *out = cache;
    return 0;
}

int cache_of_pair(struct cache **out, struct pair *pair, struct error *err)
{
    const struct pair_info *info = pair_info(pair);
    struct manifest *manifest;
    if (grid_tiles(info->grid) != 1)
        return error_set(err, ERROR_VALUE, "a cache of one pair needs a pair on a grid of 1x1");
    struct cache *cache = cache_create(err);
    if (cache == NULL)
        return -1;
    if (manifest_create(&manifest, info->grid, err) != 0 ||
        set_manifest(cache, manifest, err) != 0 ||
        share_pair(&cache->pairs[0], pair, 1, err) != 0) {
        cache_close(cache);
        return -1;
    }
    manifest->generation = 1;
    manifest->tiles[0] = (struct manifest_tile){.built = 1, .info = *info};
    manifest_seal(manifest);
    *out = cache;
    return 0;
}

const struct manifest *cache_manifest(const struct cache *cache)
{
    return cache->manifest;
}

const struct pair *cache_pair(const struct cache *cache, uint32_t tile)
{
    if (tile >= grid_tiles(cache->grid) || cache->pairs[tile] == NULL)
        return NULL;
    return cache->pairs[tile]->pair;
}

struct grid cache_grid(const struct cache *cache)
{
    return cache->grid;
}

const struct cache_tiles *cache_tiles(const struct cache *cache)
{
    return cache->tiles;
}

int cache_tile_check(const struct cache *cache, uint32_t tile, const struct quadtree **out,
                     struct error *err)
{
    const struct pair *pair = cache_pair(cache, tile);
    if (pair == NULL)
        return 0;
    if (pair_quadtree(pair, out, err) != 0)
        return -1;
    atomic_store_explicit(&cache->tiles->tile[tile].index, *out, memory_order_release);
    return 1;
}

int cache_quadtree(const struct cache *cache, uint32_t tile, const struct quadtree **out,
                   struct error *err)
{
    const struct quadtree *tree =
        atomic_load_explicit(&cache->tiles->tile[tile].index, memory_order_acquire);
    if (tree == NULL)
        return cache_tile_check(cache, tile, out, err);
    *out = tree;
    return 1;
}

bool cache_is_stale(const struct cache *cache)
{
    struct stat now;
    if (cache->path == NULL || stat(cache->path, &now) != 0)
        return false;
    const struct stat *then = &cache->status;
    return cache->fd < 0 || now.st_ino != then->st_ino || now.st_dev != then->st_dev ||
           now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

int cache_entry(const struct cache *cache, const struct cache_hit *hit, struct entry *out,
                struct error *err)
{
    const struct pair *pair = cache_pair(cache, hit->tile);
    if (pair == NULL)
        return error_set(err, ERROR_VALUE, "tile %u has no entries", hit->tile);
    return pair_entry(pair, hit->row, out, err);
}
