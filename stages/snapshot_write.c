#include "stages/snapshot_select.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "stages/pointfile.h"

static int mismatch(const struct selection *selection, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "tile %u holds other points now than when it was counted",
                     selection->tile);
}

/* Fill one share, over tile borders. */
static int fill_share(struct selection *selection, struct point_file *file, struct error *err)
{
    uint32_t tiles = grid_tiles(cache_grid(selection->merged->base));
    uint32_t have = 0;
    while (have < file->count) {
        int64_t count = selection_fill(selection, file->codes + have, file->old_outcomes + have,
                                       file->count - have, err);
        if (count < 0)
            return -1;
        have += (uint32_t)count;
        if (count > 0)
            continue;
        if (selection->tile + 1 == tiles)
            return mismatch(selection, err);
        if (selection_tile(selection, selection->tile + 1, err) != 0)
            return -1;
    }
    return 0;
}

/* Is everything selected in a share? */
static int check_end(struct selection *selection, struct error *err)
{
    uint64_t code;
    uint8_t outcome;
    uint32_t tiles = grid_tiles(cache_grid(selection->merged->base));
    for (;;) {
        int64_t count = selection_fill(selection, &code, &outcome, 1, err);
        if (count != 0)
            return count < 0 ? -1 : mismatch(selection, err);
        if (selection->tile + 1 == tiles)
            return 0;
        if (selection_tile(selection, selection->tile + 1, err) != 0)
            return -1;
    }
}

static int write_shares(struct selection *selection, uint64_t points, const char *directory,
                        const char run[RUN_ID_BYTES], struct error *err)
{
    uint32_t shares = selection->parameters->shares;
    uint64_t largest = points / shares + 1;
    if (largest > UINT32_MAX)
        return error_set(err, ERROR_CONFIG,
                         "%llu points do not fit %u point files; raise point_files",
                         (unsigned long long)points, shares);
    struct point_file file = {.codes = malloc(largest * sizeof *file.codes),
                              .old_outcomes = malloc(largest)};
    int result = 0;
    if (file.codes == NULL || file.old_outcomes == NULL)
        result = error_memory(err, "a point file");
    if (result == 0)
        result = selection_tile(selection, 0, err);
    for (uint32_t share = 0; result == 0 && share < shares; share++) {
        file.share = share;
        file.first_ordinal = point_file_first(points, shares, share);
        file.count = (uint32_t)(point_file_first(points, shares, share + 1) - file.first_ordinal);
        if (file.count == 0)
            continue;
        result = fill_share(selection, &file, err);
        if (result == 0)
            result = point_file_write(directory, run, shares, &file, err);
    }
    if (result == 0)
        result = check_end(selection, err);
    point_file_free(&file);
    return result;
}

/* One syncfs instead of an fsync for each of thousands of files; it reports write errors too. It
 * takes as long as the disk needs for whatever others wrote. */
static int sync_files(const char *directory, struct snapshot_progress *progress, struct error *err)
{
    struct pulse *pulse = progress != NULL ? progress->pulse : NULL;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open directory", directory);
    pulse_rest(pulse);
    int result = syncfs(fd) == 0 ? 0 : error_io(err, errno, "sync", directory);
    pulse_beat(pulse);
    if (result == 0 && fsync(fd) != 0)
        result = error_io(err, errno, "fsync directory", directory);
    (void)close(fd);
    return result;
}

static int move_into_place(const char *temporary, const char *directory, struct error *err)
{
    if (rename(temporary, directory) != 0)
        return error_io(err, errno, "rename into place", directory);
    char *copy = strdup(directory);
    if (copy == NULL)
        return error_memory(err, directory);
    int result = durable_sync_directory(dirname(copy), err);
    free(copy);
    return result;
}

int snapshot_write(const struct snapshot_plan *plan, const struct merged *merged,
                   const struct run_parameters *parameters, struct ledger *ledger,
                   const char *retry_of, const char *directory, const char run[RUN_ID_BYTES],
                   const struct control *control, struct snapshot_progress *progress,
                   struct error *err)
{
    struct selection selection;
    char *temporary;
    if (asprintf(&temporary, "%s.tmp", directory) < 0)
        return error_memory(err, directory);
    int result = -1;
    if (durable_remove_directory(temporary, err) != 0 ||
        durable_remove_directory(directory, err) != 0 ||
        durable_make_directory(temporary, err) != 0 ||
        selection_open(&selection, merged, parameters, ledger, retry_of, control, progress, err) !=
            0)
        goto out;
    result = write_shares(&selection, plan->selected, temporary, run, err);
    selection_close(&selection);
    if (result == 0)
        result = sync_files(temporary, progress, err);
    if (result == 0)
        result = move_into_place(temporary, directory, err);
out:
    if (result != 0)
        (void)durable_remove_directory(temporary, NULL);
    free(temporary);
    return result;
}
