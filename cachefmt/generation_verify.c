#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cachefmt/generation_names.h"

struct verification {
    const char *directory;
    bool deep;
    generation_problem *report;
    void *context;
    struct verify_result result;
    struct manifest_tile *rows; /* of all manifests, empty tiles left out */
    size_t count, room;
    uint64_t current; /* 0: MANIFEST can't be read */
};

/* A message mostly begins with the path it is about; the callback gets the two apart. */
static void report_problem(struct verification *v, const char *file, const struct error *err)
{
    const char *message = err->message;
    size_t length = strlen(file);
    if (err->code == ERROR_MISSING) {
        message = "the file is missing";
    } else if (strncmp(message, file, length) == 0) {
        message += length;
        message += strspn(message, ": ");
    }
    v->result.problems++;
    if (v->report != NULL)
        v->report(v->context, file, message);
}

static int add_rows(struct verification *v, const struct manifest *manifest, struct error *err)
{
    uint32_t tiles = grid_tiles(manifest->grid);
    if (v->room - v->count < tiles) {
        size_t room = (v->room + tiles) * 2;
        struct manifest_tile *larger = reallocarray(v->rows, room, sizeof *larger);
        if (larger == NULL)
            return error_memory(err, "the list of pairs");
        v->rows = larger;
        v->room = room;
    }
    for (uint32_t tile = 0; tile < tiles; tile++) {
        if (manifest->tiles[tile].info.entries > 0)
            v->rows[v->count++] = manifest->tiles[tile];
    }
    return 0;
}

/* Read one manifest (MANIFEST itself for 0). A damaged one is a finding. */
static int check_manifest(struct verification *v, uint64_t number, struct error *err)
{
    struct error own;
    struct manifest *manifest;
    char *path;
    if (generation_manifest_path(v->directory, number, &path, err) != 0)
        return -1;
    int result = number == 0 ? manifest_read(&manifest, path, &own)
                             : generation_read_kept(v->directory, number, &manifest, &own);
    if (result == 0) {
        if (number == 0)
            v->current = manifest->generation;
        result = add_rows(v, manifest, err);
        manifest_free(manifest);
    } else if (own.code == ERROR_MEMORY) {
        if (err != NULL)
            *err = own;
    } else {
        if (number == 0 || own.code != ERROR_MISSING) /* else it was pruned meanwhile */
            report_problem(v, path, &own);
        result = 0;
    }
    free(path);
    return result;
}

static int check_manifests(struct verification *v, struct error *err)
{
    uint64_t *kept = NULL;
    size_t count = 0;
    char *path = NULL;
    int result = -1;
    if (generation_manifest_path(v->directory, 0, &path, err) != 0)
        return -1;
    struct error own;
    if (generation_kept(v->directory, &kept, &count, &own) != 0 && own.code != ERROR_MISSING) {
        if (err != NULL)
            *err = own;
        goto out;
    }
    if (count == 0 && access(path, F_OK) != 0 && errno == ENOENT) {
        generation_no_cache(v->directory, err);
        goto out;
    }
    if (check_manifest(v, 0, err) != 0)
        goto out;
    v->result.generations = v->current != 0 ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        if (check_manifest(v, kept[i], err) != 0)
            goto out;
        if (kept[i] != v->current)
            v->result.generations++;
    }
    result = 0;
out:
    free(path);
    free(kept);
    return result;
}

static int compare_rows(const void *a, const void *b)
{
    const struct manifest_tile *left = a;
    const struct manifest_tile *right = b;
    if (left->info.tile != right->info.tile)
        return left->info.tile < right->info.tile ? -1 : 1;
    if (left->built != right->built)
        return left->built < right->built ? -1 : 1;
    return memcmp(&left->info.id, &right->info.id, sizeof left->info.id);
}

/* Does any manifest there is now name the pair? Else it was pruned while we were reading. */
static bool is_still_named(const struct verification *v, const struct manifest_tile *row)
{
    uint64_t *kept = NULL;
    size_t count = 0;
    bool named = false;
    (void)generation_kept(v->directory, &kept, &count, NULL);
    for (size_t i = 0; i <= count && !named; i++) {
        struct manifest *manifest;
        int result = i < count ? generation_read_kept(v->directory, kept[i], &manifest, NULL)
                               : generation_current(v->directory, &manifest, NULL);
        if (result != 0)
            continue;
        named = row->info.tile < grid_tiles(manifest->grid) &&
                generation_row_same(&manifest->tiles[row->info.tile], row);
        manifest_free(manifest);
    }
    free(kept);
    return named;
}

static int check_pair(struct verification *v, const struct manifest_tile *row, struct error *err)
{
    struct error own;
    struct pair *pair;
    char *index_path;
    char *data_path;
    if (generation_pair_paths(v->directory, row->info.tile, row->built, &index_path, &data_path,
                              err) != 0)
        return -1;
    int result = generation_pair_open(&pair, v->directory, row, &own);
    if (result == 0) {
        result = pair_verify(pair, v->deep, &own);
        pair_close(pair);
    }
    bool pruned = result != 0 && own.code == ERROR_MISSING && !is_still_named(v, row);
    v->result.pairs += pruned ? 0 : 1;
    if (result == 0) {
        v->result.entries += row->info.entries;
    } else if (pruned) {
        result = 0;
    } else if (own.code == ERROR_MEMORY) {
        if (err != NULL)
            *err = own;
    } else {
        report_problem(v, strstr(own.message, data_path) != NULL ? data_path : index_path, &own);
        result = 0;
    }
    free(index_path);
    free(data_path);
    return result;
}

int generation_verify(const char *directory, bool deep, generation_problem *report, void *context,
                      struct verify_result *result, struct error *err)
{
    struct verification v = {
        .directory = directory, .deep = deep, .report = report, .context = context};
    int status = check_manifests(&v, err);
    if (status == 0 && v.count > 0)
        qsort(v.rows, v.count, sizeof *v.rows, compare_rows);
    for (size_t i = 0; i < v.count && status == 0; i++) {
        if (i > 0 && generation_row_same(&v.rows[i - 1], &v.rows[i]))
            continue;
        status = check_pair(&v, &v.rows[i], err);
    }
    free(v.rows);
    if (status == 0)
        *result = v.result;
    return status;
}
