/* The fleet: peers that hold the same cache share one refresh and switch together. PROTOCOL.md is
 * what they say to one another.
 *
 *   fleet_open(&fleet, &settings, err);            checks the settings; nothing runs yet
 *   line_settings.coordination = fleet_coordination(fleet);
 *   line_open(&line, ...);
 *   fleet_begin(fleet, line, err);                 listens, joins; etcd need not answer yet
 *   line_continue(line, err);
 *   ...
 *   fleet_hurry(fleet);                            the daemon is to stop
 *   fleet_stop(fleet);                             leaves; the line is not called any more
 *   line_close(line);
 *   fleet_close(fleet);
 *
 * The calls of operators may come from any thread, one at a time; each waits until etcd has what
 * was asked, a few seconds at most (ERROR_UNREACHABLE: try again; it may have happened all the
 * same). fleet_status and fleet_peers never wait. */
#ifndef REFRESHD_FLEET_FLEET_H
#define REFRESHD_FLEET_FLEET_H

#include "stages/coordination.h"
#include "stages/line.h"

#define FLEET_NAME_BYTES 72
#define FLEET_ADDRESS_BYTES 264

struct fleet_settings {
    const char *const *endpoints; /* URLs of etcd; texts are copied */
    size_t endpoint_count;
    const char *fleet, *name, *advertise, *listen;
    const char *ca_file, *cert_file, *key_file;
    bool quorum;         /* switch = quorum, for the runs that we start */
    double switch_delay; /* seconds, likewise */
    double lease;        /* seconds */
    const char *cache_directory, *state_directory;
    unsigned keep_generations;
    struct gate_limits gate;           /* of the runs that we start */
    struct geocoder_settings geocoder; /* what shapes answers is compared with the others' */
    struct learned *learned;           /* exchanged at the start of a run; NULL = none. Not owned */
    void (*event)(void *context, int level, const char *name, const char *text); /* as the line's */
    void *context;
};

struct fleet;

int fleet_open(struct fleet **out, const struct fleet_settings *settings, struct error *err);
const struct coordination *fleet_coordination(struct fleet *fleet);
int fleet_begin(struct fleet *fleet, struct line *line, struct error *err);
void fleet_hurry(struct fleet *fleet); /* any thread: no call of an operator waits from now on */
void fleet_stop(struct fleet *fleet);
void fleet_close(struct fleet *fleet); /* NULL is allowed */

/* fleet_start: make a run of the whole fleet, or join the one there is: id gets its name. Several
 * starts at once, on whatever peers, make one. *nothing: there is nothing to refresh. retry_failed
 * asks again what the last run's failures list. ERROR_STATE names what is in the way. */
int fleet_start(struct fleet *fleet, const struct run_parameters *parameters, char id[RUN_ID_BYTES],
                bool *nothing, struct error *err);

/* fleet_has_run: the fleet has an unfinished run, as far as we know: the next calls are about it.
 * Without one they give ERROR_STATE. resume also lets peers go on that stopped by themselves (a
 * full disk). publish with force: over the gate, and with the majority that is ready. */
bool fleet_has_run(struct fleet *fleet);
int fleet_pause(struct fleet *fleet, const char *reason, struct error *err);
int fleet_resume(struct fleet *fleet, struct error *err);
int fleet_cancel(struct fleet *fleet, struct error *err);
int fleet_publish(struct fleet *fleet, bool force, struct error *err);
int fleet_set(struct fleet *fleet, const struct line_change *change, struct error *err);

/* fleet_cache_changed: an operator imported or rolled back: what is published here now is meant,
 * also when it is not the fleet's: nothing is caught up until the next decision. */
void fleet_cache_changed(struct fleet *fleet);

enum fleet_phase {
    FLEET_UNREACHABLE, /* etcd does not answer */
    FLEET_IDLE,        /* no run */
    FLEET_CATCHING_UP, /* this peer fetches the fleet's generation */
    FLEET_GATHERING,   /* learned points are exchanged */
    FLEET_REFRESHING,  /* the run is in the line's hands */
    FLEET_READY,       /* this peer waits for the others */
    FLEET_SWITCHING,   /* decided; the switch is at switch_at */
    FLEET_LEFT_OUT,    /* there is a run, but not for this peer; detail says why */
    FLEET_PHASES
};
extern const char *const fleet_phase_names[FLEET_PHASES];

struct fleet_status {
    enum fleet_phase phase;
    char run[RUN_ID_BYTES]; /* unfinished, or "" */
    char detail[300];       /* what it waits for or what is wrong, for a person; "" = nothing */
    unsigned members, ready, live;
    double switch_at;      /* unix seconds; 0 = not decided */
    struct pair_id digest; /* of the fleet's generation; zero = none yet */
    bool current;          /* our generation is the fleet's, or the fleet has none */
    uint32_t shares, shares_done, shares_fetched; /* point files: in all, done in the fleet, of
                                                   * these fetched from others by us */
    uint64_t bytes_fetched, bytes_served;
    double rate_share; /* of the rate, ours: 0 to 1 */
    bool paused;       /* the whole run */
};
void fleet_status(struct fleet *fleet, struct fleet_status *status);

struct fleet_peer {
    char name[FLEET_NAME_BYTES], advertise[FLEET_ADDRESS_BYTES];
    bool live, self, member; /* member: of the unfinished run */
    uint64_t generation;
    struct pair_id digest;
    uint32_t point_files_done; /* that this peer asked, of the unfinished or the last run */
    uint32_t point_files_held; /* whose answers it has */
    double lag;                /* seconds since it was heard of; while live at most its heartbeat */
    uint32_t last_seen;        /* unix seconds, by our clock */
    double clock_ahead;        /* seconds that its clock is ahead of ours */
    char state[24];            /* of its line, or "" */
    char differs[200];         /* settings that differ from the run's or ours; "" = none */
};
/* fleet_peers: in order of their names; the caller frees *peers. */
int fleet_peers(struct fleet *fleet, struct fleet_peer **peers, size_t *count, struct error *err);

#endif
