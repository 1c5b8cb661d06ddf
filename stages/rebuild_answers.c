#include "stages/rebuild_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "stages/pointfile.h"

void answer_stream_open(struct answer_stream *stream, const struct rebuild_settings *settings,
                        const struct batch_list *batches, uint64_t first, uint64_t end)
{
    *stream =
        (struct answer_stream){.settings = settings, .batches = batches, .next = first, .end = end};
}

static void close_share(struct answer_stream *stream)
{
    for (size_t i = 0; i < stream->opened; i++)
        answer_reader_close(&stream->sources[i].reader);
    stream->opened = 0;
    stream->waiting = 0;
    stream->share_end = 0;
    buffer_clear(&stream->bytes);
}

void answer_stream_close(struct answer_stream *stream)
{
    close_share(stream);
    buffer_free(&stream->bytes);
    free(stream->sources);
    free(stream->heap);
}

/* --- the heap of batches, least ordinal first ----------------------------------- */

static void sink(struct answer_stream *stream, size_t at)
{
    struct batch_source **heap = stream->heap;
    struct batch_source *source = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= stream->waiting)
            break;
        if (child + 1 < stream->waiting &&
            heap[child + 1]->answer.ordinal < heap[child]->answer.ordinal)
            child++;
        if (source->answer.ordinal <= heap[child]->answer.ordinal)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = source;
}

/* Move the first batch on to its next answer. */
static int advance_first(struct answer_stream *stream, struct error *err)
{
    struct batch_source *first = stream->heap[0];
    int more = answer_reader_next(&first->reader, &first->answer, err);
    if (more < 0)
        return -1;
    if (more == 0)
        stream->heap[0] = stream->heap[--stream->waiting];
    if (stream->waiting > 0)
        sink(stream, 0);
    return 0;
}

/* --- loading one share ---------------------------------------------------------- */

static int reserve_sources(struct answer_stream *stream, size_t count, struct error *err)
{
    if (count <= stream->room)
        return 0;
    free(stream->sources);
    free(stream->heap);
    stream->sources = calloc(count, sizeof *stream->sources);
    stream->heap = calloc(count, sizeof(struct batch_source *));
    stream->room = stream->sources != NULL && stream->heap != NULL ? count : 0;
    return stream->room > 0 ? 0 : error_memory(err, "the answers of a share");
}

/* Read the records behind each other, each at a multiple of 8; offsets[i] says where. */
static int read_records(struct answer_stream *stream, const struct placed_batch *batches,
                        size_t count, size_t *offsets, struct error *err)
{
    static const unsigned char padding[8];
    for (size_t i = 0; i < count; i++) {
        if (stream->bytes.used % 8 != 0 &&
            buffer_append(&stream->bytes, padding, 8 - stream->bytes.used % 8, err) != 0)
            return -1;
        offsets[i] = stream->bytes.used;
        if (answer_log_read(stream->settings->answers_directory, batches[i].place, &stream->bytes,
                            err) != 0)
            return -1;
    }
    offsets[count] = stream->bytes.used;
    return 0;
}

static int open_source(struct answer_stream *stream, const struct placed_batch *batch,
                       size_t offset, struct error *err)
{
    const char *directory = stream->settings->answers_directory;
    struct batch_source *source = &stream->sources[stream->opened];
    char *path = answer_log_path(directory, batch->place.file);
    if (path == NULL)
        return error_memory(err, "a file name");
    int result = answer_reader_open(&source->reader, stream->bytes.data + offset,
                                    batch->place.bytes, path, err);
    if (result == 0) {
        stream->opened++;
        source->committed_at = batch->committed_at;
        if (answer_reader_share(&source->reader) != stream->share)
            result = error_set(err, ERROR_CORRUPT,
                               "%s: the answers at offset %" PRIu64 " are not of share %u", path,
                               batch->place.offset, stream->share);
    }
    free(path);
    return result;
}

static int fill_heap(struct answer_stream *stream, struct error *err)
{
    for (size_t i = 0; i < stream->opened; i++) {
        int more = answer_reader_next(&stream->sources[i].reader, &stream->sources[i].answer, err);
        if (more < 0)
            return -1;
        if (more > 0)
            stream->heap[stream->waiting++] = &stream->sources[i];
    }
    for (size_t i = stream->waiting / 2; i-- > 0;)
        sink(stream, i);
    return 0;
}

/* Those of the list that are of the share. */
static int pick_batches(const struct batch_list *list, uint32_t share,
                        struct placed_batch **batches, size_t *count, struct error *err)
{
    size_t first = 0, end = list->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (list->batches[middle].share < share)
            first = middle + 1;
        else
            end = middle;
    }
    while (end < list->count && list->batches[end].share == share)
        end++;
    *count = end - first;
    *batches = calloc(*count + 1, sizeof **batches);
    if (*batches == NULL)
        return error_memory(err, "the answers of a share");
    for (size_t i = 0; i < *count; i++)
        (*batches)[i] = list->batches[first + i].batch;
    return 0;
}

static int find_batches(const struct answer_stream *stream, struct placed_batch **batches,
                        size_t *count, struct error *err)
{
    if (stream->batches != NULL)
        return pick_batches(stream->batches, stream->share, batches, count, err);
    return ledger_share_batches(stream->settings->ledger, stream->share, batches, count, err);
}

static int load_share(struct answer_stream *stream, struct error *err)
{
    const struct rebuild_settings *settings = stream->settings;
    struct placed_batch *batches = NULL;
    size_t count = 0;
    size_t *offsets = NULL;
    int result = -1;
    close_share(stream);
    stream->share = point_file_share(settings->points, settings->shares, stream->next);
    if (find_batches(stream, &batches, &count, err) != 0)
        return -1;
    offsets = calloc(count + 1, sizeof *offsets);
    if (offsets == NULL) {
        error_memory(err, "the answers of a share");
        goto out;
    }
    if (reserve_sources(stream, count > 0 ? count : 1, err) != 0 ||
        read_records(stream, batches, count, offsets, err) != 0)
        goto out;
    for (size_t i = 0; i < count; i++) {
        if (open_source(stream, &batches[i], offsets[i], err) != 0)
            goto out;
    }
    if (fill_heap(stream, err) != 0)
        goto out;
    stream->share_first = point_file_first(settings->points, settings->shares, stream->share);
    stream->share_end = point_file_first(settings->points, settings->shares, stream->share + 1);
    result = 0;
out:
    free(offsets);
    free(batches);
    return result;
}

/* Have the first answer whose ordinal is at least `next` on top of the heap, of the share in which
 * `next` is. */
static int move_on(struct answer_stream *stream, struct error *err)
{
    if (stream->next >= stream->share_end && load_share(stream, err) != 0)
        return -1;
    while (stream->waiting > 0 &&
           stream->share_first + stream->heap[0]->answer.ordinal < stream->next) {
        if (advance_first(stream, err) != 0)
            return -1;
    }
    return 0;
}

/* The next ordinal that has an answer, or the end. */
static int skip_gap(struct answer_stream *stream, struct error *err)
{
    while (stream->next < stream->end) {
        if (move_on(stream, err) != 0)
            return -1;
        if (stream->waiting > 0) {
            uint64_t ordinal = stream->share_first + stream->heap[0]->answer.ordinal;
            stream->next = ordinal < stream->end ? ordinal : stream->end;
            break;
        }
        stream->next = stream->share_end < stream->end ? stream->share_end : stream->end;
    }
    return 0;
}

int answer_stream_next(struct answer_stream *stream, const struct settled_answer **out,
                       struct error *err)
{
    if (stream->batches != NULL && skip_gap(stream, err) != 0)
        return -1;
    if (stream->next == stream->end)
        return 0;
    if (move_on(stream, err) != 0)
        return -1;
    if (stream->waiting == 0 ||
        stream->share_first + stream->heap[0]->answer.ordinal != stream->next)
        return error_set(err, ERROR_CORRUPT,
                         "%s: point %" PRIu64 " of the run (share %u) has no answer there",
                         stream->settings->answers_directory, stream->next, stream->share);
    *out = &stream->heap[0]->answer;
    stream->committed_at = stream->heap[0]->committed_at;
    stream->next++;
    return 1;
}
