/* The agent: a round whenever something changed and each second: read, decide, do one thing. */
#include "fleet/fleet_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cachefmt/generation.h"

#define ROUND_INTERVAL 1.0    /* seconds between rounds when nothing is heard */
#define ROUND_LEAST 0.02      /* seconds between rounds at least, */
#define ROUND_LEAST_BUSY 0.25 /* and while the line is at its shares */
#define TROUBLE_INTERVAL 60.0 /* the same trouble is logged once in so many seconds */
#define WAIT_AFTER_TROUBLE 1.0

/* --- what we have ------------------------------------------------------------------------ */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The published generation; read only when MANIFEST is another file than last time. */
static int look_at_cache(struct fleet *fleet, struct protocol_self *self, struct error *err)
{
    const char *directory = fleet->settings.cache_directory;
    struct manifest *manifest;
    struct stat now = {0};
    struct error own;
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/MANIFEST", directory);
    if (stat(path, &now) == 0 && is_same_file(&now, &fleet->manifest_seen))
        return 0;
    if (generation_next(directory, &fleet->next_generation, err) != 0)
        return -1;
    self->has_generation = false;
    fleet->generation = 0;
    fleet->manifest_seen = (struct stat){0};
    if (generation_current(directory, &manifest, &own) != 0) {
        if (own.code == ERROR_MISSING)
            return 0;
        if (err != NULL)
            *err = own;
        return -1;
    }
    self->has_generation = true;
    self->digest = manifest->digest;
    fleet->generation = manifest->generation;
    fleet->grid = manifest->grid;
    fleet->manifest_seen = now;
    manifest_free(manifest);
    return 0;
}

/* What was seen of the cache holds, also when the rest of the round fails. */
static void keep_seen(struct fleet *fleet, const struct protocol_self *self)
{
    (void)pthread_mutex_lock(&fleet->lock);
    fleet->self.has_generation = self->has_generation;
    fleet->self.digest = self->digest;
    (void)pthread_mutex_unlock(&fleet->lock);
}

static void look_at_line(struct fleet *fleet, const struct line_status *status,
                         struct protocol_self *self)
{
    self->line_active = status->run.id[0] != '\0';
    memcpy(self->line_run, status->run.id, sizeof self->line_run);
    memcpy(self->ended_run, status->last_run.id, sizeof self->ended_run);
    self->publishing = self->line_active && status->run.phase == PHASE_PUBLISH;
    self->reopened = shares_memory_reopened(fleet->memory);
    (void)pthread_mutex_lock(&fleet->lock);
    self->line_shared = fleet->joined.valid && strcmp(fleet->joined.run.id, status->run.id) == 0;
    self->waiting = fleet->verdict.waiting && !fleet->verdict.given;
    self->prepared = fleet->verdict.prepared;
    (void)pthread_mutex_unlock(&fleet->lock);
}

static bool has_set(const struct fleet *fleet, const struct view_peer *peer)
{
    return peer == NULL || !peer->has_learned || peer->learned.entries == 0 ||
           gather_has(fleet->settings.state_directory, &peer->learned.digest);
}

/* Sets of peers that are gone, and that nobody may have, are not waited for. */
static void look_at_sets(struct fleet *fleet, const struct fleet_view *view,
                         struct protocol_self *self)
{
    self->all_sets_here = true;
    self->own_set_here = true;
    if (!view->has_run || self->line_active)
        return;
    if (view->has_input) {
        for (size_t i = 0; i < view->input.count; i++)
            self->all_sets_here = self->all_sets_here &&
                                  gather_has(fleet->settings.state_directory, &view->input.sets[i]);
        return;
    }
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (strcmp(peer->name, self->name) == 0)
            self->own_set_here = has_set(fleet, peer);
        else if (peer->live)
            self->all_sets_here = self->all_sets_here && has_set(fleet, peer);
    }
}

/* --- the others ---------------------------------------------------------------------------- */

int agent_peers(struct fleet *fleet, struct fleet_view *view, struct error *err)
{
    struct membership_peer *peers;
    size_t count;
    if (membership_peers(fleet->membership, &peers, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < view->peer_count; i++)
        view->peers[i].live = false;
    for (size_t i = 0; i < count; i++) {
        struct view_peer *peer = view_add_peer(view, peers[i].name);
        if (peer == NULL)
            continue;
        peer->live = peers[i].live;
        if (peers[i].document != NULL)
            peer_document_read(&peer->document, peers[i].document);
    }
    membership_peers_free(peers, count);
    return 0;
}

static bool was_told(const struct fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->live_told_count; i++)
        if (strcmp(fleet->live_told[i], name) == 0)
            return true;
    return false;
}

static void tell_members(struct fleet *fleet, const struct fleet_view *view)
{
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        bool told = was_told(fleet, peer->name);
        if (peer->live && !told)
            fleet_event(fleet, 2, "peer_joined", "peer=%s advertise=%s", peer->name,
                        peer->document.advertise);
        else if (!peer->live && told)
            fleet_event(fleet, 1, "peer_left", "peer=%s", peer->name);
    }
    fleet->live_told_count = 0;
    for (size_t i = 0; i < view->peer_count; i++)
        if (view->peers[i].live)
            memcpy(fleet->live_told[fleet->live_told_count++], view->peers[i].name,
                   FLEET_NAME_BYTES);
}

/* At the start etcd has as long as ever to answer. */
static void tell_reachable(struct fleet *fleet, bool reachable)
{
    bool young = clock_monotonic() - fleet->begun < fleet->settings.lease;
    if (reachable == fleet->reachable_told || (!reachable && fleet->reachable_told < 0 && young))
        return;
    fleet->reachable_told = reachable;
    if (reachable)
        fleet_event(fleet, 2, "fleet_reachable", "fleet=%s", fleet->settings.fleet);
    else
        fleet_event(fleet, 1, "fleet_unreachable",
                    "fleet=%s error=\"etcd does not answer; nothing is asked until it does\"",
                    fleet->settings.fleet);
}

/* --- a round ---------------------------------------------------------------------------------- */

static void tell_trouble(struct fleet *fleet, const struct error *err)
{
    double now = clock_monotonic();
    if (err->code == ERROR_CANCELED)
        return;
    if (strcmp(fleet->trouble, err->message) == 0 && now - fleet->trouble_told < TROUBLE_INTERVAL)
        return;
    fleet->trouble_told = now;
    memcpy(fleet->trouble, err->message, sizeof fleet->trouble);
    fleet_event(fleet, 1, "fleet_trouble", "error=\"%.500s\"", err->message);
}

/* What others are told of us, when it has changed. */
static void describe_self(struct fleet *fleet, const struct protocol_self *self,
                          const struct line_status *status)
{
    struct peer_document own = {
        .generation = self->has_generation ? fleet->generation : 0,
        .next = fleet->next_generation,
        .digest = self->digest,
        .grid = fleet->grid,
        .learned = fleet->settings.learned != NULL ? learned_count(fleet->settings.learned) : 0,
        .done = fleet->figures.ours,
        .held = fleet->figures.ours + fleet->figures.fetched,
    };
    const char *run = self->line_active ? self->line_run : self->ended_run;
    (void)snprintf(own.state, sizeof own.state, "%s", line_state_names[status->state]);
    (void)snprintf(own.run, sizeof own.run, "%s", run);
    (void)pthread_mutex_lock(&fleet->lock);
    (void)snprintf(own.applied, sizeof own.applied, "%s", fleet->self.applied);
    bool changed =
        !pair_id_equal(&own.digest, &fleet->own.digest) ||
        own.generation != fleet->own.generation || strcmp(own.state, fleet->own.state) != 0 ||
        strcmp(own.run, fleet->own.run) != 0 || strcmp(own.applied, fleet->own.applied) != 0;
    fleet->own = own;
    (void)pthread_mutex_unlock(&fleet->lock);
    if (changed)
        membership_tell(fleet->membership);
}

void agent_look_first(struct fleet *fleet)
{
    struct protocol_self self = fleet->self;
    if (look_at_cache(fleet, &self, NULL) != 0)
        return;
    keep_seen(fleet, &self);
    fleet->own = (struct peer_document){
        .generation = self.has_generation ? fleet->generation : 0,
        .next = fleet->next_generation,
        .digest = self.digest,
        .grid = fleet->grid,
    };
    memcpy(fleet->own.applied, fleet->self.applied, sizeof fleet->own.applied);
}

static void take_figures(struct fleet *fleet)
{
    (void)pthread_mutex_lock(&fleet->lock);
    if (fleet->shares != NULL)
        shares_figures(fleet->shares, &fleet->figures);
    (void)pthread_mutex_unlock(&fleet->lock);
}

/* What etcd says is read before what we have: what is done meanwhile is known to us, and a step
 * that etcd has overtaken is a transaction that is lost. */
static int look(struct fleet *fleet, struct protocol_self *self, struct line_status *status,
                struct error *err)
{
    struct fleet_view *view = fleet->reading;
    if (agent_peers(fleet, view, err) != 0)
        return -1;
    tell_members(fleet, view);
    tell_reachable(fleet, membership_reachable(fleet->membership));
    int read = view_read(view, fleet->etcd, fleet->prefix, err);
    (void)pthread_mutex_lock(&fleet->lock);
    *self = fleet->self;
    (void)pthread_mutex_unlock(&fleet->lock);
    self->member = membership_lease(fleet->membership) != 0;
    line_status(fleet->line, status);
    take_figures(fleet);
    if (look_at_cache(fleet, self, read == 0 ? err : NULL) != 0)
        return -1;
    keep_seen(fleet, self);
    look_at_line(fleet, status, self);
    describe_self(fleet, self, status);
    return read;
}

static void show(struct fleet *fleet, const struct protocol_self *self,
                 const struct protocol_step *step)
{
    (void)pthread_mutex_lock(&fleet->lock);
    fleet->view = *fleet->reading;
    char applied[RUN_ID_BYTES];
    memcpy(applied, fleet->self.applied, sizeof applied);
    fleet->self = *self;
    memcpy(fleet->self.applied, applied, sizeof applied);
    if (step->phase != fleet->step.phase && step->phase == FLEET_LEFT_OUT) {
        (void)pthread_mutex_unlock(&fleet->lock);
        fleet_event(fleet, 1, "fleet_left_out", "reason=\"%s\"", step->detail);
        (void)pthread_mutex_lock(&fleet->lock);
    }
    fleet->step = *step;
    (void)pthread_mutex_unlock(&fleet->lock);
}

/* When we switched, for those who look at how far apart the switches were. */
static int tell_switched(struct fleet *fleet, struct error *err)
{
    char key[FLEET_KEY_BYTES], text[40];
    const struct fleet_view *view = fleet->reading;
    struct etcd_txn txn;
    (void)pthread_mutex_lock(&fleet->lock);
    double at = fleet->switched_at;
    bool due = at > 0 && view->has_current && strcmp(view->current.run, fleet->switched_run) == 0;
    if (due)
        fleet->switched_at = 0;
    (void)pthread_mutex_unlock(&fleet->lock);
    if (!due)
        return 0;
    (void)snprintf(text, sizeof text, "%.6f", at);
    etcd_txn_begin(&txn);
    etcd_compare_modified(&txn, view_key(key, fleet->prefix, "current"), view->current_modified);
    etcd_put(&txn,
             view_run_key(key, fleet->prefix, view->current.run, "switched/%s", fleet->self_name),
             text, 0);
    fleet_event(fleet, 2, "fleet_switched", "run=%s at=%s", view->current.run, text);
    return etcd_commit(fleet->etcd, &txn, NULL, err) < 0 ? -1 : 0;
}

/* 0 = look again at once, 1 = nothing to do now, -1 = trouble. */
static int make_round(struct fleet *fleet, struct error *err)
{
    struct protocol_self self;
    struct protocol_step step;
    struct line_status status;
    if (look(fleet, &self, &status, err) != 0 || tell_switched(fleet, err) != 0)
        return -1;
    look_at_sets(fleet, fleet->reading, &self);
    protocol_next(fleet->reading, &self, &step);
    show(fleet, &self, &step);
    fleet_steer(fleet, fleet->reading, &self, &status);
    if (step.action == PROTOCOL_REST)
        return 1;
    return fleet_act(fleet, fleet->reading, &self, &step, err);
}

/* Until there may be something to do, and at least `least` seconds. False when stopping. */
static bool wait_for_change(struct fleet *fleet, double least, double most)
{
    double begin = clock_monotonic();
    (void)pthread_mutex_lock(&fleet->lock);
    for (;;) {
        double passed = clock_monotonic() - begin;
        double left = fleet->poked ? least - passed : most - passed;
        if (fleet->stopping || left <= 0)
            break;
        struct timespec deadline = clock_timespec(begin + passed + left);
        (void)pthread_cond_timedwait(&fleet->changed, &fleet->lock, &deadline);
        if (fleet->poked && passed >= least)
            break;
    }
    fleet->poked = false;
    bool on = !fleet->stopping;
    (void)pthread_mutex_unlock(&fleet->lock);
    return on;
}

void *agent_thread(void *argument)
{
    struct fleet *fleet = argument;
    struct error err;
    double least = 0, most = 0;
    fleet->reachable_told = -1;
    fleet->begun = clock_monotonic();
    while (wait_for_change(fleet, least, most)) {
        int result = make_round(fleet, &err);
        bool busy = fleet->step.phase == FLEET_REFRESHING;
        if (result < 0)
            tell_trouble(fleet, &err);
        least = result < 0 ? WAIT_AFTER_TROUBLE : busy ? ROUND_LEAST_BUSY : ROUND_LEAST;
        most = result == 0 ? least : ROUND_INTERVAL;
    }
    return NULL;
}
