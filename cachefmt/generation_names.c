#include "cachefmt/generation_names.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A number from 1 as we write it: no leading zeros. Returns what follows it, or NULL. */
static const char *parse_generation(const char *text, uint64_t *out)
{
    uint64_t number = 0;
    if (*text < '1' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (number >= UINT64_MAX / 10)
            return NULL;
        number = number * 10 + (uint64_t)(*text - '0');
    }
    *out = number;
    return text;
}

/* A tile as "%03u" writes it. */
static const char *parse_tile(const char *text, uint32_t *out)
{
    size_t digits = strspn(text, "0123456789");
    if (digits < 3 || digits > 5 || (digits > 3 && *text == '0'))
        return NULL;
    *out = (uint32_t)strtoul(text, NULL, 10);
    return text + digits;
}

static struct generation_name parse_finished(const char *name)
{
    struct generation_name result = {.kind = NAME_OTHER};
    static const char manifest[] = "MANIFEST";
    static const char scratch[] = "import-";
    if (strncmp(name, scratch, sizeof scratch - 1) == 0) {
        result.kind = NAME_SCRATCH;
        return result;
    }
    if (strcmp(name, manifest) == 0) {
        result.kind = NAME_MANIFEST;
        return result;
    }
    const char *rest;
    if (strncmp(name, manifest, sizeof manifest - 1) == 0) {
        rest = name + sizeof manifest - 1;
        rest = *rest == '.' ? parse_generation(rest + 1, &result.generation) : NULL;
        if (rest != NULL && *rest == '\0')
            result.kind = NAME_KEPT;
        return result;
    }
    rest = parse_tile(name, &result.tile);
    rest = rest != NULL && *rest == '.' ? parse_generation(rest + 1, &result.generation) : NULL;
    if (rest != NULL && (strcmp(rest, ".idx") == 0 || strcmp(rest, ".dat") == 0))
        result.kind = NAME_PAIR;
    return result;
}

struct generation_name generation_name_parse(const char *name)
{
    static const char suffix[] = ".tmp";
    size_t length = strlen(name);
    size_t tail = sizeof suffix - 1;
    if (length <= tail || strcmp(name + length - tail, suffix) != 0)
        return parse_finished(name);
    struct generation_name result = {.kind = NAME_OTHER};
    char *finished = strndup(name, length - tail);
    if (finished == NULL)
        return result; /* not ours is the safe answer */
    result = parse_finished(finished);
    free(finished);
    result.temporary = result.kind != NAME_OTHER;
    return result;
}

int generation_path(const char *directory, const char *name, char **out, struct error *err)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return error_memory(err, "a file name");
    *out = path;
    return 0;
}

int generation_manifest_path(const char *directory, uint64_t generation, char **out,
                             struct error *err)
{
    char name[32] = "MANIFEST";
    if (generation != 0)
        (void)snprintf(name, sizeof name, "MANIFEST.%" PRIu64, generation);
    return generation_path(directory, name, out, err);
}

int generation_pair_paths(const char *directory, uint32_t tile, uint64_t built, char **index_path,
                          char **data_path, struct error *err)
{
    char *index;
    char *data;
    if (asprintf(&index, "%s/%03u.%" PRIu64 ".idx", directory, tile, built) < 0)
        return error_memory(err, "a file name");
    if (asprintf(&data, "%s/%03u.%" PRIu64 ".dat", directory, tile, built) < 0) {
        free(index);
        return error_memory(err, "a file name");
    }
    *index_path = index;
    *data_path = data;
    return 0;
}

int generation_names(const char *directory, char ***names, size_t *count, struct error *err)
{
    struct dirent **entries;
    int found = scandir(directory, &entries, NULL, alphasort);
    if (found < 0)
        return error_io(err, errno, "list", directory);
    char **list = calloc((size_t)found + 1, sizeof *list);
    size_t used = 0;
    for (int i = 0; i < found; i++) {
        if (list != NULL && (list[used] = strdup(entries[i]->d_name)) != NULL)
            used++;
        free(entries[i]);
    }
    free(entries);
    if (list == NULL || used != (size_t)found) {
        generation_names_free(list, used);
        return error_memory(err, directory);
    }
    *names = list;
    *count = used;
    return 0;
}

void generation_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static int compare_descending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left < right) - (left > right);
}

int generation_kept(const char *directory, uint64_t **numbers, size_t *count, struct error *err)
{
    char **names;
    size_t name_count;
    if (generation_names(directory, &names, &name_count, err) != 0)
        return -1;
    uint64_t *list = calloc(name_count + 1, sizeof *list);
    if (list == NULL) {
        generation_names_free(names, name_count);
        return error_memory(err, directory);
    }
    size_t used = 0;
    for (size_t i = 0; i < name_count; i++) {
        struct generation_name name = generation_name_parse(names[i]);
        if (name.kind == NAME_KEPT && !name.temporary)
            list[used++] = name.generation;
    }
    generation_names_free(names, name_count);
    qsort(list, used, sizeof *list, compare_descending);
    *numbers = list;
    *count = used;
    return 0;
}

int generation_read_kept(const char *directory, uint64_t generation, struct manifest **out,
                         struct error *err)
{
    char *path;
    if (generation_manifest_path(directory, generation, &path, err) != 0)
        return -1;
    struct manifest *manifest;
    int result = manifest_read(&manifest, path, err);
    if (result == 0 && manifest->generation != generation) {
        result = error_set(err, ERROR_CORRUPT, "%s is of generation %" PRIu64 ", not of %" PRIu64,
                           path, manifest->generation, generation);
        manifest_free(manifest);
    } else if (result == 0) {
        *out = manifest;
    }
    free(path);
    return result;
}

int generation_no_cache(const char *directory, struct error *err)
{
    return error_set(err, ERROR_MISSING,
                     "no cache in %s: make one with refreshctl cache import FILE", directory);
}
