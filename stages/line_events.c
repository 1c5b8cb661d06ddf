/* What the line tells the log: one line at the start and at the end of a run and of each of its
 * stages, one a minute between, and of what comes and goes no more than that. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SPELL_INTERVAL 60.0
#define ESCAPED_BYTES 1100

void line_event(struct line *line, int level, const char *name, const char *format, ...)
{
    char text[1400];
    char rest[1200];
    char id[RUN_ID_BYTES];
    va_list arguments;
    if (line->settings.event == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    (void)pthread_mutex_lock(&line->lock);
    memcpy(id, line->active ? line->run.id : line->last_run.id, sizeof id);
    (void)pthread_mutex_unlock(&line->lock);
    (void)snprintf(text, sizeof text, "run=%s %s", id, rest);
    line->settings.event(line->settings.context, level, name, text);
}

static const char *escape(const char *text, char out[ESCAPED_BYTES])
{
    size_t used = 0;
    for (; *text != '\0' && used < ESCAPED_BYTES - 2; text++) {
        if (*text == '"' || *text == '\\')
            out[used++] = '\\';
        out[used++] = *text;
    }
    out[used] = '\0';
    return out;
}

void line_tell(struct line *line, int level, const char *name, const char *key, const char *text)
{
    char escaped[ESCAPED_BYTES];
    line_event(line, level, name, "%s=\"%s\"", key, escape(text, escaped));
}

void line_tell_progress(struct line *line)
{
    struct line_status status;
    char eta[32] = "";
    line_status(line, &status);
    if (status.eta >= 0)
        (void)snprintf(eta, sizeof eta, " eta_s=%.0f", status.eta);
    line_event(line, 2, "run_progress",
               "answered=%" PRIu64 " points=%" PRIu64 " failed=%" PRIu64
               " points_per_s=%.1f rate=%.6g tiles=%" PRIu64 "%s",
               settled_points(&status.run.counts), status.run.counts.selected,
               status.run.counts.settled[SETTLED_FAILED], status.points_per_second, status.rate,
               status.run.counts.tiles_rebuilt, eta);
}

void line_tell_geocoded(struct line *line, const struct run_record *run)
{
    const uint64_t *settled = run->counts.settled;
    line_event(line, 2, "stage_finished",
               "stage=geocode found=%" PRIu64 " none=%" PRIu64 " unsure=%" PRIu64
               " failed=%" PRIu64,
               settled[SETTLED_FOUND], settled[SETTLED_NONE], settled[SETTLED_UNSURE],
               settled[SETTLED_FAILED]);
}

/* Does a spell begin or end now, and is that to be told? Its end is told when its beginning was. */
static bool spell_turns(struct line_spell *spell, bool lasts, double now)
{
    if (lasts == spell->lasts)
        return false;
    spell->lasts = lasts;
    if (!lasts)
        return spell->told;
    spell->since = now;
    spell->told = spell->next <= now;
    if (spell->told)
        spell->next = now + SPELL_INTERVAL;
    else
        spell->left_out++;
    return spell->told;
}

/* " left_out=N", or nothing. */
static const char *left_out(struct line_spell *spell, char out[32])
{
    out[0] = '\0';
    if (spell->left_out > 0)
        (void)snprintf(out, 32, " left_out=%u", spell->left_out);
    spell->left_out = 0;
    return out;
}

void line_tell_circuit(struct line *line, struct line_spell *spell,
                       const struct circuit_view *circuit, double now)
{
    char escaped[ESCAPED_BYTES], more[32];
    if (!spell_turns(spell, circuit->open, now))
        return;
    if (!circuit->open) {
        line_event(line, 2, "geocoder_reached", "after_s=%.0f", now - spell->since);
        return;
    }
    spell->since = circuit->since;
    line_event(line, 1, "geocoder_unreachable", "error=\"%s\"%s", escape(circuit->why, escaped),
               left_out(spell, more));
}

void line_tell_quiet(struct line *line, struct line_spell *spell, const struct limiter_view *pace,
                     double now)
{
    char more[32];
    if (spell_turns(spell, pace->quiet_left > 0, now) && spell->lasts)
        line_event(line, 1, "geocoder_refuses", "status=%u quiet_s=%.1f pace=%.1f%s", pace->status,
                   pace->quiet, pace->pace, left_out(spell, more));
}
