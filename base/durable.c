#include "base/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)256 * 1024)

struct durable_file {
    int fd;
    uint64_t flushed; /* bytes handed to the kernel */
    size_t used;      /* bytes in buffer */
    char *path;
    char *temporary;
    unsigned char buffer[BUFFER_BYTES];
};

static int write_all(int fd, const unsigned char *data, size_t bytes, uint64_t offset,
                     const char *path, struct error *err)
{
    while (bytes > 0) {
        ssize_t written = pwrite(fd, data, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_io(err, written < 0 ? errno : ENOSPC, "write", path);
        data += written;
        bytes -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

static void file_free(struct durable_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    free(file->path);
    free(file->temporary);
    free(file);
}

int durable_create(struct durable_file **out, const char *path, struct error *err)
{
    struct durable_file *file = malloc(sizeof *file);
    if (file == NULL)
        return error_memory(err, path);
    file->fd = -1;
    file->flushed = 0;
    file->used = 0;
    file->temporary = NULL;
    file->path = strdup(path);
    if (file->path == NULL || asprintf(&file->temporary, "%s.tmp", path) < 0) {
        file->temporary = NULL;
        file_free(file);
        return error_memory(err, path);
    }
    file->fd = open(file->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file->fd < 0) {
        error_io(err, errno, "create", file->temporary);
        file_free(file);
        return -1;
    }
    *out = file;
    return 0;
}

int durable_flush(struct durable_file *file, struct error *err)
{
    if (write_all(file->fd, file->buffer, file->used, file->flushed, file->temporary, err) != 0)
        return -1;
    file->flushed += file->used;
    file->used = 0;
    return 0;
}

int durable_write(struct durable_file *file, const void *data, size_t bytes, struct error *err)
{
    if (bytes > BUFFER_BYTES - file->used && durable_flush(file, err) != 0)
        return -1;
    if (bytes > BUFFER_BYTES) {
        if (write_all(file->fd, data, bytes, file->flushed, file->temporary, err) != 0)
            return -1;
        file->flushed += bytes;
        return 0;
    }
    memcpy(file->buffer + file->used, data, bytes);
    file->used += bytes;
    return 0;
}

int durable_overwrite(struct durable_file *file, uint64_t offset, const void *data, size_t bytes,
                      struct error *err)
{
    if (durable_flush(file, err) != 0)
        return -1;
    return write_all(file->fd, data, bytes, offset, file->temporary, err);
}

uint64_t durable_size(const struct durable_file *file)
{
    return file->flushed + file->used;
}

static int sync_parent(const char *path, struct error *err)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return error_memory(err, path);
    int result = durable_sync_directory(dirname(copy), err);
    free(copy);
    return result;
}

int durable_sync(struct durable_file *file, struct error *err)
{
    if (durable_flush(file, err) != 0)
        return -1;
    if (fsync(file->fd) != 0)
        return error_io(err, errno, "fsync", file->temporary);
    return 0;
}

static int take_name(const struct durable_file *file, struct error *err)
{
    if (rename(file->temporary, file->path) != 0)
        return error_io(err, errno, "rename into place", file->path);
    return 0;
}

int durable_commit(struct durable_file *file, struct error *err)
{
    if (durable_sync(file, err) != 0 || take_name(file, err) != 0) {
        durable_abort(file);
        return -1;
    }
    int result = sync_parent(file->path, err);
    file_free(file);
    return result;
}

int durable_rename(struct durable_file *file, struct error *err)
{
    if (take_name(file, err) != 0) {
        durable_abort(file);
        return -1;
    }
    file_free(file);
    return 0;
}

int durable_commit_two(struct durable_file *first, struct durable_file *second, struct error *err)
{
    int result = -1;
    if (durable_flush(first, err) != 0 || durable_flush(second, err) != 0)
        goto out;
    /* Only a start, so that both are under way before the first wait; the fsyncs report errors. */
    (void)sync_file_range(second->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (durable_sync(first, err) != 0 || durable_sync(second, err) != 0)
        goto out;
    if (take_name(first, err) != 0 || take_name(second, err) != 0)
        goto out;
    result = sync_parent(first->path, err);
    file_free(first);
    file_free(second);
    return result;
out:
    durable_abort(first);
    durable_abort(second);
    return -1;
}

void durable_abort(struct durable_file *file)
{
    if (file == NULL)
        return;
    (void)unlink(file->temporary);
    file_free(file);
}

int durable_write_file(const char *path, const void *data, size_t bytes, struct error *err)
{
    struct durable_file *file;
    if (durable_create(&file, path, err) != 0)
        return -1;
    if (durable_write(file, data, bytes, err) != 0) {
        durable_abort(file);
        return -1;
    }
    return durable_commit(file, err);
}

int durable_sync_directory(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open directory", path);
    int result = fsync(fd) == 0 ? 0 : error_io(err, errno, "fsync directory", path);
    (void)close(fd);
    return result;
}

/* Make path, and before it its parents where they are missing. */
static int make_directories(const char *path, struct error *err)
{
    if (mkdir(path, 0750) == 0)
        return sync_parent(path, err);
    if (errno == EEXIST)
        return 0;
    if (errno != ENOENT)
        return error_io(err, errno, "make directory", path);
    char *copy = strdup(path);
    if (copy == NULL)
        return error_memory(err, path);
    const char *parent = dirname(copy);
    int result = strcmp(parent, path) == 0 ? error_io(err, ENOENT, "make directory", path)
                                           : make_directories(parent, err);
    free(copy);
    if (result != 0)
        return -1;
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return error_io(err, errno, "make directory", path);
    return sync_parent(path, err);
}

int durable_make_directory(const char *path, struct error *err)
{
    struct stat status;
    size_t length = strlen(path);
    if (length == 0 || length >= PATH_MAX)
        return error_set(err, ERROR_VALUE, "directory name is empty or too long: \"%s\"", path);
    if (make_directories(path, err) != 0)
        return -1;
    if (stat(path, &status) != 0)
        return error_io(err, errno, "read", path);
    if (!S_ISDIR(status.st_mode))
        return error_set(err, ERROR_IO, "%s is not a directory", path);
    return 0;
}

static int remove_files(DIR *directory, const char *path, struct error *err)
{
    const struct dirent *item;
    while (errno = 0, (item = readdir(directory)) != NULL) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(directory), item->d_name, 0) != 0 && errno != ENOENT)
            return error_io(err, errno, "remove the files of", path);
    }
    return errno == 0 ? 0 : error_io(err, errno, "read directory", path);
}

int durable_remove_directory(const char *path, struct error *err)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return errno == ENOENT ? 0 : error_io(err, errno, "open directory", path);
    int result = remove_files(directory, path, err);
    (void)closedir(directory);
    if (result == 0 && rmdir(path) != 0 && errno != ENOENT)
        result = error_io(err, errno, "remove directory", path);
    return result;
}

int read_whole_file(const char *path, size_t limit, char **data, size_t *bytes, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open", path);
    char *content = NULL;
    size_t used = 0;
    size_t room = 0;
    for (;;) {
        if (used == room) {
            room = room == 0 ? 4096 : room * 2;
            char *larger = realloc(content, room + 1);
            if (larger == NULL) {
                error_memory(err, path);
                goto fail;
            }
            content = larger;
        }
        ssize_t got = read(fd, content + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_io(err, errno, "read", path);
            goto fail;
        }
        if (got == 0)
            break;
        used += (size_t)got;
        if (used > limit) {
            error_set(err, ERROR_VALUE, "%s is larger than %zu bytes", path, limit);
            goto fail;
        }
    }
    (void)close(fd);
    content[used] = '\0';
    *data = content;
    *bytes = used;
    return 0;
fail:
    (void)close(fd);
    free(content);
    return -1;
}
