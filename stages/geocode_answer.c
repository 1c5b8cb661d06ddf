/* What becomes of the points of a request that is done, and what everybody learns of it. */
#include "stages/geocode_internal.h"

#include <stdio.h>

enum tidings { TIDINGS_REPLY, TIDINGS_BROKEN, TIDINGS_REFUSED };

static bool has_cause(const struct answer *answer, enum failure_cause one, enum failure_cause other)
{
    return answer->kind == ANSWER_FAILED && (answer->cause == one || answer->cause == other);
}

/* No connection could be made: the question was never put. */
static bool is_refused(const struct answer *answer)
{
    return has_cause(answer, CAUSE_CONNECT, CAUSE_TLS);
}

/* There was a connection, but no whole reply. */
static bool is_broken(const struct answer *answer)
{
    return answer->status == 0 && has_cause(answer, CAUSE_RESET, CAUSE_TIMEOUT);
}

/* The best of all answers: a reply to one of them is a reply. */
static enum tidings tidings_of(const struct request *request, const struct answer *answers)
{
    enum tidings best = TIDINGS_REFUSED;
    if (request->status != 0)
        return TIDINGS_REPLY;
    for (size_t i = 0; i < request->count && best != TIDINGS_REPLY; i++) {
        if (is_broken(&answers[i]))
            best = TIDINGS_BROKEN;
        else if (!is_refused(&answers[i]))
            best = TIDINGS_REPLY;
    }
    return best;
}

static void tell_circuit(struct worker *worker, double now, const struct request *request,
                         const struct answer *answers)
{
    struct geocode_pool *pool = worker->pool;
    char why[160];
    const struct slice *detail = &answers[0].detail;
    switch (tidings_of(request, answers)) {
    case TIDINGS_REPLY:
        if (circuit_reply(pool->circuit, now, request->asked_at, request->probe))
            pool_wake_all(pool);
        break;
    case TIDINGS_BROKEN:
        circuit_broken(pool->circuit, request->probe);
        break;
    default:
        (void)snprintf(why, sizeof why, "%.*s", (int)detail->length,
                       detail->length > 0 ? detail->data : "");
        (void)circuit_refused(pool->circuit, now, request->probe,
                              why[0] != '\0' ? why : failure_cause_names[answers[0].cause]);
    }
}

static void tell_limiter(struct worker *worker, double now, const struct request *request,
                         const struct answer *answers)
{
    struct limiter *limiter = worker->pool->parts.limiter;
    bool failed = answers[0].kind == ANSWER_FAILED;
    if (request->retry_after > 0 || request->status == 429 || request->status == 503 ||
        (failed && answers[0].cause == CAUSE_HTTP_429)) /* some say it in the body alone */
        limiter_back_off(limiter, now, request->asked_at, request->retry_after, request->status);
    else if (!failed || !answers[0].transient)
        limiter_answered(limiter, now, request->asked_at);
}

/* A fault that may pass: the point is asked again while tries and budget last. */
static int take_transient(struct worker *worker, const struct question *question,
                          const struct answer *answer, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    if (question->tries >= pool->settings.retries)
        return is_broken(answer) ? retry_hold(worker, question, answer, err)
                                 : worker_settle(worker, question, answer, err);
    if (worker->retries.count >= RETRIES_WAITING && retry_is_unaffordable(worker))
        return worker_settle(worker, question, answer, err);
    return retry_push(worker, question, answer, err);
}

static int take_answer(struct worker *worker, const struct question *question,
                       const struct answer *answer, struct error *err)
{
    if (answer->kind != ANSWER_FAILED)
        return worker_settle(worker, question, answer, err);
    if (answer->cause == CAUSE_QUOTA || answer->cause == CAUSE_DENIED) {
        pool_halt(worker->pool, answer);
        return retry_return(worker, question, 0, err);
    }
    if (is_refused(answer))
        return retry_return(worker, question, 0.1, err);
    return answer->transient ? take_transient(worker, question, answer, err)
                             : worker_settle(worker, question, answer, err);
}

int take_answers(struct worker *worker, const struct request *request, const struct answer *answers,
                 struct error *err)
{
    double now = clock_monotonic();
    geocode_figures_note(worker->pool->parts.figures, now - request->asked_at, answers,
                         request->count);
    tell_circuit(worker, now, request, answers);
    tell_limiter(worker, now, request, answers);
    for (size_t i = 0; i < request->count; i++) {
        if (take_answer(worker, &request->questions[i], &answers[i], err) != 0)
            return -1;
    }
    return 0;
}
