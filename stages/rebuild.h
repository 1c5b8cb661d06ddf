/* The rebuild of one tile: old entries and the learned ones folded in, joined with their answers in
 * Morton order, written as a new pair, fsynced and checked by reading it back. Memory does not
 * depend on the tile's size. */
#ifndef REFRESHD_STAGES_REBUILD_H
#define REFRESHD_STAGES_REBUILD_H

#include "stages/control.h"
#include "stages/ledger.h"
#include "stages/merged.h"
#include "stages/pulse.h"
#include "tables/tally.h"

struct rebuild_settings {
    const char *cache_directory;
    const char *answers_directory;
    const struct merged *merged; /* what is refreshed */
    struct ledger *ledger;
    const struct control
        *control;        /* stop and abandon end it with ERROR_CANCELED; NULL is allowed */
    double until;        /* clock_monotonic: likewise; 0 = no matter how long it takes */
    struct pulse *pulse; /* beats as it gets on; NULL is allowed */
    uint64_t generation; /* to build for */
    uint64_t points;
    uint32_t shares;
    const uint64_t *first_ordinal_of_tile; /* tiles + 1 */
    const struct tables *tables;           /* look at every answered point; NULL = none do */
    uint32_t started_at;                   /* of the run, unix seconds */
};

/* rebuild_tile: build the tile and record it in the ledger (ledger_tile_rebuilt) with what the
 * tables counted. A tile none of whose points was asked and into which nothing is folded keeps its
 * old pair. Counts must match:
 * every entry is in the new pair, every answer found its entry, else ERROR_CORRUPT. One thread per
 * call. */
int rebuild_tile(const struct rebuild_settings *settings, uint32_t tile, struct tile_record *out,
                 struct error *err);

/* Committed batches, by share and order of commit, as ledger_report_batches gives them. */
struct batch_list {
    const struct listed_batch *batches;
    size_t count;
};

/* rebuild_count: let the tables look at those points of a tile that have an answer in the batches,
 * as its rebuild would, and build nothing: their tally is merged into `into`, *answers grows by
 * their number. After an error both are as before, unless memory ran out. Of the settings, ledger,
 * cache_directory and generation are not used. */
int rebuild_count(const struct rebuild_settings *settings, const struct batch_list *batches,
                  uint32_t tile, struct tally *into, uint64_t *answers, struct error *err);

#endif
