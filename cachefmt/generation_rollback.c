#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "cachefmt/generation_names.h"

/* The current generation's number; 0 when MANIFEST is damaged or gone and the target was named,
 * because switching back is the way out of that. */
static int current_number(const char *directory, bool named, uint64_t *out, struct error *err)
{
    struct manifest *current;
    if (generation_current(directory, &current, err) != 0) {
        if (!named && err != NULL && err->code == ERROR_CORRUPT)
            (void)error_prefix(err, "name the generation to go back to, because the current one is "
                                    "not known (refreshctl cache generations lists them)");
        if (!named)
            return -1;
        *out = 0;
        return 0;
    }
    *out = current->generation;
    manifest_free(current);
    return 0;
}

static int not_kept(const char *directory, uint64_t to, const uint64_t *kept, size_t count,
                    struct error *err)
{
    char list[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list - 32; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%" PRIu64, i > 0 ? ", " : "",
                                 kept[i]);
    return error_set(err, ERROR_MISSING, "generation %" PRIu64 " is not kept in %s (kept: %s)", to,
                     directory, used > 0 ? list : "none");
}

static int choose(const char *directory, uint64_t to, uint64_t current, const uint64_t *kept,
                  size_t count, uint64_t *target, struct error *err)
{
    if (to == 0) {
        for (size_t i = 0; i < count; i++) {
            if (kept[i] < current) {
                *target = kept[i];
                return 0;
            }
        }
        return error_set(err, ERROR_STATE,
                         "generation %" PRIu64 " is the oldest one kept in %s: there is none to go "
                         "back to",
                         current, directory);
    }
    if (to == current)
        return error_set(err, ERROR_STATE, "generation %" PRIu64 " is the current one already", to);
    for (size_t i = 0; i < count; i++) {
        if (kept[i] == to) {
            *target = to;
            return 0;
        }
    }
    return not_kept(directory, to, kept, count, err);
}

static int check_pairs(const char *directory, const struct manifest *manifest, struct error *err)
{
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        const struct manifest_tile *row = &manifest->tiles[tile];
        struct pair *pair;
        if (row->info.entries == 0)
            continue;
        if (generation_pair_open(&pair, directory, row, err) != 0)
            return error_prefix(err, "cannot go back to generation %" PRIu64, manifest->generation);
        pair_close(pair);
    }
    return 0;
}

static int switch_to(const char *directory, const struct manifest *manifest, struct error *err)
{
    char *path = NULL;
    char *text = NULL;
    int result = -1;
    if (manifest_print(manifest, &text, err) == 0 &&
        generation_manifest_path(directory, 0, &path, err) == 0)
        result = durable_write_file(path, text, strlen(text), err);
    free(path);
    free(text);
    return result;
}

int generation_rollback(const char *directory, uint64_t to, uint64_t *now, struct error *err)
{
    uint64_t *kept = NULL;
    size_t count = 0;
    uint64_t current;
    uint64_t target = 0;
    struct manifest *manifest = NULL;
    int result = -1;
    if (current_number(directory, to != 0, &current, err) != 0 ||
        generation_kept(directory, &kept, &count, err) != 0)
        goto out;
    if (choose(directory, to, current, kept, count, &target, err) != 0 ||
        generation_read_kept(directory, target, &manifest, err) != 0 ||
        check_pairs(directory, manifest, err) != 0 || switch_to(directory, manifest, err) != 0)
        goto out;
    *now = target;
    result = 0;
out:
    manifest_free(manifest);
    free(kept);
    return result;
}
