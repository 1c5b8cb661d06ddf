/* Answers on their way from a worker to the rebuilt tile: batches, encoded by the worker, appended
 * to the answer log by the writer, decoded by the rebuild. One batch holds answers to points of
 * one point file, in ordinal order, with its strings stored once. It is self-contained and
 * checksummed; a pure function of its answers.
 *
 * Row outcomes are final here: the worker knows the point's old outcome from the point file and
 * applies the rule of DESIGN.md, promise 4 (answers_settle). */
#ifndef REFRESHD_STAGES_ANSWERS_H
#define REFRESHD_STAGES_ANSWERS_H

#include "base/buffer.h"
#include "cachefmt/address.h"
#include "geocoder/geocoder.h"
#include "stages/station.h"

/* What becomes of a point. The first three take the place of enum outcome. */
enum settled {
    SETTLED_FOUND = OUTCOME_FOUND,
    SETTLED_NONE = OUTCOME_NONE,
    SETTLED_UNSURE = OUTCOME_UNSURE,
    SETTLED_FAILED, /* old outcome, address and date stay */
    SETTLED_COUNT
};

/* answers_settle: FOUND -> found; EMPTY -> unsure when the old outcome was found, none when it was
 * unsure or none; FAILED -> failed. */
enum settled answers_settle(enum answer_kind kind, enum outcome old_outcome);

/* What asking one point cost. */
#define MEASURE_UNKNOWN UINT32_MAX
struct answer_measure {
    uint32_t latency_us;  /* of the last request, from asking to its reply; or MEASURE_UNKNOWN */
    uint32_t waited_us;   /* in the geocode station: from being asked first, over all tries, to the
                           * final answer; or MEASURE_UNKNOWN */
    uint32_t bytes;       /* of the last reply, this point's part; or MEASURE_UNKNOWN */
    uint32_t distance_cm; /* found only: from the point to the geocoder's place; or
                           * MEASURE_UNKNOWN */
    uint16_t status;      /* HTTP status of the last reply, 0 = none */
    uint16_t attempts;    /* 0 = not known */
};
#define ANSWER_MEASURE_UNKNOWN                                                                     \
    ((struct answer_measure){MEASURE_UNKNOWN, MEASURE_UNKNOWN, MEASURE_UNKNOWN, MEASURE_UNKNOWN,   \
                             0, 0})

/* Where answers come from: the same for all that were handed on together. */
struct answer_source {
    struct slice provider;   /* who answered */
    struct slice peer;       /* who asked; empty = nobody of a fleet */
    enum station bottleneck; /* what the line waited for then; STATION_COUNT = not known */
    uint64_t sealed_at;      /* when they were handed on, unix milliseconds; 0 = not known */
};

/* One answer in decoded form. */
struct settled_answer {
    uint32_t ordinal; /* within the point file */
    uint64_t code;    /* Morton code of the point */
    enum settled settled;
    uint32_t answered_at;     /* unix seconds: refreshed_at of found and none */
    struct address address;   /* found only; label folded */
    enum failure_cause cause; /* failed only, and the next */
    struct slice detail;
    struct answer_measure measure;
    const struct answer_source *source; /* NULL = not known. Out of a reader it lives as long as
                                         * that is open; a batch that it is added to copies it */
};

/* A run of consecutive ordinals [first, first + count). */
struct ordinal_range {
    uint32_t first, count;
};

struct answer_counts {
    uint64_t settled[SETTLED_COUNT];
    uint64_t causes[CAUSE_COUNT];
    uint64_t retried; /* attempts beyond the first, summed */
};

/* answer_counts_add: count one answer. */
void answer_counts_add(struct answer_counts *counts, const struct settled_answer *answer);

/* A batch being filled by one worker. */
struct answer_batch;

int answer_batch_create(struct answer_batch **out, uint32_t share, struct error *err);
void answer_batch_free(struct answer_batch *batch); /* NULL is allowed */

/* answer_batch_add: copy one answer in, in any order of ordinals. */
int answer_batch_add(struct answer_batch *batch, const struct settled_answer *answer,
                     struct error *err);

/* answer_batch_set_source: the source of all answers that were added without one. Before sealing.
 */
int answer_batch_set_source(struct answer_batch *batch, const struct answer_source *source,
                            struct error *err);

uint32_t answer_batch_rows(const struct answer_batch *batch);
uint32_t answer_batch_share(const struct answer_batch *batch);
const struct answer_counts *answer_batch_counts(const struct answer_batch *batch);

/* answer_batch_seal: encode. The results are valid until the batch is freed; ranges are sorted and
 * merged. */
int answer_batch_seal(struct answer_batch *batch, struct error *err);
struct slice answer_batch_bytes(const struct answer_batch *batch);
const struct ordinal_range *answer_batch_ranges(const struct answer_batch *batch, size_t *count);

/* answer_batch_adopt: a sealed batch of a record that somebody else made; the bytes are copied and
 * all of them checked (ERROR_CORRUPT names `name`). whole: it has every answer of its share and
 * takes the place of what the ledger has of that share. */
int answer_batch_adopt(struct answer_batch **out, const void *record, size_t bytes, bool whole,
                       const char *name, struct error *err);
bool answer_batch_whole(const struct answer_batch *batch);

/* Decoding: checks everything, then gives the answers in ordinal order, slices pointing into
 * `data`, which must outlive the use. */
struct answer_reader {
    struct answer_record *record; /* owned; freed by answer_reader_close */
};

/* answer_reader_open: ERROR_CORRUPT names `name` when the record is not whole and unharmed. */
int answer_reader_open(struct answer_reader *reader, const void *data, size_t bytes,
                       const char *name, struct error *err);
uint32_t answer_reader_share(const struct answer_reader *reader);
uint32_t answer_reader_rows(const struct answer_reader *reader);
/* answer_reader_next: 1 and *out, 0 at the end, -1 on error. */
int answer_reader_next(struct answer_reader *reader, struct settled_answer *out, struct error *err);
void answer_reader_close(struct answer_reader *reader); /* closing a zeroed one does nothing */

#endif
