/* What is known of every share of a run, in memory: what etcd says, what our ledger has, what we
 * are doing about it; and what follows. Pure: no I/O, no clock, no lock; the caller serialises.
 *
 * A share goes through these states here:
 *   in hand     we hold its claim, no worker has it yet
 *   given       a worker asks it
 *   asked       all its answers are with the writer
 *   whole       the ledger has all its answers; with their digest known they are settled when
 *               `done` names the same digest, published when nothing is done yet, and to be thrown
 *               away when it names another
 * Empty shares are settled from the start. */
#ifndef REFRESHD_FLEET_SHARES_TABLE_H
#define REFRESHD_FLEET_SHARES_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cachefmt/pair.h"
#include "stages/claim.h"

struct shares_table;

/* shares_table_create: points is of all shares (point_file_first). */
int shares_table_create(struct shares_table **out, uint64_t points, uint32_t shares,
                        struct error *err);
void shares_table_free(struct shares_table *table); /* NULL is allowed */

/* shares_table_begin: what the ledger has as the phase begins: answered points of one share. */
void shares_table_begin(struct shares_table *table, uint32_t share, uint32_t answered);

uint32_t shares_table_points(const struct shares_table *table, uint32_t share);

/* --- what etcd says ---------------------------------------------------------------------- */

enum share_claimer {
    CLAIMER_NOBODY,
    CLAIMER_WE,      /* under the lease that we have */
    CLAIMER_EARLIER, /* our own earlier process, or an earlier lease */
    CLAIMER_OTHER,
};

/* All claims there are, as read: begin, each, end. Those that are not among them are gone. */
void shares_table_claims_begin(struct shares_table *table);
void shares_table_claim(struct shares_table *table, uint32_t share, enum share_claimer claimer,
                        int64_t modified);
void shares_table_claims_end(struct shares_table *table);

/* shares_table_done: done/ says so as of this revision; by is any number for who did it, `mine` for
 * us. Between done_begin and done_end all there are; what is not among them is open again. */
struct share_outcome {
    struct pair_id digest;
    uint32_t by;
    bool mine;
    int64_t modified;
};
void shares_table_done(struct shares_table *table, uint32_t share,
                       const struct share_outcome *outcome);
void shares_table_done_begin(struct shares_table *table);
void shares_table_done_end(struct shares_table *table);
/* shares_table_reopened: done/ of the share was deleted. */
void shares_table_reopened(struct shares_table *table, uint32_t share);

/* shares_table_known: etcd was read once; nothing is claimed or over before. */
void shares_table_known(struct shares_table *table);

/* shares_table_suspect: somebody claims what we take for done: it must have been opened again. */
bool shares_table_suspect(const struct shares_table *table);

/* --- struct claims ------------------------------------------------------------------------ */

bool shares_table_next(struct shares_table *table, uint32_t *share);
void shares_table_give_back(struct shares_table *table, uint32_t share);
void shares_table_finish(struct shares_table *table, uint32_t share);
/* shares_table_committed: true when the answers are those that were pushed (fetched), whose digest
 * is known by that. */
bool shares_table_committed(struct shares_table *table, uint32_t share);
uint32_t shares_table_active(const struct shares_table *table);
bool shares_table_over(struct shares_table *table);
void shares_table_copy(const struct shares_table *table, unsigned char *out);

/* --- what is to be done ------------------------------------------------------------------- */

/* shares_table_in_hand: claimed by us, without a worker. */
uint32_t shares_table_in_hand(const struct shares_table *table);

/* shares_table_without_points: its point file is gone, so that it can't be asked here. */
void shares_table_without_points(struct shares_table *table, uint32_t share);

/* shares_table_claimable: at most `room` shares to claim, in the order in which we want them: those
 * that we have answers of and our own earlier claims, then the free ones from `from` on, then those
 * that others claimed and left. *modified of each: 0 = must be absent, else the revision to take
 * over. */
struct share_candidate {
    uint32_t share;
    int64_t modified;
};
size_t shares_table_claimable(const struct shares_table *table, uint32_t from,
                              struct share_candidate *out, size_t room);

/* shares_table_left: how many shares nobody has claimed or done. shares_table_seat: where to go on
 * claiming: at `from` as long as that is free, else where a `rank`-th of `live` parts of those that
 * are left begins, so that peers come into one another's way seldom. */
uint32_t shares_table_left(const struct shares_table *table);
uint32_t shares_table_seat(const struct shares_table *table, uint32_t from, uint32_t rank,
                           uint32_t live);

/* shares_table_claimed: the claim is ours since this revision. */
void shares_table_claimed(struct shares_table *table, uint32_t share, int64_t modified);

/* shares_table_undigested: a share that is whole without a known digest. */
bool shares_table_undigested(const struct shares_table *table, uint32_t *share);
void shares_table_digest(struct shares_table *table, uint32_t share, const struct pair_id *digest);
const struct pair_id *shares_table_own_digest(const struct shares_table *table, uint32_t share);

/* shares_table_publishable: at most `room` shares whose answers are to be told as done. */
size_t shares_table_publishable(const struct shares_table *table, uint32_t *out, size_t room);

/* shares_table_wanted: are the answers that `done` names to be fetched? shares_table_differs: we
 * have others. shares_table_outcome: what done/ says, NULL when it says nothing. */
bool shares_table_wanted(const struct shares_table *table, uint32_t share);
bool shares_table_differs(const struct shares_table *table, uint32_t share);
const struct share_outcome *shares_table_outcome(const struct shares_table *table, uint32_t share);

/* A fetch: it begins, then either what was fetched is on its way to the writer (false when it is
 * not wanted any more), or it is given up. */
void shares_table_fetching(struct shares_table *table, uint32_t share);
bool shares_table_pushing(struct shares_table *table, uint32_t share, const struct pair_id *digest);
void shares_table_fetch_failed(struct shares_table *table, uint32_t share);

/* shares_table_conflict: a worker asks a share that isn't ours any more. */
bool shares_table_conflict(const struct shares_table *table);

/* shares_table_settled: the ledger has all shares whole, with the very answers that done/ names. */
bool shares_table_settled(const struct shares_table *table);

/* shares_table_held: set a bit for each share that is settled; returns how many. */
uint32_t shares_table_held(const struct shares_table *table, unsigned char *bitmap);

struct shares_table_counts {
    uint32_t done, fetched, claimed, ours;
};
struct shares_table_counts shares_table_count(const struct shares_table *table);

#endif
