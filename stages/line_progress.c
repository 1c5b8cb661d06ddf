/* Whether the line gets on.
 *
 * Two things are looked at, because each misses what the other sees: the pulse of every thread (one
 * of many that stands still), and the figures of the run (all alive, and yet nothing moves). */
#include "stages/line_internal.h"

#include <string.h>

#define STOP_SECONDS 10.0 /* in which the stations end when a run is stopped */
#define SLACK 20.0        /* for retries' waits and for the circuit to know, and to spare */

static void hear(struct line_progress *progress, const char *thread, double silence)
{
    if (silence <= progress->silent)
        return;
    progress->silent = silence;
    progress->thread = thread;
}

/* The conductor waits for the stations when a run is stopped. */
static double conductor_silence(const struct line *line, double now)
{
    double silence = pulse_silence(&line->pulses[THREAD_CONDUCTOR], now);
    if (control_ending(&line->control))
        silence -= STOP_SECONDS;
    return silence;
}

/* Every figure that a step of the run changes, in one. The lock is held. */
static uint64_t moved(struct line *line)
{
    const struct run_counts *counts = &line->run.counts;
    const struct refresh *refresh = line->refresh;
    return atomic_load(&line->snapshot_progress.walked) + atomic_load(&line->figures.sent) +
           settled_points(counts) + counts->tiles_rebuilt +
           (refresh != NULL ? refresh->tiles_ready + refresh->tiles_pending : 0);
}

/* What one step may take: two time-outs (a request that waits for a connection and for its reply),
 * and as long as the pace keeps a request waiting. */
static double step_seconds(struct line *line, double pace)
{
    double seconds = SLACK + 2 * line->settings.geocoder.timeout;
    return pace > 0 ? seconds + 2 * line_batch(line) / pace : seconds;
}

/* The lock is held. */
static void judge_refresh(struct line *line, struct line_progress *progress, double now)
{
    struct refresh *refresh = line->refresh;
    struct limiter_view pace = limiter_look(line->limiter, now);
    /* Points that others ask may be long in coming. */
    bool asks = settled_points(&line->run.counts) < line->run.counts.selected &&
                claims_active(refresh->claims) > 0;
    progress->patience = step_seconds(line, pace.pace);
    if (refresh->pool == NULL)
        return;
    hear(progress, "geocode", geocode_silence(refresh->pool, now));
    /* A rebuild may take long: its pulse tells. */
    progress->due = line->wish == WISH_WORK && !geocode_circuit(refresh->pool).open &&
                    pace.quiet_left <= 0 && !pace.held &&
                    (asks || (refresh->tiles_pending > 0 && refresh->tiles_ready == 0));
}

void line_progress(struct line *line, struct line_progress *progress)
{
    double now = clock_monotonic();
    *progress = (struct line_progress){.thread = ""};
    hear(progress, "conductor", conductor_silence(line, now));
    hear(progress, "writer", pulse_silence(&line->pulses[THREAD_WRITER], now));
    hear(progress, "rebuild", pulse_silence(&line->pulses[THREAD_REBUILD], now));
    (void)pthread_mutex_lock(&line->lock);
    progress->moved = moved(line);
    if (line->refresh != NULL)
        judge_refresh(line, progress, now);
    (void)pthread_mutex_unlock(&line->lock);
}
