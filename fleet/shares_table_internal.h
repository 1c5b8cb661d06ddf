/* Inside the table of shares. Private to shares_table*.c. */
#ifndef REFRESHD_FLEET_SHARES_TABLE_INTERNAL_H
#define REFRESHD_FLEET_SHARES_TABLE_INTERNAL_H

#include "fleet/shares_table.h"

enum share_work { WORK_NONE, WORK_IN_HAND, WORK_GIVEN, WORK_ASKED };
enum share_fetch { FETCH_NONE, FETCH_UNDER_WAY, FETCH_PUSHED };

struct share {
    uint32_t points;
    /* ours */
    uint8_t work, fetch; /* enum share_work, share_fetch */
    bool begun;          /* the ledger has some of its answers, or may have */
    bool mute;           /* without a point file */
    bool whole;          /* it has them all */
    bool digested;       /* and this is their digest */
    bool queued;
    struct pair_id digest;
    struct pair_id pushed; /* of what was fetched and is on its way to the ledger */
    /* etcd's */
    uint8_t claimer; /* enum share_claimer */
    bool left;       /* somebody else's claim ended without `done` */
    bool done;
    bool seen; /* among those being read */
    int64_t claim_modified;
    struct share_outcome outcome;
};

struct shares_table {
    uint32_t shares;
    struct share *share;
    uint32_t in_hand, active;
    uint32_t *queue; /* a ring, in the order of claiming; those not in hand any more are skipped */
    uint32_t queue_first, queue_count;
    uint32_t open; /* where the last look found a share that keeps the phase from being over */
    bool known;
};

/* share_open_to_work: it may be claimed and asked, as far as its answers go. */
static inline bool share_open_to_work(const struct share *share)
{
    return share->points > 0 && !share->done && !share->whole && share->fetch == FETCH_NONE;
}

#endif
