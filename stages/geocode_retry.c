/* Points that wait to be asked again, that go back unasked, or whose last try broke.
 *
 * A try that broke (reset, time-out) may be the point's fault or the end of the geocoder. When it
 * was the last try that the point has, it is held until the circuit knows: after a reply to a
 * later question, or when for CIRCUIT_PATIENCE nothing shows the geocoder gone, or nothing is in
 * flight any more that could tell, the point has failed; when the circuit opens, the try does not
 * count. */
#include "stages/geocode_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST 0.1 /* seconds */
#define BACKOFF_MOST 5.0
#define NO_BUDGET_WAIT 0.05 /* until a look whether the budget has grown */
#define JUDGE_INTERVAL 0.01
#define NOBODY_TELLS 1.0 /* seconds */

/* --- heaps -------------------------------------------------------------------------- */

static int heap_push(struct retry_heap *heap, const struct retry *retry, struct error *err)
{
    if (heap->count == heap->room) {
        size_t room = heap->room == 0 ? 64 : heap->room * 2;
        struct retry *more = realloc(heap->items, room * sizeof *more);
        if (more == NULL)
            return error_memory(err, "points to ask again");
        heap->items = more;
        heap->room = room;
    }
    size_t at = heap->count++;
    while (at > 0 && heap->items[(at - 1) / 2].due > retry->due) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = *retry;
    return 0;
}

static struct retry heap_pop(struct retry_heap *heap)
{
    struct retry first = heap->items[0];
    struct retry last = heap->items[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->items[child + 1].due < heap->items[child].due)
            child++;
        if (heap->items[child].due >= last.due)
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = last;
    return first;
}

static size_t heap_due(const struct retry_heap *heap, size_t limit, double now)
{
    size_t due = 0;
    for (size_t i = 0; i < heap->count && due < limit; i++)
        due += heap->items[i].due <= now;
    return due;
}

static double heap_wait(const struct retry_heap *heap)
{
    if (heap->count == 0)
        return INFINITY;
    double wait = heap->items[0].due - clock_monotonic();
    return wait > 0 ? wait : 0;
}

static void heap_free(struct retry_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        free(heap->items[i].detail);
    free(heap->items);
    *heap = (struct retry_heap){0};
}

/* --- in ------------------------------------------------------------------------------- */

/* xorshift64* of S. Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static double random_share(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (double)((x * 0x2545F4914F6CDD1DULL) >> 11) * 0x1p-53;
}

/* Half as long to half as long again. */
static double jittered(struct worker *worker, double seconds)
{
    return seconds * (0.5 + random_share(&worker->random));
}

static double backoff(struct worker *worker, unsigned tries)
{
    double wait = ldexp(BACKOFF_FIRST, tries > 16 ? 16 : (int)tries - 1);
    return jittered(worker, wait > BACKOFF_MOST ? BACKOFF_MOST : wait);
}

static int push(struct retry_heap *heap, const struct question *question, double due,
                const struct answer *answer, struct error *err)
{
    struct retry retry = {.question = *question, .due = due};
    if (answer != NULL) {
        retry.cause = answer->cause;
        if (answer->detail.length > 0) {
            retry.detail = strndup(answer->detail.data, answer->detail.length);
            if (retry.detail == NULL)
                return error_memory(err, "points to ask again");
        }
    }
    if (heap_push(heap, &retry, err) == 0)
        return 0;
    free(retry.detail);
    return -1;
}

int retry_push(struct worker *worker, const struct question *question, const struct answer *answer,
               struct error *err)
{
    struct question again = *question;
    again.tries++;
    return push(&worker->retries, &again, clock_monotonic() + backoff(worker, again.tries), answer,
                err);
}

int retry_return(struct worker *worker, const struct question *question, double seconds,
                 struct error *err)
{
    if (push(&worker->returned, question, clock_monotonic() + jittered(worker, seconds), NULL,
             err) != 0)
        return -1;
    atomic_fetch_add(&worker->pool->unasked, 1);
    return 0;
}

int retry_hold(struct worker *worker, const struct question *question, const struct answer *answer,
               struct error *err)
{
    return push(&worker->held, question, clock_monotonic(), answer, err);
}

/* --- out ------------------------------------------------------------------------------ */

/* Settle a point as failed, by what it was answered last. The tries of a question are those before
 * the one that it is asked in; of a point that waits to be asked again they are all. */
static int settle(struct worker *worker, struct retry *retry, unsigned more_tries,
                  struct error *err)
{
    struct answer answer = {.kind = ANSWER_FAILED, .cause = retry->cause};
    if (retry->detail != NULL)
        answer.detail = (struct slice){retry->detail, (uint32_t)strlen(retry->detail)};
    retry->question.cost.waited_us =
        microseconds_between(retry->question.asked_first, clock_monotonic());
    retry->question.tries = (uint16_t)(retry->question.tries - more_tries);
    int result = worker_settle(worker, &retry->question, &answer, err);
    free(retry->detail);
    return result;
}

static enum circuit_verdict verdict(const struct worker *worker, double broke_at, double now)
{
    struct geocode_pool *pool = worker->pool;
    enum circuit_verdict found = circuit_verdict(pool->circuit, now, broke_at);
    if (found == CIRCUIT_UNKNOWN && now - broke_at >= NOBODY_TELLS &&
        atomic_load(&pool->parts.figures->in_flight) == 0)
        return CIRCUIT_ALIVE;
    return found;
}

int retry_judge(struct worker *worker, struct error *err)
{
    double now = clock_monotonic();
    if (worker->held.count == 0 || now - worker->judged_at < JUDGE_INTERVAL)
        return 0;
    worker->judged_at = now;
    while (worker->held.count > 0) {
        enum circuit_verdict found = verdict(worker, worker->held.items[0].due, now);
        if (found == CIRCUIT_UNKNOWN)
            return 0;
        struct retry retry = heap_pop(&worker->held);
        int result;
        if (found == CIRCUIT_ALIVE) {
            result = settle(worker, &retry, 0, err);
        } else {
            result = retry_return(worker, &retry.question, BACKOFF_FIRST, err);
            free(retry.detail);
        }
        if (result != 0)
            return -1;
    }
    return 0;
}

int retry_give_up(struct worker *worker, struct error *err)
{
    while (worker->retries.count > 0) {
        struct retry retry = heap_pop(&worker->retries);
        if (settle(worker, &retry, 1, err) != 0)
            return -1;
    }
    return 0;
}

bool retry_is_unaffordable(const struct worker *worker)
{
    return retry_budget_left(&worker->pool->budget) == 0 &&
           !circuit_look(worker->pool->circuit).open;
}

bool retry_is_full(const struct worker *worker)
{
    size_t most = RETRIES_WAITING + 4 * (size_t)worker->transport->points;
    size_t waiting = worker->returned.count + worker->held.count;
    if (retry_budget_left(&worker->pool->budget) > 0)
        waiting += worker->retries.count;
    return waiting >= most;
}

size_t retry_ready(const struct worker *worker, size_t limit)
{
    if (worker->returned.count == 0 && worker->retries.count == 0)
        return 0;
    double now = clock_monotonic();
    size_t ready = heap_due(&worker->returned, limit, now);
    uint64_t left = retry_budget_left(&worker->pool->budget);
    size_t more = limit - ready < left ? limit - ready : (size_t)left;
    return ready + heap_due(&worker->retries, more, now);
}

double retry_wait(const struct worker *worker)
{
    double wait = heap_wait(&worker->retries);
    if (wait < NO_BUDGET_WAIT && retry_budget_left(&worker->pool->budget) == 0)
        wait = NO_BUDGET_WAIT;
    return fmin(wait, heap_wait(&worker->returned));
}

size_t retry_take(struct worker *worker, struct question *questions, size_t limit)
{
    if (worker->returned.count == 0 && worker->retries.count == 0)
        return 0;
    double now = clock_monotonic();
    struct geocode_pool *pool = worker->pool;
    size_t unasked = heap_due(&worker->returned, limit, now);
    size_t again =
        retry_budget_take(&pool->budget, heap_due(&worker->retries, limit - unasked, now));
    size_t used = 0;
    while (used < unasked)
        questions[used++] = heap_pop(&worker->returned).question;
    while (used < unasked + again) {
        struct retry retry = heap_pop(&worker->retries);
        questions[used++] = retry.question;
        free(retry.detail);
    }
    atomic_fetch_sub(&pool->unasked, (int64_t)unasked);
    atomic_fetch_add_explicit(&pool->parts.figures->retried, again, memory_order_relaxed);
    return used;
}

void retry_forget(struct worker *worker)
{
    atomic_fetch_sub(&worker->pool->unasked, (int64_t)worker->returned.count);
    heap_free(&worker->retries);
    heap_free(&worker->returned);
    heap_free(&worker->held);
}
