#include "fleet/protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct view_peer *find(const struct fleet_view *view, const char *name)
{
    for (size_t i = 0; i < view->peer_count; i++)
        if (strcmp(view->peers[i].name, name) == 0)
            return &view->peers[i];
    return NULL;
}

static void act(struct protocol_step *step, enum protocol_action action, enum fleet_phase phase,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
static void act(struct protocol_step *step, enum protocol_action action, enum fleet_phase phase,
                const char *format, ...)
{
    va_list arguments;
    step->action = action;
    step->phase = phase;
    va_start(arguments, format);
    (void)vsnprintf(step->detail, sizeof step->detail, format, arguments);
    va_end(arguments);
}

/* --- counting ----------------------------------------------------------------------------- */

unsigned protocol_takers(const struct fleet_view *view)
{
    unsigned takers = 0;
    for (size_t i = 0; i < view->peer_count; i++)
        takers += view->peers[i].live && !view->peers[i].out;
    return takers > 0 ? takers : 1;
}

unsigned protocol_ready(const struct fleet_view *view, unsigned *needed)
{
    unsigned ready = 0, members = 0, out = 0;
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (!peer->member)
            continue;
        members++;
        out += peer->out;
        ready += peer->has_ready && !peer->out;
    }
    bool majority = view->run.quorum || (view->has_wish && view->wish.forced);
    *needed = members > out ? members - out : 1;
    if (majority && members / 2 + 1 < *needed)
        *needed = members / 2 + 1;
    return ready;
}

/* A peer that has not carried out the last decision has an older generation. */
static bool may_be_base(const struct fleet_view *view, const struct view_peer *peer)
{
    return peer->live && peer->document.generation > 0 &&
           (!view->has_current || strcmp(peer->document.applied, view->current.run) == 0);
}

bool protocol_base(const struct fleet_view *view, const char *starter, struct pair_id *out)
{
    unsigned most = 0;
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        const struct pair_id *digest = &peer->document.digest;
        if (!may_be_base(view, peer))
            continue;
        unsigned holders = 0;
        for (size_t j = 0; j < view->peer_count; j++)
            holders += may_be_base(view, &view->peers[j]) &&
                       pair_id_equal(&view->peers[j].document.digest, digest);
        bool current = view->has_current && pair_id_equal(digest, &view->current.digest);
        unsigned weight = 4 * holders + 2 * current + (strcmp(peer->name, starter) == 0);
        if (weight > most) {
            most = weight;
            *out = *digest;
        }
    }
    return most > 0;
}

/* --- a decision that is not carried out here ------------------------------------------------- */

static void carry_out(const struct fleet_view *view, const struct protocol_self *self,
                      struct protocol_step *step)
{
    const struct decision_document *current = &view->current;
    bool has_it = self->has_generation && pair_id_equal(&self->digest, &current->digest);
    bool of_it =
        self->line_active && self->line_shared && strcmp(self->line_run, current->run) == 0;
    step->digest = current->digest;
    if (of_it && self->waiting && pair_id_equal(&self->prepared, &current->digest))
        act(step, PROTOCOL_SWITCH, FLEET_SWITCHING, "%s", "");
    else if (of_it && self->publishing && !self->waiting)
        act(step, PROTOCOL_REST, FLEET_SWITCHING, "%s", ""); /* it renames, or prepares once more */
    else if (self->line_active && self->line_shared)
        act(step, PROTOCOL_END_LINE, FLEET_CATCHING_UP,
            "the fleet switched without this peer; it catches up");
    else if (self->line_active)
        act(step, PROTOCOL_REST, FLEET_LEFT_OUT,
            "run %s of this peer alone has to end first; then the fleet's generation is fetched",
            self->line_run);
    else if (has_it)
        act(step, PROTOCOL_APPLIED, FLEET_IDLE, "%s", "");
    else
        act(step, PROTOCOL_CATCH_UP, FLEET_CATCHING_UP, "%s", "");
}

/* --- a run ------------------------------------------------------------------------------------ */

/* Whose learned points are still waited for; NULL = of nobody. */
static const struct view_peer *not_gathered(const struct fleet_view *view)
{
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (peer->member && peer->live && !peer->out && !peer->has_learned)
            return peer;
    }
    return NULL;
}

static void join(const struct fleet_view *view, const struct protocol_self *self,
                 struct protocol_step *step)
{
    const struct view_peer *own = find(view, self->name);
    const struct view_peer *missing;
    if (strcmp(self->ended_run, view->run.id) == 0) {
        act(step, PROTOCOL_LEAVE_OUT, FLEET_LEFT_OUT, "the run has ended on this peer already");
    } else if (!self->has_generation || !pair_id_equal(&self->digest, &view->run.base_digest)) {
        step->digest = view->run.base_digest;
        act(step, PROTOCOL_CATCH_UP, FLEET_CATCHING_UP, "%s", "");
    } else if (view->has_input) {
        act(step, self->all_sets_here ? PROTOCOL_JOIN : PROTOCOL_FETCH, FLEET_GATHERING, "%s", "");
    } else if (own == NULL || !own->has_learned || !self->own_set_here) {
        act(step, PROTOCOL_GATHER, FLEET_GATHERING, "%s", "");
    } else if (!self->all_sets_here) {
        act(step, PROTOCOL_FETCH, FLEET_GATHERING, "%s", "");
    } else if ((missing = not_gathered(view)) != NULL) {
        act(step, PROTOCOL_REST, FLEET_GATHERING, "waits for what %s has learned", missing->name);
    } else {
        act(step, PROTOCOL_SEAL, FLEET_GATHERING, "%s", "");
    }
}

/* Two peers that are ready with different digests; false when there are none. */
static bool digests_differ(const struct fleet_view *view, struct protocol_step *step)
{
    const struct view_peer *first = NULL;
    char a[2 * PAIR_ID_BYTES + 1], b[2 * PAIR_ID_BYTES + 1];
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (!peer->has_ready)
            continue;
        if (first == NULL)
            first = peer;
        if (pair_id_equal(&peer->ready, &first->ready))
            continue;
        act(step, PROTOCOL_ABORT, FLEET_READY, "digests differ: %s has %s, %s has %s", first->name,
            pair_id_format(&first->ready, a), peer->name, pair_id_format(&peer->ready, b));
        return true;
    }
    return false;
}

/* The names of members that are not ready, as far as there is room. */
static void name_missing(const struct fleet_view *view, char *out, size_t bytes)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < view->peer_count && used < bytes; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (peer->member && !peer->out && !peer->has_ready)
            used += (size_t)snprintf(out + used, bytes - used, "%s%s%s", used > 0 ? ", " : "",
                                     peer->name, peer->live ? "" : " (not there)");
    }
}

static void wait_for_others(const struct fleet_view *view, const struct protocol_self *self,
                            struct protocol_step *step)
{
    const struct view_peer *own = find(view, self->name);
    char missing[200];
    unsigned needed, ready = protocol_ready(view, &needed);
    step->digest = self->prepared;
    if (self->reopened != view->reopened_modified) {
        act(step, PROTOCOL_AGAIN, FLEET_REFRESHING, "answers of lost peers are asked again");
    } else if (own == NULL || !own->has_ready || !pair_id_equal(&own->ready, &self->prepared)) {
        act(step, PROTOCOL_READY, FLEET_READY, "%s", "");
    } else if (digests_differ(view, step)) {
        return;
    } else if (view->has_wish && view->wish.paused) {
        act(step, PROTOCOL_REST, FLEET_READY, "the run is paused");
    } else if (ready >= needed) {
        act(step, PROTOCOL_DECIDE, FLEET_READY, "%s", "");
    } else {
        name_missing(view, missing, sizeof missing);
        act(step, PROTOCOL_REST, FLEET_READY, "waits for %s", missing);
    }
}

/* More than half of the members take no part: what the others make would be nobody's. */
static bool given_up(const struct fleet_view *view, struct protocol_step *step)
{
    size_t members = 0, out = 0;
    const struct view_peer *one = NULL;
    for (size_t i = 0; i < view->peer_count; i++) {
        members += view->peers[i].member;
        out += view->peers[i].member && view->peers[i].out;
        if (view->peers[i].member && view->peers[i].out)
            one = &view->peers[i];
    }
    if (one == NULL || (2 * out <= members && out < members))
        return false;
    act(step, PROTOCOL_ABORT, FLEET_LEFT_OUT, "%zu of %zu peers take no part, %s: %s", out, members,
        one->name, one->reason);
    return true;
}

static void take_part(const struct fleet_view *view, const struct protocol_self *self,
                      struct protocol_step *step)
{
    const struct view_peer *own = find(view, self->name);
    bool of_it =
        self->line_active && self->line_shared && strcmp(self->line_run, view->run.id) == 0;
    if (given_up(view, step))
        return;
    if (own != NULL && own->has_ready && !self->waiting) {
        act(step, PROTOCOL_UNREADY, FLEET_REFRESHING, "%s", "");
    } else if (self->line_active && self->line_shared && !of_it) {
        act(step, PROTOCOL_END_LINE, FLEET_GATHERING, "the fleet has another run by now");
    } else if (own != NULL && own->out) {
        step->failed = true;
        act(step, of_it ? PROTOCOL_END_LINE : PROTOCOL_REST, FLEET_LEFT_OUT, "%s", own->reason);
    } else if (self->line_active && !self->line_shared) {
        act(step, PROTOCOL_LEAVE_OUT, FLEET_LEFT_OUT, "busy with run %s of its own",
            self->line_run);
    } else if (!of_it) {
        join(view, self, step);
    } else if (self->waiting) {
        wait_for_others(view, self, step);
    } else {
        act(step, PROTOCOL_REST, FLEET_REFRESHING, "%s", "");
    }
}

/* --- all of it ------------------------------------------------------------------------------- */

/* The line still has a run that the fleet has not any more. */
static void run_is_over(const struct fleet_view *view, const struct protocol_self *self,
                        struct protocol_step *step)
{
    bool told = view->has_ended && strcmp(view->ended.run, self->line_run) == 0;
    bool switched = view->has_current && strcmp(view->current.run, self->line_run) == 0;
    step->failed = told && view->ended.failed;
    if (switched && self->publishing && !self->waiting)
        act(step, PROTOCOL_REST, FLEET_IDLE, "%s", ""); /* it ends by itself */
    else
        act(step, PROTOCOL_END_LINE, FLEET_IDLE, "%s",
            told ? view->ended.reason : "the fleet's run is over");
}

static void no_member(const struct fleet_view *view, const struct protocol_self *self,
                      struct protocol_step *step)
{
    const struct view_peer *own = find(view, self->name);
    if (own != NULL && own->live)
        act(step, PROTOCOL_REST, FLEET_UNREACHABLE,
            "this peer is no member now: another live one has its name, %s", self->name);
    else
        act(step, PROTOCOL_REST, FLEET_UNREACHABLE,
            "this peer is no member now: etcd does not answer");
}

void protocol_next(const struct fleet_view *view, const struct protocol_self *self,
                   struct protocol_step *step)
{
    *step = (struct protocol_step){.phase = FLEET_UNREACHABLE};
    if (!view->known)
        act(step, PROTOCOL_REST, FLEET_UNREACHABLE, "etcd has not answered yet");
    else if (view->has_current && strcmp(view->current.run, self->applied) != 0)
        carry_out(view, self, step);
    else if (!self->member)
        no_member(view, self, step);
    else if (view->has_run)
        take_part(view, self, step);
    else if (self->line_active && self->line_shared)
        run_is_over(view, self, step);
    else
        act(step, PROTOCOL_REST, FLEET_IDLE, "%s", "");
}
