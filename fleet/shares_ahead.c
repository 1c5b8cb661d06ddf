#include "fleet/shares_ahead.h"

#include <math.h>

#define WINDOW 0.25 /* seconds that the pace is measured over at least */

void shares_ahead_begin(struct shares_ahead *ahead, double now)
{
    *ahead = (struct shares_ahead){.since = now, .floor = SHARES_AHEAD_LEAST};
}

void shares_ahead_taken(struct shares_ahead *ahead)
{
    ahead->taken++;
}

void shares_ahead_starved(struct shares_ahead *ahead)
{
    ahead->starved = true;
}

static uint32_t clamp(double shares)
{
    return (uint32_t)fmin(fmax(ceil(shares), SHARES_AHEAD_LEAST), SHARES_AHEAD_MOST);
}

void shares_ahead_more(struct shares_ahead *ahead)
{
    if (ahead->starved)
        ahead->floor = clamp(ahead->floor * 2.0);
    ahead->starved = false;
}

uint32_t shares_ahead_wanted(struct shares_ahead *ahead, double now)
{
    double elapsed = now - ahead->since;
    if (elapsed >= WINDOW) {
        double pace = ahead->taken / elapsed;
        ahead->pace = pace > ahead->pace ? pace : (pace + ahead->pace) / 2;
        ahead->since = now;
        ahead->taken = 0;
        if (!ahead->starved)
            ahead->floor = clamp(ahead->floor / 2.0);
    }
    uint32_t wanted = clamp(ahead->pace);
    return wanted > ahead->floor ? wanted : ahead->floor;
}
