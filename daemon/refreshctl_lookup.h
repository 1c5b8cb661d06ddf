/* Lookups of refreshctl, one or many. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_LOOKUP_H
#define REFRESHD_DAEMON_REFRESHCTL_LOOKUP_H

#include "base/buffer.h"
#include "cachefmt/follow.h"
#include "stages/learned.h"

struct session;

struct lookup {
    double radius; /* metres */
    bool json;
    struct follower *follower;
    struct follow_reader *reader;
    const struct cache *cache; /* held from lookup_hold to lookup_let_go */
    struct learned *learned; /* of the daemon, or NULL: none, not readable, or --cache was given */
    struct learned_reader *learned_reader;
    struct buffer text; /* scratch */
};

/* lookup_open: radius is a distance as typed, or NULL for the configuration's. */
int lookup_open(struct lookup *lookup, struct session *session, const char *radius,
                struct error *err);
void lookup_close(struct lookup *lookup); /* also after lookup_open failed */

/* lookup_hold: go on to what is published now and hold it for some answers. */
int lookup_hold(struct lookup *lookup, struct error *err);
void lookup_let_go(struct lookup *lookup);

/* lookup_point: a point as typed; ERROR_USAGE when it is none. */
int lookup_point(const char *lat, const char *lon, struct point *out, struct error *err);

/* lookup_answer: print the answer in what is held and learned; hit NULL = nothing in reach in what
 * is held. 0 = an address, 1 = none, -1. */
int lookup_answer(struct lookup *lookup, struct point point, const struct cache_hit *hit,
                  struct error *err);

/* lookup_stream: answer the lines of standard input in order, many at once when they come fast, at
 * once when they come slowly. 0 = all hit, 1 = some missed or were bad, -1. */
int lookup_stream(struct lookup *lookup, struct error *err);

#endif
