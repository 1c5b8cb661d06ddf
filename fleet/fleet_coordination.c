/* What the line calls. A run that is not the fleet's is coordinated as if we were alone. */
#include "fleet/fleet_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/gather.h"

#define PATIENCE 0.5   /* seconds between tries while etcd does not answer */
#define WAIT_STEP 0.25 /* seconds between looks whether the line ends */

static bool is_shared(struct fleet *fleet, const struct run_record *run)
{
    (void)pthread_mutex_lock(&fleet->lock);
    bool shared = fleet->joined.valid && strcmp(fleet->joined.run.id, run->id) == 0;
    (void)pthread_mutex_unlock(&fleet->lock);
    return shared;
}

/* Wait for at most `seconds`, or until a verdict or the fleet's end. The lock is held. */
static void wait_locked(struct fleet *fleet, double seconds)
{
    struct timespec deadline = clock_timespec(clock_monotonic() + seconds);
    (void)pthread_cond_timedwait(&fleet->changed, &fleet->lock, &deadline);
}

static void settings(void *context, const struct run_record *run, struct gate_limits *limits,
                     struct geocoder_settings *geocoder)
{
    struct fleet *fleet = context;
    if (!is_shared(fleet, run))
        return;
    *limits = fleet->joined.run.gate;
    geocoder->language = fleet->joined.run.language;
    geocoder->max_distance = fleet->joined.run.max_distance;
}

static int freeze(void *context, const struct run_record *run, struct learned *learned,
                  const char *directory, uint64_t *count, const struct control *control,
                  struct error *err)
{
    struct fleet *fleet = context;
    if (!is_shared(fleet, run))
        return coordination_alone.freeze(coordination_alone.context, run, learned, directory, count,
                                         control, err);
    return gather_unite(fleet->settings.state_directory, fleet->joined.input.sets,
                        fleet->joined.input.count, run->grid, directory, count, err);
}

/* --- the point files --------------------------------------------------------------------- */

/* After a start the line may be here before the agent has read anything: false while the view is
 * not of this run. */
static bool is_known(struct fleet *fleet, const char *run, int64_t *created)
{
    (void)pthread_mutex_lock(&fleet->lock);
    bool known = fleet->view.has_run && strcmp(fleet->view.run.id, run) == 0;
    *created = fleet->view.run_created;
    (void)pthread_mutex_unlock(&fleet->lock);
    return known;
}

/* 1 = these are the fleet's point files, 0 = others are, -1. */
static int agree_on_points(struct fleet *fleet, const struct pair_id *digest,
                           struct pair_id *theirs, struct error *err)
{
    char key[FLEET_KEY_BYTES], run_key[FLEET_KEY_BYTES];
    struct etcd_range range;
    struct etcd_txn txn;
    char *text;
    int64_t created;
    const char *run = fleet->joined.run.id;
    view_key(run_key, fleet->prefix, "run");
    view_run_key(key, fleet->prefix, run, "points");
    if (!is_known(fleet, run, &created))
        return error_set(err, ERROR_UNREACHABLE, "the fleet's run is not known yet");
    if (digest_document_print(digest, &text, err) != 0)
        return -1;
    etcd_txn_begin(&txn);
    etcd_compare_created(&txn, run_key, created);
    etcd_compare_absent(&txn, key);
    etcd_put(&txn, key, text, 0);
    free(text);
    int won = etcd_commit(fleet->conductor_etcd, &txn, NULL, err);
    if (won != 0)
        return won;
    if (etcd_get(fleet->conductor_etcd, key, &range, err) != 0)
        return -1;
    int result = 1;
    if (range.count > 0 && digest_document_read(theirs, key, range.pairs[0].value, err) != 0)
        result = -1;
    else if (range.count > 0)
        result = pair_id_equal(theirs, digest);
    else
        result = error_set(err, ERROR_UNREACHABLE, "the run has ended meanwhile");
    etcd_range_free(&range);
    return result;
}

static void write_out(struct fleet *fleet, const char *why)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    struct error err;
    etcd_txn_begin(&txn);
    (void)pthread_mutex_lock(&fleet->lock);
    etcd_compare_created(&txn, view_key(key, fleet->prefix, "run"), fleet->view.run_created);
    (void)pthread_mutex_unlock(&fleet->lock);
    etcd_put(&txn,
             view_run_key(key, fleet->prefix, fleet->joined.run.id, "out/%s", fleet->self_name),
             why, 0);
    if (etcd_commit(fleet->conductor_etcd, &txn, NULL, &err) < 0)
        fleet_event(fleet, 1, "fleet_trouble", "error=\"%.500s\"", err.message);
}

static int snapshot_taken(void *context, const struct run_record *run, const struct pair_id *digest,
                          const struct control *control, struct error *err)
{
    struct fleet *fleet = context;
    struct pair_id theirs;
    struct error own;
    char a[2 * PAIR_ID_BYTES + 1], b[2 * PAIR_ID_BYTES + 1];
    int agreed = -1;
    if (!is_shared(fleet, run))
        return 0;
    while ((agreed = agree_on_points(fleet, digest, &theirs, &own)) < 0) {
        if (own.code != ERROR_UNREACHABLE && own.code != ERROR_CANCELED) {
            if (err != NULL)
                *err = own;
            return -1;
        }
        (void)pthread_mutex_lock(&fleet->lock);
        wait_locked(fleet, PATIENCE);
        (void)pthread_mutex_unlock(&fleet->lock);
        if (control_ending(control))
            return error_set(err, ERROR_CANCELED, "the run was stopped");
    }
    if (agreed > 0)
        return 0;
    error_set(&own, ERROR_STATE, "its point files are %s, the fleet's %s",
              pair_id_format(digest, a), pair_id_format(&theirs, b));
    write_out(fleet, own.message);
    if (err != NULL)
        *err = own;
    return -1;
}

/* --- the refresh phase ------------------------------------------------------------------------ */

static void shares_closing(void *context, struct shares *shares)
{
    struct fleet *fleet = context;
    (void)pthread_mutex_lock(&fleet->lock);
    if (fleet->shares == shares) {
        shares_figures(shares, &fleet->figures);
        fleet->shares = NULL;
    }
    (void)pthread_mutex_unlock(&fleet->lock);
}

/* key and prefix are the caller's memory. False while the view is not of this run. */
static bool describe_shares(struct fleet *fleet, const struct run_record *run,
                            char key[FLEET_KEY_BYTES], char prefix[FLEET_KEY_BYTES],
                            struct shares_settings *out)
{
    *out = (struct shares_settings){
        .etcd = fleet->etcd_settings,
        .exchange = fleet->exchange_settings,
        .membership = fleet->membership,
        .memory = fleet->memory,
        .prefix = view_run_key(prefix, fleet->prefix, run->id, "%s", ""),
        .run_key = view_key(key, fleet->prefix, "run"),
        .name = fleet->self_name,
        .lost_after = 2 * fleet->settings.lease,
        .closing = shares_closing,
        .context = fleet,
    };
    return is_known(fleet, run->id, &out->run_created);
}

/* What we promised by `ready` may be given up from here on. */
static int withdraw(struct fleet *fleet, const struct run_record *run, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    etcd_txn_begin(&txn);
    etcd_delete(&txn, view_run_key(key, fleet->prefix, run->id, "ready/%s", fleet->self_name));
    return etcd_commit(fleet->conductor_etcd, &txn, NULL, err) < 0 ? -1 : 0;
}

static int prepare(void *context, const struct run_record *run, struct ledger *ledger,
                   const char *answers_directory, const struct control *control, struct error *err)
{
    struct fleet *fleet = context;
    char key[FLEET_KEY_BYTES], prefix[FLEET_KEY_BYTES];
    struct shares_settings shares;
    if (!is_shared(fleet, run))
        return 0;
    while (!describe_shares(fleet, run, key, prefix, &shares) || withdraw(fleet, run, NULL) != 0) {
        if (control_ending(control))
            return error_set(err, ERROR_CANCELED, "the run was stopped");
        (void)pthread_mutex_lock(&fleet->lock);
        wait_locked(fleet, WAIT_STEP);
        (void)pthread_mutex_unlock(&fleet->lock);
    }
    return shares_prepare(&shares, run, ledger, answers_directory, control, err);
}

static int claims_open(void *context, struct claims **out, const struct coordination_site *site,
                       struct error *err)
{
    struct fleet *fleet = context;
    char key[FLEET_KEY_BYTES], prefix[FLEET_KEY_BYTES];
    struct shares_settings settings;
    struct shares *shares;
    if (!is_shared(fleet, site->run))
        return coordination_alone.claims_open(coordination_alone.context, out, site, err);
    (void)describe_shares(fleet, site->run, key, prefix, &settings);
    if (shares_open(&shares, &settings, site, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&fleet->lock);
    fleet->shares = shares;
    (void)pthread_mutex_unlock(&fleet->lock);
    *out = shares_claims(shares);
    return 0;
}

static double pace(void *context, const struct run_record *run)
{
    struct fleet *fleet = context;
    if (!is_shared(fleet, run))
        return coordination_alone.pace(coordination_alone.context, run);
    (void)pthread_mutex_lock(&fleet->lock);
    double share = membership_lease(fleet->membership) != 0 ? fleet->pace : 0;
    (void)pthread_mutex_unlock(&fleet->lock);
    return share;
}

/* --- the switch ------------------------------------------------------------------------------- */

static int agree(void *context, const struct run_record *run, const struct pair_id *digest,
                 const struct control *control, struct agreement *out, struct error *err)
{
    struct fleet *fleet = context;
    int result = 0;
    if (!is_shared(fleet, run))
        return coordination_alone.agree(coordination_alone.context, run, digest, control, out, err);
    (void)pthread_mutex_lock(&fleet->lock);
    struct verdict *verdict = &fleet->verdict;
    *verdict = (struct verdict){.waiting = true, .prepared = *digest};
    memcpy(verdict->run, run->id, sizeof verdict->run);
    fleet->poked = true;
    (void)pthread_cond_broadcast(&fleet->changed);
    while (!verdict->given && result == 0) {
        wait_locked(fleet, WAIT_STEP);
        if (!verdict->given && control_ending(control))
            result = error_set(err, ERROR_CANCELED, "the run was stopped");
    }
    if (result == 0)
        *out = verdict->agreement;
    verdict->waiting = false;
    (void)pthread_mutex_unlock(&fleet->lock);
    return result;
}

static void switched(void *context, const struct run_record *run, const struct pair_id *digest,
                     double at)
{
    struct fleet *fleet = context;
    struct error err;
    (void)digest;
    if (!is_shared(fleet, run))
        return;
    if (store_applied(fleet, run->id, &err) != 0)
        fleet_event(fleet, 1, "fleet_trouble", "error=\"%.500s\"", err.message);
    (void)pthread_mutex_lock(&fleet->lock);
    fleet->switched_at = at;
    memcpy(fleet->switched_run, run->id, sizeof fleet->switched_run);
    (void)pthread_mutex_unlock(&fleet->lock);
    fleet_poke(fleet);
}

void coordination_init(struct fleet *fleet)
{
    fleet->coordination = (struct coordination){
        .context = fleet,
        .peer = fleet->self_name,
        .settings = settings,
        .freeze = freeze,
        .snapshot_taken = snapshot_taken,
        .prepare = prepare,
        .claims_open = claims_open,
        .pace = pace,
        .agree = agree,
        .switched = switched,
    };
}
