/* The learner: asks the geocoder for points that lookups missed, each once however many ask for it
 * at the same time, and stores what it learns.
 *
 *   learner_open(&learner, &settings, err);      a thread with a loop of its own
 *   learner_fetch(learner, &waiter);             any thread, returns at once
 *   ... waiter.done(&waiter, result) ...         once, on the learner's thread
 *   learner_stop(learner);                       waiters still there get FETCH_GIVEN_UP
 *   learner_close(learner);                      when nobody calls learner_fetch any more
 *
 * Questions under way are in a map split by hash into shards with a lock each, so that requests
 * rarely meet; the same point joins the question that is under way. The pace is the limiter's that
 * the workers of a run use (never above the rate in force, quiet when the geocoder asks for it),
 * but a learner's question does not wait for a run's deadline pace. */
#ifndef REFRESHD_STAGES_LEARNER_H
#define REFRESHD_STAGES_LEARNER_H

#include "geocoder/geocoder.h"
#include "stages/geocode.h"
#include "stages/learned.h"
#include "stages/limiter.h"

struct learner;

enum fetch_result {
    FETCH_LEARNED,  /* the point is in the table now, durably: look again */
    FETCH_NONE,     /* the geocoder knows no address there (recorded as such) */
    FETCH_FAILED,   /* it could not say */
    FETCH_FULL,     /* the table has learned_max entries: nothing was asked */
    FETCH_TIMEOUT,  /* not within the waiter's time; the question goes on without the waiter */
    FETCH_GIVEN_UP, /* the learner is closing */
    FETCH_RESULTS
};
extern const char *const fetch_result_names[FETCH_RESULTS];

/* A lookup that waits. Owned by the caller until done was called; the rest is the learner's. */
struct learner_waiter {
    struct point point;
    double timeout; /* seconds */
    /* clock_monotonic before the lookup that missed; 0 = when learner_fetch is called. An answer
     * that came after it answers this waiter too. */
    double looked_at;
    void (*done)(struct learner_waiter *waiter, enum fetch_result result);
    void *context;
    /* private */
    double deadline;
    struct learner_waiter *next;
};

struct learner_settings {
    struct geocoder_settings geocoder; /* opened by the learner */
    unsigned retries;
    unsigned concurrency; /* requests in flight */
    struct learned *learned;
    struct limiter *limiter;         /* shared with the line */
    struct geocode_figures *figures; /* shared with the line; NULL is allowed */
    /* As line_settings.event. */
    void (*event)(void *context, int level, const char *name, const char *text);
    void *context;
    /* NULL = geocoder_open. Tests bring their own geocoder. */
    int (*open_geocoder)(struct geocoder **out, const struct geocoder_settings *settings,
                         struct error *err);
};

int learner_open(struct learner **out, const struct learner_settings *settings, struct error *err);

/* learner_stop: end the thread; what was answered is stored. From now on learner_fetch gives up at
 * once, so that whoever waits for fetches can end before learner_close. NULL is allowed, and so is
 * stopping twice, by one thread. */
void learner_stop(struct learner *learner);
void learner_close(struct learner *learner); /* stops; NULL is allowed */

/* learner_set_most: learned_max in force; no limit until it is called. Any thread. */
void learner_set_most(struct learner *learner, uint64_t entries);

/* learner_fetch: done may be called before it returns, on this thread: where nothing is asked
 * (FETCH_FULL, a point that failed less than a second ago, a geocoder that refuses everybody, after
 * learner_stop). Not while learner_close runs. */
void learner_fetch(struct learner *learner, struct learner_waiter *waiter);

/* An empty answer is stored as OUTCOME_UNSURE first; one more to a later question confirms it as
 * OUTCOME_NONE. Both are FETCH_NONE. Without a geocoder that can be reached, whoever waits gets
 * FETCH_FAILED while one question a second tries; a quota that is used up or a key that is refused
 * stops all questions for a minute or as long as the geocoder says. */

/* learner_pending: points being asked or waiting to be. Any thread. */
uint64_t learner_pending(const struct learner *learner);

#endif
