/* What becomes of a point that was asked for. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "stages/learner_internal.h"

#define BACKOFF_FIRST 0.1 /* seconds */
#define BACKOFF_MOST 5.0
#define HALT_SECONDS 60.0

void learner_fail_queue(struct learner *learner)
{
    struct flight *flight;
    while ((flight = list_take(&learner->ready)) != NULL ||
           (flight = list_take(&learner->later)) != NULL ||
           (flight = list_take(&learner->retries)) != NULL)
        flight_end(learner, flight, FETCH_FAILED, true);
}

void learner_halt(struct learner *learner, double seconds)
{
    double until = clock_monotonic() + seconds;
    if (until > atomic_load(&learner->halted_until))
        atomic_store(&learner->halted_until, until);
    learner_fail_queue(learner);
}

void learner_halt_for(struct learner *learner, const struct request *request,
                      const struct answer *answer)
{
    double seconds = request->retry_after > 0 ? request->retry_after : HALT_SECONDS;
    if (clock_monotonic() >= atomic_load(&learner->halted_until))
        learner_event(
            learner, 0, "learner_stopped", "cause=%s status=%u seconds=%.0f detail=\"%.*s\"",
            failure_cause_names[answer->cause], answer->status, seconds, (int)answer->detail.length,
            answer->detail.length > 0 ? answer->detail.data : "");
    learner_halt(learner, seconds);
}

/* xorshift64* of S. Vigna, "An experimental exploration of Marsaglia's xorshift generators". Half
 * as long to half as long again. */
static double jittered(struct learner *learner, double seconds)
{
    uint64_t x = learner->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    learner->random = x;
    return seconds * (0.5 + (double)((x * 0x2545F4914F6CDD1DULL) >> 11) * 0x1p-53);
}

/* Put it among the retries by the moment when it is due. */
static void ask_again(struct learner *learner, struct flight *flight, double seconds)
{
    struct flight_list *list = &learner->retries;
    struct flight **link = &list->first;
    flight->due = clock_monotonic() + jittered(learner, seconds);
    while (*link != NULL && (*link)->due <= flight->due)
        link = &(*link)->next;
    flight->next = *link;
    *link = flight;
    if (flight->next == NULL)
        list->last = flight;
    list->count++;
}

/* A fault that may pass. While somebody waits there is more time for it than the tries take. */
static void take_transient(struct learner *learner, struct flight *flight)
{
    bool awaited = flight_is_awaited(learner, flight);
    if ((!awaited && flight->tries >= learner->settings.retries) ||
        retry_budget_take(&learner->budget, 1) == 0) {
        flight_end(learner, flight, FETCH_FAILED, true);
        return;
    }
    double wait = ldexp(BACKOFF_FIRST, flight->tries > 16 ? 16 : flight->tries);
    flight->tries++;
    ask_again(learner, flight, fmin(wait, BACKOFF_MOST));
}

/* No connection: the try does not count, but it is made again only for somebody who waits, and not
 * when it is known that there is none. */
static void take_refused(struct learner *learner, struct flight *flight)
{
    if (flight_is_awaited(learner, flight) && !circuit_look(learner->circuit).open)
        ask_again(learner, flight, BACKOFF_FIRST);
    else
        flight_end(learner, flight, FETCH_FAILED, true);
}

void learner_take(struct learner *learner, struct flight *flight, const struct answer *answer)
{
    bool halted = clock_monotonic() < atomic_load(&learner->halted_until);
    bool is_answer = answer->kind != ANSWER_FAILED;
    if (is_answer) {
        bool found = answer->kind == ANSWER_FOUND && !address_is_empty(&answer->address);
        if (learner_keep(learner, flight, found ? &answer->address : NULL) != 0)
            flight_end(learner, flight, FETCH_FAILED, true);
    } else if (halted) {
        flight_end(learner, flight, FETCH_FAILED, true);
    } else if (answer_is_refused(answer)) {
        take_refused(learner, flight);
    } else if (answer->transient) {
        take_transient(learner, flight);
    } else {
        flight_end(learner, flight, FETCH_FAILED, true);
    }
}
