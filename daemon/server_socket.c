#include "daemon/server_socket.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/durable.h"

static int fill_name(const char *path, struct sockaddr_un *name, struct error *err)
{
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof name->sun_path)
        return error_set(err, ERROR_CONFIG, "the path has %zu bytes, a socket's may have 1 to %zu",
                         length, sizeof name->sun_path - 1);
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, path, length);
    return 0;
}

static int new_socket(struct error *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 ? fd : error_io(err, errno, "make", "a socket");
}

/* Nobody listens on a socket that a killed daemon left behind: remove it. */
static int remove_stale(const struct sockaddr_un *name, struct error *err)
{
    struct stat st;
    if (lstat(name->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : error_io(err, errno, "look at", name->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(err, ERROR_CONFIG,
                         "%s exists and is not a socket; remove it or choose another path",
                         name->sun_path);
    int fd = new_socket(err);
    if (fd < 0)
        return -1;
    int reached = connect(fd, (const struct sockaddr *)name, sizeof *name);
    int reason = reached == 0 ? 0 : errno;
    (void)close(fd);
    if (reason == 0 || reason == EAGAIN)
        return error_set(err, ERROR_BUSY,
                         "another refreshd listens on %s; stop it or choose another path",
                         name->sun_path);
    if (reason != ECONNREFUSED)
        return error_io(err, reason, "connect to", name->sun_path);
    if (unlink(name->sun_path) != 0 && errno != ENOENT)
        return error_io(err, errno, "remove", name->sun_path);
    return 0;
}

static int make_parent(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return 0;
    char *parent = strndup(path, (size_t)(slash - path));
    if (parent == NULL)
        return error_memory(err, "a path");
    int made = durable_make_directory(parent, err);
    free(parent);
    return made;
}

static int give_to_group(const char *path, const char *group, struct error *err)
{
    if (group[0] == '\0')
        return 0;
    errno = 0;
    const struct group *found = getgrnam(group);
    if (found == NULL)
        return error_set(err, ERROR_CONFIG, "there is no group %s", group);
    if (chown(path, (uid_t)-1, found->gr_gid) != 0)
        return error_set(err, ERROR_IO,
                         "cannot give %s to the group %s: %s; make the user that refreshd runs as "
                         "a member of it",
                         path, group, strerror(errno));
    return 0;
}

int server_socket_bind(const char *path, const char *group, int *fd, struct error *err)
{
    struct sockaddr_un name;
    int made = -1;
    if (fill_name(path, &name, err) != 0 || make_parent(path, err) != 0 ||
        remove_stale(&name, err) != 0)
        return -1;
    made = new_socket(err);
    if (made < 0)
        return -1;
    if (bind(made, (const struct sockaddr *)&name, sizeof name) != 0) {
        error_io(err, errno, "make the socket", path);
        goto fail;
    }
    if (chmod(path, 0660) != 0) {
        error_io(err, errno, "set the mode of", path);
        goto fail_bound;
    }
    if (give_to_group(path, group, err) != 0)
        goto fail_bound;
    *fd = made;
    return 0;
fail_bound:
    (void)unlink(path);
fail:
    (void)close(made);
    return -1;
}
