#include "fleet/gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/export_row.h"
#include "fleet/exchange.h"

/* --- names ------------------------------------------------------------------------------- */

/* STATE/fleet/learned/NAME; the directory is made where it is missing. */
static int path_of(const char *state_directory, const char *name, char **path, struct error *err)
{
    char *directory;
    if (asprintf(&directory, "%s/fleet/learned", state_directory) < 0)
        return error_memory(err, "a file name");
    int result = durable_make_directory(directory, err);
    if (result == 0 && asprintf(path, "%s/%s", directory, name) < 0)
        result = error_memory(err, "a file name");
    free(directory);
    return result;
}

int gather_path(const char *state_directory, const struct pair_id *digest, char **path,
                struct error *err)
{
    char text[2 * PAIR_ID_BYTES + 1], name[sizeof text + sizeof ".csv"];
    (void)snprintf(name, sizeof name, "%s.csv", pair_id_format(digest, text));
    return path_of(state_directory, name, path, err);
}

bool gather_has(const char *state_directory, const struct pair_id *digest)
{
    char *path;
    if (gather_path(state_directory, digest, &path, NULL) != 0)
        return false;
    bool there = access(path, R_OK) == 0;
    free(path);
    return there;
}

int gather_clean(const char *state_directory, struct error *err)
{
    char *directory;
    if (asprintf(&directory, "%s/fleet/learned", state_directory) < 0)
        return error_memory(err, "a file name");
    int result = durable_remove_directory(directory, err);
    free(directory);
    return result;
}

/* --- our own set ------------------------------------------------------------------------- */

struct writing {
    struct durable_file *file;
    struct buffer label, text;
    uint64_t entries;
};

static int write_text(struct writing *writing, struct error *err)
{
    int result = durable_write(writing->file, writing->text.data, writing->text.used, err);
    buffer_clear(&writing->text);
    return result;
}

static int write_entry(void *context, const struct entry *entry, struct error *err)
{
    struct writing *writing = context;
    if (export_row(FORMAT_CSV, entry, writing->entries == 0, &writing->label, &writing->text,
                   err) != 0)
        return -1;
    writing->entries++;
    return write_text(writing, err);
}

/* In the order of their codes, so equal entries make equal bytes. Durable, under a passing name. */
static int write_set(struct learned *learned, const char *path, uint64_t *entries,
                     struct error *err)
{
    struct writing writing = {0};
    int result = -1;
    if (durable_create(&writing.file, path, err) != 0)
        return -1;
    if (export_begin(FORMAT_CSV, &writing.text, err) == 0 && write_text(&writing, err) == 0 &&
        learned_each(learned, write_entry, &writing, err) == 0)
        result = 0;
    if (result == 0 && writing.entries > 0)
        result = durable_commit(writing.file, err);
    else
        durable_abort(writing.file);
    buffer_free(&writing.label);
    buffer_free(&writing.text);
    if (result == 0)
        *entries = writing.entries;
    return result;
}

static int name_set(const char *state_directory, const char *written, struct pair_id *digest,
                    struct error *err)
{
    struct pair_id id;
    char *path, *directory;
    if (exchange_digest_file(written, &id, err) != 0 ||
        gather_path(state_directory, &id, &path, err) != 0)
        return -1;
    int result = rename(written, path) == 0 ? 0 : error_io(err, errno, "rename", written);
    if (result == 0 && asprintf(&directory, "%s/fleet/learned", state_directory) < 0) {
        result = error_memory(err, "a file name");
    } else if (result == 0) {
        result = durable_sync_directory(directory, err);
        free(directory);
    }
    free(path);
    if (result == 0)
        *digest = id;
    return result;
}

int gather_own(struct learned *learned, const char *state_directory, struct pair_id *digest,
               uint64_t *entries, struct error *err)
{
    uint64_t written = 0;
    char *path;
    if (path_of(state_directory, "own.csv", &path, err) != 0)
        return -1;
    int result = write_set(learned, path, &written, err);
    if (result == 0 && written > 0)
        result = name_set(state_directory, path, digest, err);
    free(path);
    if (result == 0)
        *entries = written;
    return result;
}
