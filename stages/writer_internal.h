/* Inside the writer: what is still missing of every share and tile. Private to writer*.c. */
#ifndef REFRESHD_STAGES_WRITER_INTERNAL_H
#define REFRESHD_STAGES_WRITER_INTERNAL_H

#include "stages/writer.h"

struct writer_progress {
    const struct writer_settings *settings;
    uint32_t *points_missing; /* of each share: points without a committed answer */
    uint32_t *shares_missing; /* of each tile: shares with such points */
    bool *whole;              /* shares that a whole batch was taken of */
};

/* writer_progress_open: from what the ledger has. */
int writer_progress_open(struct writer_progress *progress, const struct writer_settings *settings,
                         struct ledger *ledger, struct error *err);
void writer_progress_close(struct writer_progress *progress);

/* writer_progress_rows: rows more answers of a share are in hand; *done tells whether they were
 * the last. ERROR_CORRUPT when there are more answers than points. */
int writer_progress_rows(struct writer_progress *progress, uint32_t share, uint32_t rows,
                         bool *done, struct error *err);

/* writer_progress_points: points of a share. writer_progress_missing: of them without an answer. */
uint32_t writer_progress_points(const struct writer_progress *progress, uint32_t share);
uint32_t writer_progress_missing(const struct writer_progress *progress, uint32_t share);

/* writer_progress_reset: the share's answers were taken back; it was not complete. */
void writer_progress_reset(struct writer_progress *progress, uint32_t share);

/* writer_progress_done: the share is committed whole: tell which tiles are complete by that. */
void writer_progress_done(struct writer_progress *progress, uint32_t share,
                          const struct writer_events *events);

#endif
