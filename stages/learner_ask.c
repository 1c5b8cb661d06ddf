/* Which points are asked for, and when: circuit and limiter say. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "stages/learner_internal.h"

#define TURN_REQUESTS 64 /* most requests begun in one turn of the loop */

/* --- requests ------------------------------------------------------------------------------ */

static void free_request(struct learner_request *made)
{
    free(made->request.points);
    free(made->flights);
    free(made);
}

static struct learner_request *take_request(struct learner *learner)
{
    struct learner_request *made = learner->spare;
    if (made != NULL) {
        learner->spare = made->next_spare;
        return made;
    }
    size_t points = learner->transport->points;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->request.points = calloc(points, sizeof *made->request.points);
    made->flights = calloc(points, sizeof(struct flight *));
    if (made->request.points == NULL || made->flights == NULL) {
        free_request(made);
        return NULL;
    }
    made->next_made = learner->requests;
    learner->requests = made;
    return made;
}

static void spare_request(struct learner *learner, struct learner_request *made)
{
    made->request.probe = false;
    made->next_spare = learner->spare;
    learner->spare = made;
}

void learner_requests_free(struct learner *learner)
{
    for (struct learner_request *made = learner->requests, *next; made != NULL; made = next) {
        next = made->next_made;
        free_request(made);
    }
    learner->requests = learner->spare = NULL;
}

/* --- what is to be asked --------------------------------------------------------------------- */

/* Has somebody learned the point meanwhile? Who asked for it had looked before that. */
static bool is_known(struct learner *learner, struct flight *flight)
{
    struct entry entry;
    if (learned_at(learner->reader, flight->point, &entry, NULL) != 1)
        return false;
    flight->was_empty = entry.outcome == OUTCOME_UNSURE && address_is_empty(&entry.address);
    if (flight->was_empty)
        return false;
    flight_end(learner, flight, entry.outcome == OUTCOME_NONE ? FETCH_NONE : FETCH_LEARNED, false);
    return true;
}

/* Take in the points that others put into the inbox. */
static void accept_flights(struct learner *learner)
{
    (void)pthread_mutex_lock(&learner->inbox_lock);
    struct flight_list fresh = learner->inbox;
    learner->inbox = (struct flight_list){0};
    (void)pthread_mutex_unlock(&learner->inbox_lock);
    if (fresh.count == 0)
        return;
    bool readable = learned_begin(learner->reader, NULL) == 0;
    for (struct flight *flight; (flight = list_take(&fresh)) != NULL;) {
        flight->was_empty = false;
        if (!readable || !is_known(learner, flight))
            list_append(&learner->ready, flight);
    }
    if (readable)
        learned_end(learner->reader);
}

static void accept_retries(struct learner *learner, double now)
{
    while (learner->retries.first != NULL && learner->retries.first->due <= now)
        list_append(&learner->ready, list_take(&learner->retries));
}

/* Those whom nobody waits for make way; the oldest of too many are let go. */
static void put_later(struct learner *learner, struct flight *flight)
{
    flight->unwaited = true;
    list_append(&learner->later, flight);
    if (learner->later.count > FLIGHTS_UNWAITED)
        flight_end(learner, list_take(&learner->later), FETCH_FAILED, false);
}

static void set_aside(struct learner *learner)
{
    struct flight *flight;
    while ((flight = learner->ready.first) != NULL && !flight->unwaited &&
           !flight_is_awaited(learner, flight))
        put_later(learner, list_take(&learner->ready));
}

/* Make the first points of the queue those that are asked next; returns how many, `most` at most.
 */
static size_t sort_queue(struct learner *learner, size_t most)
{
    set_aside(learner);
    size_t count = learner->ready.count;
    for (; count < most && learner->later.first != NULL; count++)
        list_append(&learner->ready, list_take(&learner->later));
    return count < most ? count : most;
}

/* How many of so many points may be asked for now; 0 = none, and *wait is how long not. */
static size_t allowed(struct learner *learner, size_t count, bool *probe, double *wait)
{
    double now = clock_monotonic();
    enum circuit_leave leave = circuit_ask(learner->circuit, now, wait);
    *probe = leave == CIRCUIT_PROBE;
    if (leave == CIRCUIT_WAIT) {
        learner_fail_queue(learner);
        return 0;
    }
    size_t granted = limiter_take_urgent(learner->settings.limiter, now, count, wait);
    if (granted == 0 && *probe)
        circuit_drop(learner->circuit);
    return granted;
}

/* --- asking ------------------------------------------------------------------------------------
 */

static void fail_request(struct learner *learner, struct learner_request *made,
                         const struct error *err)
{
    learner_event(learner, 0, "learner_failed", "error=\"%s\"", err->message);
    if (made->request.probe)
        circuit_drop(learner->circuit);
    for (size_t i = 0; i < made->request.count; i++)
        flight_end(learner, made->flights[i], FETCH_FAILED, true);
    spare_request(learner, made);
}

void learner_done(void *context, struct request *request, const struct answer *answers,
                  const struct error *err)
{
    struct learner *learner = context;
    struct learner_request *made = (struct learner_request *)request;
    learner->in_flight--;
    learner_stir(learner);
    if (answers == NULL) {
        fail_request(learner, made, err);
        return;
    }
    (void)tell_everybody(learner->circuit, learner->settings.limiter, learner->settings.figures,
                         clock_monotonic(), request, answers);
    for (size_t i = 0; i < request->count; i++) {
        if (answers[i].kind == ANSWER_FAILED &&
            (answers[i].cause == CAUSE_QUOTA || answers[i].cause == CAUSE_DENIED))
            learner_halt_for(learner, request, &answers[i]);
        learner_take(learner, made->flights[i], &answers[i]);
    }
    spare_request(learner, made);
}

static void start(struct learner *learner, size_t count, bool probe)
{
    struct error err;
    struct learner_request *made = take_request(learner);
    if (made == NULL) {
        if (probe)
            circuit_drop(learner->circuit);
        learner_fail_queue(learner);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        made->flights[i] = list_take(&learner->ready);
        made->request.points[i] = made->flights[i]->point;
    }
    made->request.count = count;
    made->request.probe = probe;
    made->request.asked_at = clock_monotonic();
    made->request.status = 0;
    made->request.retry_after = 0;
    retry_budget_asked(&learner->budget, count);
    learner->in_flight++;
    if (learner->transport->start(learner->transport, &made->request, &err) != 0) {
        learner->in_flight--;
        fail_request(learner, made, &err);
    }
}

static double ask_queue(struct learner *learner)
{
    double wait = INFINITY;
    unsigned concurrency = learner->settings.concurrency > 0 ? learner->settings.concurrency : 1;
    for (unsigned begun = 0; learner->in_flight < concurrency; begun++) {
        bool probe;
        size_t count = sort_queue(learner, learner->transport->points);
        if (count == 0)
            return INFINITY;
        if (begun >= TURN_REQUESTS)
            return 0;
        count = allowed(learner, count, &probe, &wait);
        if (count == 0)
            return learner->ready.count > 0 ? wait : INFINITY;
        start(learner, count, probe);
    }
    return INFINITY;
}

double learner_ask(struct learner *learner)
{
    double now = clock_monotonic();
    accept_flights(learner);
    accept_retries(learner, now);
    if (now < atomic_load(&learner->halted_until))
        learner_fail_queue(learner);
    double wait = ask_queue(learner);
    set_aside(learner); /* also while too many requests are in flight to ask more */
    if (learner->retries.first != NULL)
        wait = fmin(wait, fmax(learner->retries.first->due - now, 0));
    return wait;
}
