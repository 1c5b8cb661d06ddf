#include "geocache/handle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)
#define KNOWN_FLAGS (GEOCACHE_NO_FOLLOW | GEOCACHE_MAY_BE_MISSING)

static int public_code(enum error_code code)
{
    switch (code) {
    case ERROR_MISSING:
        return GEOCACHE_ERROR_MISSING;
    case ERROR_CORRUPT:
        return GEOCACHE_ERROR_CORRUPT;
    case ERROR_MEMORY:
        return GEOCACHE_ERROR_MEMORY;
    case ERROR_VALUE:
        return GEOCACHE_ERROR_VALUE;
    default:
        return GEOCACHE_ERROR_IO;
    }
}

int report(struct geocache_error *public, const struct error *err)
{
    if (public == NULL)
        return -1;
    public->code = public_code(err->code);
    public->os_errno = err->os_errno;
    (void)snprintf(public->message, sizeof public->message, "%s", err->message);
    return -1;
}

static void forget_failure(void *context, const struct cache *now)
{
    struct geocache *cache = context;
    (void)now;
    pthread_mutex_lock(&cache->lock);
    cache->has_failed = false;
    pthread_mutex_unlock(&cache->lock);
}

static void keep_failure(void *context, const struct error *err)
{
    struct geocache *cache = context;
    pthread_mutex_lock(&cache->lock);
    cache->has_failed = true;
    cache->failure = *err;
    pthread_mutex_unlock(&cache->lock);
}

/* A program may change its working directory while it follows. Freed by the caller; NULL: errno. */
static char *absolute_path(const char *directory)
{
    char *path = NULL;
    if (directory[0] == '/')
        return strdup(directory);
    char *working = getcwd(NULL, 0);
    if (working != NULL && asprintf(&path, "%s/%s", working, directory) < 0)
        path = NULL;
    free(working);
    return path;
}

static int open_follower(struct geocache *cache, const char *directory, unsigned flags,
                         struct error *err)
{
    char *path = absolute_path(directory);
    if (path == NULL)
        return error_io(err, errno, "find", directory);
    const struct follow_settings settings = {
        .directory = path,
        .may_be_missing = (flags & GEOCACHE_MAY_BE_MISSING) != 0,
        .interval = (flags & GEOCACHE_NO_FOLLOW) != 0 ? -1 : 0,
        .switched = forget_failure,
        .failed = keep_failure,
        .context = cache,
    };
    int result = follower_open(&cache->follower, &settings, err);
    free(path);
    return result;
}

int geocache_open(struct geocache **out, const char *directory, unsigned flags,
                  struct geocache_error *error)
{
    struct error err;
    if ((flags & ~KNOWN_FLAGS) != 0) {
        error_set(&err, ERROR_VALUE, "geocache_open: unknown flags 0x%x", flags & ~KNOWN_FLAGS);
        return report(error, &err);
    }
    struct geocache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        error_memory(&err, "a cache");
        return report(error, &err);
    }
    (void)pthread_mutex_init(&cache->lock, NULL);
    if (open_follower(cache, directory, flags, &err) != 0) {
        geocache_close(cache);
        return report(error, &err);
    }
    *out = cache;
    return 0;
}

void geocache_close(struct geocache *cache)
{
    if (cache == NULL)
        return;
    follower_close(cache->follower);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

int geocache_refresh(struct geocache *cache, struct geocache_error *error)
{
    struct error err;
    int result = follow_look(cache->follower, &err);
    return result < 0 ? report(error, &err) : result;
}

int geocache_failure(struct geocache *cache, struct geocache_error *error)
{
    pthread_mutex_lock(&cache->lock);
    bool has_failed = cache->has_failed;
    if (has_failed)
        (void)report(error, &cache->failure);
    pthread_mutex_unlock(&cache->lock);
    return has_failed;
}

const char *geocache_version(void)
{
    return VERSION_TEXT(GEOCACHE_VERSION_MAJOR, GEOCACHE_VERSION_MINOR, GEOCACHE_VERSION_PATCH);
}
