/* Backing off: what a geocoder's refusals (429, 503, Retry-After) do to the pace of everybody.
 *
 * A refusal brings quiet: nothing is asked until what Retry-After says has passed; without it for
 * about a second, twice as long with every refusal that follows without a good reply between, at
 * most 30 s. And it halves the pace, at most once a round: what was asked before the last cut says
 * nothing about the pace after it. Good replies let the pace grow again, each second by 5% of the
 * pace before the cut; once it is beyond that pace by 5% of itself, because nothing was refused
 * there yet. Never below BACKOFF_LEAST: the slowest geocoders there are allow that, and who wants
 * to be asked more seldom says so by Retry-After.
 *
 * A stray refusal among many good replies is a fault of that one request and not a word about the
 * pace: without a Retry-After it changes nothing unless 5% of about the last hundred replies were
 * refusals (of thirty while fewer are known, unless none was good); a Retry-After is always kept
 * to, but halves the pace under the same condition only.
 *
 * Not locked: the limiter owns it. Times are clock_monotonic seconds, paces points per second. */
#ifndef REFRESHD_STAGES_BACKOFF_H
#define REFRESHD_STAGES_BACKOFF_H

#include <stdbool.h>

#define BACKOFF_LEAST 1.0

struct backoff {
    double quiet_until; /* nothing is asked before */
    double ceiling;     /* pace at most; INFINITY = no refusal is remembered */
    double before;      /* pace when the first refusal came that no good reply has followed */
    double cut_at;
    double grown_at;
    unsigned rounds; /* refusals without a good reply between, but for those of one round */
    double replies, refusals; /* of late: each reply makes the ones before it count less */
    /* For people. */
    double quiet;    /* seconds that were asked for, or that we chose */
    bool asked_for;  /* by Retry-After */
    unsigned status; /* HTTP, of the last refusal; 0 = unknown */
};

void backoff_reset(struct backoff *backoff);

/* backoff_refused: a question asked at `asked_at` was refused. retry_after: seconds, 0 = not said.
 * pace: the one in force, INFINITY is not one. */
void backoff_refused(struct backoff *backoff, double now, double asked_at, double retry_after,
                     unsigned status, double pace);

/* backoff_answered: a question asked at `asked_at` got a good reply. rate: the most the pace may
 * grow to, INFINITY = no limit: then a refusal is forgotten at twice the pace before it. */
void backoff_answered(struct backoff *backoff, double now, double asked_at, double rate);

#endif
