#include "stages/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/durable.h"
#include "stages/pointfile.h"
#include "stages/snapshot_walk.h"

/* Bytes of disk for each selected point: its place in a point file, and its answer in the log. The
 * second is what a street address takes there; the gazetteer's take a fifth of it. */
#define POINT_BYTES 9
#define ANSWER_BYTES 32

/* --- the plan -------------------------------------------------------------------- */

static int count_points(void *context, const uint64_t *codes, const uint8_t *outcomes, size_t count,
                        struct error *err)
{
    (void)codes;
    (void)outcomes;
    (void)err;
    *(uint64_t *)context += count;
    return 0;
}

static int count_tile(struct snapshot_walk *walk, uint32_t tile, uint64_t *selected,
                      struct error *err)
{
    *selected = 0;
    if (snapshot_tile_share(walk, tile) == TILE_EVERYTHING) {
        *selected = cache_manifest(walk->cache)->tiles[tile].info.entries;
        return 0;
    }
    return snapshot_walk_tile(walk, tile, count_points, selected, err);
}

static int count_tiles(struct snapshot_plan *plan, struct snapshot_walk *walk, struct error *err)
{
    const struct manifest *manifest = cache_manifest(walk->cache);
    uint32_t tiles = grid_tiles(manifest->grid);
    plan->selected_by_tile = calloc(tiles, sizeof *plan->selected_by_tile);
    if (plan->selected_by_tile == NULL)
        return error_memory(err, "the plan of a run");
    for (uint32_t tile = 0; tile < tiles; tile++) {
        const struct pair_info *info = &manifest->tiles[tile].info;
        uint64_t *selected = &plan->selected_by_tile[tile];
        if (count_tile(walk, tile, selected, err) != 0)
            return -1;
        plan->total += info->entries;
        plan->selected += *selected;
        if (*selected > 0)
            plan->disk_bytes += info->index_bytes + info->data_bytes;
    }
    plan->disk_bytes += plan->selected * (POINT_BYTES + ANSWER_BYTES);
    return 0;
}

int snapshot_plan(struct snapshot_plan *plan, const struct cache *cache,
                  const struct run_parameters *parameters, struct ledger *ledger,
                  const char *retry_of, const struct control *control,
                  struct snapshot_progress *progress, struct error *err)
{
    struct snapshot_walk walk;
    struct snapshot_plan made = {0};
    if (snapshot_walk_open(&walk, cache, parameters, ledger, retry_of, control, progress, err) != 0)
        return -1;
    int result = count_tiles(&made, &walk, err);
    snapshot_walk_close(&walk);
    if (result == 0)
        *plan = made;
    else
        snapshot_plan_free(&made);
    return result;
}

void snapshot_plan_free(struct snapshot_plan *plan)
{
    free(plan->selected_by_tile);
    *plan = (struct snapshot_plan){0};
}

/* --- space ------------------------------------------------------------------------- */

static int check_directory(const char *path, uint64_t needed, struct error *err)
{
    struct statvfs status;
    if (statvfs(path, &status) != 0)
        return error_io(err, errno, "read the free space of", path);
    uint64_t available = (uint64_t)status.f_bavail * status.f_frsize;
    if (available >= needed)
        return 0;
    return error_set(err, ERROR_DISK_FULL, "disk full: %s (needs %.1f MB, %.1f MB free)", path,
                     (double)needed / 1e6, (double)available / 1e6);
}

int snapshot_check_space(const struct snapshot_plan *plan, const char *state_directory,
                         const char *cache_directory, struct error *err)
{
    struct stat state;
    struct stat cache;
    uint64_t in_state = plan->selected * (POINT_BYTES + ANSWER_BYTES);
    uint64_t in_cache = plan->disk_bytes - in_state;
    if (stat(state_directory, &state) != 0)
        return error_io(err, errno, "read", state_directory);
    if (stat(cache_directory, &cache) != 0)
        return error_io(err, errno, "read", cache_directory);
    if (state.st_dev == cache.st_dev)
        in_cache = in_state = plan->disk_bytes;
    if (check_directory(cache_directory, in_cache, err) != 0)
        return -1;
    return check_directory(state_directory, in_state, err);
}

/* --- point files --------------------------------------------------------------------- */

/* The shares being filled, one after the other. */
struct share_writer {
    const char *directory;
    const char *run;
    uint64_t points;
    uint32_t shares;
    uint64_t next; /* ordinal of the next point */
    uint64_t end;  /* first ordinal of the share after this one */
    struct point_file file;
};

static int share_writer_open(struct share_writer *writer, struct error *err)
{
    uint64_t largest = writer->points / writer->shares + 1;
    writer->file.codes = malloc(largest * sizeof *writer->file.codes);
    writer->file.old_outcomes = malloc(largest);
    if (writer->file.codes == NULL || writer->file.old_outcomes == NULL)
        return error_memory(err, "a point file");
    return 0;
}

static void begin_share(struct share_writer *writer)
{
    struct point_file *file = &writer->file;
    file->share = point_file_share(writer->points, writer->shares, writer->next);
    file->first_ordinal = writer->next;
    file->count = 0;
    writer->end = point_file_first(writer->points, writer->shares, file->share + 1);
}

static int add_points(void *context, const uint64_t *codes, const uint8_t *outcomes, size_t count,
                      struct error *err)
{
    struct share_writer *writer = context;
    struct point_file *file = &writer->file;
    if (count > writer->points - writer->next)
        return error_set(err, ERROR_CORRUPT, "there are more points to ask than were counted");
    while (count > 0) {
        if (writer->next == writer->end || writer->next == 0)
            begin_share(writer);
        uint64_t room = writer->end - writer->next;
        size_t part = count < room ? count : (size_t)room;
        memcpy(file->codes + file->count, codes, part * sizeof *codes);
        memcpy(file->old_outcomes + file->count, outcomes, part);
        file->count += (uint32_t)part;
        writer->next += part;
        codes += part;
        outcomes += part;
        count -= part;
        if (writer->next == writer->end &&
            point_file_write(writer->directory, writer->run, writer->shares, file, err) != 0)
            return -1;
    }
    return 0;
}

static int write_shares(struct share_writer *writer, struct snapshot_walk *walk, struct error *err)
{
    uint32_t tiles = grid_tiles(cache_manifest(walk->cache)->grid);
    for (uint32_t tile = 0; tile < tiles; tile++) {
        if (snapshot_walk_tile(walk, tile, add_points, writer, err) != 0)
            return -1;
    }
    if (writer->next != writer->points)
        return error_set(err, ERROR_CORRUPT, "there are fewer points to ask than were counted");
    return 0;
}

/* Make all files of a directory durable at once: thousands of fsyncs would take longer than the
 * run's first minute. syncfs reports write-back errors since Linux 5.8. */
static int sync_directory_tree(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open directory", path);
    int result = syncfs(fd) == 0 ? 0 : error_io(err, errno, "sync", path);
    (void)close(fd);
    return result;
}

static int sync_parent_of(const char *path, struct error *err)
{
    char *parent = strdup(path);
    if (parent == NULL)
        return error_memory(err, path);
    char *slash = strrchr(parent, '/');
    if (slash != NULL)
        *slash = '\0';
    int result = durable_sync_directory(slash == NULL ? "." : parent, err);
    free(parent);
    return result;
}

static int put_in_place(const char *temporary, const char *directory, struct error *err)
{
    if (sync_directory_tree(temporary, err) != 0 || durable_remove_directory(directory, err) != 0)
        return -1;
    if (rename(temporary, directory) != 0)
        return error_io(err, errno, "rename into place", directory);
    return sync_parent_of(directory, err);
}

int snapshot_write(const struct snapshot_plan *plan, const struct cache *cache,
                   const struct run_parameters *parameters, struct ledger *ledger,
                   const char *retry_of, const char *directory, const char run[RUN_ID_BYTES],
                   const struct control *control, struct snapshot_progress *progress,
                   struct error *err)
{
    char *temporary;
    struct snapshot_walk walk = {0};
    struct share_writer writer = {
        .run = run, .points = plan->selected, .shares = parameters->shares};
    int result = -1;
    if (asprintf(&temporary, "%s.tmp", directory) < 0)
        return error_memory(err, directory);
    writer.directory = temporary;
    if (durable_remove_directory(temporary, err) != 0 ||
        durable_make_directory(temporary, err) != 0 || share_writer_open(&writer, err) != 0 ||
        snapshot_walk_open(&walk, cache, parameters, ledger, retry_of, control, progress, err) != 0)
        goto out;
    result = write_shares(&writer, &walk, err);
    if (result == 0)
        result = put_in_place(temporary, directory, err);
    if (result != 0)
        (void)durable_remove_directory(temporary, NULL);
out:
    snapshot_walk_close(&walk);
    point_file_free(&writer.file);
    free(temporary);
    return result;
}
