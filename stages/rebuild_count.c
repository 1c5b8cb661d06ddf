/* What the tables count of a tile: a join of its own, that builds nothing. Beside a rebuild a
 * thread of its own does it: the rebuild is what a fast run waits for, and has no time for a
 * report. */
#include "stages/rebuild_internal.h"

#include "base/thread.h"

static int open_join(struct rebuild *rebuild, const struct rebuild_settings *settings,
                     const struct batch_list *batches, struct tile_record *record,
                     struct error *err)
{
    const uint64_t *first = &settings->first_ordinal_of_tile[record->tile];
    *rebuild = (struct rebuild){.settings = settings, .record = record};
    rebuild_observe_begin(rebuild);
    if (tally_create(&rebuild->tally, settings->tables, err) != 0)
        return -1;
    answer_stream_open(&rebuild->answers, settings, batches, first[0], first[1]);
    return 0;
}

static void close_join(struct rebuild *rebuild)
{
    answer_stream_close(&rebuild->answers);
    tally_free(rebuild->tally);
}

int rebuild_count(const struct rebuild_settings *settings, const struct batch_list *batches,
                  uint32_t tile, struct tally *into, uint64_t *answers, struct error *err)
{
    const uint64_t *first = &settings->first_ordinal_of_tile[tile];
    struct tile_record record = {.tile = tile};
    struct rebuild rebuild;
    if (first[0] == first[1])
        return 0;
    if (open_join(&rebuild, settings, batches, &record, err) != 0)
        return -1;
    int result = rebuild_join(&rebuild, NULL, err);
    if (result == 0 && rebuild.count > 0)
        result = tally_merge(into, rebuild.tally, err);
    if (result == 0)
        *answers += rebuild.count;
    close_join(&rebuild);
    return result;
}

/* --- beside a rebuild ------------------------------------------------------------------ */

static void *count(void *argument)
{
    struct counting *counting = argument;
    counting->result = rebuild_join(&counting->rebuild, NULL, &counting->error);
    return NULL;
}

int counting_start(struct counting *counting, const struct rebuild_settings *settings,
                   uint32_t tile, struct error *err)
{
    const uint64_t *first = &settings->first_ordinal_of_tile[tile];
    *counting = (struct counting){.settings = *settings, .record = {.tile = tile}};
    counting->settings.pulse = NULL; /* it is the rebuild whose silence matters */
    if (first[0] == first[1] || settings->tables == NULL || settings->tables->count == 0)
        return 0;
    if (open_join(&counting->rebuild, &counting->settings, NULL, &counting->record, err) != 0)
        return -1;
    counting->rebuild.beside = true;
    if (thread_start(&counting->thread, "report", count, counting, err) != 0) {
        close_join(&counting->rebuild);
        return -1;
    }
    counting->started = true;
    return 0;
}

int counting_wait(struct counting *counting, struct error *err)
{
    if (!counting->started)
        return 0;
    (void)pthread_join(counting->thread, NULL);
    if (counting->result != 0 && err != NULL)
        *err = counting->error;
    return counting->result;
}

void counting_end(struct counting *counting)
{
    if (counting->started)
        close_join(&counting->rebuild);
}
