#include "fleet/membership.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"
#include "fleet/membership_internal.h"

#define TIMEOUT_SECONDS 1.5
#define TIMEOUT_LEAST 0.2

/* --- what is told to and by the threads ------------------------------------------------------ */

void membership_answered(struct membership *membership)
{
    (void)pthread_mutex_lock(&membership->lock);
    membership->answered = clock_monotonic();
    (void)pthread_mutex_unlock(&membership->lock);
}

bool membership_pause(struct membership *membership, double until, bool heart)
{
    struct timespec end = clock_timespec(until);
    (void)pthread_mutex_lock(&membership->lock);
    while (!membership->stopping && !(heart && membership->told) && clock_monotonic() < until)
        (void)pthread_cond_timedwait(&membership->wake, &membership->lock, &end);
    if (heart)
        membership->told = false;
    bool stopping = membership->stopping;
    (void)pthread_mutex_unlock(&membership->lock);
    return !stopping;
}

/* With the lock: a lease that has ended by our clock is lost. */
static void settle(struct membership *membership)
{
    if (membership->lease == 0 || clock_monotonic() < membership->lease_end)
        return;
    membership->lease = 0;
    membership->epoch++;
}

int64_t membership_lease(struct membership *membership)
{
    (void)pthread_mutex_lock(&membership->lock);
    settle(membership);
    int64_t lease = membership->lease;
    (void)pthread_mutex_unlock(&membership->lock);
    return lease;
}

uint64_t membership_epoch(struct membership *membership)
{
    (void)pthread_mutex_lock(&membership->lock);
    settle(membership);
    uint64_t epoch = membership->epoch;
    (void)pthread_mutex_unlock(&membership->lock);
    return epoch;
}

const char *membership_instance(const struct membership *membership)
{
    return membership->instance;
}

bool membership_reachable(struct membership *membership)
{
    (void)pthread_mutex_lock(&membership->lock);
    bool reachable = membership->answered > 0 &&
                     clock_monotonic() - membership->answered <= membership->settings.lease;
    (void)pthread_mutex_unlock(&membership->lock);
    return reachable;
}

void membership_tell(struct membership *membership)
{
    (void)pthread_mutex_lock(&membership->lock);
    membership->told = true;
    (void)pthread_cond_broadcast(&membership->wake);
    (void)pthread_mutex_unlock(&membership->lock);
}

int membership_peers(struct membership *membership, struct membership_peer **peers, size_t *count,
                     struct error *err)
{
    struct timespec wall;
    (void)pthread_mutex_lock(&membership->lock);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    int result =
        peer_table_list(&membership->table, clock_monotonic(),
                        (double)wall.tv_sec + (double)wall.tv_nsec * 1e-9, peers, count, err);
    (void)pthread_mutex_unlock(&membership->lock);
    return result;
}

/* --- opening and closing --------------------------------------------------------------------- */

static char *join(const char *prefix, const char *folder, const char *name)
{
    char *text = NULL;
    return asprintf(&text, "%s%s%s", prefix, folder, name) < 0 ? NULL : text;
}

static int copy_settings(struct membership *membership, const struct membership_settings *settings,
                         struct error *err)
{
    struct membership_settings *copy = &membership->settings;
    *copy = *settings;
    copy->etcd = (struct etcd_settings){0};
    copy->state_directory = NULL;
    copy->prefix = strdup(settings->prefix);
    copy->name = strdup(settings->name);
    copy->advertise = strdup(settings->advertise);
    membership->peers_prefix = join(settings->prefix, "peers/", "");
    membership->seen_prefix = join(settings->prefix, "seen/", "");
    membership->peer_key = join(settings->prefix, "peers/", settings->name);
    membership->seen_key = join(settings->prefix, "seen/", settings->name);
    if (copy->prefix == NULL || copy->name == NULL || copy->advertise == NULL ||
        membership->peers_prefix == NULL || membership->seen_prefix == NULL ||
        membership->peer_key == NULL || membership->seen_key == NULL)
        return error_memory(err, "the membership of the fleet");
    return 0;
}

/* One silent member must not cost us the lease. */
static int open_etcd(struct membership *membership, const struct membership_settings *settings,
                     struct error *err)
{
    struct etcd_settings etcd = settings->etcd;
    double timeout = etcd.timeout > 0 ? etcd.timeout : TIMEOUT_SECONDS;
    etcd.timeout = fmax(fmin(timeout, settings->lease / 4), TIMEOUT_LEAST);
    if (etcd_open(&membership->heart_etcd, &etcd, err) != 0)
        return -1;
    return etcd_open(&membership->watch_etcd, &etcd, err);
}

static int make_lock(struct membership *membership, struct error *err)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&membership->lock, NULL) != 0)
        return error_memory(err, "the membership of the fleet");
    int failed = pthread_condattr_init(&attributes);
    if (failed == 0) {
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        failed = pthread_cond_init(&membership->wake, &attributes);
        (void)pthread_condattr_destroy(&attributes);
    }
    if (failed != 0) {
        (void)pthread_mutex_destroy(&membership->lock);
        return error_memory(err, "the membership of the fleet");
    }
    return 0;
}

static int start_threads(struct membership *membership, struct error *err)
{
    if (thread_start(&membership->heart, "fleet-heart", membership_heart, membership, err) != 0)
        return -1;
    membership->heart_runs = true;
    if (thread_start(&membership->watch, "fleet-watch", membership_watch, membership, err) != 0)
        return -1;
    membership->watch_runs = true;
    return 0;
}

int membership_open(struct membership **out, const struct membership_settings *settings,
                    struct error *err)
{
    struct membership *membership = calloc(1, sizeof *membership);
    if (membership == NULL)
        return error_memory(err, "the membership of the fleet");
    if (make_lock(membership, err) != 0) {
        free(membership);
        return -1;
    }
    membership->epoch = 1;
    if (copy_settings(membership, settings, err) != 0 ||
        membership_read_instance(settings->state_directory, membership->instance, err) != 0 ||
        open_etcd(membership, settings, err) != 0)
        goto fail;
    /* The callbacks may look for it there. */
    *out = membership;
    if (start_threads(membership, err) == 0)
        return 0;
    *out = NULL;
fail:
    membership_close(membership);
    return -1;
}

static void stop_threads(struct membership *membership)
{
    (void)pthread_mutex_lock(&membership->lock);
    membership->stopping = true;
    (void)pthread_cond_broadcast(&membership->wake);
    (void)pthread_mutex_unlock(&membership->lock);
    if (membership->heart_etcd != NULL)
        etcd_interrupt(membership->heart_etcd);
    if (membership->watch_etcd != NULL)
        etcd_interrupt(membership->watch_etcd);
    if (membership->heart_runs)
        (void)pthread_join(membership->heart, NULL);
    if (membership->watch_runs)
        (void)pthread_join(membership->watch, NULL);
}

void membership_close(struct membership *membership)
{
    if (membership == NULL)
        return;
    stop_threads(membership);
    etcd_close(membership->heart_etcd);
    etcd_close(membership->watch_etcd);
    peer_table_free(&membership->table);
    free((char *)membership->settings.prefix);
    free((char *)membership->settings.name);
    free((char *)membership->settings.advertise);
    free(membership->peers_prefix);
    free(membership->seen_prefix);
    free(membership->peer_key);
    free(membership->seen_key);
    (void)pthread_cond_destroy(&membership->wake);
    (void)pthread_mutex_destroy(&membership->lock);
    free(membership);
}
