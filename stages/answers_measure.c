/* The measures of a record's rows, written and read as differences. */
#include "base/bytes.h"
#include "stages/answers_format.h"

/* 1 + the value; 0 = not known. */
static uint32_t code_of(uint32_t value)
{
    _Static_assert((uint32_t)(MEASURE_UNKNOWN + 1) == 0, "what is not known has the code 0");
    return value + 1;
}

static unsigned char *put_distance(unsigned char *at, uint32_t value, uint32_t before)
{
    return varint_put(at, zigzag((int64_t)code_of(value) - code_of(before)));
}

static bool same_measure(const struct answer_measure *a, const struct answer_measure *b)
{
    return a->latency_us == b->latency_us && a->waited_us == b->waited_us && a->bytes == b->bytes &&
           a->status == b->status && a->attempts == b->attempts;
}

static unsigned char *put_differences(unsigned char *at, const struct measure_state *before,
                                      const struct answer_measure *measure, uint32_t source)
{
    unsigned char *flags = at++;
    *flags = 0;
    if (measure->latency_us != before->measure.latency_us) {
        *flags |= MEASURE_LATENCY;
        at = put_distance(at, measure->latency_us, before->measure.latency_us);
    }
    if (measure->waited_us != measure->latency_us) {
        *flags |= MEASURE_WAITED;
        at = varint_put(at, code_of(measure->waited_us));
    }
    if (measure->bytes != before->measure.bytes) {
        *flags |= MEASURE_BYTES;
        at = put_distance(at, measure->bytes, before->measure.bytes);
    }
    if (measure->status != before->measure.status) {
        *flags |= MEASURE_STATUS;
        at = varint_put(at, measure->status);
    }
    if (measure->attempts != before->measure.attempts) {
        *flags |= MEASURE_ATTEMPTS;
        at = varint_put(at, measure->attempts);
    }
    if (source != before->source) {
        *flags |= MEASURE_SOURCE;
        at = varint_put(at, source);
    }
    return at;
}

unsigned char *measure_put(unsigned char *at, struct measure_state *state,
                           const struct answer_measure *measure, uint32_t source, bool found,
                           unsigned *flags)
{
    uint32_t distance = state->measure.distance_cm;
    if (source == state->source && same_measure(measure, &state->measure))
        *flags |= ROW_SAME_MEASURE;
    else
        at = put_differences(at, state, measure, source);
    if (found && measure->distance_cm == distance) {
        *flags |= ROW_SAME_DISTANCE;
    } else if (found) {
        distance = measure->distance_cm;
        at = varint_put(at, code_of(distance));
    }
    *state = (struct measure_state){*measure, source};
    state->measure.distance_cm = distance;
    return at;
}

/* NULL is passed on, so that one look at the end is enough. */
static const unsigned char *get_number(const unsigned char *at, const unsigned char *end,
                                       uint64_t most, uint64_t *out)
{
    uint64_t value;
    if (at == NULL || (at = varint_get(at, end, &value)) == NULL || value > most)
        return NULL;
    *out = value;
    return at;
}

static const unsigned char *get_code(const unsigned char *at, const unsigned char *end,
                                     uint32_t *value)
{
    uint64_t code;
    if ((at = get_number(at, end, UINT32_MAX, &code)) != NULL)
        *value = (uint32_t)code - 1;
    return at;
}

static const unsigned char *get_distance(const unsigned char *at, const unsigned char *end,
                                         uint32_t *value)
{
    uint64_t distance;
    if ((at = get_number(at, end, 0x1ffffffff, &distance)) == NULL)
        return NULL;
    int64_t code = code_of(*value) + unzigzag(distance);
    *value = (uint32_t)code - 1;
    return code < 0 || code > UINT32_MAX ? NULL : at;
}

static const unsigned char *get_short(const unsigned char *at, const unsigned char *end,
                                      uint16_t *value)
{
    uint64_t number;
    if ((at = get_number(at, end, UINT16_MAX, &number)) != NULL)
        *value = (uint16_t)number;
    return at;
}

static const unsigned char *get_differences(const unsigned char *at, const unsigned char *end,
                                            struct measure_state *state, uint32_t sources)
{
    struct answer_measure *measure = &state->measure;
    uint64_t source = state->source;
    if (at == end || *at > MEASURE_FLAGS)
        return NULL;
    unsigned flags = *at++;
    if ((flags & MEASURE_LATENCY) != 0)
        at = get_distance(at, end, &measure->latency_us);
    measure->waited_us = measure->latency_us;
    if ((flags & MEASURE_WAITED) != 0)
        at = get_code(at, end, &measure->waited_us);
    if ((flags & MEASURE_BYTES) != 0)
        at = get_distance(at, end, &measure->bytes);
    if ((flags & MEASURE_STATUS) != 0)
        at = get_short(at, end, &measure->status);
    if ((flags & MEASURE_ATTEMPTS) != 0)
        at = get_short(at, end, &measure->attempts);
    if ((flags & MEASURE_SOURCE) != 0)
        at = get_number(at, end, sources, &source);
    state->source = (uint32_t)source;
    return at;
}

const unsigned char *measure_get(const unsigned char *at, const unsigned char *end,
                                 struct measure_state *state, uint32_t sources, bool found,
                                 unsigned flags)
{
    if ((flags & ROW_SAME_MEASURE) == 0)
        at = get_differences(at, end, state, sources);
    if (!found)
        return (flags & ROW_SAME_DISTANCE) == 0 ? at : NULL;
    if ((flags & ROW_SAME_DISTANCE) == 0)
        at = get_code(at, end, &state->measure.distance_cm);
    return at;
}

bool measure_is_plain(const struct answer_measure *measure, bool failed)
{
    return measure->latency_us == MEASURE_UNKNOWN && measure->waited_us == MEASURE_UNKNOWN &&
           measure->bytes == MEASURE_UNKNOWN && measure->distance_cm == MEASURE_UNKNOWN &&
           (failed || (measure->status == 0 && measure->attempts == 0));
}
