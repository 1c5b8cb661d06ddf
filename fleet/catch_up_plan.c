#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "fleet/catch_up_internal.h"

#define SPARE_BYTES ((uint64_t)8 << 20) /* for manifests and whoever else writes meanwhile */

bool plan_misses(const struct manifest_tile *row)
{
    return row->info.entries > 0 && row->built == 0;
}

/* --- what is here ------------------------------------------------------------------------ */

static bool is_here(const struct catch_up_plan *plan, const struct manifest_tile *row)
{
    struct pair *pair;
    if (generation_pair_open(&pair, plan->settings->cache_directory, row, NULL) != 0)
        return false;
    pair_close(pair);
    return true;
}

/* A row of what is kept here has the same pair. Its number must be below ours: no later run may
 * build a pair under a name that this generation needs. */
static int reuse(void *context, const struct manifest *kept, struct error *err)
{
    struct catch_up_plan *plan = context;
    struct manifest *wanted = plan->manifest;
    (void)err;
    if (kept->grid.rows != wanted->grid.rows || kept->grid.columns != wanted->grid.columns)
        return 0;
    for (uint32_t tile = 0; tile < grid_tiles(wanted->grid); tile++) {
        struct manifest_tile *row = &wanted->tiles[tile];
        const struct manifest_tile *have = &kept->tiles[tile];
        if (!plan_misses(row) || have->info.entries == 0 || have->built >= wanted->generation ||
            !pair_id_equal(&have->info.id, &row->info.id))
            continue;
        struct manifest_tile found = {.built = have->built, .info = row->info};
        if (is_here(plan, &found))
            row->built = have->built;
    }
    return 0;
}

/* What an earlier attempt has moved in already has our number. */
static void reuse_moved(struct catch_up_plan *plan)
{
    for (uint32_t tile = 0; tile < grid_tiles(plan->manifest->grid); tile++) {
        struct manifest_tile *row = &plan->manifest->tiles[tile];
        struct manifest_tile moved = {.built = plan->manifest->generation, .info = row->info};
        if (plan_misses(row) && is_here(plan, &moved))
            row->built = moved.built;
    }
}

/* --- what waits -------------------------------------------------------------------------- */

int plan_waiting_paths(const struct catch_up_plan *plan, const struct manifest_tile *row,
                       char **index_path, char **data_path, struct error *err)
{
    char id[2 * PAIR_ID_BYTES + 1], *index, *data;
    (void)pair_id_format(&row->info.id, id);
    if (asprintf(&index, "%s/%s.idx", plan->waiting_directory, id) < 0)
        return error_memory(err, "a file name");
    if (asprintf(&data, "%s/%s.dat", plan->waiting_directory, id) < 0) {
        free(index);
        return error_memory(err, "a file name");
    }
    *index_path = index;
    *data_path = data;
    return 0;
}

/* Files have these names only after all of their bytes were checked. */
bool plan_waits(const struct catch_up_plan *plan, const struct manifest_tile *row)
{
    char *index_path, *data_path;
    struct pair *pair;
    bool waits = false;
    if (plan_waiting_paths(plan, row, &index_path, &data_path, NULL) != 0)
        return false;
    if (pair_open(&pair, index_path, data_path, NULL) == 0) {
        waits = generation_pair_check(pair, row, index_path, NULL) == 0;
        pair_close(pair);
    }
    free(index_path);
    free(data_path);
    return waits;
}

/* Is a name in the waiting directory, ID.idx and the like, that of a missing pair? */
static bool is_wanted(const struct catch_up_plan *plan, const char *name)
{
    char digits[2 * PAIR_ID_BYTES + 1] = "";
    struct pair_id id;
    if (strlen(name) < sizeof digits)
        return false;
    memcpy(digits, name, sizeof digits - 1);
    if (!pair_id_parse(digits, &id))
        return false;
    for (uint32_t tile = 0; tile < grid_tiles(plan->manifest->grid); tile++) {
        const struct manifest_tile *row = &plan->manifest->tiles[tile];
        if (plan_misses(row) && pair_id_equal(&row->info.id, &id))
            return true;
    }
    return false;
}

static int remove_unwanted(const struct catch_up_plan *plan, struct error *err)
{
    const struct dirent *item;
    int result = 0;
    DIR *directory = opendir(plan->waiting_directory);
    if (directory == NULL)
        return error_io(err, errno, "list", plan->waiting_directory);
    while (result == 0 && (item = readdir(directory)) != NULL) {
        if (item->d_name[0] != '.' && !is_wanted(plan, item->d_name) &&
            unlinkat(dirfd(directory), item->d_name, 0) != 0)
            result = error_io(err, errno, "remove a file of", plan->waiting_directory);
    }
    (void)closedir(directory);
    return result;
}

/* --- the plan ---------------------------------------------------------------------------- */

static int check_grid(const struct catch_up_settings *settings, const struct manifest *theirs,
                      struct error *err)
{
    struct manifest *ours;
    struct error own;
    if (generation_current(settings->cache_directory, &ours, &own) != 0) {
        if (own.code == ERROR_MISSING)
            return 0;
        if (err != NULL)
            *err = own;
        return -1;
    }
    struct grid grid = ours->grid;
    manifest_free(ours);
    if (grid.rows == theirs->grid.rows && grid.columns == theirs->grid.columns)
        return 0;
    return error_set(err, ERROR_STATE,
                     "the fleet's cache has a grid of %ux%u tiles, the one in %s has %ux%u; begin "
                     "with an empty cache directory",
                     theirs->grid.rows, theirs->grid.columns, settings->cache_directory, grid.rows,
                     grid.columns);
}

static int copy_manifest(struct catch_up_plan *plan, const struct manifest *theirs,
                         struct error *err)
{
    uint64_t generation;
    if (generation_next(plan->settings->cache_directory, &generation, err) != 0 ||
        manifest_copy(&plan->manifest, theirs, err) != 0)
        return -1;
    if (generation < theirs->generation) /* where it is free, the number that the others have */
        generation = theirs->generation;
    plan->manifest->generation = generation;
    for (uint32_t tile = 0; tile < grid_tiles(theirs->grid); tile++)
        plan->manifest->tiles[tile].built = 0;
    return 0;
}

int plan_make(struct catch_up_plan *plan, const struct catch_up_settings *settings,
              const struct manifest *theirs, struct error *err)
{
    *plan = (struct catch_up_plan){.settings = settings};
    if (asprintf(&plan->waiting_directory, "%s/fleet/catch_up", settings->state_directory) < 0) {
        plan->waiting_directory = NULL;
        return error_memory(err, "a file name");
    }
    if (durable_make_directory(settings->cache_directory, err) != 0 ||
        durable_make_directory(plan->waiting_directory, err) != 0 ||
        check_grid(settings, theirs, err) != 0 || copy_manifest(plan, theirs, err) != 0 ||
        kept_each(settings->cache_directory, reuse, plan, err) != 0) {
        plan_free(plan);
        return -1;
    }
    reuse_moved(plan);
    if (remove_unwanted(plan, err) == 0)
        return 0;
    plan_free(plan);
    return -1;
}

void plan_free(struct catch_up_plan *plan)
{
    manifest_free(plan->manifest);
    free(plan->waiting_directory);
    *plan = (struct catch_up_plan){0};
}

/* --- space ------------------------------------------------------------------------------- */

static uint64_t size_of(const char *path, const char *suffix)
{
    char *name;
    struct stat status;
    uint64_t bytes = 0;
    if (asprintf(&name, "%s%s", path, suffix) < 0)
        return 0;
    if (stat(name, &status) == 0)
        bytes = (uint64_t)status.st_blocks * 512;
    free(name);
    return bytes;
}

/* Bytes of the waiting files of a row, finished or not. */
static uint64_t waiting_bytes(const struct catch_up_plan *plan, const struct manifest_tile *row)
{
    char *index_path, *data_path;
    if (plan_waiting_paths(plan, row, &index_path, &data_path, NULL) != 0)
        return 0;
    uint64_t bytes = size_of(index_path, "") + size_of(index_path, ".part") +
                     size_of(data_path, "") + size_of(data_path, ".part");
    free(index_path);
    free(data_path);
    return bytes;
}

static int check_room(const char *directory, uint64_t needed, struct error *err)
{
    struct statvfs figures;
    if (statvfs(directory, &figures) != 0)
        return error_io(err, errno, "read the free space of", directory);
    uint64_t left = (uint64_t)figures.f_bavail * figures.f_frsize;
    if (left >= needed)
        return 0;
    return error_set(err, ERROR_DISK_FULL,
                     "disk full: %s: the fleet's generation needs %" PRIu64 " MB there, %" PRIu64
                     " MB are free",
                     directory, needed / 1000000 + 1, left / 1000000);
}

/* What a peer says of sizes may be anything. */
static uint64_t sum(uint64_t a, uint64_t b)
{
    static const uint64_t most = UINT64_MAX - SPARE_BYTES;
    return a > most - b ? most : a + b;
}

int plan_check_space(const struct catch_up_plan *plan, struct error *err)
{
    const char *cache = plan->settings->cache_directory;
    uint64_t missing = 0, waiting = 0;
    struct stat here, there;
    for (uint32_t tile = 0; tile < grid_tiles(plan->manifest->grid); tile++) {
        const struct manifest_tile *row = &plan->manifest->tiles[tile];
        if (!plan_misses(row))
            continue;
        missing = sum(missing, sum(row->info.index_bytes, row->info.data_bytes));
        waiting += waiting_bytes(plan, row);
    }
    uint64_t more = missing > waiting ? missing - waiting : 0;
    if (missing > 0 && check_room(plan->waiting_directory, more + SPARE_BYTES, err) != 0)
        return -1;
    if (stat(plan->waiting_directory, &here) != 0)
        return error_io(err, errno, "read", plan->waiting_directory);
    if (stat(cache, &there) != 0)
        return error_io(err, errno, "read", cache);
    return check_room(cache, (here.st_dev != there.st_dev ? missing : 0) + SPARE_BYTES, err);
}
