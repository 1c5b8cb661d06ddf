/* Following the published generation: many threads look up while generations are switched.
 *
 *   follower_open(&follower, &settings, err);
 *   follow_reader_open(&reader, follower, err);          one for each thread that looks up
 *       cache = follow_hold(reader);                      the generation now, held
 *       ... cache_nearest(cache, ...), cache_entry(cache, ...) ...
 *       follow_let_go(reader);
 *   follow_reader_close(reader);
 *   follower_close(follower);                             after its readers
 *
 * A thread of the follower looks at MANIFEST every `interval` seconds, opens what is new, makes it
 * the one that follow_hold gives, and closes the old one when the last reader that holds it has let
 * go. Readers take no lock and never wait: a hazard pointer for each reader says what it holds
 * (Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects", IEEE TPDS 15(6),
 * 2004). A generation that can't be opened is reported and the one before goes on being served. */
#ifndef REFRESHD_CACHEFMT_FOLLOW_H
#define REFRESHD_CACHEFMT_FOLLOW_H

#include "cachefmt/cache.h"

struct follower;
struct follow_reader;

struct follow_settings {
    const char *directory;
    /* Open also when nothing is published yet: follow_hold gives NULL until something is. */
    bool may_be_missing;
    double interval; /* seconds between two looks at MANIFEST; 0 = 0.1; < 0 = only follow_look */
    /* On the follower's thread (or that of follow_look), each may be NULL. switched: from now on
     * every follow_hold gives `now`, which stays open until the callback returns. failed: the next
     * generation can't be opened; called once for each state of MANIFEST. */
    void (*switched)(void *context, const struct cache *now);
    void (*failed)(void *context, const struct error *err);
    void *context;
};

/* follower_open: everything in settings is copied. Fails like cache_open. switched is not called
 * for the generation that it opens with. */
int follower_open(struct follower **out, const struct follow_settings *settings, struct error *err);

/* follower_close: every reader must be closed. NULL is allowed. */
void follower_close(struct follower *follower);

/* follow_look: look at MANIFEST now. 1 = switched, 0 = nothing new, -1 = the new generation can't
 * be opened. Any thread. */
int follow_look(struct follower *follower, struct error *err);

/* follow_reader_open, _close: any thread; a reader is used by one thread at a time. */
int follow_reader_open(struct follow_reader **out, struct follower *follower, struct error *err);
void follow_reader_close(struct follow_reader *reader); /* NULL is allowed */

/* follow_hold: the newest generation, open until follow_let_go; NULL when nothing was published.
 * Wait-free but for a retry when a switch comes between. Holding twice is not allowed. */
const struct cache *follow_hold(struct follow_reader *reader);
void follow_let_go(struct follow_reader *reader);

#endif
