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

uint32_t microseconds_between(double from, double to)
{
    double microseconds = (to - from) * 1e6 + 0.5;
    if (microseconds < 0)
        return 0;
    return microseconds < MEASURE_UNKNOWN ? (uint32_t)microseconds : MEASURE_UNKNOWN - 1;
}

/* Its points share a reply evenly; what is left over is the first one's. */
uint32_t part_of_reply(const struct request *request, size_t i)
{
    if (request->bytes == NO_BODY)
        return MEASURE_UNKNOWN;
    size_t part = request->bytes / request->count;
    if (i == 0)
        part += request->bytes % request->count;
    return part < MEASURE_UNKNOWN ? (uint32_t)part : MEASURE_UNKNOWN - 1;
}

/* What this try cost each point. */
static void take_costs(struct request *request, const struct answer *answers)
{
    uint32_t latency = microseconds_between(request->asked_at, request->done_at);
    uint32_t part = part_of_reply(request, 1);
    for (size_t i = 0; i < request->count; i++) {
        struct question *question = &request->questions[i];
        bool again = question->asked_first != request->asked_at;
        question->cost = (struct answer_measure){
            .latency_us = latency,
            .waited_us =
                again ? microseconds_between(question->asked_first, request->done_at) : latency,
            .bytes = i == 0 ? part_of_reply(request, 0) : part,
            .distance_cm = MEASURE_UNKNOWN,
            .status = answers[i].status,
        };
    }
}

int take_answers(struct worker *worker, struct request *request, const struct answer *answers,
                 struct error *err)
{
    double now = clock_monotonic();
    struct geocode_pool *pool = worker->pool;
    if (tell_everybody(pool->circuit, pool->parts.limiter, pool->parts.figures, now, request,
                       answers))
        pool_wake_all(pool);
    take_costs(request, answers);
    for (size_t i = 0; i < request->count; i++) {
        if (take_answer(worker, &request->questions[i], &answers[i], err) != 0)
            return -1;
    }
    return 0;
}
