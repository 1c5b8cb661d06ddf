/* Claims: which worker answers which point file. Alone they live in memory (a restart returns all
 * of them to the pool); a fleet puts its own behind the same calls. The mutex guards everything;
 * any thread may call. */
#ifndef REFRESHD_STAGES_CLAIM_H
#define REFRESHD_STAGES_CLAIM_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct claims;

enum share_state { SHARE_FREE, SHARE_CLAIMED, SHARE_FINISHED };

/* claims_create: shares in the pool; done[i] tells which are finished already (NULL = none). */
int claims_create(struct claims **out, uint32_t shares, const bool *done, struct error *err);
void claims_free(struct claims *claims); /* NULL is allowed */

/* claims_next: the lowest unclaimed, unfinished share. False when there is none. */
bool claims_next(struct claims *claims, uint32_t *share);

/* claims_return: the share goes back to the pool unfinished. */
void claims_return(struct claims *claims, uint32_t share);

/* claims_finish: every answer of the share is handed to the writer. */
void claims_finish(struct claims *claims, uint32_t share);

/* claims_active: shares claimed and not finished. */
uint32_t claims_active(struct claims *claims);

/* claims_copy: the state of every share (enum share_state) as of now, into out[shares]. */
void claims_copy(struct claims *claims, unsigned char *out);

#endif
