#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>

#include "cachefmt/generation.h"
#include "fleet/catch_up_internal.h"

/* --- manifests --------------------------------------------------------------------------- */

/* 0 and *out NULL: it is gone or damaged. */
static int read_kept(const char *directory, uint64_t generation, struct manifest **out,
                     struct error *err)
{
    struct error own;
    char *path;
    *out = NULL;
    if (asprintf(&path, "%s/MANIFEST.%" PRIu64, directory, generation) < 0)
        return error_memory(err, "a file name");
    int result = manifest_read(out, path, &own);
    free(path);
    if (result != 0 && own.code == ERROR_MEMORY)
        return error_memory(err, "a manifest");
    return 0;
}

static int visit(const char *directory, const struct generation_row *row, kept_callback *call,
                 void *context, struct error *err)
{
    struct manifest *manifest;
    if (read_kept(directory, row->generation, &manifest, err) != 0)
        return -1;
    int result = manifest != NULL ? call(context, manifest, err) : 0;
    manifest_free(manifest);
    return result;
}

int kept_each(const char *cache_directory, kept_callback *call, void *context, struct error *err)
{
    struct manifest *current;
    struct generation_row *rows;
    struct error own;
    size_t count;
    int result = 0;
    if (generation_current(cache_directory, &current, &own) == 0) {
        result = call(context, current, err);
        manifest_free(current);
    }
    if (result != 0)
        return result;
    if (generation_list(cache_directory, &rows, &count, &own) != 0) {
        if (own.code == ERROR_MISSING || own.code == ERROR_CORRUPT)
            return 0;
        if (err != NULL)
            *err = own;
        return -1;
    }
    for (size_t i = 0; i < count && result == 0; i++)
        if (!rows[i].current)
            result = visit(cache_directory, &rows[i], call, context, err);
    free(rows);
    return result;
}

struct search {
    const struct pair_id *digest;
    struct manifest *found;
};

static int compare(void *context, const struct manifest *manifest, struct error *err)
{
    struct search *search = context;
    if (!pair_id_equal(&manifest->digest, search->digest))
        return 0;
    return manifest_copy(&search->found, manifest, err) == 0 ? 1 : -1;
}

int kept_manifest(const char *cache_directory, const struct pair_id *digest, struct manifest **out,
                  struct error *err)
{
    struct search search = {.digest = digest};
    int found = kept_each(cache_directory, compare, &search, err);
    if (found == 1)
        *out = search.found;
    return found;
}

int catch_up_has(const char *cache_directory, const struct pair_id *digest, uint64_t *generation,
                 struct error *err)
{
    struct manifest *manifest;
    int found = kept_manifest(cache_directory, digest, &manifest, err);
    if (found == 1) {
        *generation = manifest->generation;
        manifest_free(manifest);
    }
    return found;
}

/* --- shelves ----------------------------------------------------------------------------- */

int catch_up_shelf_manifest(const char *cache_directory, const struct pair_id *digest,
                            struct buffer *out, struct error *err)
{
    struct manifest *manifest;
    char *text;
    int found = kept_manifest(cache_directory, digest, &manifest, err);
    if (found != 1)
        return found;
    int result = manifest_print(manifest, &text, err);
    manifest_free(manifest);
    if (result != 0)
        return -1;
    result = buffer_append(out, text, strlen(text), err);
    free(text);
    return result == 0 ? 1 : -1;
}

/* The generation in the name of an index file of the tile, or 0. */
static uint64_t built_of(const char *name, uint32_t tile)
{
    char prefix[16];
    char *end;
    int length = snprintf(prefix, sizeof prefix, "%03" PRIu32 ".", tile);
    if (strncmp(name, prefix, (size_t)length) != 0 || name[length] < '1' || name[length] > '9')
        return 0;
    unsigned long long built = strtoull(name + length, &end, 10);
    return strcmp(end, ".idx") == 0 ? built : 0;
}

/* The file when these are the files of the pair: 1, 0, -1. */
static int open_if_same(const char *directory, uint32_t tile, uint64_t built,
                        const struct pair_id *id, bool data, int *fd, struct error *err)
{
    char *index_path, *data_path;
    struct pair *pair;
    int found = 0;
    if (generation_pair_paths(directory, tile, built, &index_path, &data_path, err) != 0)
        return -1;
    if (pair_open(&pair, index_path, data_path, NULL) == 0) {
        if (pair_id_equal(&pair_info(pair)->id, id)) {
            *fd = open(data ? data_path : index_path, O_RDONLY | O_CLOEXEC);
            found = *fd >= 0 ? 1 : errno == ENOENT ? 0 : error_io(err, errno, "open", data_path);
        }
        pair_close(pair);
    }
    free(index_path);
    free(data_path);
    return found;
}

/* By the names in the directory, not by manifests: to open the few pairs of a tile takes less than
 * to read what is kept, and what a pair is it says itself. */
int catch_up_shelf_pair(const char *cache_directory, uint32_t tile, const struct pair_id *id,
                        bool data, int *fd, struct error *err)
{
    const struct dirent *item;
    int found = 0;
    DIR *directory = opendir(cache_directory);
    if (directory == NULL)
        return errno == ENOENT ? 0 : error_io(err, errno, "list", cache_directory);
    while (found == 0 && (item = readdir(directory)) != NULL) {
        uint64_t built = built_of(item->d_name, tile);
        if (built != 0)
            found = open_if_same(cache_directory, tile, built, id, data, fd, err);
    }
    (void)closedir(directory);
    return found;
}
