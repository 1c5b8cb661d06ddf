/* A learner over a table of its own and a geocoder that does as it is told, for the tests of
 * stages/learner*.c. One rig a process at a time. */
#ifndef REFRESHD_TESTS_LEARNER_RIG_H
#define REFRESHD_TESTS_LEARNER_RIG_H

#include <stdatomic.h>

#include "stages/learner.h"
#include "tests/unit/learned_rig.h"

#define LEARNER_POINTS 4096

/* What the geocoder says of every point now. */
enum learner_mood {
    MOOD_FOUND,
    MOOD_EMPTY,
    MOOD_BROKEN,  /* HTTP 500, always */
    MOOD_FLAKY,   /* HTTP 500 at the first try, then found */
    MOOD_WRONG,   /* a permanent fault */
    MOOD_REFUSED, /* no connection */
    MOOD_QUOTA,
    MOOD_BUSY, /* HTTP 429 */
};

struct learner_rig {
    struct learned_rig table;
    struct limiter *limiter;
    struct learner_settings settings;
    struct learner *learner;
    _Atomic int mood; /* enum learner_mood */
    _Atomic unsigned latency_ms, largest_request, requests;
    _Atomic unsigned asked[LEARNER_POINTS];
    _Atomic unsigned events; /* of levels 0 and 1 */
    char event[64];          /* name of the last */
};

/* learner_rig_open: latency 0 = a geocoder that answers at once. */
void learner_rig_open(struct learner_rig *rig, unsigned latency_ms, unsigned batch);
void learner_rig_close(struct learner_rig *rig);

/* learner_rig_begin: open the learner with rig->settings; learner_rig_open has done so already. */
void learner_rig_begin(struct learner_rig *rig);

struct point learner_point(unsigned number);

/* A waiter with its result; done counts in `told`. */
struct learner_wait {
    struct learner_waiter waiter; /* first */
    _Atomic int result;           /* enum fetch_result, -1 = none yet */
    double ended_at;
};

void learner_wait_begin(struct learner_rig *rig, struct learner_wait *wait, unsigned number,
                        double timeout);
enum fetch_result learner_wait_end(struct learner_wait *wait);

/* learner_rig_fetch: both. */
enum fetch_result learner_rig_fetch(struct learner_rig *rig, unsigned number, double timeout);

/* learner_rig_outcome: what the table has at the point; OUTCOME_COUNT = nothing. */
enum outcome learner_rig_outcome(struct learner_rig *rig, unsigned number);

/* learner_rig_settle: until nothing is pending. */
void learner_rig_settle(struct learner_rig *rig);

#endif
