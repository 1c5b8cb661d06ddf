#include "cachefmt/follow.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/thread.h"
#include "cachefmt/generation_names.h"

#define OWN_LINES 128 /* bytes: two cache lines, because processors fetch them in pairs */
#define DEFAULT_INTERVAL 0.1
#define LONGEST_INTERVAL 1e6
#define LONGEST_RETRY 10.0 /* seconds between two attempts at a generation that can't be opened */

struct follow_reader {
    _Alignas(OWN_LINES) _Atomic(struct cache *) held; /* the hazard pointer */
    struct follower *follower;
    struct follow_reader *before, *after; /* guarded by the follower's `registry` */
};

/* A generation that was replaced and that a reader may still hold. */
struct retired {
    struct cache *cache;
    struct retired *next;
};

/* Which file MANIFEST was; all zero before there was one. */
struct manifest_state {
    dev_t device;
    ino_t inode;
    off_t bytes;
    struct timespec modified, changed;
};

struct follower {
    /* All that a lookup reads; written at a switch only, under `looking`. */
    _Alignas(OWN_LINES) _Atomic(struct cache *) current;

    /* Constant after follower_open. */
    _Alignas(OWN_LINES) struct follow_settings settings;
    char *directory, *manifest;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t looking; /* guards what follows; taken before `registry` */
    struct retired *retired;
    struct manifest_state refused; /* that can't be opened and was reported */
    double retry_at, retry_wait;   /* of it; clock_monotonic */

    pthread_mutex_t registry; /* guards the list of readers */
    struct follow_reader *readers;

    pthread_mutex_t waiting; /* guards stopping */
    pthread_cond_t wake;
    bool stopping;
};

/* --- what the directory holds ------------------------------------------------------------- */

static bool read_state(const struct follower *follower, struct manifest_state *out)
{
    struct stat status;
    if (stat(follower->manifest, &status) != 0)
        return false;
    *out = (struct manifest_state){status.st_dev, status.st_ino, status.st_size, status.st_mtim,
                                   status.st_ctim};
    return true;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_state(const struct manifest_state *a, const struct manifest_state *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* --- retiring: under `looking` ------------------------------------------------------------ */

static bool is_held(struct follower *follower, const struct cache *cache)
{
    bool held = false;
    pthread_mutex_lock(&follower->registry);
    for (struct follow_reader *reader = follower->readers; reader != NULL && !held;
         reader = reader->after)
        held = atomic_load_explicit(&reader->held, memory_order_seq_cst) == cache;
    pthread_mutex_unlock(&follower->registry);
    return held;
}

static void close_what_nobody_holds(struct follower *follower)
{
    struct retired **link = &follower->retired;
    while (*link != NULL) {
        struct retired *retired = *link;
        if (is_held(follower, retired->cache)) {
            link = &retired->next;
            continue;
        }
        *link = retired->next;
        cache_close(retired->cache);
        free(retired);
    }
}

/* --- looking: under `looking` ------------------------------------------------------------- */

/* Open what is published and let every follow_hold give it. The memory for retiring the old one is
 * taken first: after the switch nothing may fail. */
static int switch_over(struct follower *follower, struct error *err)
{
    struct cache *next;
    struct cache *old = atomic_load_explicit(&follower->current, memory_order_relaxed);
    struct retired *retired = malloc(sizeof *retired);
    if (retired == NULL)
        return error_memory(err, "the next generation");
    if (cache_open(&next, follower->directory, old, err) != 0) {
        free(retired);
        return -1;
    }
    atomic_store_explicit(&follower->current, next, memory_order_seq_cst);
    if (old == NULL) {
        free(retired);
    } else {
        *retired = (struct retired){old, follower->retired};
        follower->retired = retired;
    }
    if (follower->settings.switched != NULL)
        follower->settings.switched(follower->settings.context, next);
    return 0;
}

/* Each state of MANIFEST is reported once, but tried again: what is missing may come back. */
static void refuse(struct follower *follower, const struct manifest_state *state,
                   const struct error *err)
{
    bool known = same_state(&follower->refused, state);
    follower->retry_wait = known ? fmin(2 * follower->retry_wait, LONGEST_RETRY)
                                 : fmax(follower->settings.interval, DEFAULT_INTERVAL);
    follower->retry_at = clock_monotonic() + follower->retry_wait;
    follower->refused = *state;
    if (!known && follower->settings.failed != NULL)
        follower->settings.failed(follower->settings.context, err);
}

/* As follow_look; patient: leave a generation that was refused alone until it is time again. */
static int look(struct follower *follower, bool patient, struct error *err)
{
    struct manifest_state state;
    struct error own;
    const struct cache *old = atomic_load_explicit(&follower->current, memory_order_relaxed);
    if (!read_state(follower, &state) || (old != NULL && !cache_is_stale(old)))
        return 0;
    if (patient && same_state(&follower->refused, &state) && clock_monotonic() < follower->retry_at)
        return 0;
    if (switch_over(follower, &own) == 0) {
        follower->refused = (struct manifest_state){0};
        return 1;
    }
    /* Gone again after the stat: as if nothing had been there. */
    if (own.code == ERROR_MISSING)
        return 0;
    refuse(follower, &state, &own);
    if (err != NULL)
        *err = own;
    return -1;
}

static int look_and_close(struct follower *follower, bool patient, struct error *err)
{
    pthread_mutex_lock(&follower->looking);
    int result = look(follower, patient, err);
    close_what_nobody_holds(follower);
    pthread_mutex_unlock(&follower->looking);
    return result;
}

int follow_look(struct follower *follower, struct error *err)
{
    return look_and_close(follower, false, err);
}

/* --- the thread --------------------------------------------------------------------------- */

static struct timespec after_seconds(double seconds)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    long whole = (long)seconds;
    at.tv_sec += whole;
    at.tv_nsec += (long)((seconds - (double)whole) * 1e9);
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* false: it is time to end. */
static bool wait_interval(struct follower *follower)
{
    struct timespec until = after_seconds(follower->settings.interval);
    int result = 0;
    pthread_mutex_lock(&follower->waiting);
    while (!follower->stopping && result == 0)
        result = pthread_cond_timedwait(&follower->wake, &follower->waiting, &until);
    bool go_on = !follower->stopping;
    pthread_mutex_unlock(&follower->waiting);
    return go_on;
}

static void *follow(void *argument)
{
    struct follower *follower = argument;
    while (wait_interval(follower))
        (void)look_and_close(follower, true, NULL);
    return NULL;
}

static int start_thread(struct follower *follower, struct error *err)
{
    if (thread_start(&follower->thread, "follow", follow, follower, err) != 0)
        return error_prefix(err, "%s", follower->directory);
    follower->has_thread = true;
    return 0;
}

static void stop_thread(struct follower *follower)
{
    if (!follower->has_thread)
        return;
    pthread_mutex_lock(&follower->waiting);
    follower->stopping = true;
    pthread_cond_signal(&follower->wake);
    pthread_mutex_unlock(&follower->waiting);
    (void)pthread_join(follower->thread, NULL);
}

/* --- open and close ----------------------------------------------------------------------- */

static void *allocate_lines(size_t bytes)
{
    void *memory = aligned_alloc(OWN_LINES, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

/* Locks first, so that follower_close can take whatever comes after. */
static struct follower *create(const struct follow_settings *settings, struct error *err)
{
    pthread_condattr_t attributes;
    struct follower *follower = allocate_lines(sizeof *follower);
    if (follower == NULL) {
        error_memory(err, "a follower");
        return NULL;
    }
    (void)pthread_mutex_init(&follower->looking, NULL);
    (void)pthread_mutex_init(&follower->registry, NULL);
    (void)pthread_mutex_init(&follower->waiting, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&follower->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    atomic_init(&follower->current, NULL);
    follower->settings = *settings;
    follower->settings.directory = NULL; /* the caller's; the copy is follower->directory */
    if (!(settings->interval < 0))
        follower->settings.interval =
            settings->interval > 0 ? fmin(settings->interval, LONGEST_INTERVAL) : DEFAULT_INTERVAL;
    return follower;
}

static int open_first(struct follower *follower, struct error *err)
{
    struct cache *cache;
    struct error own;
    if (cache_open(&cache, follower->directory, NULL, &own) == 0) {
        atomic_store_explicit(&follower->current, cache, memory_order_release);
        return 0;
    }
    if (own.code == ERROR_MISSING && follower->settings.may_be_missing)
        return 0;
    if (err != NULL)
        *err = own;
    return -1;
}

int follower_open(struct follower **out, const struct follow_settings *settings, struct error *err)
{
    struct follower *follower = create(settings, err);
    if (follower == NULL)
        return -1;
    follower->directory = strdup(settings->directory);
    if (follower->directory == NULL) {
        error_memory(err, "a follower");
        goto fail;
    }
    if (generation_manifest_path(settings->directory, 0, &follower->manifest, err) != 0 ||
        open_first(follower, err) != 0 ||
        (follower->settings.interval > 0 && start_thread(follower, err) != 0))
        goto fail;
    *out = follower;
    return 0;
fail:
    follower_close(follower);
    return -1;
}

void follower_close(struct follower *follower)
{
    if (follower == NULL)
        return;
    stop_thread(follower);
    close_what_nobody_holds(follower);
    cache_close(atomic_load_explicit(&follower->current, memory_order_relaxed));
    (void)pthread_cond_destroy(&follower->wake);
    (void)pthread_mutex_destroy(&follower->waiting);
    (void)pthread_mutex_destroy(&follower->registry);
    (void)pthread_mutex_destroy(&follower->looking);
    free(follower->manifest);
    free(follower->directory);
    free(follower);
}

/* --- readers ------------------------------------------------------------------------------ */

int follow_reader_open(struct follow_reader **out, struct follower *follower, struct error *err)
{
    struct follow_reader *reader = allocate_lines(sizeof *reader);
    if (reader == NULL)
        return error_memory(err, "a reader");
    atomic_init(&reader->held, NULL);
    reader->follower = follower;
    pthread_mutex_lock(&follower->registry);
    reader->after = follower->readers;
    if (reader->after != NULL)
        reader->after->before = reader;
    follower->readers = reader;
    pthread_mutex_unlock(&follower->registry);
    *out = reader;
    return 0;
}

void follow_reader_close(struct follow_reader *reader)
{
    if (reader == NULL)
        return;
    struct follower *follower = reader->follower;
    pthread_mutex_lock(&follower->registry);
    if (reader->before != NULL)
        reader->before->after = reader->after;
    else
        follower->readers = reader->after;
    if (reader->after != NULL)
        reader->after->before = reader->before;
    pthread_mutex_unlock(&follower->registry);
    free(reader);
}

/* Either the follower's scan sees what this reader holds, or this reader sees the switch: each
 * writes one place and then reads the other's, in the one order of sequential consistency. */
const struct cache *follow_hold(struct follow_reader *reader)
{
    struct follower *follower = reader->follower;
    struct cache *seen;
    struct cache *now = atomic_load_explicit(&follower->current, memory_order_relaxed);
    do {
        seen = now;
        atomic_store_explicit(&reader->held, seen, memory_order_seq_cst);
        now = atomic_load_explicit(&follower->current, memory_order_seq_cst);
    } while (now != seen);
    return seen;
}

void follow_let_go(struct follow_reader *reader)
{
    atomic_store_explicit(&reader->held, NULL, memory_order_release);
}
