/* How many shares to have claimed ahead of the workers: enough for about a second at their present
 * pace, so that nobody waits for etcd and nobody sits on shares that others could ask. Pure; the
 * caller serialises; now is clock_monotonic. */
#ifndef REFRESHD_FLEET_SHARES_AHEAD_H
#define REFRESHD_FLEET_SHARES_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#define SHARES_AHEAD_LEAST 2
#define SHARES_AHEAD_MOST 60

struct shares_ahead {
    double since;   /* of the counting */
    uint32_t taken; /* by workers, since then */
    bool starved;   /* a worker wanted one and there was none, since then */
    double pace;    /* shares a second */
    uint32_t floor;
};

void shares_ahead_begin(struct shares_ahead *ahead, double now);
void shares_ahead_taken(struct shares_ahead *ahead);

/* shares_ahead_starved: a worker got none. shares_ahead_more: as many as are wanted were claimed
 * since; if that was too few, the next time it will be more. */
void shares_ahead_starved(struct shares_ahead *ahead);
void shares_ahead_more(struct shares_ahead *ahead);

uint32_t shares_ahead_wanted(struct shares_ahead *ahead, double now);

#endif
