/* What everybody who asks the geocoder learns of a request that is done. */
#include "stages/geocode_internal.h"

#include <stdio.h>

enum tidings { TIDINGS_REPLY, TIDINGS_BROKEN, TIDINGS_REFUSED };

static bool has_cause(const struct answer *answer, enum failure_cause one, enum failure_cause other)
{
    return answer->kind == ANSWER_FAILED && (answer->cause == one || answer->cause == other);
}

bool answer_is_refused(const struct answer *answer)
{
    return has_cause(answer, CAUSE_CONNECT, CAUSE_TLS);
}

bool answer_is_broken(const struct answer *answer)
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
        if (answer_is_broken(&answers[i]))
            best = TIDINGS_BROKEN;
        else if (!answer_is_refused(&answers[i]))
            best = TIDINGS_REPLY;
    }
    return best;
}

static bool tell_circuit(struct circuit *circuit, double now, const struct request *request,
                         const struct answer *answers)
{
    char why[160];
    const struct slice *detail = &answers[0].detail;
    switch (tidings_of(request, answers)) {
    case TIDINGS_REPLY:
        return circuit_reply(circuit, now, request->asked_at, request->probe);
    case TIDINGS_BROKEN:
        circuit_broken(circuit, request->probe);
        return false;
    default:
        (void)snprintf(why, sizeof why, "%.*s", (int)detail->length,
                       detail->length > 0 ? detail->data : "");
        (void)circuit_refused(circuit, now, request->probe,
                              why[0] != '\0' ? why : failure_cause_names[answers[0].cause]);
        return false;
    }
}

static void tell_limiter(struct limiter *limiter, double now, const struct request *request,
                         const struct answer *answers)
{
    bool failed = answers[0].kind == ANSWER_FAILED;
    if (request->retry_after > 0 || request->status == 429 || request->status == 503 ||
        (failed && answers[0].cause == CAUSE_HTTP_429)) /* some say it in the body alone */
        limiter_back_off(limiter, now, request->asked_at, request->retry_after, request->status);
    else if (!failed || !answers[0].transient)
        limiter_answered(limiter, now, request->asked_at);
}

bool tell_everybody(struct circuit *circuit, struct limiter *limiter,
                    struct geocode_figures *figures, double now, const struct request *request,
                    const struct answer *answers)
{
    if (figures != NULL)
        geocode_figures_note(figures, now - request->asked_at, answers, request->count);
    bool closed = tell_circuit(circuit, now, request, answers);
    tell_limiter(limiter, now, request, answers);
    return closed;
}
