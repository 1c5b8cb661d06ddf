/* What operators ask of the fleet: each call is one transaction, tried again when somebody else was
 * first. */
#include "fleet/fleet_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stages/report.h"

#define TRIES 8
#define SAME_START                                                                                 \
    1 /* second: starts on several peers within it are one, though the run may have                \
       * ended before the last of them */
#define SWITCH_PATIENCE 20.0 /* seconds that a start waits for a switch to be over */
#define ETCD_PATIENCE 5.0    /* seconds that it waits for etcd */
#define SWITCH_LOOK 0.1

/* --- reading ------------------------------------------------------------------------------ */

static int read_view(struct fleet *fleet, struct fleet_view **out, struct error *err)
{
    struct fleet_view *view = calloc(1, sizeof *view);
    if (view == NULL)
        return error_memory(err, "what etcd says");
    if (agent_peers(fleet, view, err) != 0 ||
        view_read(view, fleet->operator_etcd, fleet->prefix, err) != 0) {
        free(view);
        return -1;
    }
    *out = view;
    return 0;
}

static int no_run(struct error *err)
{
    return error_set(err, ERROR_STATE, "the fleet has no run");
}

void fleet_hurry(struct fleet *fleet)
{
    atomic_store(&fleet->hurried, true);
}

bool fleet_has_run(struct fleet *fleet)
{
    (void)pthread_mutex_lock(&fleet->lock);
    bool has = fleet->view.has_run || (fleet->self.line_active && fleet->self.line_shared);
    (void)pthread_mutex_unlock(&fleet->lock);
    return has;
}

/* --- wishes -------------------------------------------------------------------------------- */

typedef void change_wish(struct wish_document *wish, const void *context);

/* 1 = done, 0 = somebody else was first, -1. */
static int try_wish(struct fleet *fleet, change_wish *change, const void *context,
                    struct error *err)
{
    struct fleet_view *view;
    struct etcd_txn txn;
    char key[FLEET_KEY_BYTES];
    char *text = NULL;
    if (read_view(fleet, &view, err) != 0)
        return -1;
    struct wish_document wish = {.change = {-1, -1, -1, -1}};
    int result = -1;
    if (!view->has_run) {
        no_run(err);
        goto out;
    }
    if (view->has_wish)
        wish = view->wish;
    memcpy(wish.run, view->run.id, sizeof wish.run);
    wish.seq++;
    change(&wish, context);
    if (wish_document_print(&wish, &text, err) != 0)
        goto out;
    etcd_txn_begin(&txn);
    etcd_compare_created(&txn, view_key(key, fleet->prefix, "run"), view->run_created);
    etcd_compare_read(&txn, view_key(key, fleet->prefix, "wish"), view->wish_modified);
    etcd_put(&txn, key, text, 0);
    result = etcd_commit(fleet->operator_etcd, &txn, NULL, err);
out:
    free(text);
    free(view);
    return result;
}

static int make_wish(struct fleet *fleet, change_wish *change, const void *context,
                     struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&fleet->operators);
    for (int i = 0; i < TRIES && result == 0; i++)
        result = try_wish(fleet, change, context, err);
    (void)pthread_mutex_unlock(&fleet->operators);
    fleet_poke(fleet);
    if (result == 0)
        return error_set(err, ERROR_BUSY,
                         "other peers ask for something at the same time; try again");
    return result > 0 ? 0 : -1;
}

static void wish_pause(struct wish_document *wish, const void *reason)
{
    wish->paused = true;
    (void)snprintf(wish->reason, sizeof wish->reason, "%s", (const char *)reason);
}

static void wish_resume(struct wish_document *wish, const void *unused)
{
    (void)unused;
    wish->paused = false;
    wish->reason[0] = '\0';
}

static void wish_publish(struct wish_document *wish, const void *unused)
{
    (void)unused;
    wish->forced = true;
    wish->paused = false;
    wish->reason[0] = '\0';
}

static void wish_change(struct wish_document *wish, const void *context)
{
    const struct line_change *change = context;
    if (change->rate >= 0)
        wish->change.rate = change->rate;
    if (change->finish_within >= 0)
        wish->change.finish_within = change->finish_within;
    if (change->workers >= 0)
        wish->change.workers = change->workers;
    if (change->concurrency >= 0)
        wish->change.concurrency = change->concurrency;
}

int fleet_pause(struct fleet *fleet, const char *reason, struct error *err)
{
    return make_wish(fleet, wish_pause, reason, err);
}

int fleet_resume(struct fleet *fleet, struct error *err)
{
    return make_wish(fleet, wish_resume, NULL, err);
}

int fleet_publish(struct fleet *fleet, bool force, struct error *err)
{
    if (!force)
        return error_set(err, ERROR_STATE,
                         "the fleet publishes by itself what passes the gate; "
                         "`refreshctl publish --force` goes over the gate, and ahead with the "
                         "majority that is ready");
    return make_wish(fleet, wish_publish, NULL, err);
}

int fleet_set(struct fleet *fleet, const struct line_change *change, struct error *err)
{
    return make_wish(fleet, wish_change, change, err);
}

/* --- cancel ------------------------------------------------------------------------------------
 */

/* 1 = done, 0 = the run has just ended otherwise, -1. */
static int try_cancel(struct fleet *fleet, struct error *err)
{
    struct fleet_view *view;
    struct etcd_txn txn;
    char key[FLEET_KEY_BYTES];
    char *text = NULL;
    int result = -1;
    if (read_view(fleet, &view, err) != 0)
        return -1;
    struct ended_document ended = {.started_at = view->run.started_at};
    memcpy(ended.run, view->run.id, sizeof ended.run);
    (void)snprintf(ended.reason, sizeof ended.reason, "cancelled on %s", fleet->settings.name);
    if (!view->has_run) {
        no_run(err);
    } else if (ended_document_print(&ended, &text, err) == 0) {
        etcd_txn_begin(&txn);
        etcd_compare_created(&txn, view_key(key, fleet->prefix, "run"), view->run_created);
        etcd_delete(&txn, key);
        etcd_put(&txn, view_key(key, fleet->prefix, "ended"), text, 0);
        result = etcd_commit(fleet->operator_etcd, &txn, NULL, err);
    }
    free(text);
    free(view);
    return result;
}

int fleet_cancel(struct fleet *fleet, struct error *err)
{
    (void)pthread_mutex_lock(&fleet->operators);
    int result = try_cancel(fleet, err);
    (void)pthread_mutex_unlock(&fleet->operators);
    fleet_poke(fleet);
    if (result == 0)
        return error_set(err, ERROR_STATE, "the run has just ended: the switch was decided");
    return result > 0 ? 0 : -1;
}

/* --- start ---------------------------------------------------------------------------------------
 */

/* The run that began last, unfinished or not; "" = there was none. */
static const char *latest_run(const struct fleet_view *view, uint32_t *started_at)
{
    *started_at = 0;
    const char *run = "";
    if (view->has_current) {
        run = view->current.run;
        *started_at = view->current.started_at;
    }
    if (view->has_ended && view->ended.started_at >= *started_at) {
        run = view->ended.run;
        *started_at = view->ended.started_at;
    }
    if (view->has_run) {
        run = view->run.id;
        *started_at = view->run.started_at;
    }
    return run;
}

/* That nothing began or ended since the view was read: whoever starts a run removes what was noted
 * of the one before. */
static void compare_latest(struct etcd_txn *txn, const struct fleet *fleet,
                           const struct fleet_view *view)
{
    char key[FLEET_KEY_BYTES];
    view_key(key, fleet->prefix, "run");
    if (view->has_run)
        etcd_compare_created(txn, key, view->run_created);
    else
        etcd_compare_absent(txn, key);
}

/* Was a start on this peer taken for the run already? 1, 0, -1. */
static int has_asked(struct fleet *fleet, const char *key, struct error *err)
{
    struct etcd_range range;
    if (etcd_get(fleet->operator_etcd, key, &range, err) != 0)
        return -1;
    int asked = range.count > 0;
    etcd_range_free(&range);
    return asked;
}

enum { JOIN_LOOK_AGAIN = 2 };

/* A start that meets a run of another peer's is a start of that run, once for each peer. 1 = so it
 * is, and id says which; 0 = not; JOIN_LOOK_AGAIN; -1. */
static int join_latest(struct fleet *fleet, const struct fleet_view *view, char id[RUN_ID_BYTES],
                       struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    uint32_t started_at;
    const char *run = latest_run(view, &started_at);
    if (run[0] == '\0' || (!view->has_run && fabs((double)clock_unix() - started_at) > SAME_START))
        return 0;
    view_run_key(key, fleet->prefix, run, "asked/%s", fleet->settings.name);
    etcd_txn_begin(&txn);
    compare_latest(&txn, fleet, view);
    etcd_compare_absent(&txn, key);
    etcd_put(&txn, key, "true", 0);
    int result = etcd_commit(fleet->operator_etcd, &txn, NULL, err);
    if (result < 0)
        return -1;
    if (result > 0) {
        (void)snprintf(id, RUN_ID_BYTES, "%s", run);
        return 1;
    }
    int asked = has_asked(fleet, key, err);
    if (asked <= 0)
        return asked == 0 ? JOIN_LOOK_AGAIN : -1;
    if (view->has_run)
        return error_set(err, ERROR_STATE, "run %s is active already", run);
    return 0;
}

static void add_members(struct run_document *run, const struct fleet_view *view)
{
    for (size_t i = 0; i < view->peer_count && run->member_count < FLEET_MEMBERS_LIMIT; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (!peer->live)
            continue;
        memcpy(run->members[run->member_count++], peer->name, sizeof(fleet_name));
        if (peer->document.next > run->generation)
            run->generation = peer->document.next;
        if (run->grid.rows == 0 && peer->document.generation > 0 &&
            pair_id_equal(&peer->document.digest, &run->base_digest))
            run->grid = peer->document.grid;
    }
}

static void describe(struct fleet *fleet, const struct fleet_view *view,
                     const struct line_invitation *invitation, struct run_document *run)
{
    const struct fleet_settings *settings = &fleet->settings;
    *run = (struct run_document){
        .base_digest = invitation->base_digest,
        .started_at = invitation->started_at,
        .parameters = invitation->parameters,
        .gate = settings->gate,
        .max_distance = settings->geocoder.max_distance,
        .quorum = settings->quorum,
        .switch_delay = settings->switch_delay,
    };
    const char *tables = invitation->parameters.tables;
    run->parameters.tables = NULL;
    run->has_tables = true;
    (void)snprintf(run->tables, sizeof run->tables, "%s", tables != NULL ? tables : "");
    memcpy(run->id, invitation->id, sizeof run->id);
    (void)snprintf(run->provider, sizeof run->provider, "%s",
                   settings->geocoder.provider != NULL ? settings->geocoder.provider : "");
    (void)snprintf(run->language, sizeof run->language, "%s",
                   settings->geocoder.language != NULL ? settings->geocoder.language : "");
    memcpy(run->starter, fleet->self_name, sizeof run->starter);
    add_members(run, view);
}

static bool others_learned(const struct fleet_view *view)
{
    for (size_t i = 0; i < view->peer_count; i++)
        if (view->peers[i].live && view->peers[i].document.learned > 0)
            return true;
    return false;
}

/* Who has the base himself knows whether there is anything to ask. */
static int find_nothing(struct fleet *fleet, const struct fleet_view *view,
                        const struct pair_id *base, const struct run_parameters *parameters,
                        bool *nothing, struct error *err)
{
    struct line_plan plan;
    (void)pthread_mutex_lock(&fleet->lock);
    bool own = fleet->self.has_generation && pair_id_equal(&fleet->self.digest, base);
    (void)pthread_mutex_unlock(&fleet->lock);
    *nothing = false;
    if (!own || others_learned(view))
        return 0;
    if (line_plan(fleet->line, parameters, &plan, err) != 0)
        return -1;
    *nothing = plan.points == 0;
    return 0;
}

/* Our start is this run's: the next one makes another. Without it the next one within a second
 * would be taken for this one's again, which harms nobody. */
static void put_asked(struct fleet *fleet, const char *run)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    etcd_txn_begin(&txn);
    etcd_put(&txn, view_run_key(key, fleet->prefix, run, "asked/%s", fleet->settings.name), "true",
             0);
    (void)etcd_commit(fleet->operator_etcd, &txn, NULL, NULL);
}

/* 1 = made, 0 = somebody else was first, -1. */
static int put_run(struct fleet *fleet, const struct fleet_view *view,
                   const struct run_document *run, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    char *text;
    if (run_document_print(run, &text, err) != 0)
        return -1;
    etcd_txn_begin(&txn);
    etcd_compare_absent(&txn, view_key(key, fleet->prefix, "run"));
    etcd_put(&txn, key, text, 0);
    etcd_compare_read(&txn, view_key(key, fleet->prefix, "current"), view->current_modified);
    etcd_compare_read(&txn, view_key(key, fleet->prefix, "ended"), view->ended_modified);
    etcd_delete(&txn, view_key(key, fleet->prefix, "wish"));
    etcd_delete_prefix(&txn, view_key(key, fleet->prefix, "r/"));
    free(text);
    return etcd_commit(fleet->operator_etcd, &txn, NULL, err);
}

/* The run whose failures are asked again: the last that ended here. */
static int name_retried(struct fleet *fleet, struct run_document *run, struct error *err)
{
    struct line_status status;
    line_status(fleet->line, &status);
    memcpy(run->retry_of, status.last_run.id, sizeof run->retry_of);
    if (run->retry_of[0] == '\0')
        return error_set(err, ERROR_STATE, "no run has ended yet whose failures could be retried");
    return 0;
}

/* 1 = *id is the run's name or *nothing, 0 = look again, -1. */
static int try_start(struct fleet *fleet, const struct fleet_view *view,
                     const struct run_parameters *parameters, char id[RUN_ID_BYTES], bool *nothing,
                     struct error *err)
{
    struct line_invitation invitation;
    struct run_document run;
    int joined = join_latest(fleet, view, id, err);
    if (joined == JOIN_LOOK_AGAIN)
        return 0;
    if (joined != 0)
        return joined;
    line_invite(parameters, &invitation);
    if (!protocol_base(view, fleet->settings.name, &invitation.base_digest))
        return error_set(err, ERROR_BUSY, "%s",
                         view->has_current
                             ? "no live peer has switched to the fleet's last generation yet"
                             : "no live peer has a cache; `refreshctl cache import` makes one");
    if (find_nothing(fleet, view, &invitation.base_digest, parameters, nothing, err) != 0)
        return -1;
    if (*nothing)
        return 1;
    describe(fleet, view, &invitation, &run);
    if (parameters->retry_failed && name_retried(fleet, &run, err) != 0)
        return -1;
    memcpy(id, run.id, sizeof run.id);
    int made = put_run(fleet, view, &run, err);
    if (made > 0)
        put_asked(fleet, run.id);
    return made;
}

/* As try_start, from what etcd says now. *patience: seconds from the first try after which -1 is
 * the end of it. */
static int look_and_start(struct fleet *fleet, const struct run_parameters *parameters,
                          char id[RUN_ID_BYTES], bool *nothing, double *patience, struct error *err)
{
    struct fleet_view *view;
    *patience = ETCD_PATIENCE;
    if (membership_lease(fleet->membership) == 0)
        return error_set(err, ERROR_UNREACHABLE,
                         "this peer is no member of its fleet now: etcd does not answer");
    if (read_view(fleet, &view, err) != 0)
        return -1;
    int result = try_start(fleet, view, parameters, id, nothing, err);
    if (result < 0 && err->code != ERROR_UNREACHABLE)
        *patience = err->code == ERROR_BUSY && view->has_current ? SWITCH_PATIENCE : 0;
    free(view);
    return result;
}

/* A try of which it is not known whether it made the run is repeated: it finds the run then. */
static int start(struct fleet *fleet, const struct run_parameters *parameters,
                 char id[RUN_ID_BYTES], bool *nothing, struct error *err)
{
    double began = clock_monotonic(), patience;
    struct timespec wait = clock_timespec(SWITCH_LOOK);
    for (int tries = 0; tries < TRIES;) {
        struct error own;
        int result = look_and_start(fleet, parameters, id, nothing, &patience, &own);
        if (result > 0)
            return 0;
        if (result < 0 && (atomic_load(&fleet->hurried) || clock_monotonic() - began >= patience)) {
            if (err != NULL)
                *err = own;
            return -1;
        }
        tries += result == 0;
        (void)nanosleep(&wait, NULL);
    }
    return error_set(err, ERROR_BUSY, "other peers start runs at the same time; try again");
}

int fleet_start(struct fleet *fleet, const struct run_parameters *parameters, char id[RUN_ID_BYTES],
                bool *nothing, struct error *err)
{
    struct run_parameters checked = *parameters;
    char *tables = NULL;
    *nothing = false;
    if (parameters->tables != NULL && run_tables(parameters->tables, &tables, err) != 0)
        return -1;
    checked.tables = tables;
    (void)pthread_mutex_lock(&fleet->operators);
    int result = start(fleet, &checked, id, nothing, err);
    (void)pthread_mutex_unlock(&fleet->operators);
    free(tables);
    fleet_poke(fleet);
    return result;
}

void fleet_cache_changed(struct fleet *fleet)
{
    struct error err;
    char run[RUN_ID_BYTES] = "";
    (void)pthread_mutex_lock(&fleet->lock);
    if (fleet->view.has_current)
        memcpy(run, fleet->view.current.run, sizeof run);
    (void)pthread_mutex_unlock(&fleet->lock);
    if (run[0] != '\0' && store_applied(fleet, run, &err) != 0)
        fleet_event(fleet, 1, "fleet_trouble", "error=\"%.500s\"", err.message);
    fleet_poke(fleet);
}
