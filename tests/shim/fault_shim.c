/* LD_PRELOAD shim: makes one chosen call that changes files fail, or kills the process there.
 *
 *   FAULT=kill:N     SIGKILL before the N-th such call
 *   FAULT=killed:N   SIGKILL after the N-th such call
 *   FAULT=eio:N      the N-th such call fails with EIO; FAULT=enospc:N with ENOSPC
 *   FAULT_COUNT=PATH the number of calls so far is kept in PATH (8 bytes, mapped)
 *
 * Counted are calls on regular files and directories, over all threads: write, pwrite, writev,
 * pwritev, fsync, fdatasync, syncfs, ftruncate, rename, link, unlink, mkdir, rmdir and opening with
 * O_CREAT. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum fault { FAULT_NONE, FAULT_KILL, FAULT_KILLED, FAULT_EIO, FAULT_ENOSPC };

static enum fault fault;
static unsigned long chosen;
static _Atomic unsigned long own_count;
static _Atomic unsigned long *count = &own_count;

__attribute__((constructor)) static void read_orders(void)
{
    const char *order = getenv("FAULT");
    const char *path = getenv("FAULT_COUNT");
    if (order != NULL) {
        fault = strncmp(order, "kill:", 5) == 0     ? FAULT_KILL
                : strncmp(order, "killed:", 7) == 0 ? FAULT_KILLED
                : strncmp(order, "eio:", 4) == 0    ? FAULT_EIO
                                                    : FAULT_ENOSPC;
        chosen = strtoul(strchr(order, ':') + 1, NULL, 10);
    }
    if (path != NULL) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *map = fd < 0 ? MAP_FAILED
                           : mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED)
            count = map;
        if (fd >= 0)
            (void)close(fd);
    }
}

/* Is this the chosen call? 0 = go on, 1 = kill after it, -1 = fail now with errno set. */
static int enter(void)
{
    unsigned long now = atomic_fetch_add(count, 1) + 1;
    if (fault == FAULT_NONE || now != chosen)
        return 0;
    if (fault == FAULT_KILL)
        (void)kill(getpid(), SIGKILL);
    if (fault == FAULT_KILLED)
        return 1;
    errno = fault == FAULT_EIO ? EIO : ENOSPC;
    return -1;
}

static void leave(int order)
{
    if (order == 1)
        (void)kill(getpid(), SIGKILL);
}

static int on_disk(int fd)
{
    struct stat status;
    int saved = errno;
    int yes = fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) &&
              fd != STDERR_FILENO;
    errno = saved;
    return yes;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

#define WRAP(type, name, parameters, arguments, counted)                                           \
    type name parameters                                                                           \
    {                                                                                              \
        int order = (counted) ? enter() : 0;                                                       \
        if (order < 0)                                                                             \
            return -1;                                                                             \
        type result = REAL(name) arguments;                                                        \
        leave(order);                                                                              \
        return result;                                                                             \
    }

WRAP(ssize_t, write, (int fd, const void *data, size_t bytes), (fd, data, bytes), on_disk(fd))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t bytes, off_t offset),
     (fd, data, bytes, offset), on_disk(fd))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t bytes, off64_t offset),
     (fd, data, bytes, offset), on_disk(fd))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n), on_disk(fd))
WRAP(ssize_t, pwritev, (int fd, const struct iovec *parts, int n, off_t offset),
     (fd, parts, n, offset), on_disk(fd))
WRAP(int, fsync, (int fd), (fd), on_disk(fd))
WRAP(int, fdatasync, (int fd), (fd), on_disk(fd))
WRAP(int, syncfs, (int fd), (fd), on_disk(fd))
WRAP(int, ftruncate, (int fd, off_t length), (fd, length), on_disk(fd))
WRAP(int, rename, (const char *from, const char *to), (from, to), 1)
WRAP(int, link, (const char *from, const char *to), (from, to), 1)
WRAP(int, unlink, (const char *path), (path), 1)
WRAP(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags), 1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), 1)
WRAP(int, rmdir, (const char *path), (path), 1)

static int creates(const char *path, int flags)
{
    return (flags & O_CREAT) != 0 && strncmp(path, "/dev/", 5) != 0;
}

#define WRAP_OPEN(name)                                                                            \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = (flags & O_CREAT) != 0 ? (mode_t)va_arg(arguments, int) : 0;                 \
        va_end(arguments);                                                                         \
        int order = creates(path, flags) ? enter() : 0;                                            \
        if (order < 0)                                                                             \
            return -1;                                                                             \
        int result = REAL(name)(path, flags, mode);                                                \
        leave(order);                                                                              \
        return result;                                                                             \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
