/* The rebuild station: one thread that rebuilds complete tiles, lowest first. */
#include "stages/line_internal.h"

#include <stdlib.h>

#include "base/thread.h"
#include "stages/publish.h"
#include "stages/rebuild.h"

#define NO_TILE UINT32_MAX

void rebuild_ready(struct refresh *refresh, uint32_t tile)
{
    struct line *line = refresh->line;
    (void)pthread_mutex_lock(&line->lock);
    if (refresh->tile_states[tile] == TILE_WAITING) {
        refresh->tile_states[tile] = TILE_READY;
        refresh->tiles_ready++;
        (void)pthread_cond_signal(&refresh->tiles_changed);
    }
    (void)pthread_mutex_unlock(&line->lock);
}

/* Wait for the lowest complete tile; NO_TILE when the station is to end. */
static uint32_t next_tile(struct refresh *refresh)
{
    struct line *line = refresh->line;
    uint32_t tile = NO_TILE;
    (void)pthread_mutex_lock(&line->lock);
    pulse_rest(&line->pulses[THREAD_REBUILD]);
    while (refresh->tiles_ready == 0 && !refresh->rebuild_closing)
        (void)pthread_cond_wait(&refresh->tiles_changed, &line->lock);
    if (!refresh->rebuild_closing) {
        tile = 0;
        while (refresh->tile_states[tile] != TILE_READY)
            tile++;
    }
    (void)pthread_mutex_unlock(&line->lock);
    return tile;
}

static void tile_is_rebuilt(struct refresh *refresh, uint32_t tile)
{
    struct line *line = refresh->line;
    (void)pthread_mutex_lock(&line->lock);
    refresh->tile_states[tile] = TILE_REBUILT;
    refresh->tiles_ready--;
    refresh->tiles_pending--;
    (void)pthread_cond_broadcast(&line->changed);
    (void)pthread_mutex_unlock(&line->lock);
}

/* publish = tile: show the tile to readers at once, unless its gate is shut: then the run will be
 * held at its end. */
static int publish_now(struct refresh *refresh, const struct tile_record *tile, struct error *err)
{
    struct line *line = refresh->line;
    char reason[600];
    if (!refresh->run.parameters.publish_tiles)
        return 0;
    struct gate_limits limits = run_limits(line, &refresh->run);
    if (!refresh->run.forced && gate_check_tile(tile, &limits, reason) != 0) {
        line_event(line, 1, "tile_held", "tile=%u reason=\"%s\"", tile->tile, reason);
        return 0;
    }
    double from = clock_monotonic();
    int result = publish_tile(line->settings.cache_directory, cache_manifest(refresh->input.base),
                              &refresh->run, tile, err);
    meter_add(&line->meters[STATION_PUBLISH], from);
    if (result == 0)
        line_look(line);
    return result;
}

static int rebuild_one(struct refresh *refresh, uint32_t tile, struct error *err)
{
    struct line *line = refresh->line;
    struct tile_record record;
    struct rebuild_settings settings = {
        .cache_directory = line->settings.cache_directory,
        .answers_directory = line->answers_directory,
        .merged = &refresh->input.merged,
        .ledger = line->ledger,
        .control = &line->control,
        .pulse = &line->pulses[THREAD_REBUILD],
        .generation = refresh->run.generation,
        .points = refresh->run.counts.selected,
        .shares = refresh->run.parameters.shares,
        .first_ordinal_of_tile = refresh->first_ordinal_of_tile,
        .tables = refresh->tables,
        .started_at = refresh->run.started_at,
    };
    double from = clock_monotonic();
    pulse_beat(settings.pulse);
    int result = rebuild_tile(&settings, tile, &record, err);
    meter_add(&line->meters[STATION_REBUILD], from);
    return result == 0 ? publish_now(refresh, &record, err) : -1;
}

static void *rebuild_thread(void *argument)
{
    struct refresh *refresh = argument;
    struct line *line = refresh->line;
    struct error err;
    uint32_t tile;
    while (!control_ending(&line->control) && (tile = next_tile(refresh)) != NO_TILE) {
        if (rebuild_one(refresh, tile, &err) != 0) {
            if (err.code != ERROR_CANCELED)
                refresh_fail(refresh, &err);
            break;
        }
        tile_is_rebuilt(refresh, tile);
    }
    pulse_rest(&line->pulses[THREAD_REBUILD]);
    atomic_fetch_sub(&line->meters[STATION_REBUILD].threads, 1);
    return NULL;
}

int rebuild_start(struct refresh *refresh, struct error *err)
{
    struct meter *meter = &refresh->line->meters[STATION_REBUILD];
    atomic_fetch_add(&meter->threads, 1);
    if (thread_start(&refresh->rebuild_thread, "rebuild", rebuild_thread, refresh, err) != 0) {
        atomic_fetch_sub(&meter->threads, 1);
        return -1;
    }
    refresh->rebuild_started = true;
    return 0;
}

void rebuild_stop(struct refresh *refresh)
{
    struct line *line = refresh->line;
    if (!refresh->rebuild_started)
        return;
    (void)pthread_mutex_lock(&line->lock);
    refresh->rebuild_closing = true;
    (void)pthread_cond_signal(&refresh->tiles_changed);
    (void)pthread_mutex_unlock(&line->lock);
    (void)pthread_join(refresh->rebuild_thread, NULL);
    refresh->rebuild_started = false;
}
