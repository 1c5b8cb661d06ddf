/* An open cache as the library's files share it; private to geocache/. */
#ifndef REFRESHD_GEOCACHE_HANDLE_H
#define REFRESHD_GEOCACHE_HANDLE_H

#include <pthread.h>
#include <stdbool.h>

#include "cachefmt/follow.h"
#include "geocache/geocache.h"

struct geocache {
    struct follower *follower; /* constant after geocache_open */
    pthread_mutex_t lock;      /* guards what follows; never taken by a lookup */
    bool has_failed;           /* the newest published generation could not be opened */
    struct error failure;
};

/* report: an error of ours as the library's callers know it; returns -1. public may be NULL. */
int report(struct geocache_error *public, const struct error *err);

#endif
