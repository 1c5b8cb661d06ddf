#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "base/mapping.h"
#include "fleet/catch_up_internal.h"

/* To another file system. */
static int copy_file(const char *from, const char *to, struct error *err)
{
    struct mapping source;
    if (mapping_open(&source, from, err) != 0)
        return -1;
    int result = durable_write_file(to, source.data, source.bytes, err);
    mapping_close(&source);
    if (result == 0 && unlink(from) != 0)
        result = error_io(err, errno, "remove", from);
    return result;
}

/* What waits is durable, so its new name is as soon as the directory is. */
static int move_file(const char *from, const char *to, struct error *err)
{
    if (rename(from, to) == 0)
        return 0;
    return errno == EXDEV ? copy_file(from, to, err) : error_io(err, errno, "rename", from);
}

static int move_pair(const struct catch_up_plan *plan, const struct manifest_tile *row,
                     struct error *err)
{
    char *index_from, *data_from, *index_to, *data_to;
    const char *directory = plan->settings->cache_directory;
    if (plan_waiting_paths(plan, row, &index_from, &data_from, err) != 0)
        return -1;
    int result = generation_pair_paths(directory, row->info.tile, plan->manifest->generation,
                                       &index_to, &data_to, err);
    if (result == 0) {
        result =
            move_file(data_from, data_to, err) == 0 && move_file(index_from, index_to, err) == 0
                ? 0
                : -1;
        free(index_to);
        free(data_to);
    }
    free(index_from);
    free(data_from);
    return result;
}

int plan_move(struct catch_up_plan *plan, struct error *err)
{
    struct manifest *manifest = plan->manifest;
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        struct manifest_tile *row = &manifest->tiles[tile];
        if (!plan_misses(row))
            continue;
        if (move_pair(plan, row, err) != 0)
            return -1;
        row->built = manifest->generation;
    }
    return durable_sync_directory(plan->settings->cache_directory, err);
}
