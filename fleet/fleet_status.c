/* What people and other peers see of the fleet. */
#include "fleet/fleet_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* --- differences -------------------------------------------------------------------------- */

static void add_difference(char *out, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_difference(char *out, size_t bytes, const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(out);
    if (used > 0 && used + 2 < bytes)
        used += (size_t)snprintf(out + used, bytes - used, "; ");
    va_start(arguments, format);
    if (used < bytes)
        (void)vsnprintf(out + used, bytes - used, format, arguments);
    va_end(arguments);
}

static void compare_number(char *out, size_t bytes, const char *name, double ours, double theirs)
{
    if (ours != theirs)
        add_difference(out, bytes, "%s %g here, %g there", name, ours, theirs);
}

static void compare_text(char *out, size_t bytes, const char *name, const char *ours,
                         const char *theirs)
{
    if (ours == NULL)
        ours = "";
    if (strcmp(ours, theirs) != 0)
        add_difference(out, bytes, "%s \"%s\" here, \"%s\" there", name, ours, theirs);
}

void fleet_differences(const struct fleet *fleet, const struct run_document *run, char *out,
                       size_t bytes)
{
    const struct fleet_settings *own = &fleet->settings;
    out[0] = '\0';
    compare_text(out, bytes, "provider", own->geocoder.provider, run->provider);
    compare_text(out, bytes, "language", own->geocoder.language, run->language);
    compare_number(out, bytes, "max_distance", own->geocoder.max_distance, run->max_distance);
    compare_number(out, bytes, "max_lost", own->gate.max_lost, run->gate.max_lost);
    compare_number(out, bytes, "max_country_changed", own->gate.max_country_changed,
                   run->gate.max_country_changed);
    compare_number(out, bytes, "max_changed", own->gate.max_changed, run->gate.max_changed);
    compare_number(out, bytes, "max_failed", own->gate.max_failed, run->gate.max_failed);
    compare_number(out, bytes, "switch_delay", own->switch_delay, run->switch_delay);
    compare_text(out, bytes, "switch", own->quorum ? "quorum" : "all",
                 run->quorum ? "quorum" : "all");
}

/* The settings as a run document, which is how others compare them. */
static void own_settings(const struct fleet *fleet, struct run_document *run)
{
    const struct fleet_settings *own = &fleet->settings;
    *run = (struct run_document){
        .gate = own->gate,
        .max_distance = own->geocoder.max_distance,
        .quorum = own->quorum,
        .switch_delay = own->switch_delay,
    };
    (void)snprintf(run->provider, sizeof run->provider, "%s",
                   own->geocoder.provider != NULL ? own->geocoder.provider : "");
    (void)snprintf(run->language, sizeof run->language, "%s",
                   own->geocoder.language != NULL ? own->geocoder.language : "");
}

void fleet_describe(void *context, cJSON *document)
{
    struct fleet *fleet = context;
    struct peer_document own;
    struct run_document settings;
    (void)pthread_mutex_lock(&fleet->lock);
    own = fleet->own;
    (void)pthread_mutex_unlock(&fleet->lock);
    own_settings(fleet, &settings);
    peer_document_add(&own, document);
    run_document_add_settings(&settings, document);
}

/* --- status ---------------------------------------------------------------------------------- */

static void count_peers(const struct fleet_view *view, struct fleet_status *status)
{
    unsigned needed;
    for (size_t i = 0; i < view->peer_count; i++) {
        status->live += view->peers[i].live;
        status->members += view->peers[i].member;
    }
    status->ready = view->has_run ? protocol_ready(view, &needed) : 0;
}

static void fill_locked(struct fleet *fleet, struct fleet_status *status)
{
    const struct fleet_view *view = &fleet->view;
    const struct shares_figures *figures = &fleet->figures;
    status->phase = fleet->step.phase;
    (void)snprintf(status->detail, sizeof status->detail, "%s",
                   fleet->step.detail[0] == '\0' && status->phase == FLEET_REFRESHING
                       ? figures->waiting
                       : fleet->step.detail);
    if (view->has_run)
        memcpy(status->run, view->run.id, sizeof status->run);
    else if (status->phase != FLEET_IDLE && fleet->self.line_active && fleet->self.line_shared)
        memcpy(status->run, fleet->self.line_run, sizeof status->run);
    count_peers(view, status);
    status->current = !view->has_current || strcmp(view->current.run, fleet->self.applied) == 0;
    if (view->has_current) {
        status->digest = view->current.digest;
        status->switch_at = status->current ? 0 : (double)view->current.at_ms / 1000;
    }
    status->shares = figures->shares;
    status->shares_done = figures->done;
    status->shares_fetched = figures->fetched;
    status->bytes_fetched = figures->bytes_fetched + atomic_load(&fleet->catching_up.bytes_fetched);
    status->rate_share = fleet->pace;
    status->paused = view->has_wish && view->wish.paused;
}

void fleet_status(struct fleet *fleet, struct fleet_status *status)
{
    *status = (struct fleet_status){0};
    (void)pthread_mutex_lock(&fleet->lock);
    fill_locked(fleet, status);
    (void)pthread_mutex_unlock(&fleet->lock);
    if (fleet->server != NULL)
        status->bytes_served = exchange_server_figures(fleet->server).bytes_sent;
    if (fleet->membership != NULL && !membership_reachable(fleet->membership)) {
        status->phase = FLEET_UNREACHABLE;
        (void)snprintf(status->detail, sizeof status->detail, "etcd does not answer");
    }
}

/* --- peers -------------------------------------------------------------------------------------
 */

static void fill_peer(const struct fleet *fleet, const struct membership_peer *peer,
                      struct fleet_peer *out)
{
    struct peer_document document = {0};
    struct run_document theirs = {0};
    double now = clock_monotonic();
    if (peer->document != NULL) {
        peer_document_read(&document, peer->document);
        run_document_read_settings(&theirs, peer->document);
        fleet_differences(fleet, &theirs, out->differs, sizeof out->differs);
    }
    (void)snprintf(out->name, sizeof out->name, "%s", peer->name);
    memcpy(out->advertise, document.advertise, sizeof out->advertise);
    memcpy(out->state, document.state, sizeof out->state);
    out->live = peer->live;
    out->self = strcmp(peer->name, fleet->settings.name) == 0;
    out->generation = document.generation;
    out->digest = document.digest;
    out->point_files_done = document.done;
    out->point_files_held = document.held;
    out->lag = peer->heard > 0 ? now - peer->heard : NAN;
    out->last_seen = peer->heard > 0 ? clock_unix() - (uint32_t)(now - peer->heard) : 0;
    out->clock_ahead = out->self ? 0 : peer->clock_ahead;
}

static void mark_members(struct fleet *fleet, struct fleet_peer *peers, size_t count)
{
    (void)pthread_mutex_lock(&fleet->lock);
    for (size_t i = 0; i < count; i++) {
        const struct view_peer *known = view_peer(&fleet->view, peers[i].name);
        peers[i].member = known != NULL && known->member;
    }
    (void)pthread_mutex_unlock(&fleet->lock);
}

int fleet_peers(struct fleet *fleet, struct fleet_peer **peers, size_t *count, struct error *err)
{
    struct membership_peer *known;
    size_t known_count;
    if (membership_peers(fleet->membership, &known, &known_count, err) != 0)
        return -1;
    struct fleet_peer *out = calloc(known_count + 1, sizeof *out);
    if (out == NULL) {
        membership_peers_free(known, known_count);
        return error_memory(err, "the list of peers");
    }
    for (size_t i = 0; i < known_count; i++)
        fill_peer(fleet, &known[i], &out[i]);
    membership_peers_free(known, known_count);
    mark_members(fleet, out, known_count);
    *peers = out;
    *count = known_count;
    return 0;
}
