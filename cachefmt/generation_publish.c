#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/durable.h"
#include "cachefmt/generation_names.h"

struct generation_prepared {
    char *directory;
    uint64_t generation;
    struct durable_file *kept; /* MANIFEST.G; NULL when it has its name */
    struct durable_file *current;
};

/* Write text as what becomes MANIFEST.G, or MANIFEST for name 0. */
static int write_manifest(struct durable_file **out, const char *directory, uint64_t name,
                          const char *text, struct error *err)
{
    struct durable_file *file;
    char *path;
    if (generation_manifest_path(directory, name, &path, err) != 0)
        return -1;
    int result = durable_create(&file, path, err);
    free(path);
    if (result != 0)
        return -1;
    if (durable_write(file, text, strlen(text), err) != 0 || durable_sync(file, err) != 0) {
        durable_abort(file);
        return -1;
    }
    *out = file;
    return 0;
}

/* A publication failed: MANIFEST.G is no generation unless the switch came that far. */
static void forget_kept(const char *directory, uint64_t generation)
{
    struct manifest *current = NULL;
    char *path;
    struct error err;
    if (generation_current(directory, &current, &err) != 0 && err.code != ERROR_MISSING)
        return;
    bool switched = current != NULL && current->generation == generation;
    manifest_free(current);
    if (!switched && generation_manifest_path(directory, generation, &path, &err) == 0) {
        (void)unlink(path);
        free(path);
    }
}

static void free_prepared(struct generation_prepared *prepared)
{
    durable_abort(prepared->kept);
    durable_abort(prepared->current);
    free(prepared->directory);
    free(prepared);
}

int generation_prepare(struct generation_prepared **out, const char *directory,
                       const struct manifest *manifest, struct error *err)
{
    struct generation_prepared *prepared = calloc(1, sizeof *prepared);
    char *text = NULL;
    if (prepared == NULL || (prepared->directory = strdup(directory)) == NULL) {
        free(prepared);
        return error_memory(err, "a manifest");
    }
    prepared->generation = manifest->generation;
    int result = manifest_print(manifest, &text, err);
    if (result == 0)
        result = write_manifest(&prepared->kept, directory, manifest->generation, text, err);
    if (result == 0)
        result = write_manifest(&prepared->current, directory, 0, text, err);
    free(text);
    if (result != 0)
        free_prepared(prepared);
    else
        *out = prepared;
    return result;
}

int generation_arm(struct generation_prepared *prepared, struct error *err)
{
    struct durable_file *kept = prepared->kept;
    if (kept == NULL)
        return 0;
    prepared->kept = NULL;
    if (durable_rename(kept, err) != 0)
        return -1;
    return durable_sync_directory(prepared->directory, err);
}

int generation_switch(struct generation_prepared *prepared, double *at, struct error *err)
{
    int result = generation_arm(prepared, err);
    if (result == 0) {
        struct durable_file *current = prepared->current;
        prepared->current = NULL;
        result = durable_rename(current, err);
        double now = clock_wall();
        if (result == 0)
            result = durable_sync_directory(prepared->directory, err);
        if (result == 0 && at != NULL)
            *at = now;
    }
    if (result != 0)
        forget_kept(prepared->directory, prepared->generation);
    free_prepared(prepared);
    return result;
}

void generation_withdraw(struct generation_prepared *prepared)
{
    if (prepared == NULL)
        return;
    if (prepared->kept == NULL)
        forget_kept(prepared->directory, prepared->generation);
    free_prepared(prepared);
}

int generation_publish(const char *directory, const struct manifest *manifest, struct error *err)
{
    struct generation_prepared *prepared;
    if (generation_prepare(&prepared, directory, manifest, err) != 0)
        return -1;
    return generation_switch(prepared, NULL, err);
}
