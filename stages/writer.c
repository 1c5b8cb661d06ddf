#include "stages/writer_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "stages/pointfile.h"
#include "stages/share_answers.h"

#define GROUP_AGE 0.25       /* seconds of work in one group at most */
#define GROUP_AGE_QUIET 0.05 /* when nothing more is waiting */
#define GROUP_BYTES ((size_t)8 << 20)
#define IDLE_WAIT 0.5

/* The batches that the next commit makes durable. */
struct group {
    struct committed_batch *batches;
    struct answer_batch **owned; /* the same batches, to be freed */
    size_t count, room, bytes;
    double since;
};

/* Everything in it belongs to the writer's thread between start and join. */
struct writer {
    struct writer_settings settings;
    struct writer_events events;
    struct channel *channel;
    struct ledger *ledger;
    struct answer_log *log;
    struct meter *meter;
    struct writer_progress progress;
    struct group group;
    pthread_t thread;
    bool failed;
    struct error error;
};

static int reserve_batch(struct group *group, struct error *err)
{
    if (group->count < group->room)
        return 0;
    size_t room = group->room == 0 ? 64 : group->room * 2;
    struct committed_batch *batches = realloc(group->batches, room * sizeof *batches);
    if (batches == NULL)
        return error_memory(err, "a group of answers");
    group->batches = batches;
    struct answer_batch **owned = realloc(group->owned, room * sizeof(struct answer_batch *));
    if (owned == NULL)
        return error_memory(err, "a group of answers");
    group->owned = owned;
    group->room = room;
    return 0;
}

/* Put one batch into the log and the group. Owns batch, also on failure. */
static int add_batch(struct writer *writer, struct answer_batch *batch, struct error *err)
{
    struct group *group = &writer->group;
    struct slice bytes = answer_batch_bytes(batch);
    struct committed_batch committed = {.batch = batch};
    if (reserve_batch(group, err) != 0 ||
        answer_log_append(writer->log, bytes.data, bytes.length, &committed.place, err) != 0 ||
        writer_progress_rows(&writer->progress, answer_batch_share(batch), answer_batch_rows(batch),
                             &committed.share_done, err) != 0) {
        answer_batch_free(batch);
        return -1;
    }
    if (group->count == 0)
        group->since = clock_monotonic();
    group->batches[group->count] = committed;
    group->owned[group->count++] = batch;
    group->bytes += bytes.length;
    return 0;
}

static void clear_group(struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        answer_batch_free(group->owned[i]);
    group->count = 0;
    group->bytes = 0;
}

static void add_counts(struct answer_counts *sum, const struct answer_counts *more)
{
    for (size_t i = 0; i < SETTLED_COUNT; i++)
        sum->settled[i] += more->settled[i];
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        sum->causes[i] += more->causes[i];
    sum->retried += more->retried;
}

/* A point file whose answers are durable has done its work. */
static int remove_point_file(const struct writer *writer, uint32_t share, struct error *err)
{
    char *path = point_file_path(writer->settings.points_directory, share);
    if (path == NULL)
        return error_memory(err, "a file name");
    int result = 0;
    if (unlink(path) != 0 && errno != ENOENT)
        result = error_io(err, errno, "remove", path);
    free(path);
    return result;
}

static int commit_group(struct writer *writer, struct error *err)
{
    struct group *group = &writer->group;
    struct answer_counts counts = {0};
    if (group->count == 0)
        return 0;
    if (answer_log_sync(writer->log, err) != 0 ||
        ledger_commit(writer->ledger, group->batches, group->count, answer_log_end(writer->log),
                      err) != 0)
        return -1;
    for (size_t i = 0; i < group->count; i++) {
        uint32_t share = answer_batch_share(group->batches[i].batch);
        add_counts(&counts, answer_batch_counts(group->batches[i].batch));
        if (!group->batches[i].share_done)
            continue;
        if (remove_point_file(writer, share, err) != 0)
            return -1;
        writer->events.share_done(writer->events.context, share);
        writer_progress_done(&writer->progress, share, &writer->events);
    }
    clear_group(group);
    writer->events.committed(writer->events.context, &counts);
    return 0;
}

/* --- whole batches ----------------------------------------------------------------------- */

/* Has the ledger the very answers of the batch? */
static int is_known(const struct writer *writer, const struct answer_batch *batch, bool *known,
                    struct error *err)
{
    struct buffer record = {0};
    struct slice bytes = answer_batch_bytes(batch);
    int result =
        share_answers_read(writer->ledger, writer->settings.answers_directory,
                           answer_batch_share(batch), answer_batch_rows(batch), &record, err);
    *known = result == 0 && record.used == bytes.length &&
             memcmp(record.data, bytes.data, bytes.length) == 0;
    buffer_free(&record);
    return result;
}

/* The share has all its answers already. Its tiles may be rebuilt or about to be, so other answers
 * can't take their place now. */
static int meet_complete(struct writer *writer, const struct answer_batch *batch, struct error *err)
{
    uint32_t share = answer_batch_share(batch);
    bool known = true;
    if (!writer->progress.whole[share] && is_known(writer, batch, &known, err) != 0)
        return -1;
    if (!known)
        writer->events.replaced(writer->events.context, share);
    return 0;
}

/* A whole batch takes the place of what there is of its share. 1 = it is to be taken, 0 = it is
 * not, -1. */
static int make_way(struct writer *writer, const struct answer_batch *batch, struct error *err)
{
    struct writer_progress *progress = &writer->progress;
    uint32_t share = answer_batch_share(batch);
    uint32_t points = writer_progress_points(progress, share);
    if (answer_batch_rows(batch) != points)
        return error_set(err, ERROR_CORRUPT, "%u answers came for the %u points of share %u",
                         answer_batch_rows(batch), points, share);
    if (writer_progress_missing(progress, share) < points && commit_group(writer, err) != 0)
        return -1;
    if (writer_progress_missing(progress, share) == 0)
        return meet_complete(writer, batch, err);
    if (writer_progress_missing(progress, share) < points) {
        if (share_answers_drop(writer->ledger, writer->settings.answers_directory, &share, 1,
                               err) != 0)
            return -1;
        writer_progress_reset(progress, share);
    }
    progress->whole[share] = true;
    return 1;
}

/* Owns batch, also on failure. */
static int take_batch(struct writer *writer, struct answer_batch *batch, struct error *err)
{
    uint32_t share = answer_batch_share(batch);
    int wanted = 1;
    if (share >= writer->settings.shares)
        wanted = error_set(err, ERROR_CORRUPT, "answers came for share %u, which is none", share);
    else if (answer_batch_whole(batch))
        wanted = make_way(writer, batch, err);
    else if (writer->progress.whole[share])
        wanted = 0; /* somebody else was faster */
    if (wanted > 0)
        return add_batch(writer, batch, err);
    answer_batch_free(batch);
    return wanted;
}

/* --- the thread -------------------------------------------------------------------------- */

/* How long the next batch may be waited for; < 0 = the group is due. */
static double patience(const struct group *group)
{
    if (group->count == 0)
        return IDLE_WAIT;
    double age = clock_monotonic() - group->since;
    if (age >= GROUP_AGE || group->bytes >= GROUP_BYTES)
        return -1;
    return age < GROUP_AGE_QUIET ? GROUP_AGE_QUIET - age : 0;
}

static int write_until_closed(struct writer *writer, struct error *err)
{
    for (;;) {
        struct answer_batch *batch;
        pulse_beat(writer->settings.pulse);
        double wait = patience(&writer->group);
        int popped = wait < 0 ? 0 : channel_pop(writer->channel, wait, &batch);
        double from = clock_monotonic();
        int result = popped > 0 ? take_batch(writer, batch, err) : commit_group(writer, err);
        meter_add(writer->meter, from);
        if (result != 0)
            return -1;
        if (popped < 0)
            return 0;
    }
}

/* What an earlier process committed but did not get to act on. */
static int catch_up(struct writer *writer, struct error *err)
{
    const struct writer_settings *settings = &writer->settings;
    for (uint32_t share = 0; share < settings->shares; share++) {
        if (writer->progress.points_missing[share] == 0 &&
            remove_point_file(writer, share, err) != 0)
            return -1;
    }
    for (uint32_t tile = 0; tile < settings->tiles; tile++) {
        if (settings->first_ordinal_of_tile[tile] < settings->first_ordinal_of_tile[tile + 1] &&
            writer->progress.shares_missing[tile] == 0)
            writer->events.tile_ready(writer->events.context, tile);
    }
    return 0;
}

static void *writer_thread(void *argument)
{
    struct writer *writer = argument;
    pulse_beat(writer->settings.pulse);
    if (catch_up(writer, &writer->error) != 0 || write_until_closed(writer, &writer->error) != 0) {
        writer->failed = true;
        channel_close(writer->channel);
        writer->events.failed(writer->events.context, &writer->error);
    }
    clear_group(&writer->group);
    pulse_rest(writer->settings.pulse);
    atomic_fetch_sub(&writer->meter->threads, 1);
    return NULL;
}

static void free_writer(struct writer *writer)
{
    writer_progress_close(&writer->progress);
    free(writer->group.batches);
    free(writer->group.owned);
    free(writer);
}

int writer_start(struct writer **out, const struct writer_settings *settings,
                 struct channel *channel, struct ledger *ledger, struct answer_log *log,
                 struct meter *meter, const struct writer_events *events, struct error *err)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return error_memory(err, "the writer");
    writer->settings = *settings;
    writer->events = *events;
    writer->channel = channel;
    writer->ledger = ledger;
    writer->log = log;
    writer->meter = meter;
    if (writer_progress_open(&writer->progress, &writer->settings, ledger, err) != 0) {
        free(writer);
        return -1;
    }
    atomic_fetch_add(&meter->threads, 1);
    if (thread_start(&writer->thread, "writer", writer_thread, writer, err) != 0) {
        atomic_fetch_sub(&meter->threads, 1);
        free_writer(writer);
        return -1;
    }
    *out = writer;
    return 0;
}

int writer_join(struct writer *writer, struct error *err)
{
    (void)pthread_join(writer->thread, NULL);
    bool failed = writer->failed;
    if (failed && err != NULL)
        *err = writer->error;
    free_writer(writer);
    return failed ? -1 : 0;
}
