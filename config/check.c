/* The checks of a configuration that need the file system. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/entry.h"

#define LARGEST_SECRET ((off_t)1 << 20)

int config_prefix(const struct config *config, const struct config_key *key, struct error *err)
{
    unsigned line = config->entries[key - config_keys].line;
    if (config->path == NULL)
        return error_prefix(err, "[%s] %s", key->section, key->name);
    if (line == 0)
        return error_prefix(err, "%s: [%s] %s", config->path, key->section, key->name);
    return error_prefix(err, "%s line %u: [%s] %s", config->path, line, key->section, key->name);
}

int config_locate(const struct config *config, const char *section, const char *name,
                  struct error *err)
{
    return config_prefix(config, config_key_find(section, name), err);
}

/* holds_something: the file behind fd has a byte that is not white space. 1, 0, or -1 and errno. */
static int holds_something(int fd)
{
    char block[4096];
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        for (ssize_t i = 0; i < got; i++) {
            if (strchr(" \t\r\n\v\f", block[i]) == NULL)
                return 1;
        }
    }
}

static int check_file(const char *path, struct error *err)
{
    struct stat status;
    int result = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_io(err, errno, "open", path);
    if (fstat(fd, &status) != 0) {
        error_io(err, errno, "read", path);
        goto out;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(err, ERROR_CONFIG, "%s is not a file", path);
        goto out;
    }
    if (status.st_size > LARGEST_SECRET) {
        error_set(err, ERROR_CONFIG, "%s is larger than 1 MiB", path);
        goto out;
    }
    int found = holds_something(fd);
    if (found < 0)
        error_io(err, errno, "read", path);
    else if (found == 0)
        error_set(err, ERROR_CONFIG, "%s is empty", path);
    else
        result = 0;
out:
    (void)close(fd);
    return result;
}

static int check_file_key(const struct config *config, const char *section, const char *name,
                          const char *path, struct error *err)
{
    struct error fault;
    if (path[0] == '\0' || check_file(path, &fault) == 0)
        return 0;
    fault.code = ERROR_CONFIG;
    config_prefix(config, config_key_find(section, name), &fault);
    if (err != NULL)
        *err = fault;
    return -1;
}

/* Nothing but a file of that kind is at path, or there is nothing yet and room for it. */
static int check_place(const struct config *config, const char *section, const char *name,
                       const char *path, mode_t kind, struct error *err)
{
    struct stat status;
    if (stat(path, &status) == 0) {
        if ((status.st_mode & S_IFMT) == kind)
            return 0;
        error_set(err, ERROR_CONFIG, "%s is not a %s; remove it or choose another path", path,
                  kind == S_IFDIR ? "directory" : "socket");
    } else if (errno == ENOTDIR) {
        error_set(err, ERROR_CONFIG,
                  "%s: a part of this path is a file; remove that or choose another path", path);
    } else {
        return 0;
    }
    return config_locate(config, section, name, err);
}

static int check_places(const struct config *config, struct error *err)
{
    if (check_place(config, "cache", "directory", config->cache.directory, S_IFDIR, err) != 0 ||
        check_place(config, "refresh", "state_directory", config->refresh.state_directory, S_IFDIR,
                    err) != 0)
        return -1;
    return check_place(config, "control", "socket", config->control.socket, S_IFSOCK, err);
}

static int check_group(const struct config *config, struct error *err)
{
    struct group entry;
    struct group *found = NULL;
    char *space = NULL;
    size_t room = 1024;
    int reason = ERANGE;
    if (config->control.group[0] == '\0')
        return 0;
    while (reason == ERANGE && room <= (size_t)1 << 24) {
        room *= 4;
        char *larger = realloc(space, room);
        if (larger == NULL) {
            free(space);
            return error_memory(err, "the group database");
        }
        space = larger;
        reason = getgrnam_r(config->control.group, &entry, space, room, &found);
    }
    free(space);
    if (found != NULL)
        return 0;
    error_set(err, ERROR_CONFIG,
              "there is no group \"%s\"; make it (groupadd) or use one of this machine",
              config->control.group);
    return config_prefix(config, config_key_find("control", "group"), err);
}

int config_check(const struct config *config, struct error *err)
{
    if (check_file_key(config, "geocoder", "key_file", config->geocoder.key_file, err) != 0 ||
        check_file_key(config, "geocoder", "ca_file", config->geocoder.ca_file, err) != 0 ||
        check_file_key(config, "peers", "ca_file", config->peers.ca_file, err) != 0 ||
        check_file_key(config, "peers", "cert_file", config->peers.cert_file, err) != 0 ||
        check_file_key(config, "peers", "key_file", config->peers.key_file, err) != 0 ||
        config_check_peers(config, err) != 0)
        return -1;
    return check_places(config, err) == 0 ? check_group(config, err) : -1;
}
