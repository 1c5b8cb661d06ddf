/* The line follows what operators want of the fleet's run, and the pace that is ours. */
#include "fleet/fleet_internal.h"

#include <string.h>

#include "base/clock.h"

#define SETTLING 0.5          /* seconds as a member before we ask: the others make room for us */
#define DEADLINE_INTERVAL 2.0 /* seconds between looks at points left and time left */

/* --- pace -------------------------------------------------------------------------------- */

static void follow_pace(struct fleet *fleet, const struct fleet_view *view,
                        const struct protocol_self *self)
{
    double now = clock_monotonic();
    if (!self->member)
        fleet->member_since = 0;
    else if (fleet->member_since == 0)
        fleet->member_since = now;
    bool asks = self->member && now - fleet->member_since >= SETTLING;
    double pace = asks ? 1.0 / protocol_takers(view) : 0;
    (void)pthread_mutex_lock(&fleet->lock);
    bool changed = pace != fleet->pace;
    bool deadline =
        fleet->joined.run.parameters.finish_within > 0 || view->wish.change.finish_within > 0;
    fleet->pace = pace;
    fleet->poked = fleet->poked || (self->member && !asks);
    (void)pthread_mutex_unlock(&fleet->lock);
    if (self->line_shared && (changed || (deadline && now - fleet->paced >= DEADLINE_INTERVAL))) {
        fleet->paced = now;
        line_repace(fleet->line);
    }
}

/* --- wish ---------------------------------------------------------------------------------- */

/* What can't be done in the line's present state is done already, or of no interest any more. */
static bool obeyed(int result, const struct error *err)
{
    return result == 0 || err->code == ERROR_STATE;
}

static bool follow_change(struct fleet *fleet, const struct wish_document *wish, struct error *err)
{
    const struct line_change *change = &wish->change;
    if (change->rate < 0 && change->finish_within < 0 && change->workers < 0 &&
        change->concurrency < 0)
        return true;
    return obeyed(line_set(fleet->line, change, err), err);
}

static bool follow_wish(struct fleet *fleet, const struct wish_document *wish,
                        const struct line_status *status, struct error *err)
{
    bool held = false;
    if (!follow_change(fleet, wish, err))
        return false;
    if (wish->paused)
        return obeyed(line_pause(fleet->line, wish->reason, err), err);
    if (status->state == LINE_HELD)
        return !wish->forced || obeyed(line_publish(fleet->line, true, &held, err), err);
    if (status->state == LINE_PAUSED)
        return obeyed(line_resume(fleet->line, err), err);
    return true;
}

/* --- a line that stands still by itself ------------------------------------------------- */

/* While this peer alone is paused (a full disk, a refused key), or is left out, the others may have
 * its shares. */
static bool gives_up_shares(const struct fleet_view *view, const struct protocol_self *self,
                            const struct line_status *status)
{
    for (size_t i = 0; i < view->peer_count; i++)
        if (view->peers[i].out && strcmp(view->peers[i].name, self->name) == 0)
            return true;
    return self->line_shared && status->state == LINE_PAUSED && !status->draining &&
           !(view->has_wish && view->wish.paused);
}

static void release_claims(struct fleet *fleet, const struct fleet_view *view,
                           const struct protocol_self *self, const struct line_status *status)
{
    struct error err;
    if (!gives_up_shares(view, self, status))
        fleet->released = false;
    else if (!fleet->released)
        fleet->released = claims_release(fleet, view, &err) == 0;
}

/* A run that was held only after it was forced on other peers. */
static bool overdue(const struct wish_document *wish, const struct line_status *status)
{
    return wish->forced && !wish->paused && status->state == LINE_HELD;
}

void fleet_steer(struct fleet *fleet, const struct fleet_view *view,
                 const struct protocol_self *self, const struct line_status *status)
{
    const struct wish_document *wish = &view->wish;
    struct error err;
    follow_pace(fleet, view, self);
    /* What was decided while the line stood still is prepared: it only has to be taken up. */
    if (fleet->step.phase == FLEET_SWITCHING && status->state == LINE_PAUSED)
        (void)line_resume(fleet->line, NULL);
    if (!view->has_run)
        return;
    release_claims(fleet, view, self, status);
    if (!view->has_wish || !self->line_shared || strcmp(self->line_run, view->run.id) != 0)
        return;
    bool seen = wish->seq == fleet->wish_seq && strcmp(wish->run, fleet->wish_run) == 0;
    if (seen && !overdue(wish, status))
        return;
    if (!follow_wish(fleet, wish, status, &err) ||
        (!seen && store_wish(fleet, wish->run, wish->seq, &err) != 0))
        fleet_event(fleet, 1, "fleet_trouble", "error=\"%.500s\"", err.message);
}
