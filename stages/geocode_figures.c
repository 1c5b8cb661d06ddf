#include "stages/geocode_figures.h"

static unsigned outcome_of(const struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_FOUND:
        return ASKED_FOUND;
    case ANSWER_EMPTY:
        return ASKED_NONE;
    default:
        return ASKED_FAILED - 1 + (answer->cause == CAUSE_NONE ? CAUSE_INTERNAL : answer->cause);
    }
}

const char *asked_outcome_name(unsigned outcome)
{
    static const char *const answered[] = {[ASKED_FOUND] = "found", [ASKED_NONE] = "none"};
    return outcome < ASKED_FAILED ? answered[outcome]
                                  : failure_cause_names[outcome - ASKED_FAILED + 1];
}

static void add(_Atomic uint64_t *figure, uint64_t more)
{
    atomic_fetch_add_explicit(figure, more, memory_order_relaxed);
}

void geocode_figures_note(struct geocode_figures *figures, double seconds,
                          const struct answer *answers, size_t count)
{
    uint32_t points[ASKED_OUTCOMES] = {0};
    unsigned best = outcome_of(&answers[0]);
    for (size_t i = 0; i < count; i++)
        points[outcome_of(&answers[i])]++;
    if (points[ASKED_FOUND] > 0)
        best = ASKED_FOUND;
    else if (points[ASKED_NONE] > 0)
        best = ASKED_NONE;
    for (unsigned i = 0; i < ASKED_OUTCOMES; i++) {
        if (points[i] > 0)
            add(&figures->answers[i], points[i]);
    }
    add(&figures->requests[best], 1);
    latency_add(&figures->duration, seconds);
}
