#include "stages/geocode_figures.h"

static unsigned failure_of(const struct answer *answer)
{
    return ASKED_FAILED - 1 + (answer->cause == CAUSE_NONE ? CAUSE_INTERNAL : answer->cause);
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
    uint64_t points[ASKED_OUTCOMES] = {0};
    unsigned best = ASKED_OUTCOMES;
    for (size_t i = 0; i < count; i++) {
        if (answers[i].kind == ANSWER_FOUND) {
            points[ASKED_FOUND]++;
        } else if (answers[i].kind == ANSWER_EMPTY) {
            points[ASKED_NONE]++;
        } else {
            unsigned failure = failure_of(&answers[i]);
            points[failure]++;
            best = best == ASKED_OUTCOMES ? failure : best;
        }
    }
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
