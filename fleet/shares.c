#include "fleet/shares.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "fleet/shares_internal.h"
#include "stages/pointfile.h"

static struct shares *own(struct claims *claims)
{
    return (struct shares *)claims;
}

void shares_poke(struct shares *shares)
{
    shares->poked = true;
    (void)pthread_cond_signal(&shares->claimer_wake);
}

void shares_wait(struct shares *shares, pthread_cond_t *wake, double until)
{
    if (until == INFINITY) {
        (void)pthread_cond_wait(wake, &shares->lock);
        return;
    }
    struct timespec time = clock_timespec(until);
    (void)pthread_cond_timedwait(wake, &shares->lock, &time);
}

bool shares_are_settled(const struct shares *shares)
{
    return shares->told_all && shares_table_settled(shares->table);
}

/* --- struct claims ---------------------------------------------------------------------------- */

static bool may_claim(struct shares *shares)
{
    return membership_lease(shares->membership) != 0 &&
           membership_epoch(shares->membership) == shares->epoch;
}

static bool next(struct claims *claims, uint32_t *share)
{
    struct shares *shares = own(claims);
    bool member = may_claim(shares);
    (void)pthread_mutex_lock(&shares->lock);
    bool got = member && !shares->quiet && shares_table_next(shares->table, share);
    if (got) {
        shares_ahead_taken(&shares->ahead);
    } else {
        shares->hungry = true;
        shares_ahead_starved(&shares->ahead);
    }
    bool short_of = !got || shares_table_in_hand(shares->table) <= shares->target / 2;
    if (!member || (short_of && !shares->exhausted))
        shares_poke(shares);
    (void)pthread_mutex_unlock(&shares->lock);
    return got;
}

static void give_back(struct claims *claims, uint32_t share)
{
    struct shares *shares = own(claims);
    (void)pthread_mutex_lock(&shares->lock);
    shares_table_give_back(shares->table, share);
    (void)pthread_mutex_unlock(&shares->lock);
}

static void finish(struct claims *claims, uint32_t share)
{
    struct shares *shares = own(claims);
    (void)pthread_mutex_lock(&shares->lock);
    shares_table_finish(shares->table, share);
    (void)pthread_mutex_unlock(&shares->lock);
}

static void committed(struct claims *claims, uint32_t share)
{
    struct shares *shares = own(claims);
    (void)pthread_mutex_lock(&shares->lock);
    if (shares_table_committed(shares->table, share))
        shares_memory_keep(shares->memory, share, shares_table_own_digest(shares->table, share));
    else
        shares_memory_forget(shares->memory, share);
    shares_poke(shares);
    (void)pthread_mutex_unlock(&shares->lock);
}

static uint32_t active(struct claims *claims)
{
    struct shares *shares = own(claims);
    (void)pthread_mutex_lock(&shares->lock);
    uint32_t count = shares_table_active(shares->table);
    (void)pthread_mutex_unlock(&shares->lock);
    return count;
}

static bool over(struct claims *claims)
{
    struct shares *shares = own(claims);
    (void)pthread_mutex_lock(&shares->lock);
    bool result = shares_table_over(shares->table);
    (void)pthread_mutex_unlock(&shares->lock);
    return result;
}

static bool settled(struct claims *claims)
{
    struct shares *shares = own(claims);
    (void)pthread_mutex_lock(&shares->lock);
    bool result = !shares->quiet && shares_are_settled(shares);
    shares->concluded = shares->concluded || result;
    (void)pthread_mutex_unlock(&shares->lock);
    return result;
}

static void copy(struct claims *claims, unsigned char *out)
{
    struct shares *shares = own(claims);
    (void)pthread_mutex_lock(&shares->lock);
    shares_table_copy(shares->table, out);
    (void)pthread_mutex_unlock(&shares->lock);
}

static void free_shares(struct shares *shares)
{
    if (shares->claimer_started || shares->fetcher_started) {
        (void)pthread_mutex_lock(&shares->lock);
        shares->stopping = true;
        (void)pthread_cond_broadcast(&shares->claimer_wake);
        (void)pthread_cond_broadcast(&shares->fetcher_wake);
        (void)pthread_mutex_unlock(&shares->lock);
        etcd_interrupt(shares->etcd);
        exchange_client_interrupt(shares->exchange);
    }
    if (shares->claimer_started)
        (void)pthread_join(shares->claimer, NULL);
    if (shares->fetcher_started)
        (void)pthread_join(shares->fetcher, NULL);
    etcd_close(shares->etcd);
    exchange_client_close(shares->exchange);
    shares_table_free(shares->table);
    shares_holders_free(shares->holders);
    (void)pthread_cond_destroy(&shares->claimer_wake);
    (void)pthread_cond_destroy(&shares->fetcher_wake);
    (void)pthread_mutex_destroy(&shares->lock);
    free(shares->prefix);
    free(shares->run_key);
    free(shares->name);
    free(shares);
}

static void end(struct claims *claims)
{
    struct shares *shares = own(claims);
    if (shares->closing != NULL)
        shares->closing(shares->closing_context, shares);
    free_shares(shares);
}

static const struct claims_calls calls = {
    .next = next,
    .give_back = give_back,
    .finish = finish,
    .committed = committed,
    .active = active,
    .over = over,
    .settled = settled,
    .copy = copy,
    .free = end,
};

struct claims *shares_claims(struct shares *shares)
{
    return &shares->claims;
}

/* --- opening ---------------------------------------------------------------------------------- */

static struct shares *allocate(const struct shares_settings *settings,
                               const struct coordination_site *site)
{
    struct shares *shares = calloc(1, sizeof *shares);
    pthread_condattr_t attributes;
    if (shares == NULL)
        return NULL;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&shares->claimer_wake, &attributes);
    (void)pthread_cond_init(&shares->fetcher_wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&shares->lock, NULL);
    shares->claims.calls = &calls;
    shares->prefix = strdup(settings->prefix);
    shares->run_key = strdup(settings->run_key);
    shares->name = strdup(settings->name);
    shares->run_created = settings->run_created;
    shares->lost_after = settings->lost_after;
    shares->membership = settings->membership;
    shares->memory = settings->memory;
    shares->closing = settings->closing;
    shares->closing_context = settings->context;
    shares->site = *site;
    shares->count = site->run->parameters.shares;
    shares->epoch = membership_epoch(settings->membership);
    (void)snprintf(shares->owner, sizeof shares->owner, "%s %s", settings->name,
                   membership_instance(settings->membership));
    shares_ahead_begin(&shares->ahead, clock_monotonic());
    return shares;
}

/* What of a share is known before etcd is asked. */
static int begin_share(struct shares *shares, uint32_t share, uint32_t answered, struct error *err)
{
    struct pair_id digest;
    uint32_t points = shares_table_points(shares->table, share);
    shares_table_begin(shares->table, share, answered);
    if (points == 0)
        return 0;
    if (answered >= points) {
        if (shares_memory_digest(shares->memory, share, &digest))
            shares_table_digest(shares->table, share, &digest);
        return 0;
    }
    char *path = point_file_path(shares->site.points_directory, share);
    if (path == NULL)
        return error_memory(err, "a file name");
    if (access(path, F_OK) != 0)
        shares_table_without_points(shares->table, share);
    free(path);
    return 0;
}

static int fill_table(struct shares *shares, struct error *err)
{
    const struct run_record *run = shares->site.run;
    uint32_t *answered = calloc((size_t)shares->count + 1, sizeof *answered);
    if (answered == NULL)
        return error_memory(err, "the shares");
    int result = shares_table_create(&shares->table, run->counts.selected, shares->count, err);
    if (result == 0)
        result = ledger_answered_by_share(shares->site.ledger, answered, shares->count, err);
    for (uint32_t share = 0; result == 0 && share < shares->count; share++)
        result = begin_share(shares, share, answered[share], err);
    free(answered);
    return result;
}

static int start_threads(struct shares *shares, struct error *err)
{
    if (thread_start(&shares->claimer, "shares", shares_claimer, shares, err) != 0)
        return -1;
    shares->claimer_started = true;
    if (thread_start(&shares->fetcher, "fetch", shares_fetcher, shares, err) != 0)
        return -1;
    shares->fetcher_started = true;
    return 0;
}

int shares_open(struct shares **out, const struct shares_settings *settings,
                const struct coordination_site *site, struct error *err)
{
    struct shares *shares = allocate(settings, site);
    if (shares == NULL)
        return error_memory(err, "the shares");
    if (shares->prefix == NULL || shares->run_key == NULL || shares->name == NULL) {
        error_memory(err, "the shares");
        goto fail;
    }
    if (shares_memory_begin(shares->memory, site->run->id, shares->count, err) != 0 ||
        fill_table(shares, err) != 0 ||
        shares_holders_create(&shares->holders, shares->count, shares->name, err) != 0 ||
        etcd_open(&shares->etcd, &settings->etcd, err) != 0 ||
        exchange_client_open(&shares->exchange, &settings->exchange, err) != 0 ||
        start_threads(shares, err) != 0)
        goto fail;
    *out = shares;
    return 0;
fail:
    free_shares(shares);
    return -1;
}

/* --- looking on --------------------------------------------------------------------------------
 */

void shares_changed(struct shares *shares)
{
    (void)pthread_mutex_lock(&shares->lock);
    shares->changed = true;
    (void)pthread_cond_signal(&shares->claimer_wake);
    (void)pthread_mutex_unlock(&shares->lock);
}

/* The lock is held. */
static void describe_waiting(const struct shares *shares, char *out, size_t room)
{
    out[0] = '\0';
    if (shares->etcd_problem[0] != '\0')
        (void)snprintf(out, room, "%s", shares->etcd_problem);
    else if (shares->without_holder > 0)
        (void)snprintf(out, room, "nobody who is there has the answers of %u point files",
                       shares->without_holder);
    else if (shares->fetch_problem[0] != '\0')
        (void)snprintf(out, room, "%s", shares->fetch_problem);
}

void shares_figures(struct shares *shares, struct shares_figures *out)
{
    (void)pthread_mutex_lock(&shares->lock);
    struct shares_table_counts counts = shares_table_count(shares->table);
    *out = (struct shares_figures){
        .shares = shares->count,
        .done = counts.done,
        .fetched = counts.fetched,
        .claimed = counts.claimed,
        .ours = counts.ours,
        .bytes_fetched = shares->bytes_fetched,
    };
    describe_waiting(shares, out->waiting, sizeof out->waiting);
    (void)pthread_mutex_unlock(&shares->lock);
}
