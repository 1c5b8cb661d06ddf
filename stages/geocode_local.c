/* The transport to providers that answer on the calling thread. One with a latency stands in for a
 * distant geocoder: its requests are answered when their time is up. */
#include "stages/geocode_internal.h"

#include <stdlib.h>

struct local_transport;

/* One request in flight to a provider with a latency. */
struct slot {
    uv_timer_t timer;
    struct local_transport *local;
    struct request *request; /* NULL: the slot is free */
    struct slot *next;       /* in the list of all */
    struct slot *next_free;
};

struct local_transport {
    struct transport transport; /* first: start, cancel and close get a pointer to it */
    uv_loop_t *loop;
    const struct geocoder *geocoder;
    void *session;
    struct answer *answers; /* transport.points of them */
    struct slot *slots;
    struct slot *free_slots;
    transport_done *done;
    void *context;
};

static void answer_request(struct local_transport *local, struct request *request)
{
    struct error err;
    int result = local->geocoder->provider->answer(local->session, request->points, request->count,
                                                   local->answers, &err);
    request->status = result == 0 ? local->answers[0].status : 0;
    request->done_at = clock_monotonic();
    request->bytes = NO_BODY;
    local->done(local->context, request, result == 0 ? local->answers : NULL, &err);
}

static void time_is_up(uv_timer_t *timer)
{
    struct slot *slot = timer->data;
    struct local_transport *local = slot->local;
    struct request *request = slot->request;
    slot->request = NULL;
    slot->next_free = local->free_slots;
    local->free_slots = slot;
    answer_request(local, request);
}

static struct slot *take_slot(struct local_transport *local)
{
    struct slot *slot = local->free_slots;
    if (slot != NULL) {
        local->free_slots = slot->next_free;
        return slot;
    }
    slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    (void)uv_timer_init(local->loop, &slot->timer);
    slot->timer.data = slot;
    slot->local = local;
    slot->next = local->slots;
    local->slots = slot;
    return slot;
}

static int local_start(struct transport *transport, struct request *request, struct error *err)
{
    struct local_transport *local = (struct local_transport *)transport;
    const struct geocoder_provider *provider = local->geocoder->provider;
    unsigned latency = 0;
    if (!transport->immediate)
        latency = provider->latency(local->session, request->points, request->count);
    if (latency == 0) {
        answer_request(local, request);
        return 0;
    }
    struct slot *slot = take_slot(local);
    if (slot == NULL)
        return error_memory(err, "a request");
    slot->request = request;
    uv_update_time(local->loop);
    (void)uv_timer_start(&slot->timer, time_is_up, latency, 0);
    return 0;
}

static void local_cancel(struct transport *transport)
{
    struct local_transport *local = (struct local_transport *)transport;
    for (struct slot *slot = local->slots; slot != NULL; slot = slot->next) {
        if (slot->request == NULL)
            continue;
        (void)uv_timer_stop(&slot->timer);
        slot->request = NULL;
        slot->next_free = local->free_slots;
        local->free_slots = slot;
    }
}

static void free_slot(uv_handle_t *handle)
{
    free(handle->data);
}

static void local_close(struct transport *transport)
{
    struct local_transport *local = (struct local_transport *)transport;
    for (struct slot *slot = local->slots, *next; slot != NULL; slot = next) {
        next = slot->next;
        uv_close((uv_handle_t *)&slot->timer, free_slot);
    }
    if (local->session != NULL)
        local->geocoder->provider->session_close(local->session);
    free(local->answers);
    free(local);
}

/* Without a latency a request costs nothing but a call: ask for many points at a time. */
static unsigned request_points(const struct geocoder_provider *provider, unsigned batch)
{
    return provider->latency == NULL ? GEOCODE_LOCAL_CHUNK : geocoder_batch(provider, batch);
}

int transport_local_open(struct transport **out, uv_loop_t *loop, const struct geocoder *geocoder,
                         unsigned batch, transport_done *done, void *context, struct error *err)
{
    struct local_transport *local = calloc(1, sizeof *local);
    if (local == NULL)
        return error_memory(err, "a worker");
    local->transport = (struct transport){
        .start = local_start,
        .cancel = local_cancel,
        .close = local_close,
        .immediate = geocoder->provider->latency == NULL,
        .points = request_points(geocoder->provider, batch),
    };
    local->loop = loop;
    local->geocoder = geocoder;
    local->done = done;
    local->context = context;
    local->answers = calloc(local->transport.points, sizeof *local->answers);
    if (local->answers == NULL) {
        free(local);
        return error_memory(err, "a worker");
    }
    if (geocoder->provider->session_open(geocoder->state, &local->session, err) != 0) {
        free(local->answers);
        free(local);
        return -1;
    }
    *out = &local->transport;
    return 0;
}
