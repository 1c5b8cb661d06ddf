/* Claims: who answers which point file. The stages claim and finish shares through these calls;
 * behind them are the claims of one process (claims_create) or those of a fleet. Any thread may
 * call; no call waits for a disk or the network. */
#ifndef REFRESHD_STAGES_CLAIM_H
#define REFRESHD_STAGES_CLAIM_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum share_state {
    SHARE_FREE,      /* nobody answers it, as far as is known */
    SHARE_CLAIMED,   /* by us */
    SHARE_ELSEWHERE, /* somebody else answers it, or has the answers */
    SHARE_FINISHED,  /* by us: its answers are with the writer, or the ledger has them */
};

/* How claims are kept. The first member of every implementation's struct. */
struct claims {
    const struct claims_calls *calls;
};
struct claims_calls {
    bool (*next)(struct claims *claims, uint32_t *share);
    void (*give_back)(struct claims *claims, uint32_t share);
    void (*finish)(struct claims *claims, uint32_t share);
    void (*committed)(struct claims *claims, uint32_t share);
    uint32_t (*active)(struct claims *claims);
    bool (*over)(struct claims *claims);
    bool (*settled)(struct claims *claims); /* NULL = always */
    void (*copy)(struct claims *claims, unsigned char *out);
    void (*free)(struct claims *claims);
};

/* claims_create: the claims of one process, in memory: a restart returns all to the pool. shares in
 * the pool; done[i] tells which are finished already (NULL = none). */
int claims_create(struct claims **out, uint32_t shares, const bool *done, struct error *err);

/* claims_next: a share to answer. False when there is none now; more may come unless claims_over.
 */
static inline bool claims_next(struct claims *claims, uint32_t *share)
{
    return claims->calls->next(claims, share);
}

/* claims_return: the share goes back to the pool unfinished. */
static inline void claims_return(struct claims *claims, uint32_t share)
{
    claims->calls->give_back(claims, share);
}

/* claims_finish: every answer of the share is handed to the writer. */
static inline void claims_finish(struct claims *claims, uint32_t share)
{
    claims->calls->finish(claims, share);
}

/* claims_committed: every answer of the share is in the ledger, whoever asked. The writer's
 * thread. */
static inline void claims_committed(struct claims *claims, uint32_t share)
{
    claims->calls->committed(claims, share);
}

/* claims_active: shares that we have claimed and not finished. */
static inline uint32_t claims_active(struct claims *claims)
{
    return claims->calls->active(claims);
}

/* claims_over: no share will be given any more: every one is finished, here or elsewhere, or is
 * claimed by a worker of this process. */
static inline bool claims_over(struct claims *claims)
{
    return claims->calls->over(claims);
}

/* claims_settled: of every share whose answers are in the ledger it is known that they are the ones
 * that count, with all who share the run. Until then the refresh phase does not end. */
static inline bool claims_settled(struct claims *claims)
{
    return claims->calls->settled == NULL || claims->calls->settled(claims);
}

/* claims_copy: the state of every share (enum share_state) as of now, into out[shares]. */
static inline void claims_copy(struct claims *claims, unsigned char *out)
{
    claims->calls->copy(claims, out);
}

static inline void claims_free(struct claims *claims) /* NULL is allowed */
{
    if (claims != NULL)
        claims->calls->free(claims);
}

#endif
