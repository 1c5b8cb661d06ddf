/* The sets run as one text through a pipe into an import, which sorts them: of equal points the
 * newest wins, then the one of the set whose digest is the highest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/mapping.h"
#include "base/thread.h"
#include "cachefmt/export_row.h"
#include "fleet/exchange.h"
#include "fleet/gather.h"

struct uniting {
    const char *state_directory;
    struct pair_id *digests; /* in their order, each once */
    size_t sets;
    struct buffer header; /* with which every set begins */
    int pipe;             /* the end to write to */
    struct error err;     /* of the thread that writes; ERROR_NONE = all went through */
};

/* --- one text ---------------------------------------------------------------------------- */

static int write_all(int fd, const unsigned char *data, size_t bytes, struct error *err)
{
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_io(err, errno, "pass on", "the learned points");
        data += written;
        bytes -= (size_t)written;
    }
    return 0;
}

static bool is_set(const struct uniting *uniting, const struct mapping *file)
{
    const struct buffer *header = &uniting->header;
    return file->bytes >= header->used && memcmp(file->data, header->data, header->used) == 0 &&
           file->data[file->bytes - 1] == '\n';
}

static int write_rows(struct uniting *uniting, const struct pair_id *digest, struct error *err)
{
    struct mapping file;
    char *path;
    if (gather_path(uniting->state_directory, digest, &path, err) != 0)
        return -1;
    int result = mapping_open(&file, path, err);
    if (result == 0) {
        size_t header = uniting->header.used;
        result = is_set(uniting, &file)
                     ? write_all(uniting->pipe, file.data + header, file.bytes - header, err)
                     : error_set(err, ERROR_CORRUPT, "%s is not a set of learned points", path);
        mapping_close(&file);
    }
    free(path);
    return result;
}

static void *write_sets(void *context)
{
    struct uniting *uniting = context;
    struct error *err = &uniting->err;
    int result =
        write_all(uniting->pipe, uniting->header.data, uniting->header.used, &uniting->err);
    for (size_t i = 0; i < uniting->sets && result == 0; i++)
        result = write_rows(uniting, &uniting->digests[i], err);
    (void)close(uniting->pipe);
    return NULL;
}

/* --- into a cache directory ---------------------------------------------------------------- */

/* What the writer met with, when it is why the import failed or is incomplete. */
static int join(const struct uniting *uniting, pthread_t thread, int result, struct error *err)
{
    (void)pthread_join(thread, NULL);
    if (uniting->err.code == ERROR_NONE || (result != 0 && uniting->err.os_errno == EPIPE))
        return result;
    if (err != NULL)
        *err = uniting->err;
    return -1;
}

static int import(struct uniting *uniting, struct grid grid, const char *directory, uint64_t *count,
                  struct error *err)
{
    struct import_options options = {.directory = directory,
                                     .grid = grid,
                                     .format = FORMAT_CSV,
                                     .name = "the learned points of the fleet",
                                     .keep = 1};
    struct import_result imported;
    pthread_t thread;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_io(err, errno, "open", "a pipe");
    uniting->pipe = ends[1];
    if (thread_start(&thread, "fleet-unite", write_sets, uniting, err) != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return -1;
    }
    int result = cache_import(&options, ends[0], &imported, err);
    (void)close(ends[0]);
    result = join(uniting, thread, result, err);
    if (result == 0)
        *count = imported.entries;
    return result;
}

/* --- the sets ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pair_id));
}

static int take_digests(struct uniting *uniting, const struct pair_id *digests, size_t sets,
                        struct error *err)
{
    uniting->digests = calloc(sets, sizeof *digests);
    if (uniting->digests == NULL)
        return error_memory(err, "the learned points");
    memcpy(uniting->digests, digests, sets * sizeof *digests);
    qsort(uniting->digests, sets, sizeof *digests, compare);
    for (size_t i = 0; i < sets; i++)
        if (i == 0 || compare(&uniting->digests[i], &uniting->digests[i - 1]) != 0)
            uniting->digests[uniting->sets++] = uniting->digests[i];
    return 0;
}

/* Every peer must read the same bytes here, or they would not get the same points. */
static int check_set(const struct uniting *uniting, const struct pair_id *digest, struct error *err)
{
    struct pair_id found;
    char *path;
    if (gather_path(uniting->state_directory, digest, &path, err) != 0)
        return -1;
    int result = exchange_digest_file(path, &found, err);
    if (result == 0 && compare(&found, digest) != 0)
        result = error_set(err, ERROR_CORRUPT, "%s is not what its name says: remove it", path);
    free(path);
    return result;
}

static int prepare(struct uniting *uniting, const struct pair_id *digests, size_t sets,
                   struct error *err)
{
    if (take_digests(uniting, digests, sets, err) != 0 ||
        export_begin(FORMAT_CSV, &uniting->header, err) != 0)
        return -1;
    for (size_t i = 0; i < uniting->sets; i++)
        if (check_set(uniting, &uniting->digests[i], err) != 0)
            return -1;
    return 0;
}

static int put_in_place(const char *made, const char *directory, struct error *err)
{
    if (rename(made, directory) != 0)
        return error_io(err, errno, "rename", made);
    char *parent = strdup(directory);
    if (parent == NULL)
        return error_memory(err, directory);
    char *slash = strrchr(parent, '/');
    if (slash != NULL)
        slash[slash == parent] = '\0';
    int result = durable_sync_directory(slash != NULL ? parent : ".", err);
    free(parent);
    return result;
}

static int make(struct uniting *uniting, struct grid grid, const char *directory, uint64_t *count,
                struct error *err)
{
    char *made;
    if (asprintf(&made, "%s.tmp", directory) < 0)
        return error_memory(err, directory);
    int result = -1;
    if (durable_remove_directory(made, err) == 0 && durable_make_directory(made, err) == 0 &&
        import(uniting, grid, made, count, err) == 0)
        result = put_in_place(made, directory, err);
    if (result != 0)
        (void)durable_remove_directory(made, NULL);
    free(made);
    return result;
}

int gather_unite(const char *state_directory, const struct pair_id *digests, size_t sets,
                 struct grid grid, const char *directory, uint64_t *count, struct error *err)
{
    struct uniting uniting = {.state_directory = state_directory};
    uint64_t united = 0;
    int result = durable_remove_directory(directory, err);
    if (result == 0 && sets > 0) {
        result = prepare(&uniting, digests, sets, err);
        if (result == 0)
            result = make(&uniting, grid, directory, &united, err);
    }
    free(uniting.digests);
    buffer_free(&uniting.header);
    if (result == 0)
        *count = united;
    return result;
}
