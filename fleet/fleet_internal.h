/* Inside the agent. Private to fleet*.c.
 *
 * Threads: the agent's (fleet_agent.c, fleet_act.c, fleet_steer.c) looks at etcd, asks the protocol
 * and does what it says; the line's conductor calls the coordination (fleet_coordination.c);
 * operators' calls (fleet_operator.c) and status (fleet_status.c) come from the daemon. Each of the
 * first three has an etcd client of its own. fleet.lock guards what stands below it; it is never
 * held over a call to etcd, a peer, the line or a disk. */
#ifndef REFRESHD_FLEET_FLEET_INTERNAL_H
#define REFRESHD_FLEET_FLEET_INTERNAL_H

#include <pthread.h>
#include <sys/stat.h>

#include "fleet/catch_up.h"
#include "fleet/exchange.h"
#include "fleet/gather.h"
#include "fleet/membership.h"
#include "fleet/protocol.h"
#include "fleet/shares.h"

/* The run that the line has from the fleet, as STATE/fleet/run keeps it. */
struct joined_run {
    bool valid;
    struct run_document run;
    struct input_document input;
};

/* What the conductor waits for in `agree`. */
struct verdict {
    bool waiting, given;
    char run[RUN_ID_BYTES];
    struct pair_id prepared;
    struct agreement agreement;
};

struct fleet {
    struct fleet_settings settings; /* its texts are copies */
    char *prefix;                   /* "/refreshd/FLEET/" */
    struct etcd_settings etcd_settings;
    struct exchange_client_settings exchange_settings;
    struct coordination coordination;
    struct line *line;
    struct membership *membership;
    struct shares_memory *memory;
    struct exchange_server *server;
    struct exchange_client *client; /* the agent's */
    struct etcd *etcd;              /* the agent's */
    struct etcd *conductor_etcd, *operator_etcd;
    struct catch_up_progress catching_up;
    pthread_t agent;
    bool agent_started;
    pthread_mutex_t operators; /* one call at a time */
    atomic_bool hurried;       /* the daemon stops: a call that could wait for long does not */

    /* The agent's alone. */
    struct fleet_view *reading; /* the next view */
    struct stat manifest_seen;  /* MANIFEST as it was when `self` was read from it */
    struct grid grid;           /* of the published generation */
    uint64_t generation, next_generation;
    char wish_run[RUN_ID_BYTES]; /* the wish that the line follows */
    uint64_t wish_seq;
    bool released;       /* our claims, while the line is paused by itself */
    double member_since; /* clock_monotonic; 0 = no member */
    double paced;        /* when the line was last told of the pace */
    double trouble_told; /* when an action that failed was last logged */
    char trouble[600];

    pthread_mutex_t lock;
    pthread_cond_t changed; /* poked, verdict or stopping */
    bool stopping, poked;
    struct fleet_view view;
    struct protocol_self self;
    char self_name[FLEET_NAME_BYTES];
    struct protocol_step step;
    struct joined_run joined;
    struct verdict verdict;
    struct shares *shares;         /* while the line is in its refresh phase */
    struct shares_figures figures; /* of them, also afterwards */
    double pace;
    struct peer_document own;
    double switched_at; /* unix seconds; 0 = nothing to tell */
    char switched_run[RUN_ID_BYTES];
    char live_told[FLEET_PEERS_LIMIT][FLEET_NAME_BYTES];
    size_t live_told_count;
    int reachable_told; /* 1, 0, -1 = nothing yet */
    double begun;       /* when the agent was, clock_monotonic */
};

/* --- fleet.c --------------------------------------------------------------------------- */

/* fleet_event: one log line. fleet_poke: the agent is to look now. Any thread. */
void fleet_event(struct fleet *fleet, int level, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void fleet_poke(struct fleet *fleet);

/* --- fleet_store.c: STATE/fleet/ ------------------------------------------------------- */

int store_load(struct fleet *fleet, struct error *err);
int store_joined(struct fleet *fleet, const struct joined_run *joined, struct error *err);
int store_applied(struct fleet *fleet, const char *run, struct error *err);
int store_wish(struct fleet *fleet, const char *run, uint64_t seq, struct error *err);

/* --- fleet_agent.c --------------------------------------------------------------------- */

void *agent_thread(void *fleet);

/* agent_look_first: see our cache before others are told of us, so that nobody takes us for a peer
 * without one. What is wrong with it is for the rounds to tell. */
void agent_look_first(struct fleet *fleet);

/* agent_peers: what membership knows into view: who is live, their documents. */
int agent_peers(struct fleet *fleet, struct fleet_view *view, struct error *err);

/* --- fleet_act.c ------------------------------------------------------------------------ */

/* fleet_act: do one step. 0 = done, look again at once; -1 = it failed: wait before the next. The
 * agent's thread; view and self as the step was decided on. */
int fleet_act(struct fleet *fleet, const struct fleet_view *view, const struct protocol_self *self,
              const struct protocol_step *step, struct error *err);

/* claims_release: give our claims of the run back, all of them. The agent's thread. */
int claims_release(struct fleet *fleet, const struct fleet_view *view, struct error *err);

/* --- fleet_steer.c ----------------------------------------------------------------------- */

/* fleet_steer: let the line follow wish and pace. The agent's thread. */
void fleet_steer(struct fleet *fleet, const struct fleet_view *view,
                 const struct protocol_self *self, const struct line_status *status);

/* --- fleet_coordination.c ----------------------------------------------------------------- */

void coordination_init(struct fleet *fleet);

/* --- fleet_shelves.c ------------------------------------------------------------------------ */

struct exchange_shelves shelves_of(struct fleet *fleet);

/* --- fleet_status.c -------------------------------------------------------------------------- */

/* fleet_describe: membership_settings.describe. */
void fleet_describe(void *fleet, cJSON *document);

/* fleet_differences: settings of a run that differ from ours, for a person; "" = none. */
void fleet_differences(const struct fleet *fleet, const struct run_document *run, char *out,
                       size_t bytes);

#endif
