/* What becomes of the points of a request that is done. */
#include "stages/geocode_internal.h"

/* A fault that may pass: the point is asked again while tries and budget last. */
static int take_transient(struct worker *worker, const struct question *question,
                          const struct answer *answer, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    if (question->tries >= pool->settings.retries)
        return answer_is_broken(answer) ? retry_hold(worker, question, answer, err)
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
    if (answer_is_refused(answer))
        return retry_return(worker, question, 0.1, err);
    return answer->transient ? take_transient(worker, question, answer, err)
                             : worker_settle(worker, question, answer, err);
}

int take_answers(struct worker *worker, const struct request *request, const struct answer *answers,
                 struct error *err)
{
    double now = clock_monotonic();
    struct geocode_pool *pool = worker->pool;
    if (tell_everybody(pool->circuit, pool->parts.limiter, pool->parts.figures, now, request,
                       answers))
        pool_wake_all(pool);
    for (size_t i = 0; i < request->count; i++) {
        if (take_answer(worker, &request->questions[i], &answers[i], err) != 0)
            return -1;
    }
    return 0;
}
