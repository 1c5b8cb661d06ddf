/* The shares of a run among peers: claims, what is finished, and fetching what others finished. It
 * is what `struct claims` is in a fleet.
 *
 * Keys under RUN = prefix "r/ID/" (PROTOCOL.md; NNNN is the share, four digits or more):
 *   claim/NNNN   "NAME INSTANCE" under the claimer's lease
 *   done/NNNN    {"digest","by"}: the answers of the share are these; written once (txn: absent)
 *   held/NAME    {"count","bitmap","instance"}: whose answers NAME has durable (bit i % 4 of hex
 *                digit i / 4); counts only while peers/NAME or seen/NAME has that instance
 *   reopened     a count of reopened shares
 *
 * Reopening is one transaction: done/NNNN and reopened as read -> delete done/NNNN, put reopened,
 * delete the prefix ready/. Every transaction also compares the run's key (run_key, run_created):
 * nothing is written for a run that has ended.
 *
 * Threads: one keeps claims and tells what is finished (etcd), one fetches (exchange) and pushes
 * whole batches into the channel. The calls of `struct claims` only touch memory. */
#ifndef REFRESHD_FLEET_SHARES_H
#define REFRESHD_FLEET_SHARES_H

#include "fleet/etcd.h"
#include "fleet/exchange.h"
#include "fleet/membership.h"
#include "stages/coordination.h"

/* What is known of the digests of our own finished shares, over the phases of one process. */
struct shares_memory;
int shares_memory_create(struct shares_memory **out, struct error *err);
void shares_memory_free(struct shares_memory *memory); /* NULL is allowed */

/* shares_memory_reopened: modification revision of `reopened` (0 = absent) that the ledger agrees
 * with: read before the `done` keys that it was compared with. Any thread. */
int64_t shares_memory_reopened(struct shares_memory *memory);

struct shares;
struct shares_settings {
    struct etcd_settings etcd;
    struct exchange_client_settings exchange;
    struct membership *membership;
    struct shares_memory *memory;
    const char *prefix;  /* "/refreshd/FLEET/r/ID/", copied */
    const char *run_key; /* "/refreshd/FLEET/run", copied */
    int64_t run_created; /* its create_revision */
    const char *name;    /* ours, copied */
    double lost_after; /* seconds without any live holder after which a finished share whose answers
                        * we need is asked again */
    /* The claims are being freed: shares_changed and shares_figures are not to be called any more.
     * The thread that frees them, before anything ends. */
    void (*closing)(void *context, struct shares *shares);
    void *context;
};

/* shares_prepare: coordination.prepare: shares that the ledger has whole, but with other answers
 * than the fleet's, are dropped from it. Waits for etcd and for our lease. */
int shares_prepare(const struct shares_settings *settings, const struct run_record *run,
                   struct ledger *ledger, const char *answers_directory,
                   const struct control *control, struct error *err);

/* shares_open: coordination.claims_open; *claims is part of the result, whose free ends and frees
 * it all: our claims stay (under the lease) for the next phase. */
int shares_open(struct shares **out, const struct shares_settings *settings,
                const struct coordination_site *site, struct error *err);
struct claims *shares_claims(struct shares *shares);

/* shares_changed: something under the prefix changed: look now. Any thread. */
void shares_changed(struct shares *shares);

struct shares_figures {
    uint32_t shares, done, fetched, claimed, ours; /* done: empty ones as well; fetched: done by
                                                    * others, the answers are here; claimed: by
                                                    * whomever, now; ours: done by us */
    uint64_t bytes_fetched;
    char waiting[200]; /* what is missing and from whom, for a person; "" = nothing */
};
void shares_figures(struct shares *shares, struct shares_figures *out);

#endif
