#include "stages/recent.h"

#include <math.h>

#define SHORTEST_SPAN 0.1 /* seconds, to tell a pace from */

static void forget_old(struct recent *recent, double now)
{
    while (recent->count > 0 && now - recent->slices[recent->oldest].last >= RECENT_SECONDS) {
        recent->points -= recent->slices[recent->oldest].points;
        recent->oldest = (recent->oldest + 1) % RECENT_SLICES;
        recent->count--;
    }
    if (recent->count == 0)
        recent->points = 0;
}

void recent_add(struct recent *recent, double now, double points)
{
    forget_old(recent, now);
    recent->points += points;
    size_t newest = (recent->oldest + recent->count + RECENT_SLICES - 1) % RECENT_SLICES;
    if (recent->count > 0 && now - recent->slices[newest].first < RECENT_SLICE) {
        recent->slices[newest].last = now;
        recent->slices[newest].points += points;
        return;
    }
    newest = (newest + 1) % RECENT_SLICES;
    recent->slices[newest].first = recent->slices[newest].last = now;
    recent->slices[newest].points = points;
    recent->count++;
}

double recent_points(struct recent *recent, double now)
{
    forget_old(recent, now);
    return recent->points;
}

double recent_pace(struct recent *recent, double now)
{
    forget_old(recent, now);
    if (recent->count == 0)
        return 0;
    double span = now - recent->slices[recent->oldest].first;
    return recent->points / fmin(fmax(span, SHORTEST_SPAN), RECENT_SECONDS);
}

double recent_wait(struct recent *recent, double now, double points, double limit)
{
    forget_old(recent, now);
    double excess = recent->points + points - limit;
    double wait = 0;
    for (size_t i = 0; i < recent->count && excess > 1e-9; i++) {
        size_t at = (recent->oldest + i) % RECENT_SLICES;
        excess -= recent->slices[at].points;
        wait = recent->slices[at].last + RECENT_SECONDS - now;
    }
    return wait;
}
