/* Inside the shares: what their threads have in common. Private to shares*.c.
 *
 * Threads: the claimer (shares_claim.c) is the only one that talks to etcd, the fetcher
 * (shares_fetch.c) the only one that talks to peers; workers, writer and conductor make the calls
 * of struct claims (shares.c). `lock` guards everything below it. It is never held over I/O nor
 * over a call of the site, whose own lock is taken before it. */
#ifndef REFRESHD_FLEET_SHARES_INTERNAL_H
#define REFRESHD_FLEET_SHARES_INTERNAL_H

#include <pthread.h>

#include "fleet/shares.h"
#include "fleet/shares_ahead.h"
#include "fleet/shares_documents.h"
#include "fleet/shares_holders.h"
#include "fleet/shares_table.h"

#define SHARES_OWNER_BYTES (72 + 1 + MEMBERSHIP_INSTANCE_BYTES)

struct shares {
    struct claims claims; /* first */
    char *prefix, *run_key, *name;
    int64_t run_created;
    double lost_after;
    struct membership *membership;
    struct shares_memory *memory;
    void (*closing)(void *context, struct shares *shares);
    void *closing_context;
    struct coordination_site site;
    struct etcd *etcd;                /* the claimer's */
    struct exchange_client *exchange; /* the fetcher's */
    uint32_t count;
    uint64_t epoch;                 /* of our lease as the phase began */
    char owner[SHARES_OWNER_BYTES]; /* what our claims say */
    pthread_t claimer, fetcher;
    bool claimer_started, fetcher_started;

    pthread_mutex_t lock;
    pthread_cond_t claimer_wake, fetcher_wake; /* CLOCK_MONOTONIC */
    struct shares_table *table;
    struct shares_holders *holders;
    struct shares_ahead ahead;
    uint32_t target; /* shares in hand, as the claimer last saw it */
    bool stopping;
    bool poked;     /* there may be something for the claimer to do */
    bool changed;   /* something in etcd changed */
    bool exhausted; /* nothing is left to be claimed, as far as was read */
    bool quiet;     /* the run has ended, or the phase begins anew: nothing more is done */
    bool hungry;    /* a worker wanted a share and was not told since that there is one */
    bool told_all;  /* held/ says that we have the answers of all shares */
    bool concluded; /* the conductor was told that everything is settled */
    bool was_over, was_settled;
    uint64_t bytes_fetched;
    char etcd_problem[200], fetch_problem[200];
    uint32_t without_holder; /* shares that we need and nobody has */
};

/* --- shares_memory.c ------------------------------------------------------------------------ */

/* shares_memory_begin: what is known of another run is forgotten. */
int shares_memory_begin(struct shares_memory *memory, const char *run, uint32_t shares,
                        struct error *err);
bool shares_memory_digest(struct shares_memory *memory, uint32_t share, struct pair_id *out);
void shares_memory_keep(struct shares_memory *memory, uint32_t share, const struct pair_id *digest);
void shares_memory_forget(struct shares_memory *memory, uint32_t share);
void shares_memory_agree(struct shares_memory *memory, int64_t reopened);

/* --- shares_digest.c ------------------------------------------------------------------------ */

/* shares_digest: of our answers of a share that the ledger has whole; remembered. */
int shares_digest(struct shares_memory *memory, struct ledger *ledger,
                  const char *answers_directory, uint32_t share, uint32_t points,
                  struct pair_id *out, struct error *err);

/* shares_list_live: who is live, as membership has it; lock guards the holders. */
int shares_list_live(struct membership *membership, struct shares_holders *holders,
                     pthread_mutex_t *lock, struct error *err);

/* --- shares_read.c: what etcd says, into table and holders --------------------------------------
 */

struct shares_reading {
    int64_t revision; /* up to which all is known; 0 = nothing */
    int64_t reopened; /* modification revision; 0 = absent */
};

/* What pairs of the run's keys say, into a table and holders. */
struct shares_picture {
    const char *prefix, *name;
    uint32_t count;
    struct shares_table *table;
    struct shares_holders *holders;
};
/* shares_take_in: done/ and held/; *reopened is set when that is among them. */
void shares_take_in(const struct shares_picture *picture, const struct etcd_range *range,
                    int64_t *reopened);

/* shares_get_below: all keys below PREFIX + part, as etcd_get_prefix. */
int shares_get_below(struct etcd *etcd, const char *prefix, const char *part, int64_t min_modified,
                     struct etcd_range *out, struct error *err);

/* shares_read: read what changed; lease is ours. The claimer's thread. */
int shares_read(struct shares *shares, struct shares_reading *reading, int64_t lease,
                struct error *err);

/* shares_run_ended: 1 when the run's key is not ours any more, 0, -1. */
int shares_run_ended(struct shares *shares, struct error *err);

/* --- shares_write.c: transactions; each 1 = done, 0 = read again first, -1 -----------------------
 */

int shares_write_claims(struct shares *shares, const struct share_candidate *candidates,
                        size_t count, int64_t lease, struct error *err);
int shares_write_done(struct shares *shares, const uint32_t *list, size_t count, struct error *err);
int shares_write_held(struct shares *shares, const unsigned char *bitmap, uint32_t held,
                      struct error *err);
int shares_write_reopened(struct shares *shares, struct shares_reading *reading,
                          const uint32_t *list, size_t count, struct error *err);
#define SHARES_WRITE_MOST 59 /* shares in one transaction */

/* --- the threads ------------------------------------------------------------------------------ */

void *shares_claimer(void *shares);
void *shares_fetcher(void *shares);

/* shares_poke: the claimer is to look for something to do. The lock is held. */
void shares_poke(struct shares *shares);

/* shares_are_settled: every answer that counts is here, and the others can know that they may have
 * them from us. The lock is held. */
bool shares_are_settled(const struct shares *shares);

/* shares_wait: for a signal or until clock_monotonic is `until`. The lock is held. */
void shares_wait(struct shares *shares, pthread_cond_t *wake, double until);

#endif
