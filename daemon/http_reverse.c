/* The route /reverse: a question out of the parameters, a lookup. */
#include "base/clock.h"
#include "daemon/http_routes.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/reverse.h"

struct reading {
    struct reverse_parser parser;
    struct error err;
    bool wrong;
};

static bool read_parameter(void *context, const char *name, const char *value)
{
    struct reading *reading = context;
    reading->wrong = reverse_question_set(&reading->parser, name, value, &reading->err) != 0;
    return !reading->wrong;
}

/* Whether the parameters make a question; when not, the reply says why. */
static bool read_question(const struct http_call *call, struct reverse_question *question,
                          struct http_reply *reply)
{
    struct reading reading = {.wrong = false};
    reverse_question_begin(&reading.parser);
    http_parameters(call, read_parameter, &reading);
    if (!reading.wrong && reverse_question_end(&reading.parser, &reading.err) == 0) {
        *question = reading.parser.question;
        return true;
    }
    reply->status = 400;
    (void)reverse_print_error(reply->status, reading.err.message, &reply->body, NULL);
    return false;
}

static void fail(struct http_reply *reply, const struct error *err)
{
    log_failure(LOG_LEVEL_ERROR, "lookup_failed", err);
    buffer_clear(&reply->body);
    reply->status = 500;
    (void)reverse_print_error(reply->status, "The lookup failed; refreshd's log says why",
                              &reply->body, NULL);
}

/* Look once, and print what is there: the lookup's result, METRICS_ERROR when it failed. *known: a
 * miss because there is known to be no address. */
static enum metrics_result look(const struct http_call *call,
                                const struct reverse_question *question, struct http_reply *reply,
                                bool *known)
{
    struct error err;
    struct lookup_found found;
    struct lookup_reader *reader = http_desk(call)->lookups;
    double radius =
        atomic_load_explicit(&http_services(call)->limits->radius, memory_order_relaxed);
    enum metrics_result result = METRICS_ERROR;
    if (lookup_find(reader, question->point, radius, &found, &err) != 0) {
        fail(reply, &err);
    } else if (found.result == LOOKUP_HIT) {
        if (reverse_print(question, &found.entry, found.distance, &reply->body, &err) == 0)
            result = METRICS_HIT;
        else
            fail(reply, &err);
    } else {
        result = METRICS_MISS;
        *known = found.result == LOOKUP_KNOWN;
    }
    lookup_end(reader);
    return result;
}

/* --- misses ------------------------------------------------------------------------------- */

/* What a call remembers while the geocoder is asked. */
struct fetching {
    struct learner_waiter waiter;
    bool asked;
};
_Static_assert(sizeof(struct fetching) <= HTTP_STATE_BYTES,
               "a call has room for what it waits for");

static void fetched(struct learner_waiter *waiter, enum fetch_result result)
{
    (void)result;
    http_resume(waiter->context);
}

/* Whether the geocoder is asked for what nobody knows yet. */
static bool fetch(struct http_call *call, struct point point, double looked_at)
{
    const struct http_services *services = http_services(call);
    struct fetching *fetching = http_state(call);
    if (services->learner == NULL || fetching->asked || !atomic_load(&services->limits->fetch))
        return false;
    fetching->asked = true;
    fetching->waiter = (struct learner_waiter){
        .point = point,
        .timeout = atomic_load(&services->limits->fetch_timeout),
        .looked_at = looked_at,
        .done = fetched,
        .context = call,
    };
    learner_fetch(services->learner, &fetching->waiter);
    return true;
}

/* A lookup that waited for the geocoder is counted once, as the miss that it was. */
enum http_next http_route_reverse(struct http_call *call, struct http_reply *reply)
{
    struct reverse_question question;
    bool known = false;
    if (!read_question(call, &question, reply))
        return HTTP_REPLY;
    const struct fetching *fetching = http_state(call);
    bool asked = fetching->asked;
    double began = clock_monotonic();
    enum metrics_result result = look(call, &question, reply, &known);
    if (!asked)
        metrics_lookup(http_desk(call)->metrics, result, clock_monotonic() - began);
    if (result != METRICS_MISS)
        return HTTP_REPLY;
    if (!known && fetch(call, question.point, began))
        return HTTP_WAIT;
    (void)reverse_print_miss(&reply->body, NULL);
    return HTTP_REPLY;
}
