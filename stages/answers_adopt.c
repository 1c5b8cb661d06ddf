/* A batch out of a record that was made before: here, or by somebody else. */
#include "stages/answers_format.h"

#include <stdlib.h>

static int add_to_ranges(struct answer_batch *batch, size_t *room, uint32_t ordinal,
                         struct error *err)
{
    struct ordinal_range *last =
        batch->ranges_count > 0 ? &batch->ranges[batch->ranges_count - 1] : NULL;
    if (last != NULL && last->first + last->count == ordinal) {
        last->count++;
        return 0;
    }
    if (batch->ranges_count == *room) {
        size_t larger = *room == 0 ? 16 : *room * 2;
        struct ordinal_range *ranges = reallocarray(batch->ranges, larger, sizeof *ranges);
        if (ranges == NULL)
            return error_memory(err, "a batch of answers");
        batch->ranges = ranges;
        *room = larger;
    }
    batch->ranges[batch->ranges_count++] = (struct ordinal_range){ordinal, 1};
    return 0;
}

static int read_rows(struct answer_batch *batch, struct answer_reader *reader, struct error *err)
{
    struct settled_answer answer;
    size_t room = 0;
    int more;
    while ((more = answer_reader_next(reader, &answer, err)) > 0) {
        answer_counts_add(&batch->counts, &answer);
        if (add_to_ranges(batch, &room, answer.ordinal, err) != 0)
            return -1;
    }
    return more;
}

static int read_record(struct answer_batch *batch, const char *name, struct error *err)
{
    struct answer_reader reader;
    if (answer_reader_open(&reader, batch->record.data, batch->record.used, name, err) != 0)
        return -1;
    batch->share = answer_reader_share(&reader);
    batch->rows = answer_reader_rows(&reader);
    int result = read_rows(batch, &reader, err);
    answer_reader_close(&reader);
    if (result == 0 && batch->whole && (batch->ranges_count != 1 || batch->ranges[0].first != 0))
        result = error_set(err, ERROR_CORRUPT, "%s: the answers of a point file are not all there",
                           name);
    return result;
}

int answer_batch_adopt(struct answer_batch **out, const void *record, size_t bytes, bool whole,
                       const char *name, struct error *err)
{
    struct answer_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return error_memory(err, "a batch of answers");
    batch->sealed = true;
    batch->whole = whole;
    if (buffer_append(&batch->record, record, bytes, err) != 0 ||
        read_record(batch, name, err) != 0) {
        answer_batch_free(batch);
        return -1;
    }
    *out = batch;
    return 0;
}

bool answer_batch_whole(const struct answer_batch *batch)
{
    return batch->whole;
}
