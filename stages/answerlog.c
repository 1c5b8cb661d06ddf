#include "stages/answerlog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"

#define FILE_BYTES ((uint64_t)64 * 1024 * 1024)
#define BUFFER_BYTES ((size_t)1024 * 1024)
#define NAME_DIGITS 6
#define ADVICE "cancel the run and start it again"

struct answer_log {
    char *directory;
    char *path; /* of the present file; NULL while none is open */
    int fd;
    bool directory_changed; /* a file was made and its name is not durable yet */
    bool unsynced;
    uint32_t file;
    uint64_t written; /* bytes of the present file that the kernel has */
    struct buffer pending;
    struct error failure; /* code ERROR_NONE while all is well */
};

char *answer_log_path(const char *directory, uint32_t file)
{
    char *path;
    return asprintf(&path, "%s/%0*u.log", directory, NAME_DIGITS, file) < 0 ? NULL : path;
}

/* Is this the name of one of the log's files? */
static bool parse_name(const char *name, uint32_t *file)
{
    uint64_t number = 0;
    size_t digits = strspn(name, "0123456789");
    if (digits < NAME_DIGITS || digits > 10 || strcmp(name + digits, ".log") != 0)
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (uint64_t)(name[i] - '0');
    *file = (uint32_t)number;
    return number <= UINT32_MAX;
}

/* Remove the files of the log from number `first` on. */
static int remove_files(const char *directory, uint64_t first, struct error *err)
{
    DIR *stream = opendir(directory);
    if (stream == NULL)
        return error_io(err, errno, "open directory", directory);
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(stream)) != NULL;) {
        uint32_t file;
        if (!parse_name(entry->d_name, &file) || file < first)
            continue;
        if (unlinkat(dirfd(stream), entry->d_name, 0) != 0 && errno != ENOENT) {
            int reason = errno;
            char *path = answer_log_path(directory, file);
            result = error_io(err, reason, "remove", path != NULL ? path : directory);
            free(path);
        }
    }
    (void)closedir(stream);
    return result;
}

static int gone(const char *path, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s is gone, with committed answers in it; " ADVICE, path);
}

/* committed: bytes of it that the ledger has; a file that has some is not made anew. */
static int open_file(struct answer_log *log, uint64_t committed, struct error *err)
{
    char *path = answer_log_path(log->directory, log->file);
    if (path == NULL)
        return error_memory(err, log->directory);
    int fd = open(path, O_RDWR | O_CLOEXEC | (committed == 0 ? O_CREAT : 0), 0640);
    if (fd < 0) {
        if (errno == ENOENT && committed > 0)
            gone(path, err);
        else
            error_io(err, errno, "open", path);
        free(path);
        return -1;
    }
    free(log->path);
    log->path = path;
    log->fd = fd;
    log->directory_changed = true;
    return 0;
}

/* Cut the present file where the committed part ends. */
static int cut_tail(struct answer_log *log, uint64_t end, struct error *err)
{
    struct stat status;
    if (fstat(log->fd, &status) != 0)
        return error_io(err, errno, "read", log->path);
    if ((uint64_t)status.st_size < end)
        return error_set(
            err, ERROR_CORRUPT,
            "%s is shorter (%llu bytes) than what the ledger has committed (%llu); " ADVICE,
            log->path, (unsigned long long)status.st_size, (unsigned long long)end);
    log->written = end;
    if ((uint64_t)status.st_size == end)
        return 0;
    if (ftruncate(log->fd, (off_t)end) != 0)
        return error_io(err, errno, "truncate", log->path);
    log->unsynced = true;
    return 0;
}

int answer_log_open(struct answer_log **out, const char *directory, struct answer_place end,
                    struct error *err)
{
    if (durable_make_directory(directory, err) != 0)
        return -1;
    struct answer_log *log = calloc(1, sizeof *log);
    if (log == NULL || (log->directory = strdup(directory)) == NULL) {
        free(log);
        return error_memory(err, directory);
    }
    log->fd = -1;
    log->file = end.file;
    if (remove_files(directory, (uint64_t)end.file + 1, err) != 0 ||
        open_file(log, end.offset, err) != 0 || cut_tail(log, end.offset, err) != 0 ||
        answer_log_sync(log, err) != 0) {
        answer_log_close(log);
        return -1;
    }
    *out = log;
    return 0;
}

void answer_log_close(struct answer_log *log)
{
    if (log == NULL)
        return;
    if (log->fd >= 0)
        (void)close(log->fd);
    buffer_free(&log->pending);
    free(log->path);
    free(log->directory);
    free(log);
}

static int write_all(struct answer_log *log, const unsigned char *data, size_t bytes,
                     struct error *err)
{
    while (bytes > 0) {
        ssize_t written = pwrite(log->fd, data, bytes, (off_t)log->written);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_io(err, written < 0 ? errno : ENOSPC, "write", log->path);
        data += written;
        bytes -= (size_t)written;
        log->written += (uint64_t)written;
        log->unsynced = true;
    }
    return 0;
}

static int write_pending(struct answer_log *log, struct error *err)
{
    if (write_all(log, log->pending.data, log->pending.used, err) != 0)
        return -1;
    buffer_clear(&log->pending);
    return 0;
}

static int sync_file(struct answer_log *log, struct error *err)
{
    if (write_pending(log, err) != 0)
        return -1;
    if (log->unsynced && fsync(log->fd) != 0)
        return error_io(err, errno, "fsync", log->path);
    log->unsynced = false;
    if (log->directory_changed && durable_sync_directory(log->directory, err) != 0)
        return -1;
    log->directory_changed = false;
    return 0;
}

static int next_file(struct answer_log *log, struct error *err)
{
    if (sync_file(log, err) != 0)
        return -1;
    if (log->file == UINT32_MAX)
        return error_set(err, ERROR_STATE, "%s: no more files can be numbered", log->directory);
    (void)close(log->fd);
    log->fd = -1;
    log->file++;
    log->written = 0;
    return open_file(log, 0, err);
}

static int append(struct answer_log *log, const void *data, size_t bytes,
                  struct answer_place *place, struct error *err)
{
    if (log->written + log->pending.used >= FILE_BYTES && next_file(log, err) != 0)
        return -1;
    struct answer_place here = answer_log_end(log);
    here.bytes = (uint32_t)bytes;
    if (bytes > BUFFER_BYTES - log->pending.used && write_pending(log, err) != 0)
        return -1;
    if (bytes > BUFFER_BYTES) {
        if (write_all(log, data, bytes, err) != 0)
            return -1;
    } else if (buffer_append(&log->pending, data, bytes, err) != 0) {
        return -1;
    }
    *place = here;
    return 0;
}

/* The failure that made the object useless, again. */
static int failed_before(const struct answer_log *log, struct error *err)
{
    if (err != NULL)
        *err = log->failure;
    return -1;
}

static int fail(struct answer_log *log, const struct error *failure, struct error *err)
{
    log->failure = *failure;
    return failed_before(log, err);
}

int answer_log_append(struct answer_log *log, const void *data, size_t bytes,
                      struct answer_place *place, struct error *err)
{
    struct error failure;
    if (log->failure.code != ERROR_NONE)
        return failed_before(log, err);
    if (bytes > UINT32_MAX)
        return error_set(err, ERROR_VALUE, "a record of answers is larger than 4 GB");
    return append(log, data, bytes, place, &failure) == 0 ? 0 : fail(log, &failure, err);
}

int answer_log_sync(struct answer_log *log, struct error *err)
{
    struct error failure;
    if (log->failure.code != ERROR_NONE)
        return failed_before(log, err);
    return sync_file(log, &failure) == 0 ? 0 : fail(log, &failure, err);
}

struct answer_place answer_log_end(const struct answer_log *log)
{
    return (struct answer_place){.file = log->file, .offset = log->written + log->pending.used};
}

int answer_log_read(const char *directory, struct answer_place place, struct buffer *out,
                    struct error *err)
{
    char *path = answer_log_path(directory, place.file);
    if (path == NULL)
        return error_memory(err, directory);
    int result = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            gone(path, err);
        else
            error_io(err, errno, "open", path);
        goto out;
    }
    if (buffer_reserve(out, place.bytes, err) != 0)
        goto out;
    for (size_t read_bytes = 0; read_bytes < place.bytes;) {
        ssize_t got = pread(fd, out->data + out->used + read_bytes, place.bytes - read_bytes,
                            (off_t)(place.offset + read_bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_io(err, errno, "read", path);
            goto out;
        }
        if (got == 0) {
            error_set(err, ERROR_CORRUPT, "%s ends inside a committed record at byte %llu; " ADVICE,
                      path, (unsigned long long)place.offset);
            goto out;
        }
        read_bytes += (size_t)got;
    }
    out->used += place.bytes;
    result = 0;
out:
    if (fd >= 0)
        (void)close(fd);
    free(path);
    return result;
}

int answer_log_remove(const char *directory, struct error *err)
{
    struct stat status;
    if (stat(directory, &status) != 0 && errno == ENOENT)
        return 0;
    if (remove_files(directory, 0, err) != 0)
        return -1;
    if (rmdir(directory) != 0 && errno != ENOENT)
        return error_io(err, errno, "remove directory", directory);
    return 0;
}
