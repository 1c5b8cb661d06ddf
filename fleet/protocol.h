/* What a peer does next: a pure function of what etcd says (the view) and of what the peer has. The
 * agent does it and asks again. PROTOCOL.md says why this can't split the fleet. */
#ifndef REFRESHD_FLEET_PROTOCOL_H
#define REFRESHD_FLEET_PROTOCOL_H

#include "fleet/view.h"

struct protocol_self {
    const char *name;
    bool member;                /* has a lease */
    bool has_generation;        /* published here */
    struct pair_id digest;      /* of it */
    char applied[RUN_ID_BYTES]; /* run of the last decision that was carried out here; "" = none */
    bool line_active, line_shared; /* the line has an unfinished run; which is a fleet's */
    char line_run[RUN_ID_BYTES];
    bool publishing; /* its tiles are rebuilt and the gate was passed */
    bool waiting;    /* ... and it waits for a decision, with this digest: */
    struct pair_id prepared;
    int64_t reopened;             /* revision of `reopened` that what was prepared agrees with */
    char ended_run[RUN_ID_BYTES]; /* the line's last run that has ended, or "" */
    bool own_set_here;            /* of view.peers[self].learned (true when it has no entries) */
    bool all_sets_here;           /* of all has_learned, or of the input when there is one */
};

enum protocol_action {
    PROTOCOL_REST,      /* nothing to do until something changes */
    PROTOCOL_SWITCH,    /* tell the waiting line the decision */
    PROTOCOL_APPLIED,   /* the decision is carried out here: remember it */
    PROTOCOL_CATCH_UP,  /* fetch and publish `digest` */
    PROTOCOL_END_LINE,  /* end the line's run: failed or cancelled, for `detail` */
    PROTOCOL_LEAVE_OUT, /* write out/NAME: `detail` */
    PROTOCOL_GATHER,    /* freeze what we learned, write learned/NAME */
    PROTOCOL_FETCH,     /* fetch the learned points of others */
    PROTOCOL_SEAL,      /* write the input: all sets there are */
    PROTOCOL_JOIN,      /* begin the run here */
    PROTOCOL_READY,     /* write ready/NAME */
    PROTOCOL_UNREADY,   /* delete ready/NAME: nothing is prepared now */
    PROTOCOL_AGAIN,     /* send the waiting line back to its refresh phase */
    PROTOCOL_DECIDE,    /* write current, delete run */
    PROTOCOL_ABORT,     /* end the run: failed, for `detail` */
};

struct protocol_step {
    enum protocol_action action;
    enum fleet_phase phase;
    struct pair_id digest;
    bool failed;
    char detail[300]; /* reason, or what is waited for; "" = nothing */
};

void protocol_next(const struct fleet_view *view, const struct protocol_self *self,
                   struct protocol_step *step);

/* protocol_base: the digest that a run started now refreshes, as `starter` sees it: the one that
 * most live peers have; of as many, the one that was decided last, else the starter's. False when
 * no live peer has a generation. */
bool protocol_base(const struct fleet_view *view, const char *starter, struct pair_id *out);

/* protocol_takers: peers that may ask for the run now, ourselves among them: the rate is divided by
 * so many. At least 1. */
unsigned protocol_takers(const struct fleet_view *view);

/* protocol_ready: members that are ready; *needed: how many have to be: all that are not out; or
 * more than half of all, when that is less and the run is so or was forced. */
unsigned protocol_ready(const struct fleet_view *view, unsigned *needed);

#endif
