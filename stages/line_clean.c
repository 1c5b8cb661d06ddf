#include "stages/line_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cachefmt/generation.h"

static int remove_files(DIR *directory, const char *path, struct error *err)
{
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(directory), entry->d_name, 0) != 0 && errno != ENOENT)
            return error_io(err, errno, "remove a file in", path);
    }
    return 0;
}

/* Remove a directory of plain files; one that is missing is fine. */
static int remove_directory(const char *path, struct error *err)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return errno == ENOENT ? 0 : error_io(err, errno, "open", path);
    int result = remove_files(directory, path, err);
    (void)closedir(directory);
    if (result == 0 && rmdir(path) != 0 && errno != ENOENT)
        result = error_io(err, errno, "remove", path);
    return result;
}

static int remove_points(struct line *line, struct error *err)
{
    char *temporary;
    if (asprintf(&temporary, "%s.tmp", line->points_directory) < 0)
        return error_memory(err, "a file name");
    int result = remove_directory(line->points_directory, err);
    if (result == 0)
        result = remove_directory(temporary, err);
    free(temporary);
    return result;
}

int clean_up(struct line *line, struct error *err)
{
    struct error own;
    struct manifest *current;
    if (remove_points(line, err) != 0 || answer_log_remove(line->answers_directory, err) != 0)
        return -1;
    if (generation_current(line->settings.cache_directory, &current, &own) != 0) {
        if (own.code == ERROR_MISSING)
            return 0;
        if (err != NULL)
            *err = own;
        return -1;
    }
    manifest_free(current);
    return generation_prune(line->settings.cache_directory, line->settings.keep_generations, 0,
                            err);
}
