/* Inside the geocode station: the pool of workers, one worker's open shares, and the transport
 * that carries requests. Private to geocode*.c;
 * requests, transports and geocode_tell.c serve the learner as well.
 *
 * Locks: geocode_pool.lock guards `workers[].state`, `orphans` and `dropped`; the circuit, the
 * budget and the atomics look after themselves; everything else in a worker belongs to its own
 * thread. No callback of the caller is made with the lock held. */
#ifndef REFRESHD_STAGES_GEOCODE_INTERNAL_H
#define REFRESHD_STAGES_GEOCODE_INTERNAL_H

#include <pthread.h>
#include <uv.h>

#include "stages/circuit.h"
#include "stages/geocode.h"
#include "stages/pointfile.h"
#include "stages/pulse.h"
#include "stages/retry_budget.h"

#define GEOCODE_WORKERS_LIMIT 1024 /* most worker threads */
#define GEOCODE_LOCAL_CHUNK 256    /* points per request of a provider that answers at once */
#define RETRIES_WAITING 256        /* most points that wait for a budget to be asked again */
#define GEOCODE_BATCH_ROWS 4096    /* a batch of answers is handed on when it is so long, */
#define GEOCODE_BATCH_AGE 0.1      /* or so old (seconds), or its share is complete */

/* One claimed point file with what is known about its points. */
struct share_work {
    struct share_work *next;
    struct point_file file;
    uint8_t *settled;           /* bit i: point i has its answer */
    uint32_t left;              /* points without an answer */
    uint32_t unasked;           /* of them: neither asked nor waiting to be asked again */
    uint32_t cursor;            /* no point before it is unasked */
    struct answer_batch *batch; /* answers not handed on yet, or NULL */
    double batch_since;         /* clock_monotonic of its first answer */
};

/* One point being asked. */
struct question {
    struct share_work *share;
    uint32_t index;             /* in the share */
    uint16_t tries;             /* how often it was asked before */
    double asked_first;         /* clock_monotonic; 0 = it was not asked yet */
    struct answer_measure cost; /* of the last try; attempts and distance are not in it */
};

#define NO_BODY SIZE_MAX
struct request {
    struct request *next;      /* in the list of spare ones */
    struct request *next_made; /* in the list of all */
    size_t count;
    struct point *points;
    struct question *questions;
    double asked_at;    /* clock_monotonic */
    double retry_after; /* set before done: seconds the geocoder asks to be left alone; 0 = it
                         * does not say */
    unsigned status;    /* set before done: HTTP status of the reply, 0 = none */
    double done_at;     /* set before done: clock_monotonic, when the reply had come */
    size_t bytes;       /* set before done: of the reply's body; NO_BODY = there is no such thing */
    bool probe;         /* asked to see whether the geocoder can be reached again */
};

/* Carries requests to a geocoder and answers back, on one worker's loop.
 *
 * start: ask; on success `done` is called exactly once with this request, on the loop's thread,
 *   possibly before start returns. answers[i] belongs to points[i] and lives until done returns;
 *   answers is NULL when the request could not be carried out at all, and err says why.
 * cancel: forget every request in flight; done is not called for them.
 * close: free everything; handles on the loop close as the loop is run on. */
struct transport {
    int (*start)(struct transport *transport, struct request *request, struct error *err);
    void (*cancel)(struct transport *transport);
    void (*close)(struct transport *transport);
    bool immediate;  /* done is always called before start returns */
    unsigned points; /* most points in one request */
};
typedef void transport_done(void *context, struct request *request, const struct answer *answers,
                            const struct error *err);

/* transport_local_open: for providers that answer on the calling thread (geocode_local.c). */
int transport_local_open(struct transport **out, uv_loop_t *loop, const struct geocoder *geocoder,
                         unsigned batch, transport_done *done, void *context, struct error *err);

/* transport_network_open: for providers that are asked over HTTP (geocode_network.c). */
int transport_network_open(struct transport **out, uv_loop_t *loop, const struct geocoder *geocoder,
                           transport_done *done, void *context, struct error *err);

/* A point to be asked again, and what it was answered last. */
struct retry {
    struct question question;
    double due; /* clock_monotonic: not before; of a held one: when its last try broke */
    enum failure_cause cause;
    char *detail; /* owned, or NULL */
};

struct retry_heap {
    struct retry *items; /* `count` of them, the earliest due first */
    size_t count, room;
};

enum worker_state { WORKER_VACANT, WORKER_RUNNING, WORKER_ENDED };

struct worker {
    struct geocode_pool *pool;
    unsigned index;
    enum worker_state state; /* pool->lock */
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_idle_t idle;   /* runs while there is work to do at once */
    uv_timer_t timer; /* the limiter's or a retry's wait */
    uv_timer_t tick;  /* hands on batches that grow old */
    struct transport *transport;
    struct share_work *shares;  /* open ones */
    uint64_t unasked;           /* over all open shares */
    struct retry_heap retries;  /* points to be asked again, within the budget */
    struct retry_heap returned; /* points that go back unasked: their last try does not count */
    struct retry_heap held;     /* their last try broke: their fault or the geocoder's end? */
    struct request *requests;   /* all ever made */
    struct request *spare;      /* those not in flight */
    unsigned in_flight;         /* requests */
    size_t points_in_flight;
    bool asking; /* inside ask(): answers that come at once don't ask for more themselves */
    double draining_since; /* 0 = not draining */
    double judged_at;      /* of retry_judge */
    uint64_t random;
    double busy_from;
    struct pulse pulse;
    uint32_t date; /* clock_unix */
    bool failed;
    struct error error;
};

struct geocode_pool {
    struct geocode_settings settings;
    struct geocode_parts parts;
    geocode_failed *failed;
    void *context;
    struct circuit *circuit;
    struct retry_budget budget;
    _Atomic int64_t unasked; /* points of open shares that wait to be asked the first time, and
                              * those that were given back unasked */
    _Atomic bool halted;     /* quota or denied: nobody asks any more */
    pthread_mutex_t lock;
    struct share_work *orphans; /* unfinished shares of workers that were taken away */
    struct share_work *dropped; /* of workers that failed; returned to the pool at the end */
    struct worker *workers[GEOCODE_WORKERS_LIMIT];
};

/* --- geocode.c --------------------------------------------------------------- */

/* pool_wake_all: let every running worker look at the state of things. */
void pool_wake_all(struct geocode_pool *pool);

/* pool_adopt: an unfinished share of a worker that was taken away, or NULL. */
struct share_work *pool_adopt(struct geocode_pool *pool);

/* pool_leave: take over a list of unfinished shares; dropped ones are not asked in this pool again,
 * because what was in flight for them is unknown. */
void pool_leave(struct geocode_pool *pool, struct share_work *shares, bool dropped);

/* pool_is_over: no share is left that a worker of the pool has or could get. */
bool pool_is_over(const struct geocode_pool *pool);

/* pool_retire: a worker wants to end. False when it is wanted after all and must go on. */
bool pool_retire(struct worker *worker);

/* pool_halt: the geocoder refuses everybody: all workers stop asking, and the caller is told why,
 * once. */
void pool_halt(struct geocode_pool *pool, const struct answer *answer);

/* --- geocode_worker.c -------------------------------------------------------- */

int worker_open(struct worker *worker, struct error *err);

/* worker_close: close the loop and free what the worker holds. Its thread has ended, or has never
 * been started. */
void worker_close(struct worker *worker);

void *worker_thread(void *worker);

void worker_fail(struct worker *worker, const struct error *err);

/* The time a worker works, as the meter counts it. What is settled meanwhile has one date. */
static inline void worker_begin_busy(struct worker *worker)
{
    worker->busy_from = clock_monotonic();
    worker->date = clock_unix();
    pulse_beat(&worker->pulse);
}

static inline void worker_end_busy(const struct worker *worker)
{
    meter_add(worker->pool->parts.meter, worker->busy_from);
}

/* --- geocode_answer.c -------------------------------------------------------- */

/* take_answers: what came of a request: the circuit and the limiter learn of it, every point is
 * settled, or waits to be asked again, or goes back unasked. */
int take_answers(struct worker *worker, struct request *request, const struct answer *answers,
                 struct error *err);

/* part_of_reply: bytes of the reply that count for point i; MEASURE_UNKNOWN when there is none. */
uint32_t part_of_reply(const struct request *request, size_t i);

/* microseconds_between: of two moments, as a measure has them. */
uint32_t microseconds_between(double from, double to);

/* --- geocode_retry.c --------------------------------------------------------- */

/* retry_push: ask again after a short, jittered back-off that grows with the tries. */
int retry_push(struct worker *worker, const struct question *question, const struct answer *answer,
               struct error *err);

/* retry_return: the point goes back unasked, for `seconds` at least: this try does not count. */
int retry_return(struct worker *worker, const struct question *question, double seconds,
                 struct error *err);

/* retry_hold: the last try that the point has broke, at this moment. */
int retry_hold(struct worker *worker, const struct question *question, const struct answer *answer,
               struct error *err);

/* retry_judge: settle what is held or give it back unasked, as the circuit's verdict is. */
int retry_judge(struct worker *worker, struct error *err);

/* retry_give_up: settle every point that waits to be asked again. */
int retry_give_up(struct worker *worker, struct error *err);

/* retry_is_unaffordable: the budget is used up (and the geocoder can be reached). */
bool retry_is_unaffordable(const struct worker *worker);

/* retry_is_full: so many points wait that nothing new is to be asked. */
bool retry_is_full(const struct worker *worker);

/* retry_ready: how many points, at most `limit`, are due and may be asked now. */
size_t retry_ready(const struct worker *worker, size_t limit);

/* retry_wait: seconds until more of them may be asked; INFINITY when none waits. */
double retry_wait(const struct worker *worker);

/* retry_take: take up to `limit` of those that retry_ready counts; returns how many. */
size_t retry_take(struct worker *worker, struct question *questions, size_t limit);

/* retry_forget: drop all of them. */
void retry_forget(struct worker *worker);

/* --- geocode_tell.c ---------------------------------------------------------- */

/* answer_is_refused: no connection could be made: the question was never put. */
bool answer_is_refused(const struct answer *answer);

/* answer_is_broken: there was a connection, but no whole reply. */
bool answer_is_broken(const struct answer *answer);

/* tell_everybody: circuit, limiter and figures (NULL is allowed) learn what came of a request. True
 * when the circuit closed. */
bool tell_everybody(struct circuit *circuit, struct limiter *limiter,
                    struct geocode_figures *figures, double now, const struct request *request,
                    const struct answer *answers);

/* --- geocode_share.c --------------------------------------------------------- */

/* share_open: read the point file of a claimed share and what the ledger has of it. */
int share_open(struct share_work **out, const struct geocode_pool *pool, uint32_t share,
               struct error *err);
void share_free(struct share_work *share); /* NULL is allowed */

/* share_ask: the next unasked point; there must be one. */
uint32_t share_ask(struct share_work *share);

/* share_forget: nothing is in flight any more: what has no answer counts as unasked again. */
void share_forget(struct share_work *share);

/* worker_settle: put the final answer to one asked point, and what it cost, into its share's batch;
 * hand the batch on when it is long or the share is complete. */
int worker_settle(struct worker *worker, const struct question *question,
                  const struct answer *answer, struct error *err);

/* worker_take_share: get one more share to ask: 1, 0 = there is none now, -1. */
int worker_take_share(struct worker *worker, struct error *err);

/* worker_push_batches: hand on the answers that are older than `age` seconds. */
int worker_push_batches(struct worker *worker, double age, struct error *err);

#endif
