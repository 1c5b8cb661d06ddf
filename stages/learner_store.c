/* Answers become learned points: in groups, each one commit, on a thread of libuv's pool so that a
 * slow disk holds up neither replies nor waiters. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stages/learner_internal.h"

#define COMPLAINT_SECONDS 60.0
#define PAUSE_SECONDS                                                                              \
    1.0 /* after a commit that failed: answers that can't be kept are not asked                    \
         */

static size_t text_bytes(const struct address *address)
{
    size_t bytes = 0;
    for (int field = 0; field < FIELD_COUNT; field++) {
        if (address->field[field].length > FIELD_BYTES_LIMIT)
            return SIZE_MAX;
        bytes += address->field[field].length;
    }
    return bytes;
}

static int copy_address(struct flight *flight, const struct address *address)
{
    size_t bytes = text_bytes(address);
    char *text = bytes == SIZE_MAX ? NULL : malloc(bytes + 1);
    if (text == NULL)
        return -1;
    flight->text = text;
    for (int field = 0; field < FIELD_COUNT; field++) {
        struct slice from = address->field[field];
        if (from.length > 0)
            memcpy(text, from.data, from.length);
        flight->entry.address.field[field] = (struct slice){text, from.length};
        text += from.length;
    }
    return 0;
}

int learner_keep(struct learner *learner, struct flight *flight, const struct address *address)
{
    enum outcome outcome = flight->was_empty ? OUTCOME_NONE : OUTCOME_UNSURE;
    if (address != NULL)
        outcome = OUTCOME_FOUND;
    flight->entry =
        (struct entry){.point = flight->point, .outcome = outcome, .refreshed_at = clock_unix()};
    if (address != NULL && copy_address(flight, address) != 0)
        return -1;
    list_append(&learner->answered, flight);
    return 0;
}

static void commit(uv_work_t *work)
{
    struct learner *learner = work->data;
    learner->store_result = learned_put(learner->settings.learned, learner->storing_entries,
                                        learner->storing.count, &learner->store_error);
}

static void complain(struct learner *learner)
{
    double now = clock_monotonic();
    learner_halt(learner, PAUSE_SECONDS);
    if (learner->complained_at != 0 && now - learner->complained_at < COMPLAINT_SECONDS)
        return;
    learner->complained_at = now;
    learner_event(learner, 0, "learned_not_stored", "error=\"%s\"", learner->store_error.message);
}

static void end_group(struct learner *learner, bool stored)
{
    struct flight *flight;
    free(learner->storing_entries);
    learner->storing_entries = NULL;
    while ((flight = list_take(&learner->storing)) != NULL) {
        enum outcome outcome = flight->entry.outcome;
        if (!stored)
            flight_end(learner, flight, FETCH_FAILED, true);
        else
            flight_end(learner, flight, outcome == OUTCOME_FOUND ? FETCH_LEARNED : FETCH_NONE,
                       outcome == OUTCOME_UNSURE);
    }
}

static void committed(uv_work_t *work, int status)
{
    struct learner *learner = work->data;
    bool stored = status == 0 && learner->store_result == 0;
    learner->store_running = false;
    if (!stored) {
        if (status != 0)
            error_set(&learner->store_error, ERROR_CANCELED, "the commit was given up");
        complain(learner);
    }
    end_group(learner, stored);
    learner_stir(learner);
}

void learner_store(struct learner *learner)
{
    if (learner->store_running || learner->answered.count == 0)
        return;
    learner->storing = learner->answered;
    learner->answered = (struct flight_list){0};
    learner->storing_entries = calloc(learner->storing.count, sizeof *learner->storing_entries);
    size_t i = 0;
    if (learner->storing_entries != NULL)
        for (struct flight *flight = learner->storing.first; flight != NULL; flight = flight->next)
            learner->storing_entries[i++] = flight->entry;
    learner->store_work.data = learner;
    if (learner->storing_entries == NULL ||
        uv_queue_work(&learner->loop, &learner->store_work, commit, committed) != 0) {
        error_memory(&learner->store_error, "learned points");
        complain(learner);
        end_group(learner, false);
        return;
    }
    learner->store_running = true;
}
