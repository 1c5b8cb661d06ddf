/* All answers of one share as one record: what peers of a fleet exchange. A pure function of the
 * answers, however many batches the ledger has them in. Any thread; memory for one share. */
#ifndef REFRESHD_STAGES_SHARE_ANSWERS_H
#define REFRESHD_STAGES_SHARE_ANSWERS_H

#include "stages/ledger.h"

/* share_answers_read: put the share's answers into one record (answers_format.h), ordinals 0 to
 * points - 1. ERROR_MISSING when the ledger does not have them all. */
int share_answers_read(struct ledger *ledger, const char *answers_directory, uint32_t share,
                       uint32_t points, struct buffer *out, struct error *err);

/* share_answers_digest: XXH3 128-bit of a record, canonical byte order: its name. */
struct pair_id share_answers_digest(const void *record, size_t bytes);

/* share_answers_drop: forget what the ledger has of these shares: their batches, counts and
 * failures, and the tiles that were rebuilt with them. One transaction. For the conductor while no
 * writer works, and for the writer. */
int share_answers_drop(struct ledger *ledger, const char *answers_directory, const uint32_t *shares,
                       size_t count, struct error *err);

#endif
