#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation_names.h"

struct reference {
    uint64_t built;
    uint32_t tile;
};

struct pruning {
    const char *directory;
    struct error *err; /* the first thing that went wrong; pruning goes on behind it */
    bool failed;
    bool pairs_known; /* every kept manifest was read: what is not referenced is not needed */
    uint64_t spare;
    uint64_t *kept; /* the generations that stay */
    size_t kept_count;
    struct reference *references;
    size_t count, room;
};

static void note_failure(struct pruning *pruning, const struct error *err)
{
    if (!pruning->failed && pruning->err != NULL)
        *pruning->err = *err;
    pruning->failed = true;
}

static int compare_references(const void *a, const void *b)
{
    const struct reference *left = a;
    const struct reference *right = b;
    if (left->tile != right->tile)
        return left->tile < right->tile ? -1 : 1;
    return (left->built > right->built) - (left->built < right->built);
}

static int add_references(struct pruning *pruning, const struct manifest *manifest,
                          struct error *err)
{
    uint32_t tiles = grid_tiles(manifest->grid);
    if (pruning->room - pruning->count < tiles) {
        size_t room = (pruning->room + tiles) * 2;
        struct reference *larger = reallocarray(pruning->references, room, sizeof *larger);
        if (larger == NULL)
            return error_memory(err, "the list of pairs");
        pruning->references = larger;
        pruning->room = room;
    }
    for (uint32_t tile = 0; tile < tiles; tile++) {
        if (manifest->tiles[tile].info.entries > 0)
            pruning->references[pruning->count++] =
                (struct reference){.built = manifest->tiles[tile].built, .tile = tile};
    }
    return 0;
}

/* Turn all kept numbers, highest first, into those that stay: the current one, and the highest of
 * the others. */
static void choose_kept(struct pruning *pruning, uint64_t current, unsigned keep)
{
    size_t others = keep > 0 ? keep - 1 : 0;
    size_t used = 0;
    for (size_t i = 0; i < pruning->kept_count; i++) {
        if (pruning->kept[i] != current && others == 0)
            continue;
        if (pruning->kept[i] != current)
            others--;
        pruning->kept[used++] = pruning->kept[i];
    }
    pruning->kept_count = used;
}

static bool is_kept(const struct pruning *pruning, uint64_t generation)
{
    for (size_t i = 0; i < pruning->kept_count; i++) {
        if (pruning->kept[i] == generation)
            return true;
    }
    return false;
}

static void read_references(struct pruning *pruning, const struct manifest *current)
{
    struct error err;
    pruning->pairs_known = true;
    if (add_references(pruning, current, &err) != 0)
        goto fail;
    for (size_t i = 0; i < pruning->kept_count; i++) {
        struct manifest *manifest;
        if (generation_read_kept(pruning->directory, pruning->kept[i], &manifest, &err) != 0)
            goto fail;
        int result = add_references(pruning, manifest, &err);
        manifest_free(manifest);
        if (result != 0)
            goto fail;
    }
    if (pruning->count > 0)
        qsort(pruning->references, pruning->count, sizeof *pruning->references, compare_references);
    return;
fail:
    pruning->pairs_known = false;
    note_failure(pruning, &err);
}

static bool is_referenced(const struct pruning *pruning, const struct generation_name *name)
{
    struct reference key = {.built = name->generation, .tile = name->tile};
    return pruning->count > 0 && bsearch(&key, pruning->references, pruning->count, sizeof key,
                                         compare_references) != NULL;
}

static bool is_leftover(const struct pruning *pruning, const struct generation_name *name)
{
    if (name->kind == NAME_SCRATCH)
        return true;
    return name->temporary && !(name->kind == NAME_PAIR && name->generation == pruning->spare);
}

static bool is_unneeded_pair(const struct pruning *pruning, const struct generation_name *name)
{
    return name->kind == NAME_PAIR && !name->temporary && pruning->pairs_known &&
           name->generation != pruning->spare && !is_referenced(pruning, name);
}

static bool is_unneeded_manifest(const struct pruning *pruning, const struct generation_name *name)
{
    return name->kind == NAME_KEPT && !name->temporary && !is_kept(pruning, name->generation);
}

typedef bool name_predicate(const struct pruning *pruning, const struct generation_name *name);

/* Remove every name that predicate picks, for good when this returns. */
static void remove_names(struct pruning *pruning, char **names, size_t count,
                         name_predicate *predicate)
{
    struct error err;
    bool removed = false;
    for (size_t i = 0; i < count; i++) {
        struct generation_name name = generation_name_parse(names[i]);
        char *path;
        if (!predicate(pruning, &name))
            continue;
        if (generation_path(pruning->directory, names[i], &path, &err) != 0) {
            note_failure(pruning, &err);
            continue;
        }
        if (unlink(path) == 0) {
            removed = true;
        } else if (errno != ENOENT) {
            error_io(&err, errno, "remove", path);
            note_failure(pruning, &err);
        }
        free(path);
    }
    if (removed && durable_sync_directory(pruning->directory, &err) != 0)
        note_failure(pruning, &err);
}

int generation_prune(const char *directory, unsigned keep, uint64_t spare, struct error *err)
{
    struct pruning pruning = {.directory = directory, .err = err, .spare = spare};
    struct manifest *current = NULL;
    char **names = NULL;
    size_t count = 0;
    struct error own;
    if (generation_names(directory, &names, &count, err) != 0)
        return -1;
    remove_names(&pruning, names, count, is_leftover);
    /* Without a current manifest nothing tells which pairs matter: everything stays. */
    if (generation_current(directory, &current, &own) != 0) {
        if (own.code != ERROR_MISSING)
            note_failure(&pruning, &own);
        goto out;
    }
    if (generation_kept(directory, &pruning.kept, &pruning.kept_count, &own) != 0) {
        note_failure(&pruning, &own);
        goto out;
    }
    choose_kept(&pruning, current->generation, keep);
    read_references(&pruning, current);
    /* Manifests first: a crash in between leaves pairs too many, never a manifest without. */
    remove_names(&pruning, names, count, is_unneeded_manifest);
    remove_names(&pruning, names, count, is_unneeded_pair);
out:
    free(pruning.kept);
    free(pruning.references);
    manifest_free(current);
    generation_names_free(names, count);
    return pruning.failed ? -1 : 0;
}
