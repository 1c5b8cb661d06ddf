#include "stages/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/durable.h"

#define MAP_BYTES ((size_t)64 << 30) /* address space, not memory */
#define MDB_FORMAT "LMDB 0.9, data version 1"
#define FULL_BYTES ((uint64_t)1 << 20) /* a disk with less has no space left */
#define LOCK_BYTES 65536               /* room for a thousand readers */

/* LMDB writes the lock file through a mapping, where a full disk would be SIGBUS: claim its blocks
 * here, where it is an error. */
static int reserve_lock_file(const char *directory, struct error *err)
{
    char *path;
    if (asprintf(&path, "%s/lock.mdb", directory) < 0)
        return error_memory(err, directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    int reason = fd < 0 ? errno : posix_fallocate(fd, 0, LOCK_BYTES);
    int result = reason == 0 ? 0 : error_io(err, reason, "make", path);
    if (fd >= 0)
        (void)close(fd);
    free(path);
    return result;
}

static int set_path(struct environment *environment, const char *directory, struct error *err)
{
    if (asprintf(&environment->path, "%s/data.mdb", directory) >= 0)
        return 0;
    environment->path = NULL;
    return error_memory(err, directory);
}

static int open_files(struct environment *environment, const char *directory, unsigned tables,
                      size_t map_bytes, unsigned flags, struct error *err)
{
    int result = mdb_env_create(&environment->env);
    if (result == 0)
        result = mdb_env_set_maxdbs(environment->env, tables);
    if (result == 0)
        result = mdb_env_set_mapsize(environment->env, map_bytes > 0 ? map_bytes : MAP_BYTES);
    if (result == 0)
        result = mdb_env_open(environment->env, directory, flags | MDB_NOTLS, 0640);
    return result == 0 ? 0 : environment_error(environment, result, "open", err);
}

int environment_open(struct environment *environment, const char *directory, unsigned tables,
                     size_t map_bytes, struct error *err)
{
    if (set_path(environment, directory, err) != 0 || durable_make_directory(directory, err) != 0 ||
        environment_probe(environment, directory, err) != 0 ||
        reserve_lock_file(directory, err) != 0)
        return -1;
    return open_files(environment, directory, tables, map_bytes, 0, err);
}

int environment_open_reader(struct environment *environment, const char *directory, unsigned tables,
                            struct error *err)
{
    if (set_path(environment, directory, err) != 0)
        return -1;
    /* LMDB would make a lock file before it finds that there is nothing to lock. */
    if (access(environment->path, R_OK) != 0)
        return error_io(err, errno, "read", environment->path);
    return open_files(environment, directory, tables, 0, MDB_RDONLY, err);
}

void environment_close(struct environment *environment)
{
    if (environment->env != NULL)
        mdb_env_close(environment->env);
    free(environment->path);
    environment->env = NULL;
    environment->path = NULL;
}

int environment_damaged(const struct environment *environment, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s is damaged (%s); %s", environment->path, what,
                     environment->damaged);
}

/* A write that is cut short is EIO for LMDB. What cuts it is the end of the space, all of which it
 * has taken by then. */
static int reason_of(const struct environment *environment, int result)
{
    struct statvfs space;
    if (result != EIO || statvfs(environment->path, &space) != 0)
        return result;
    return (uint64_t)space.f_bavail * space.f_frsize < FULL_BYTES ? ENOSPC : EIO;
}

int environment_error(const struct environment *environment, int result, const char *action,
                      struct error *err)
{
    result = reason_of(environment, result);
    switch (result) {
    case MDB_MAP_FULL:
        return error_set(err, ERROR_IO, "%s has reached its largest size; %s", environment->path,
                         environment->full);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
        return environment_damaged(environment, mdb_strerror(result), err);
    case MDB_VERSION_MISMATCH:
        return error_set(err, ERROR_STATE,
                         "%s was made by another version of LMDB than the one here (" MDB_FORMAT
                         "); install that one again, or: %s",
                         environment->path, environment->damaged);
    case ENOMEM:
        return error_set(err, ERROR_MEMORY,
                         "cannot %s %s: no room for it among the addresses of this process; raise "
                         "the limit (LimitAS=infinity, ulimit -v unlimited)",
                         action, environment->path);
    default:
        break;
    }
    if (result > 0)
        return error_io(err, result, action, environment->path);
    return error_set(err, ERROR_IO, "cannot %s %s: %s", action, environment->path,
                     mdb_strerror(result));
}

int environment_value(const struct environment *environment, MDB_val key, MDB_val value,
                      unsigned version, struct view *out, struct error *err)
{
    struct view view;
    const char *wrong = view_open(&view, key.mv_data, key.mv_size, value.mv_data, value.mv_size);
    if (wrong != NULL)
        return environment_damaged(environment, wrong, err);
    if (view.version > version)
        return error_set(err, ERROR_STATE,
                         "%s was made by a newer refreshd (a record of version %u, this one reads "
                         "versions up to %u); install that one again, or: %s",
                         environment->path, view.version, version, environment->damaged);
    *out = view;
    return 1;
}
