#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation_names.h"

#define HOLDER_BYTES 256

struct cache_lock {
    int fd;
};

/* The file's first line; empty when it can't be read. */
static void read_holder(int fd, char holder[HOLDER_BYTES])
{
    ssize_t got = pread(fd, holder, HOLDER_BYTES - 1, 0);
    holder[got > 0 ? got : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
}

/* The line is a courtesy to whoever finds the lock held, so a full disk is no reason to fail. It
 * is overwritten rather than emptied first: the block it lies in stays ours on a full disk. */
static void write_holder(int fd, const char *holder)
{
    char line[HOLDER_BYTES];
    int length = snprintf(line, sizeof line - 1, "%s", holder);
    if (length < 0)
        return;
    size_t bytes = strcspn(line, "\n");
    line[bytes++] = '\n';
    if (pwrite(fd, line, bytes, 0) == (ssize_t)bytes)
        (void)!ftruncate(fd, (off_t)bytes);
}

static int busy(int fd, const char *directory, char holder_out[256], struct error *err)
{
    char holder[HOLDER_BYTES];
    read_holder(fd, holder);
    if (holder_out != NULL)
        memcpy(holder_out, holder, sizeof holder);
    return error_set(err, ERROR_BUSY, "%s is held by %s", directory,
                     holder[0] != '\0' ? holder : "another process");
}

int cache_lock_acquire(struct cache_lock **out, const char *directory, const char *holder,
                       char holder_out[256], struct error *err)
{
    char *path = NULL;
    int fd = -1;
    struct cache_lock *lock = malloc(sizeof *lock);
    if (lock == NULL)
        return error_memory(err, "a lock");
    if (durable_make_directory(directory, err) != 0 ||
        generation_path(directory, "LOCK", &path, err) != 0)
        goto fail;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        error_io(err, errno, "open", path);
        goto fail;
    }
    int locked;
    do {
        locked = flock(fd, LOCK_EX | LOCK_NB);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0) {
        if (errno == EWOULDBLOCK)
            busy(fd, directory, holder_out, err);
        else
            error_io(err, errno, "lock", path);
        goto fail;
    }
    write_holder(fd, holder);
    free(path);
    lock->fd = fd;
    *out = lock;
    return 0;
fail:
    if (fd >= 0)
        (void)close(fd);
    free(path);
    free(lock);
    return -1;
}

void cache_lock_release(struct cache_lock *lock)
{
    if (lock == NULL)
        return;
    (void)close(lock->fd);
    free(lock);
}
