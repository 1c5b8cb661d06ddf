#include <string.h>

#include "base/clock.h"
#include "fleet/membership_internal.h"

#define RANGE_SECONDS 30.0 /* a watch is a hint: all is read again so often */
#define RETRIES 16.0       /* in a lease, while etcd does not answer */

struct follower {
    struct membership *membership;
    int64_t revision; /* to watch from; 0 = read all first */
    double ranged;    /* when all was read, clock_monotonic */
};

/* --- reading all ----------------------------------------------------------------------------- */

static int take_range(struct membership *membership, const char *prefix, bool live,
                      const struct etcd_range *range, struct error *err)
{
    (void)pthread_mutex_lock(&membership->lock);
    int result =
        peer_table_replace(&membership->table, prefix, live, range, clock_monotonic(), err);
    (void)pthread_mutex_unlock(&membership->lock);
    return result;
}

/* *revision: of the store as this range was read. */
static int read_range(struct membership *membership, const char *prefix, bool live,
                      int64_t *revision, struct error *err)
{
    struct etcd_range range;
    if (etcd_get_prefix(membership->watch_etcd, prefix, 0, &range, err) != 0)
        return -1;
    membership_answered(membership);
    int result = take_range(membership, prefix, live, &range, err);
    *revision = range.revision;
    etcd_range_free(&range);
    return result;
}

static int read_all(struct follower *follower, struct error *err)
{
    struct membership *membership = follower->membership;
    int64_t first, second;
    if (read_range(membership, membership->peers_prefix, true, &first, err) != 0 ||
        read_range(membership, membership->seen_prefix, false, &second, err) != 0)
        return -1;
    follower->revision = first + 1;
    follower->ranged = clock_monotonic();
    membership->settings.changed(membership->settings.context);
    return 0;
}

/* --- following ------------------------------------------------------------------------------- */

/* Of other keys than the peers' documents each change is news. */
static int take_event(struct membership *membership, const struct etcd_event *event, double now)
{
    const char *peers = membership->peers_prefix, *seen = membership->seen_prefix;
    if (strncmp(event->key, peers, strlen(peers)) == 0)
        return peer_table_event(&membership->table, peers, true, event, now, NULL);
    if (strncmp(event->key, seen, strlen(seen)) == 0)
        return peer_table_event(&membership->table, seen, false, event, now, NULL);
    membership->table.news = true;
    return 0;
}

static bool is_old(const struct follower *follower)
{
    return clock_monotonic() - follower->ranged > RANGE_SECONDS;
}

/* 1 = read all again. */
static int take_events(void *context, const struct etcd_event *events, size_t count,
                       int64_t revision)
{
    struct follower *follower = context;
    struct membership *membership = follower->membership;
    double now = clock_monotonic();
    int result = 0;
    (void)pthread_mutex_lock(&membership->lock);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = take_event(membership, &events[i], now);
    membership->answered = now;
    bool news = membership->table.news;
    membership->table.news = false;
    (void)pthread_mutex_unlock(&membership->lock);
    follower->revision = revision + 1;
    if (news)
        membership->settings.changed(membership->settings.context);
    return result != 0 || is_old(follower) ? 1 : 0;
}

/* 0, or -1: etcd does not answer. */
static int follow(struct follower *follower)
{
    struct membership *membership = follower->membership;
    struct error err = {0};
    if ((follower->revision == 0 || is_old(follower)) && read_all(follower, &err) != 0)
        return -1;
    int result = etcd_watch(membership->watch_etcd, membership->settings.prefix, follower->revision,
                            membership->settings.lease, take_events, follower, &err);
    if (result == 1 || err.code == ERROR_MISSING) {
        follower->revision = 0;
        return 0;
    }
    return -1;
}

void *membership_watch(void *argument)
{
    struct membership *membership = argument;
    struct follower follower = {.membership = membership};
    double pause = membership->settings.lease / RETRIES, next;
    do {
        next = clock_monotonic() + (follow(&follower) == 0 ? 0 : pause);
    } while (membership_pause(membership, next, false));
    return NULL;
}
