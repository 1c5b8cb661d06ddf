/* What all who ask the geocoder add to: the workers of a run, and the learner. Relaxed atomics. */
#ifndef REFRESHD_STAGES_GEOCODE_FIGURES_H
#define REFRESHD_STAGES_GEOCODE_FIGURES_H

#include <stdatomic.h>

#include "base/latency.h"
#include "geocoder/geocoder.h"

/* Outcomes of questions: found, none, then the failure causes from CAUSE_TIMEOUT on. */
enum { ASKED_FOUND, ASKED_NONE, ASKED_FAILED };
#define ASKED_OUTCOMES (ASKED_FAILED + CAUSE_COUNT - 1)

struct geocode_figures {
    _Atomic uint64_t sent;      /* requests of the run */
    _Atomic uint64_t asked;     /* points, retries included */
    _Atomic uint64_t retried;   /* points asked again after a try that counted */
    _Atomic uint64_t in_flight; /* points asked and not answered yet */

    /* Since the start of the process; geocode_figures_note alone adds to them. */
    _Atomic uint64_t requests[ASKED_OUTCOMES];
    _Atomic uint64_t answers[ASKED_OUTCOMES]; /* points, retries included */
    struct latency duration;                  /* of requests */
};

/* geocode_figures_note: a request ended after so many seconds with these answers (at least one).
 * The request counts as what came best of it: found before none before the first failure. Any
 * thread; a few atomic additions a request, however many points it has. */
void geocode_figures_note(struct geocode_figures *figures, double seconds,
                          const struct answer *answers, size_t count);

/* asked_outcome_name: "found", "none", or the failure's cause. */
const char *asked_outcome_name(unsigned outcome);

#endif
