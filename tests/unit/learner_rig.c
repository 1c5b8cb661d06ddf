#include "tests/unit/learner_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/patience.h"

static struct learner_rig *current;

struct point learner_point(unsigned number)
{
    return (struct point){(int32_t)number * 10000, 77};
}

static unsigned number_of(struct point point)
{
    return (unsigned)point.lat / 10000;
}

/* --- the geocoder --------------------------------------------------------------------------- */

struct session {
    char text[100][40];
};

static int session_open(void *state, void **session, struct error *err)
{
    (void)state;
    *session = calloc(1, sizeof(struct session));
    return *session != NULL ? 0 : error_memory(err, "a session");
}

static void fail_point(enum learner_mood mood, struct answer *answer)
{
    static const struct {
        enum failure_cause cause;
        uint16_t status;
        bool transient;
    } faults[] = {
        [MOOD_BROKEN] = {CAUSE_HTTP_5XX, 500, true}, [MOOD_FLAKY] = {CAUSE_HTTP_5XX, 500, true},
        [MOOD_WRONG] = {CAUSE_HTTP_4XX, 400, false}, [MOOD_REFUSED] = {CAUSE_CONNECT, 0, true},
        [MOOD_QUOTA] = {CAUSE_QUOTA, 402, true},     [MOOD_BUSY] = {CAUSE_HTTP_429, 429, true},
    };
    *answer = (struct answer){.kind = ANSWER_FAILED,
                              .cause = faults[mood].cause,
                              .status = faults[mood].status,
                              .transient = faults[mood].transient,
                              .detail = {"told to", 7}};
}

static void answer_point(struct session *session, size_t place, unsigned number,
                         struct answer *answer)
{
    enum learner_mood mood = (enum learner_mood)atomic_load(&current->mood);
    unsigned before = atomic_fetch_add(&current->asked[number], 1);
    *answer = (struct answer){.kind = ANSWER_EMPTY, .status = 200};
    if (mood == MOOD_EMPTY)
        return;
    if (mood != MOOD_FOUND && (mood != MOOD_FLAKY || before == 0)) {
        fail_point(mood, answer);
        return;
    }
    int length = snprintf(session->text[place], sizeof session->text[place], "Street %u", number);
    answer->kind = ANSWER_FOUND;
    answer->address.field[FIELD_STREET] = (struct slice){session->text[place], (uint32_t)length};
    answer->address.field[FIELD_COUNTRYCODE] = (struct slice){"xy", 2};
}

static int answer(void *session, const struct point *points, size_t count, struct answer *answers,
                  struct error *err)
{
    (void)err;
    atomic_fetch_add(&current->requests, 1);
    if (count > atomic_load(&current->largest_request))
        atomic_store(&current->largest_request, (unsigned)count);
    for (size_t i = 0; i < count; i++)
        answer_point(session, i, number_of(points[i]), &answers[i]);
    return 0;
}

static unsigned latency(void *session, const struct point *points, size_t count)
{
    (void)session;
    (void)points;
    (void)count;
    return atomic_load(&current->latency_ms);
}

static void close_state(void *state)
{
    (void)state;
}

static const struct geocoder_provider distant = {
    .name = "rig",
    .largest_batch = 100,
    .close = close_state,
    .session_open = session_open,
    .session_close = free,
    .answer = answer,
    .latency = latency,
};

static int open_geocoder(struct geocoder **out, const struct geocoder_settings *settings,
                         struct error *err)
{
    (void)settings;
    struct geocoder *geocoder = calloc(1, sizeof *geocoder);
    if (geocoder == NULL)
        return error_memory(err, "the geocoder");
    geocoder->provider = &distant;
    *out = geocoder;
    return 0;
}

/* --- the rig ---------------------------------------------------------------------------------- */

static void on_event(void *context, int level, const char *name, const char *text)
{
    struct learner_rig *rig = context;
    if (getenv("RIG_EVENTS") != NULL)
        fprintf(stderr, "%d %s %s\n", level, name, text);
    (void)snprintf(rig->event, sizeof rig->event, "%s", name);
    if (level <= 1)
        atomic_fetch_add(&rig->events, 1);
}

void learner_rig_begin(struct learner_rig *rig)
{
    struct error err = {0};
    if (learner_open(&rig->learner, &rig->settings, &err) != 0)
        fail_msg("%s", err.message);
}

void learner_rig_open(struct learner_rig *rig, unsigned latency_ms, unsigned batch)
{
    memset(rig, 0, sizeof *rig);
    current = rig;
    learned_rig_open(&rig->table);
    rig->limiter = limiter_create();
    assert_non_null(rig->limiter);
    atomic_store(&rig->latency_ms, latency_ms);
    rig->settings = (struct learner_settings){
        .geocoder = {.provider = "rig", .batch = batch},
        .retries = 2,
        .concurrency = 8,
        .learned = rig->table.learned,
        .limiter = rig->limiter,
        .event = on_event,
        .context = rig,
        .open_geocoder = open_geocoder,
    };
    learner_rig_begin(rig);
}

void learner_rig_close(struct learner_rig *rig)
{
    learner_close(rig->learner);
    limiter_free(rig->limiter);
    learned_rig_close(&rig->table);
    current = NULL;
}

static void done(struct learner_waiter *waiter, enum fetch_result result)
{
    struct learner_wait *wait = (struct learner_wait *)waiter;
    wait->ended_at = clock_monotonic();
    if (atomic_exchange(&wait->result, (int)result) != -1)
        abort(); /* told twice */
}

void learner_wait_begin(struct learner_rig *rig, struct learner_wait *wait, unsigned number,
                        double timeout)
{
    wait->waiter = (struct learner_waiter){
        .point = learner_point(number), .timeout = timeout, .done = done, .context = rig};
    atomic_store(&wait->result, -1);
    learner_fetch(rig->learner, &wait->waiter);
}

enum fetch_result learner_wait_end(struct learner_wait *wait)
{
    double end = clock_monotonic() + PATIENCE;
    while (atomic_load(&wait->result) == -1) {
        if (clock_monotonic() > end)
            fail_msg("a waiter was not told");
        usleep(200);
    }
    return (enum fetch_result)atomic_load(&wait->result);
}

enum fetch_result learner_rig_fetch(struct learner_rig *rig, unsigned number, double timeout)
{
    struct learner_wait wait;
    learner_wait_begin(rig, &wait, number, timeout);
    return learner_wait_end(&wait);
}

enum outcome learner_rig_outcome(struct learner_rig *rig, unsigned number)
{
    struct entry entry;
    struct error err;
    if (learned_begin(rig->table.reader, &err) != 0)
        fail_msg("%s", err.message);
    int found = learned_at(rig->table.reader, learner_point(number), &entry, NULL);
    enum outcome outcome = found == 1 ? entry.outcome : OUTCOME_COUNT;
    learned_end(rig->table.reader);
    return outcome;
}

void learner_rig_settle(struct learner_rig *rig)
{
    double end = clock_monotonic() + PATIENCE;
    while (learner_pending(rig->learner) > 0) {
        if (clock_monotonic() > end)
            fail_msg("something is pending");
        usleep(500);
    }
}
