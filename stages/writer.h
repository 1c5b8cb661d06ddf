/* The writer: one thread that takes batches from the channel, appends them to the answer log,
 * commits groups to the ledger (at most every quarter of a second of work, promise 2), deletes
 * finished point files and says which tiles have all their answers. */
#ifndef REFRESHD_STAGES_WRITER_H
#define REFRESHD_STAGES_WRITER_H

#include "stages/channel.h"
#include "stages/ledger.h"
#include "stages/meter.h"
#include "stages/pulse.h"

struct writer_settings {
    const char *points_directory, *answers_directory;
    uint64_t points;
    uint32_t shares;
    const uint64_t *first_ordinal_of_tile; /* tiles + 1 of them, outlives the writer */
    uint32_t tiles;
    struct pulse *pulse; /* beats while the writer gets on or waits; NULL is allowed */
};

/* Called from the writer's thread. tile_ready: every answer of the tile is committed (also once at
 * the start for tiles complete already); share_done: every answer of the share is committed, since
 * the start; replaced: a whole batch came (answer_batch_whole) with other answers than the ones
 * that were committed, after which tiles may have been rebuilt: the batch is dropped, what the
 * ledger has of the share is to be taken back (share_answers_drop) when the stations rest;
 * committed: after each group, with the run's counts as the ledger has them; failed: the writer
 * ends because of this error. */
struct writer_events {
    void (*tile_ready)(void *context, uint32_t tile);
    void (*share_done)(void *context, uint32_t share);
    void (*replaced)(void *context, uint32_t share);
    void (*committed)(void *context, const struct answer_counts *group);
    void (*failed)(void *context, const struct error *err);
    void *context;
};

struct writer;

int writer_start(struct writer **out, const struct writer_settings *settings,
                 struct channel *channel, struct ledger *ledger, struct answer_log *log,
                 struct meter *meter, const struct writer_events *events, struct error *err);

/* writer_join: after channel_close: commits what is left, ends the thread, frees. Returns -1 when
 * the writer had failed. */
int writer_join(struct writer *writer, struct error *err);

#endif
