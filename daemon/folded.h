/* What becomes of learned points once a run has folded them in: they are removed from the table as
 * soon as every new lookup sees the generation that has them. One thread at a time. */
#ifndef REFRESHD_DAEMON_FOLDED_H
#define REFRESHD_DAEMON_FOLDED_H

#include "stages/learned.h"

/* The pairs that were looked through already. Zeroed to begin with. */
struct folded {
    struct pair_id *seen; /* of each tile; NULL: none yet */
    uint32_t tiles;
};

/* folded_remove: remove what the generation `now` holds, in the tiles that differ from those of the
 * last call. *dropped gets how many. */
int folded_remove(struct folded *folded, struct learned *learned, const struct cache *now,
                  uint64_t *dropped, struct error *err);
void folded_free(struct folded *folded);

#endif
