/* What the tables see of an answered point. */
#include "stages/rebuild_internal.h"

#include <math.h>
#include <string.h>

#define SECONDS_PER_DAY 86400.0

static struct slice text_of(const char *text)
{
    return (struct slice){text, (uint32_t)strlen(text)};
}

static struct slice outcome_of(const struct settled_answer *answer)
{
    return text_of(answer->settled == SETTLED_FAILED ? "failed" : outcome_names[answer->settled]);
}

/* Of the entry when it was asked; missing when it never was before. */
static double age_of(const struct entry *old, const struct settled_answer *answer)
{
    if (old->refreshed_at == 0 || answer->answered_at == 0)
        return NAN;
    return ((double)answer->answered_at - old->refreshed_at) / SECONDS_PER_DAY;
}

static double known(uint32_t measure, double unit)
{
    return measure == MEASURE_UNKNOWN ? NAN : measure / unit;
}

/* Milliseconds between two moments, of which 0 is none. */
static double between(uint64_t from, uint64_t to)
{
    return from == 0 || to < from ? NAN : (double)(to - from);
}

static void describe_source(struct observed *observed, const struct answer_source *source)
{
    if (source == NULL)
        return;
    observed->provider = source->provider;
    observed->peer = source->peer;
    if (source->bottleneck < STATION_COUNT)
        observed->bottleneck = text_of(station_names[source->bottleneck]);
}

int rebuild_observe(struct rebuild *rebuild, const struct entry *old, const struct entry *new,
                    const struct changes *changes, struct error *err)
{
    const struct settled_answer *answer = rebuild->answer;
    const struct answer_measure *measure = &answer->measure;
    uint32_t started_at = rebuild->settings->started_at;
    uint64_t sealed_at = answer->source != NULL ? answer->source->sealed_at : 0;
    uint64_t committed_at = rebuild->answers.committed_at;
    struct observed observed = {
        .tile = rebuild->record->tile,
        .code = answer->code,
        .entry = new,
        .old = old,
        .outcome = outcome_of(answer),
        .judged = true,
        .changed = changes->changed,
        .lost = changes->lost,
        .gained = changes->gained,
        .country_changed = changes->country_changed,
        .age_days = age_of(old, answer),
        .distance_m = known(measure->distance_cm, 100),
        .latency_ms = known(measure->latency_us, 1000),
        .status = measure->status > 0 ? measure->status : NAN,
        .attempts = measure->attempts > 0 ? measure->attempts : NAN,
        .bytes = known(measure->bytes, 1),
        .answered_s =
            answer->answered_at >= started_at ? (double)(answer->answered_at - started_at) : NAN,
        .geocode_ms = known(measure->waited_us, 1000),
        .write_ms = sealed_at > 0 ? between(sealed_at, committed_at) : NAN,
        .rebuild_ms = between(committed_at, rebuild->now),
    };
    if (answer->settled == SETTLED_FAILED)
        observed.cause = text_of(failure_cause_names[answer->cause]);
    describe_source(&observed, answer->source);
    rebuild->observed++;
    return tally_take(rebuild->tally, &observed, err);
}
