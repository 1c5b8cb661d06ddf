#include "stages/share_answers.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Call visit for every answer of one committed batch. */
typedef int answer_visit(void *context, const struct settled_answer *answer, struct error *err);

static int visit_record(struct buffer *bytes, uint32_t share, const char *path, answer_visit *visit,
                        void *context, struct error *err)
{
    struct answer_reader reader;
    struct settled_answer answer;
    int more = -1;
    if (answer_reader_open(&reader, bytes->data, bytes->used, path, err) != 0)
        return -1;
    if (answer_reader_share(&reader) != share) {
        error_set(err, ERROR_CORRUPT, "%s: there are answers of share %u in it, not of share %u",
                  path, answer_reader_share(&reader), share);
        goto out;
    }
    while ((more = answer_reader_next(&reader, &answer, err)) > 0) {
        if (visit(context, &answer, err) != 0) {
            more = -1;
            break;
        }
    }
out:
    answer_reader_close(&reader);
    return more;
}

static int visit_batches(const char *directory, uint32_t share, const struct placed_batch *batches,
                         size_t count, answer_visit *visit, void *context, struct error *err)
{
    struct buffer bytes = {0};
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        char *path = answer_log_path(directory, batches[i].place.file);
        buffer_clear(&bytes);
        if (path == NULL)
            result = error_memory(err, "a file name");
        else if (answer_log_read(directory, batches[i].place, &bytes, err) != 0)
            result = -1;
        else
            result = visit_record(&bytes, share, path, visit, context, err);
        free(path);
    }
    buffer_free(&bytes);
    return result;
}

/* --- reading ------------------------------------------------------------------------------- */

static int add_answer(void *context, const struct settled_answer *answer, struct error *err)
{
    return answer_batch_add(context, answer, err);
}

/* The batch has one answer for each point, and no others. */
static int check_whole(const struct answer_batch *batch, uint32_t points, struct error *err)
{
    size_t count;
    const struct ordinal_range *ranges = answer_batch_ranges(batch, &count);
    bool whole =
        points == 0 ? count == 0 : count == 1 && ranges[0].first == 0 && ranges[0].count == points;
    return whole ? 0
                 : error_set(err, ERROR_MISSING, "share %u has answers to %u of its %u points",
                             answer_batch_share(batch), answer_batch_rows(batch), points);
}

int share_answers_read(struct ledger *ledger, const char *answers_directory, uint32_t share,
                       uint32_t points, struct buffer *out, struct error *err)
{
    struct placed_batch *batches = NULL;
    struct answer_batch *batch = NULL;
    size_t count = 0;
    int result = -1;
    if (ledger_share_batches(ledger, share, &batches, &count, err) != 0)
        return -1;
    if (answer_batch_create(&batch, share, err) == 0 &&
        visit_batches(answers_directory, share, batches, count, add_answer, batch, err) == 0 &&
        answer_batch_seal(batch, err) == 0 && check_whole(batch, points, err) == 0) {
        struct slice bytes = answer_batch_bytes(batch);
        result = buffer_append(out, bytes.data, bytes.length, err);
    }
    answer_batch_free(batch);
    free(batches);
    return result;
}

struct pair_id share_answers_digest(const void *record, size_t bytes)
{
    struct pair_id digest;
    XXH128_canonical_t canonical;
    _Static_assert(sizeof canonical == sizeof digest, "a digest has 128 bits");
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(record, bytes));
    memcpy(&digest, &canonical, sizeof digest);
    return digest;
}

/* --- dropping ------------------------------------------------------------------------------ */

struct tally {
    struct answer_counts counts;
    struct buffer failed; /* codes */
};

static int tally_answer(void *context, const struct settled_answer *answer, struct error *err)
{
    struct tally *tally = context;
    answer_counts_add(&tally->counts, answer);
    if (answer->settled != SETTLED_FAILED)
        return 0;
    return buffer_append(&tally->failed, &answer->code, sizeof answer->code, err);
}

static int look_at_share(struct ledger *ledger, const char *directory, uint32_t share,
                         struct dropped_share *out, struct error *err)
{
    struct tally tally = {0};
    *out = (struct dropped_share){.share = share};
    int result = ledger_share_batches(ledger, share, &out->batches, &out->count, err);
    if (result == 0)
        result =
            visit_batches(directory, share, out->batches, out->count, tally_answer, &tally, err);
    out->counts = tally.counts;
    out->failed = (uint64_t *)tally.failed.data;
    out->failed_count = tally.failed.used / sizeof *out->failed;
    return result;
}

int share_answers_drop(struct ledger *ledger, const char *answers_directory, const uint32_t *shares,
                       size_t count, struct error *err)
{
    struct dropped_share *dropped = calloc(count + 1, sizeof *dropped);
    if (dropped == NULL)
        return error_memory(err, "answers to be dropped");
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = look_at_share(ledger, answers_directory, shares[i], &dropped[i], err);
    if (result == 0 && count > 0)
        result = ledger_drop_shares(ledger, dropped, count, err);
    for (size_t i = 0; i < count; i++) {
        free(dropped[i].batches);
        free(dropped[i].failed);
    }
    free(dropped);
    return result;
}
