/* The R-G workers: read claimed point files, ask the geocoder, hand batches of answers to the
 * writer. Each worker is a thread with a libuv loop of its own and many requests in flight; one
 * request's fault never stops it. A worker that dies is reported and its point file goes back to
 * the pool. */
#ifndef REFRESHD_STAGES_GEOCODE_H
#define REFRESHD_STAGES_GEOCODE_H

#include "geocoder/geocoder.h"
#include "stages/channel.h"
#include "stages/circuit.h"
#include "stages/claim.h"
#include "stages/control.h"
#include "stages/geocode_figures.h"
#include "stages/ledger.h"
#include "stages/limiter.h"
#include "stages/meter.h"

struct geocode_settings {
    const char *points_directory;
    char run[RUN_ID_BYTES];
    uint64_t points;
    uint32_t shares;
    unsigned batch;   /* points per request at most */
    unsigned retries; /* more tries for a transient failure */
    const char *peer; /* who asks, for the answers' source; NULL = nobody of a fleet. Outlives the
                       * pool */
};

struct geocode_parts {
    struct geocoder *geocoder;
    struct ledger *ledger;
    struct claims *claims;
    struct limiter *limiter;
    struct control *control; /* workers and concurrency are followed while running */
    struct channel *channel;
    struct geocode_figures *figures;
    struct meter *meter; /* of the geocode station */
};

struct geocode_pool;

/* geocode_start: start control->workers threads. failed(context, message) is called from a worker
 * thread when a worker ends by an error (a corrupt point file, for example), and with ERROR_STATE,
 * once, when the geocoder refuses everybody (quota used up, key refused): then no worker asks any
 * more, and what was refused is unasked. */
typedef void geocode_failed(void *context, const struct error *err);
int geocode_start(struct geocode_pool **out, const struct geocode_settings *settings,
                  const struct geocode_parts *parts, geocode_failed *failed, void *context,
                  struct error *err);

/* geocode_wake: control or claims have changed: follow them now (more or fewer workers, shares to
 * be had or none any more, stop). Any thread. */
void geocode_wake(struct geocode_pool *pool);

/* geocode_idle: every share is handed over and no thread has work. Any thread. */
bool geocode_idle(struct geocode_pool *pool);

/* geocode_silence: seconds since the worker that was silent longest gave a sign of life; 0 when all
 * wait for the writer or none works. Any thread. */
double geocode_silence(struct geocode_pool *pool, double now);

/* geocode_circuit: whether the geocoder can be reached. Any thread. */
struct circuit_view geocode_circuit(struct geocode_pool *pool);

/* geocode_join: wait until all threads ended (after control->stop, abandon, or no share left);
 * what was in flight has been pushed. Frees the pool. */
void geocode_join(struct geocode_pool *pool);

#endif
