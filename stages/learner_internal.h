/* Inside the learner. Private to learner*.c.
 *
 * A flight is a point that is being asked, or was a moment ago. Flights are in a map split into
 * shards. A shard's lock guards its chains and, of each flight in it, the fields marked so; all
 * other fields of flights and of the learner belong to the learner's thread. inbox_lock guards the
 * inbox. No lock is held while another one is taken, nor while a waiter's done is called. */
#ifndef REFRESHD_STAGES_LEARNER_INTERNAL_H
#define REFRESHD_STAGES_LEARNER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "stages/geocode_internal.h"
#include "stages/learner.h"

#define FLIGHT_SHARDS 64
#define FLIGHT_CHAINS 256     /* of each shard */
#define FLIGHTS_LIMIT 16384   /* points remembered at a time; more misses are not asked for */
#define FLIGHTS_UNWAITED 4096 /* points in the queue that nobody waits for any more */
#define REST_SECONDS 1.0      /* that a point which failed is not asked again */

struct flight {
    uint64_t code;
    struct point point;

    /* Guarded by the shard's lock. */
    struct flight *next_in_chain;
    struct learner_waiter *waiters;
    bool rests; /* it has ended: with result, at ended_at */
    enum fetch_result result;
    double ended_at;

    struct flight *next; /* in the one list that it is in, but for the resting ones */
    struct flight *next_resting;
    bool in_resting; /* in that list, also when it doesn't rest any more */
    bool gone;       /* out of the map: freed when it comes out of that list */
    bool unwaited;   /* nobody waited when it was its turn: asked after all others */
    bool was_empty;  /* the table remembers a first empty answer */
    uint16_t tries;
    double due;         /* of a try that follows, clock_monotonic */
    double rest_until;  /* in that list */
    struct entry entry; /* learned; its texts are in text */
    char *text;
};

struct flight_shard {
    pthread_mutex_t lock;
    unsigned count; /* flights in the chains */
    struct flight *chains[FLIGHT_CHAINS];
};

/* First in, first out. */
struct flight_list {
    struct flight *first, *last;
    size_t count;
};

/* A request with the flights that it asks for. */
struct learner_request {
    struct request request; /* first: transports get a pointer to it */
    struct flight **flights;
    struct learner_request *next_made, *next_spare;
};

struct learner {
    struct learner_settings settings; /* geocoder's texts are not kept */
    _Atomic uint64_t most;            /* entries */
    _Atomic uint64_t pending;         /* flights that don't rest */
    _Atomic uint64_t flights;         /* in the map */
    _Atomic double wake_at;      /* the thread looks at waiters' deadlines then at the latest */
    _Atomic double halted_until; /* nothing is asked before; clock_monotonic */
    _Atomic bool closing;
    struct flight_shard shards[FLIGHT_SHARDS];

    pthread_mutex_t inbox_lock;
    struct flight_list inbox;

    pthread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_idle_t idle; /* runs while there is something to look at */
    uv_timer_t timer;
    struct geocoder *geocoder;
    struct transport *transport;
    struct circuit *circuit;
    struct retry_budget budget;
    struct learned_reader *reader;

    struct flight_list ready;   /* to be asked */
    struct flight_list later;   /* to be asked when nothing is ready: nobody waits */
    struct flight_list retries; /* to be asked again, the earliest due first */
    struct flight *resting, *resting_last;
    struct learner_request *requests, *spare;
    unsigned in_flight; /* requests */
    uint64_t random;

    struct flight_list answered; /* to be stored */
    struct flight_list storing;  /* while the commit runs */
    struct entry *storing_entries;
    bool store_running;
    uv_work_t store_work;
    int store_result;
    struct error store_error;
    double complained_at; /* of a store that failed */
};

void list_append(struct flight_list *list, struct flight *flight);
struct flight *list_take(struct flight_list *list); /* the first, or NULL */

/* --- learner_flights.c ---------------------------------------------------------------- */

void flights_open(struct learner *learner);
void flights_close(struct learner *learner); /* frees what is left of them */

/* flights_join: a waiter for its point. Any thread. FETCH_RESULTS: it waits now; *fresh is a flight
 * to be asked for, or NULL when it is on its way already. Else the result at once. */
enum fetch_result flights_join(struct learner *learner, struct learner_waiter *waiter, double now,
                               struct flight **fresh);

bool flight_is_awaited(struct learner *learner, struct flight *flight);

/* flight_end: tell the waiters. rests: the point is remembered with this result for REST_SECONDS;
 * else the flight is gone. */
void flight_end(struct learner *learner, struct flight *flight, enum fetch_result result,
                bool rests);

/* flights_expire: tell the waiters whose time is up; returns when the next one's is (INFINITY). */
double flights_expire(struct learner *learner, double now);

/* flights_forget: let go of flights that have rested; returns when the next one will have. */
double flights_forget(struct learner *learner, double now);

/* flights_give_up: every waiter gets FETCH_GIVEN_UP. */
void flights_give_up(struct learner *learner);

/* --- learner_ask.c ---------------------------------------------------------------------- */

/* ask: ask for as much as may be asked now. Returns the seconds after which more may be (INFINITY:
 * when something happens). */
double learner_ask(struct learner *learner);

/* learner_requests_free: nothing is in flight. */
void learner_requests_free(struct learner *learner);

/* learner_done: what transports call. */
transport_done learner_done;

/* --- learner_answer.c ------------------------------------------------------------------- */

/* learner_take: what came of a flight's question. */
void learner_take(struct learner *learner, struct flight *flight, const struct answer *answer);

/* learner_halt: nothing is asked for so many seconds; whoever waits in the queue is told. */
void learner_halt(struct learner *learner, double seconds);

/* learner_halt_for: the geocoder refuses everybody, as this answer says. */
void learner_halt_for(struct learner *learner, const struct request *request,
                      const struct answer *answer);

/* learner_fail_queue: whatever waits to be asked has failed. */
void learner_fail_queue(struct learner *learner);

/* --- learner_store.c -------------------------------------------------------------------- */

/* learner_keep: an answer that is to be stored: an address, or none (address NULL). Takes copies.
 * -1: it can't be. */
int learner_keep(struct learner *learner, struct flight *flight, const struct address *address);

/* learner_store: commit what was answered since the last commit began, unless one is running. */
void learner_store(struct learner *learner);

/* --- learner.c --------------------------------------------------------------------------- */

/* learner_stir: let the thread look at the state of things. Its own thread only. */
void learner_stir(struct learner *learner);

void learner_event(struct learner *learner, int level, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
