/* What the tables see of an answered point. */
#include "stages/rebuild_internal.h"

#include <math.h>
#include <string.h>

#define SECONDS_PER_DAY 86400.0

static struct slice text_of(const char *text)
{
    return (struct slice){text, (uint32_t)strlen(text)};
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

static void describe_source(struct rebuild *rebuild, const struct answer_source *source)
{
    struct observed *observed = &rebuild->observed;
    uint64_t committed_at = rebuild->answers.committed_at;
    observed->provider = observed->peer = observed->bottleneck = (struct slice){0};
    observed->write_ms = NAN;
    observed->rebuild_ms = between(committed_at, rebuild->now);
    if (source == NULL)
        return;
    observed->provider = source->provider;
    observed->peer = source->peer;
    if (source->bottleneck < STATION_COUNT)
        observed->bottleneck = rebuild->stations[source->bottleneck];
    if (source->sealed_at > 0)
        observed->write_ms = between(source->sealed_at, committed_at);
}

static bool same_measure(const struct answer_measure *a, const struct answer_measure *b)
{
    return a->latency_us == b->latency_us && a->waited_us == b->waited_us && a->bytes == b->bytes &&
           a->distance_cm == b->distance_cm && a->status == b->status && a->attempts == b->attempts;
}

static void describe_measure(struct observed *observed, const struct answer_measure *measure)
{
    observed->distance_m = known(measure->distance_cm, 100);
    observed->latency_ms = known(measure->latency_us, 1000);
    observed->status = measure->status > 0 ? measure->status : NAN;
    observed->attempts = measure->attempts > 0 ? measure->attempts : NAN;
    observed->bytes = known(measure->bytes, 1);
    observed->geocode_ms = known(measure->waited_us, 1000);
}

void rebuild_observe_begin(struct rebuild *rebuild)
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        rebuild->outcomes[i] = text_of(outcome_names[i]);
    rebuild->outcomes[SETTLED_FAILED] = text_of("failed");
    for (int i = 0; i < STATION_COUNT; i++)
        rebuild->stations[i] = text_of(station_names[i]);
    rebuild->observed = (struct observed){.tile = rebuild->record->tile, .judged = true};
    rebuild->measure = ANSWER_MEASURE_UNKNOWN;
    describe_measure(&rebuild->observed, &rebuild->measure);
}

int rebuild_observe(struct rebuild *rebuild, const struct entry *old, const struct entry *new,
                    const struct changes *changes, struct error *err)
{
    const struct settled_answer *answer = rebuild->answer;
    uint32_t started_at = rebuild->settings->started_at;
    struct observed *observed = &rebuild->observed;
    observed->code = answer->code;
    observed->entry = new;
    observed->old = old;
    observed->outcome = rebuild->outcomes[answer->settled];
    observed->changed = changes->changed;
    observed->lost = changes->lost;
    observed->gained = changes->gained;
    observed->country_changed = changes->country_changed;
    observed->cause = (struct slice){0};
    if (answer->settled == SETTLED_FAILED)
        observed->cause = text_of(failure_cause_names[answer->cause]);
    observed->age_days = age_of(old, answer);
    observed->answered_s =
        answer->answered_at >= started_at ? (double)(answer->answered_at - started_at) : NAN;
    if (!same_measure(&rebuild->measure, &answer->measure)) {
        rebuild->measure = answer->measure;
        describe_measure(observed, &answer->measure);
    }
    describe_source(rebuild, answer->source);
    rebuild->count++;
    return tally_take(rebuild->tally, observed, err);
}
