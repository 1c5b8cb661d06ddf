#include "stages/snapshot_select.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/bytes.h"
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

static struct pair_id digest_of(const void *bytes, size_t count)
{
    struct pair_id id;
    XXH128_canonical_t canonical;
    _Static_assert(sizeof canonical == sizeof id, "a digest has 128 bits");
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, count));
    memcpy(&id, &canonical, sizeof id);
    return id;
}

struct pair_id snapshot_digest(const struct snapshot_plan *plan, const struct pair_id *point_files,
                               const struct folded_set *folded)
{
    unsigned char bytes[4 * 8 + 2 * PAIR_ID_BYTES];
    bytes_put64(bytes, plan->total);
    bytes_put64(bytes + 8, plan->selected);
    bytes_put64(bytes + 16, plan->folded);
    bytes_put64(bytes + 24, folded->entries);
    memcpy(bytes + 32, point_files, PAIR_ID_BYTES);
    memcpy(bytes + 32 + PAIR_ID_BYTES, &folded->digest, PAIR_ID_BYTES);
    return digest_of(bytes, sizeof bytes);
}

/* Remember a file's checksum for the digest of all. */
static int note_file(struct buffer *checksums, uint32_t share, uint64_t checksum, struct error *err)
{
    unsigned char bytes[12];
    bytes_put32(bytes, share);
    bytes_put64(bytes + 4, checksum);
    return buffer_append(checksums, bytes, sizeof bytes, err);
}

static int write_shares(struct selection *selection, uint64_t points, const char *directory,
                        const char run[RUN_ID_BYTES], struct buffer *checksums, struct error *err)
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
        uint64_t checksum = 0;
        result = fill_share(selection, &file, err);
        if (result == 0)
            result = point_file_write(directory, run, shares, &file, &checksum, err);
        if (result == 0)
            result = note_file(checksums, share, checksum, err);
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
                   struct pair_id *digest, const struct control *control,
                   struct snapshot_progress *progress, struct error *err)
{
    struct selection selection;
    struct buffer checksums = {0};
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
    result = write_shares(&selection, plan->selected, temporary, run, &checksums, err);
    selection_close(&selection);
    if (result == 0)
        result = sync_files(temporary, progress, err);
    if (result == 0)
        result = move_into_place(temporary, directory, err);
    if (result == 0)
        *digest = digest_of(checksums.data, checksums.used);
out:
    buffer_free(&checksums);
    if (result != 0)
        (void)durable_remove_directory(temporary, NULL);
    free(temporary);
    return result;
}

/* --- one share again ---------------------------------------------------------------------- */

/* Stand before the point of that ordinal. */
static int go_to(struct selection *selection, const uint64_t *first_ordinal_of_tile,
                 struct point_file *file, struct error *err)
{
    uint32_t tile = 0;
    while (first_ordinal_of_tile[tile + 1] <= file->first_ordinal)
        tile++;
    if (selection_tile(selection, tile, err) != 0)
        return -1;
    for (uint64_t left = file->first_ordinal - first_ordinal_of_tile[tile]; left > 0;) {
        size_t room = left < file->count ? left : file->count;
        int64_t count = selection_fill(selection, file->codes, file->old_outcomes, room, err);
        if (count <= 0)
            return count < 0 ? -1 : mismatch(selection, err);
        left -= (uint64_t)count;
    }
    return 0;
}

static int sync_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open", path);
    int result = fsync(fd) == 0 ? 0 : error_io(err, errno, "fsync", path);
    (void)close(fd);
    return result;
}

/* Under a temporary directory's name first, so that it is whole under its own. */
static int put_file(const char *directory, const char run[RUN_ID_BYTES], uint32_t shares,
                    const struct point_file *file, struct error *err)
{
    char *temporary = NULL, *from = NULL, *to = point_file_path(directory, file->share);
    int result = -1;
    if (asprintf(&temporary, "%s.tmp", directory) < 0)
        temporary = NULL;
    else
        from = point_file_path(temporary, file->share);
    if (from == NULL || to == NULL)
        error_memory(err, directory);
    else if (durable_remove_directory(temporary, err) == 0 &&
             durable_make_directory(temporary, err) == 0 &&
             durable_make_directory(directory, err) == 0 &&
             point_file_write(temporary, run, shares, file, NULL, err) == 0 &&
             sync_file(from, err) == 0)
        result = rename(from, to) == 0 ? durable_sync_directory(directory, err)
                                       : error_io(err, errno, "rename into place", to);
    if (temporary != NULL)
        (void)durable_remove_directory(temporary, NULL);
    free(temporary);
    free(from);
    free(to);
    return result;
}

static int fill_alone(struct selection *selection, const uint64_t *first_ordinal_of_tile,
                      struct point_file *file, struct error *err)
{
    file->codes = malloc(((size_t)file->count + 1) * sizeof *file->codes);
    file->old_outcomes = malloc((size_t)file->count + 1);
    if (file->codes == NULL || file->old_outcomes == NULL)
        return error_memory(err, "a point file");
    if (go_to(selection, first_ordinal_of_tile, file, err) != 0)
        return -1;
    return fill_share(selection, file, err);
}

int snapshot_write_share(const struct merged *merged, const struct run_parameters *parameters,
                         struct ledger *ledger, const char *retry_of, const char *directory,
                         const char run[RUN_ID_BYTES], const uint64_t *first_ordinal_of_tile,
                         uint32_t share, const struct control *control,
                         struct snapshot_progress *progress, struct error *err)
{
    struct selection selection;
    uint32_t shares = parameters->shares;
    uint64_t points = first_ordinal_of_tile[grid_tiles(cache_grid(merged->base))];
    struct point_file file = {
        .share = share,
        .first_ordinal = point_file_first(points, shares, share),
    };
    file.count = (uint32_t)(point_file_first(points, shares, share + 1) - file.first_ordinal);
    if (file.count == 0)
        return 0;
    if (selection_open(&selection, merged, parameters, ledger, retry_of, control, progress, err) !=
        0)
        return -1;
    int result = fill_alone(&selection, first_ordinal_of_tile, &file, err);
    selection_close(&selection);
    if (result == 0)
        result = put_file(directory, run, shares, &file, err);
    point_file_free(&file);
    return result;
}
