#include "stages/backoff.h"

#include <math.h>

#define QUIET_FIRST 1.0 /* seconds */
#define QUIET_MOST 30.0
#define GROWTH 0.05        /* of the pace, each second */
#define GROWTH_SECONDS 2.0 /* counted at most between two replies */
#define FORGET 2.0         /* without a rate: the pace that was refused, so many times */
#define MEMORY 0.99        /* what a reply counts when another has come */
#define FEW 30.0           /* while fewer replies are known, a single refusal says little */
#define SHARE 0.05         /* of refusals, from which on they are about the pace */

void backoff_reset(struct backoff *backoff)
{
    *backoff = (struct backoff){
        .quiet_until = -INFINITY,
        .ceiling = INFINITY,
        .cut_at = -INFINITY,
        .grown_at = -INFINITY,
    };
}

static void count(struct backoff *backoff, bool refused)
{
    backoff->replies = backoff->replies * MEMORY + 1;
    backoff->refusals = backoff->refusals * MEMORY + refused;
}

static void be_quiet(struct backoff *backoff, double now, double seconds)
{
    if (now + seconds <= backoff->quiet_until)
        return;
    backoff->quiet_until = now + seconds;
    backoff->quiet = seconds;
    if (backoff->grown_at < backoff->quiet_until)
        backoff->grown_at = backoff->quiet_until;
}

static double chosen_quiet(unsigned rounds)
{
    double quiet = ldexp(QUIET_FIRST, rounds > 10 ? 10 : (int)rounds);
    return quiet < QUIET_MOST ? quiet : QUIET_MOST;
}

void backoff_refused(struct backoff *backoff, double now, double asked_at, double retry_after,
                     unsigned status, double pace)
{
    count(backoff, true);
    bool some_good = backoff->replies > backoff->refusals;
    double replies = some_good ? fmax(backoff->replies, FEW) : backoff->replies;
    bool about_pace = backoff->refusals >= SHARE * replies;
    bool new_round = about_pace && asked_at > backoff->cut_at;
    if (about_pace || retry_after > 0)
        backoff->status = status;
    if (retry_after > 0) {
        backoff->asked_for = true;
        be_quiet(backoff, now, retry_after);
    } else if (new_round) {
        backoff->asked_for = false;
        be_quiet(backoff, now, chosen_quiet(backoff->rounds));
    }
    if (!new_round)
        return;
    if (backoff->rounds == 0)
        backoff->before = pace;
    backoff->ceiling = fmax(fmin(pace, backoff->ceiling) / 2, BACKOFF_LEAST);
    backoff->cut_at = now;
    backoff->rounds++;
}

void backoff_answered(struct backoff *backoff, double now, double asked_at, double rate)
{
    count(backoff, false);
    if (isinf(backoff->ceiling) || asked_at <= backoff->cut_at)
        return;
    backoff->rounds = 0;
    double seconds = fmin(now - backoff->grown_at, GROWTH_SECONDS);
    if (seconds <= 0)
        return;
    backoff->ceiling += GROWTH * fmax(backoff->before, backoff->ceiling) * seconds;
    backoff->grown_at = now;
    if (backoff->ceiling >= (isinf(rate) ? FORGET * backoff->before : rate))
        backoff->ceiling = INFINITY;
}
