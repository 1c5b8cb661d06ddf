#include "stages/ledger_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

#define BATCH_VERSION 2 /* 2: when it was committed */
#define KEY_BYTES 16    /* share, log file, log offset: the order of commit within a share */

static void batch_key(unsigned char key[KEY_BYTES], uint32_t share, struct answer_place place)
{
    bytes_put32_big(key, share);
    bytes_put32_big(key + 4, place.file);
    bytes_put64_big(key + 8, place.offset);
}

static int put_batch(struct work *work, const struct committed_batch *committed, struct error *err)
{
    unsigned char key[KEY_BYTES];
    struct record record;
    size_t count;
    const struct ordinal_range *ranges = answer_batch_ranges(committed->batch, &count);
    batch_key(key, answer_batch_share(committed->batch), committed->place);
    record_begin(&record, BATCH_VERSION);
    record_number(&record, committed->place.bytes);
    record_number(&record, answer_batch_rows(committed->batch));
    record_number(&record, clock_unix_ms());
    record_number(&record, count);
    uint32_t end = 0;
    for (size_t i = 0; i < count; i++) {
        record_number(&record, ranges[i].first - end);
        record_number(&record, ranges[i].count);
        end = ranges[i].first + ranges[i].count;
    }
    return store_put(work, TABLE_BATCHES, key, sizeof key, &record, err);
}

static void add_counts(struct run_counts *counts, const struct answer_counts *more)
{
    for (size_t i = 0; i < SETTLED_COUNT; i++)
        counts->settled[i] += more->settled[i];
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        counts->causes[i] += more->causes[i];
    counts->retried += more->retried;
}

static int commit(struct work *work, const struct committed_batch *batches, size_t count,
                  struct answer_place log_end, struct error *err)
{
    struct run_record run;
    uint64_t number;
    if (active_need(work, &number, &run, err) != 0)
        return -1;
    if (run.phase != PHASE_REFRESH)
        return error_set(err, ERROR_STATE, "run %s takes no answers now", run.id);
    if (ledger_claim_version(work, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct answer_batch *batch = batches[i].batch;
        if (put_batch(work, &batches[i], err) != 0 ||
            failures_add(work, number, run.grid, batch, err) != 0)
            return -1;
        add_counts(&run.counts, answer_batch_counts(batch));
        run.counts.shares_done += batches[i].share_done;
    }
    run.log_end = log_end;
    return active_put(work, number, &run, err);
}

int ledger_commit(struct ledger *ledger, const struct committed_batch *batches, size_t count,
                  struct answer_place log_end, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(&work, commit(&work, batches, count, log_end, err), err);
}

/* A committed batch as read back; ranges follow in view. */
struct batch_view {
    uint32_t share;
    struct placed_batch placed;
    uint32_t rows;
    uint64_t ranges;
    struct view view;
};

static int read_batch(struct store_walk *walk, struct batch_view *out, struct error *err)
{
    if (store_walk_value(walk, BATCH_VERSION, &out->view, err) < 0)
        return -1;
    out->share = bytes_get32_big(walk->key);
    out->placed.place.file = bytes_get32_big(walk->key + 4);
    out->placed.place.offset = bytes_get64_big(walk->key + 8);
    out->placed.place.bytes = (uint32_t)view_number(&out->view, UINT32_MAX);
    out->rows = (uint32_t)view_number(&out->view, UINT32_MAX);
    out->placed.committed_at = out->view.version >= 2 ? view_number(&out->view, UINT64_MAX) : 0;
    out->ranges = view_number(&out->view, out->rows);
    if (out->view.broken)
        return store_damaged(walk->work->ledger, "a batch makes no sense", err);
    return 1;
}

/* Call visit for each batch of a share in order of commit; share UINT32_MAX = of all shares. */
typedef int batch_visit(void *context, struct work *work, struct batch_view *batch,
                        struct error *err);

static int visit_batches(struct work *work, uint32_t share, batch_visit *visit, void *context,
                         struct error *err)
{
    struct store_walk walk;
    unsigned char first[KEY_BYTES];
    batch_key(first, share == UINT32_MAX ? 0 : share, (struct answer_place){0});
    if (store_walk_open(&walk, work, TABLE_BATCHES, err) != 0)
        return -1;
    int found = store_walk_move(&walk, MDB_SET_RANGE, first, KEY_BYTES, err);
    while (found == 1 && (share == UINT32_MAX || bytes_get32_big(walk.key) == share)) {
        struct batch_view batch;
        found = read_batch(&walk, &batch, err);
        if (found == 1 && visit(context, work, &batch, err) != 0)
            found = -1;
        if (found == 1)
            found = store_walk_move(&walk, MDB_NEXT, NULL, KEY_BYTES, err);
    }
    store_walk_close(&walk);
    return found < 0 ? -1 : 0;
}

static int visit_all(struct ledger *ledger, uint32_t share, batch_visit *visit, void *context,
                     struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    return work_end(&work, visit_batches(&work, share, visit, context, err), err);
}

static int append_placed(void *context, struct work *work, struct batch_view *batch,
                         struct error *err)
{
    (void)work;
    return buffer_append(context, &batch->placed, sizeof batch->placed, err);
}

int ledger_share_batches(struct ledger *ledger, uint32_t share, struct placed_batch **batches,
                         size_t *count, struct error *err)
{
    struct buffer list = {0};
    if (visit_all(ledger, share, append_placed, &list, err) != 0) {
        buffer_free(&list);
        return -1;
    }
    *batches = (struct placed_batch *)list.data;
    *count = list.used / sizeof **batches;
    return 0;
}

static int append_listed(void *context, struct work *work, struct batch_view *batch,
                         struct error *err)
{
    struct listed_batch listed = {batch->share, batch->placed};
    (void)work;
    return buffer_append(context, &listed, sizeof listed, err);
}

int batches_list(struct work *work, struct buffer *out, struct error *err)
{
    return visit_batches(work, UINT32_MAX, append_listed, out, err);
}

static bool same_place(struct answer_place a, struct answer_place b)
{
    return a.file == b.file && a.offset == b.offset;
}

int batches_drop(struct work *work, uint32_t share, const struct placed_batch *batches,
                 size_t count, struct error *err)
{
    unsigned char key[KEY_BYTES];
    struct buffer list = {0};
    if (visit_batches(work, share, append_placed, &list, err) != 0) {
        buffer_free(&list);
        return -1;
    }
    const struct placed_batch *found = (const struct placed_batch *)list.data;
    bool same = list.used == count * sizeof *found;
    for (size_t i = 0; same && i < count; i++)
        same = same_place(found[i].place, batches[i].place);
    buffer_free(&list);
    if (!same)
        return error_set(err, ERROR_STATE, "share %u has other answers by now", share);
    for (size_t i = 0; i < count; i++) {
        batch_key(key, share, batches[i].place);
        if (store_delete(work, TABLE_BATCHES, key, sizeof key, err) != 0)
            return -1;
    }
    return 0;
}

struct bitmap {
    uint8_t *bits;
    uint32_t points;
    uint32_t answered;
};

static int set_bits(void *context, struct work *work, struct batch_view *batch, struct error *err)
{
    struct bitmap *bitmap = context;
    uint64_t end = 0;
    for (uint64_t i = 0; i < batch->ranges; i++) {
        uint64_t first = end + view_number(&batch->view, UINT32_MAX);
        uint64_t count = view_number(&batch->view, UINT32_MAX);
        end = first + count;
        if (batch->view.broken || end > bitmap->points)
            return store_damaged(work->ledger, "a batch makes no sense", err);
        for (uint64_t ordinal = first; ordinal < end; ordinal++) {
            uint8_t bit = (uint8_t)(1u << ordinal % 8);
            if ((bitmap->bits[ordinal / 8] & bit) != 0)
                return store_damaged(work->ledger, "a point is answered twice", err);
            bitmap->bits[ordinal / 8] |= bit;
            bitmap->answered++;
        }
    }
    if (!view_complete(&batch->view))
        return store_damaged(work->ledger, "a batch makes no sense", err);
    return 0;
}

int ledger_share_answered(struct ledger *ledger, uint32_t share, uint8_t *bitmap, uint32_t points,
                          uint32_t *answered, struct error *err)
{
    struct bitmap out = {bitmap, points, 0};
    if (visit_all(ledger, share, set_bits, &out, err) != 0)
        return -1;
    *answered = out.answered;
    return 0;
}

struct share_sums {
    uint32_t *out;
    uint32_t shares;
    uint64_t total;
};

static int add_rows(void *context, struct work *work, struct batch_view *batch, struct error *err)
{
    struct share_sums *sums = context;
    if (batch->share >= sums->shares)
        return store_damaged(work->ledger, "a batch of no point file", err);
    sums->out[batch->share] += batch->rows;
    sums->total += batch->rows;
    return 0;
}

/* A lost row of the table would otherwise ask its points again and count them twice. */
static int sum_shares(struct work *work, struct share_sums *sums, struct error *err)
{
    struct run_record run;
    uint64_t number;
    uint64_t counted = 0;
    if (visit_batches(work, UINT32_MAX, add_rows, sums, err) != 0)
        return -1;
    int found = active_get(work, &number, &run, err);
    if (found < 0)
        return -1;
    for (size_t i = 0; found == 1 && i < SETTLED_COUNT; i++)
        counted += run.counts.settled[i];
    if (counted != sums->total)
        return store_damaged(work->ledger, "batches and counts differ", err);
    return 0;
}

int ledger_answered_by_share(struct ledger *ledger, uint32_t *out, uint32_t shares,
                             struct error *err)
{
    struct work work;
    struct share_sums sums = {out, shares, 0};
    memset(out, 0, shares * sizeof *out);
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    return work_end(&work, sum_shares(&work, &sums, err), err);
}
