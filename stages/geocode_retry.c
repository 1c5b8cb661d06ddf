#include "stages/geocode_internal.h"

#include <math.h>
#include <stdlib.h>

#define BACKOFF_FIRST 0.1 /* seconds */
#define BACKOFF_MOST 5.0

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

static double backoff(struct worker *worker, unsigned tries)
{
    double wait = ldexp(BACKOFF_FIRST, tries > 16 ? 16 : (int)tries - 1);
    if (wait > BACKOFF_MOST)
        wait = BACKOFF_MOST;
    return wait * (0.5 + random_share(&worker->random));
}

int retry_push(struct worker *worker, struct question question, struct error *err)
{
    if (worker->waiting == worker->retry_room) {
        size_t room = worker->retry_room == 0 ? 64 : worker->retry_room * 2;
        struct retry *more = realloc(worker->retries, room * sizeof *more);
        if (more == NULL)
            return error_memory(err, "points to ask again");
        worker->retries = more;
        worker->retry_room = room;
    }
    question.tries++;
    struct retry retry = {question, clock_monotonic() + backoff(worker, question.tries)};
    size_t at = worker->waiting++;
    while (at > 0 && worker->retries[(at - 1) / 2].due > retry.due) {
        worker->retries[at] = worker->retries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    worker->retries[at] = retry;
    return 0;
}

double retry_wait(const struct worker *worker)
{
    if (worker->waiting == 0)
        return INFINITY;
    double wait = worker->retries[0].due - clock_monotonic();
    return wait > 0 ? wait : 0;
}

size_t retry_due(const struct worker *worker, size_t limit)
{
    if (worker->waiting == 0)
        return 0;
    double now = clock_monotonic();
    size_t due = 0;
    for (size_t i = 0; i < worker->waiting && due < limit; i++)
        due += worker->retries[i].due <= now;
    return due;
}

struct question retry_pop(struct worker *worker)
{
    struct question first = worker->retries[0].question;
    struct retry last = worker->retries[--worker->waiting];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= worker->waiting)
            break;
        if (child + 1 < worker->waiting &&
            worker->retries[child + 1].due < worker->retries[child].due)
            child++;
        if (worker->retries[child].due >= last.due)
            break;
        worker->retries[at] = worker->retries[child];
        at = child;
    }
    worker->retries[at] = last;
    return first;
}
