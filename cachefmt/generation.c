#include "cachefmt/generation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation_names.h"

int generation_current(const char *directory, struct manifest **out, struct error *err)
{
    char *path;
    if (generation_manifest_path(directory, 0, &path, err) != 0)
        return -1;
    struct error own;
    int result = manifest_read(out, path, &own);
    free(path);
    if (result == 0)
        return 0;
    if (own.code == ERROR_MISSING)
        return generation_no_cache(directory, err);
    if (err != NULL)
        *err = own;
    return -1;
}

int generation_next(const char *directory, uint64_t *out, struct error *err)
{
    struct error own;
    struct manifest *current = NULL;
    if (generation_current(directory, &current, &own) != 0 && own.code != ERROR_MISSING) {
        if (err != NULL)
            *err = own;
        return -1;
    }
    uint64_t highest = current != NULL ? current->generation : 0;
    manifest_free(current);
    uint64_t *kept = NULL;
    size_t count = 0;
    if (generation_kept(directory, &kept, &count, &own) != 0 && own.code != ERROR_MISSING) {
        if (err != NULL)
            *err = own;
        return -1;
    }
    if (count > 0 && kept[0] > highest)
        highest = kept[0];
    free(kept);
    *out = highest + 1;
    return 0;
}

static struct generation_row row_of(const struct manifest *manifest, bool current)
{
    struct cache_figures figures = manifest_figures(manifest);
    struct generation_row row = {
        .generation = manifest->generation,
        .published = manifest->published,
        .entries = figures.entries,
        .bytes = figures.index_bytes + figures.data_bytes,
        .current = current,
    };
    memcpy(row.run, manifest->run, sizeof row.run);
    return row;
}

/* The row of a kept generation: 1, or 0 when it was removed meanwhile. One that can't be read is
 * listed all the same: the list is what a person looks at when something is damaged. */
static int kept_row(const char *directory, uint64_t generation, struct generation_row *row,
                    struct error *err)
{
    struct error own;
    struct manifest *manifest;
    if (generation_read_kept(directory, generation, &manifest, &own) == 0) {
        *row = row_of(manifest, false);
        manifest_free(manifest);
        return 1;
    }
    if (own.code == ERROR_MISSING)
        return 0;
    if (own.code == ERROR_MEMORY) {
        if (err != NULL)
            *err = own;
        return -1;
    }
    *row = (struct generation_row){.generation = generation, .run = "(damaged)"};
    return 1;
}

/* The current manifest, or NULL where there is none or it is damaged. */
static int current_if_readable(const char *directory, struct manifest **out, struct error *err)
{
    struct error own;
    struct manifest *current = NULL;
    if (generation_current(directory, &current, &own) != 0 && own.code == ERROR_MEMORY) {
        if (err != NULL)
            *err = own;
        return -1;
    }
    *out = current;
    return 0;
}

int generation_list(const char *directory, struct generation_row **rows, size_t *count,
                    struct error *err)
{
    struct manifest *current = NULL;
    struct generation_row *list = NULL;
    uint64_t *kept = NULL;
    size_t kept_count = 0;
    struct error own;
    if (generation_kept(directory, &kept, &kept_count, &own) != 0) {
        if (own.code == ERROR_MISSING)
            return generation_no_cache(directory, err);
        if (err != NULL)
            *err = own;
        return -1;
    }
    if (current_if_readable(directory, &current, err) != 0)
        goto fail;
    if (current == NULL && kept_count == 0 && generation_current(directory, &current, err) != 0)
        goto fail;
    list = calloc(kept_count + 1, sizeof *list);
    if (list == NULL) {
        error_memory(err, "the list of generations");
        goto fail;
    }
    size_t used = 0;
    bool listed = current == NULL;
    for (size_t i = 0; i < kept_count || !listed; i++) {
        if (!listed && (i == kept_count || kept[i] <= current->generation)) {
            list[used++] = row_of(current, true);
            listed = true;
        }
        if (i == kept_count || (current != NULL && kept[i] == current->generation))
            continue;
        int found = kept_row(directory, kept[i], &list[used], err);
        if (found < 0)
            goto fail;
        used += (size_t)found;
    }
    free(kept);
    manifest_free(current);
    *rows = list;
    *count = used;
    return 0;
fail:
    free(list);
    free(kept);
    manifest_free(current);
    return -1;
}
