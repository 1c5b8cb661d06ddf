/* A coordination for the tests of the line that does what a test tells it, and notes what it was
 * told. One a process at a time. */
#ifndef REFRESHD_TESTS_COORDINATION_RIG_H
#define REFRESHD_TESTS_COORDINATION_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "stages/coordination.h"
#include "tests/unit/line_rig.h"

#define RIG_SHARES_LIMIT 128

/* What a share is to those who share the run. */
enum rig_share {
    RIG_SHARE_OURS,      /* we may ask it */
    RIG_SHARE_ELSEWHERE, /* somebody else has it */
};

struct coordination_rig {
    struct coordination calls;

    /* Set by the test, any time. */
    _Atomic double pace;
    _Atomic unsigned share[RIG_SHARES_LIMIT]; /* enum rig_share */
    _Atomic bool unsettled;                   /* claims_settled is false */
    _Atomic bool undecided;                   /* agree waits */
    struct agreement agreement;
    struct gate_limits limits;
    bool sets_limits;
    const char *language;
    const char *freeze_error, *snapshot_error, *prepare_error;
    _Atomic bool freeze_waits;
    int (*on_prepare)(struct coordination_rig *rig, struct ledger *ledger, const char *answers,
                      struct error *err);

    /* Noted. */
    _Atomic unsigned prepared, opened, freed, agreed, decided, switched, frozen, snapshots;
    _Atomic unsigned committed[RIG_SHARES_LIMIT];
    struct pair_id snapshot, digest, switched_digest;
    double switched_at;

    /* While the phase is open; with the mutex. */
    pthread_mutex_t mutex;
    const struct coordination_site *site;
    struct rig_claims *claims;
};

void coordination_rig_open(struct coordination_rig *rig);
void coordination_rig_close(struct coordination_rig *rig);

/* A line whose runs it coordinates, on a cache of so many points. */
struct shared_line {
    struct rig *rig;
    struct coordination_rig coordination;
    struct line *line;
};
void shared_line_open(struct shared_line *bench, unsigned points);
void shared_line_close(struct shared_line *bench);

/* rig_with_site: call with the site of the open phase, waiting for one for a while. */
void rig_with_site(struct coordination_rig *rig,
                   void (*call)(const struct coordination_site *site, void *argument),
                   void *argument);

/* rig_wake, rig_again, rig_push: what a coordination does with a site. push: a record as a whole
 * batch. */
void rig_wake(struct coordination_rig *rig);
void rig_again(struct coordination_rig *rig);
void rig_push(struct coordination_rig *rig, const struct buffer *record);

/* rig_wait_for: until *counter is at least `count`; fails after a while. */
void rig_wait_for(const _Atomic unsigned *counter, unsigned count);

#endif
