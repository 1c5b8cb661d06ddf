#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "fleet/exchange_client_internal.h"

/* Not ERROR_MISSING, which would be a source's. */
static int failed(const struct part *part, const char *action, struct error *err)
{
    int reason = errno;
    (void)error_io(err, reason, action, part->unfinished);
    if (reason == ENOENT)
        (void)error_set(err, ERROR_IO, "cannot %s %s: %s", action, part->unfinished,
                        strerror(reason));
    return -1;
}

static int part_take(struct sink *sink, const void *data, size_t bytes, struct error *err)
{
    struct part *part = (struct part *)sink;
    const unsigned char *from = data;
    uint64_t at = sink->have;
    while (bytes > 0) {
        ssize_t written = pwrite(part->fd, from, bytes, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written < 0 ? errno : ENOSPC;
            return failed(part, "write", err);
        }
        from += written;
        at += (uint64_t)written;
        bytes -= (size_t)written;
    }
    return 0;
}

static int part_restart(struct sink *sink, struct error *err)
{
    struct part *part = (struct part *)sink;
    return ftruncate(part->fd, 0) == 0 ? 0 : failed(part, "cut", err);
}

/* A whole write may have ended beyond what `have` counts when it failed in the middle; the next
 * writes the same place again. */
static int begin(struct part *part, struct error *err)
{
    struct stat status;
    part->fd = open(part->unfinished, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (part->fd < 0)
        return failed(part, "open", err);
    if (fstat(part->fd, &status) != 0)
        return failed(part, "read", err);
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERROR_IO, "%s is not a file", part->unfinished);
    part->sink.have = (uint64_t)status.st_size;
    if (part->sink.portable && part->sink.have <= part->sink.most)
        return 0;
    return sink_restart(&part->sink, err);
}

int part_open(struct part *part, const char *path, uint64_t most, bool portable, struct error *err)
{
    *part = (struct part){
        .sink = {.most = most, .portable = portable, .take = part_take, .restart = part_restart},
        .path = strdup(path),
        .fd = -1};
    if (part->path == NULL || asprintf(&part->unfinished, "%s.part", path) < 0) {
        part->unfinished = NULL;
        part_close(part);
        return error_memory(err, path);
    }
    if (begin(part, err) == 0)
        return 0;
    part_close(part);
    return -1;
}

int part_rename(struct part *part, struct error *err)
{
    if (fsync(part->fd) != 0)
        return failed(part, "fsync", err);
    return rename(part->unfinished, part->path) == 0 ? 0 : failed(part, "rename", err);
}

int part_sync(const struct part *part, struct error *err)
{
    char *copy = strdup(part->path);
    if (copy == NULL)
        return error_memory(err, part->path);
    int result = durable_sync_directory(dirname(copy), err);
    free(copy);
    return result;
}

void part_close(struct part *part)
{
    if (part->fd >= 0)
        (void)close(part->fd);
    free(part->path);
    free(part->unfinished);
    *part = (struct part){.fd = -1};
}
