/* The rebuild of one tile: old entries and the learned ones folded in, joined with their answers in
 * Morton order, written as a new pair, fsynced and checked by reading it back. Memory does not
 * depend on the tile's size. */
#ifndef REFRESHD_STAGES_REBUILD_H
#define REFRESHD_STAGES_REBUILD_H

#include "stages/control.h"
#include "stages/ledger.h"
#include "stages/merged.h"
#include "stages/pulse.h"

struct rebuild_settings {
    const char *cache_directory;
    const char *answers_directory;
    const struct merged *merged; /* what is refreshed */
    struct ledger *ledger;
    const struct control *control; /* abandon ends it with ERROR_CANCELED */
    struct pulse *pulse;           /* beats as it gets on; NULL is allowed */
    uint64_t generation;           /* to build for */
    uint64_t points;
    uint32_t shares;
    const uint64_t *first_ordinal_of_tile; /* tiles + 1 */
};

/* rebuild_tile: build the tile and record it in the ledger (ledger_tile_rebuilt). A tile none of
 * whose points was asked and into which nothing is folded keeps its old pair. Counts must match:
 * every entry is in the new pair, every answer found its entry, else ERROR_CORRUPT. One thread per
 * call. */
int rebuild_tile(const struct rebuild_settings *settings, uint32_t tile, struct tile_record *out,
                 struct error *err);

#endif
