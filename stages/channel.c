#include "stages/channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct channel {
    pthread_mutex_t mutex;
    pthread_cond_t room;    /* a batch was taken, or the channel closed */
    pthread_cond_t arrival; /* a batch came, or the channel closed; monotonic clock */
    size_t limit;
    size_t bytes_limit;
    size_t first; /* position of the oldest batch */
    size_t count;
    size_t bytes;
    bool closed;
    struct answer_batch *batch[]; /* a ring of `limit` */
};

static int make_conditions(struct channel *channel)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    int result = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (result == 0)
        result = pthread_cond_init(&channel->arrival, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (result != 0)
        return -1;
    if (pthread_cond_init(&channel->room, NULL) == 0)
        return 0;
    (void)pthread_cond_destroy(&channel->arrival);
    return -1;
}

int channel_create(struct channel **out, size_t batches, size_t bytes, struct error *err)
{
    size_t limit = batches < 1 ? 1 : batches;
    struct channel *channel = calloc(1, sizeof *channel + limit * sizeof channel->batch[0]);
    if (channel == NULL || pthread_mutex_init(&channel->mutex, NULL) != 0) {
        free(channel);
        return error_memory(err, "the channel");
    }
    if (make_conditions(channel) != 0) {
        (void)pthread_mutex_destroy(&channel->mutex);
        free(channel);
        return error_memory(err, "the channel");
    }
    channel->limit = limit;
    channel->bytes_limit = bytes;
    *out = channel;
    return 0;
}

void channel_free(struct channel *channel)
{
    if (channel == NULL)
        return;
    for (size_t i = 0; i < channel->count; i++)
        answer_batch_free(channel->batch[(channel->first + i) % channel->limit]);
    (void)pthread_cond_destroy(&channel->room);
    (void)pthread_cond_destroy(&channel->arrival);
    (void)pthread_mutex_destroy(&channel->mutex);
    free(channel);
}

/* An empty channel takes a batch of any size. */
static bool has_room(const struct channel *channel, size_t bytes)
{
    return channel->count == 0 ||
           (channel->count < channel->limit && channel->bytes + bytes <= channel->bytes_limit);
}

int channel_push(struct channel *channel, struct answer_batch *batch, struct error *err)
{
    size_t bytes = answer_batch_bytes(batch).length;
    (void)pthread_mutex_lock(&channel->mutex);
    while (!channel->closed && !has_room(channel, bytes))
        (void)pthread_cond_wait(&channel->room, &channel->mutex);
    bool closed = channel->closed;
    if (!closed) {
        channel->batch[(channel->first + channel->count) % channel->limit] = batch;
        channel->count++;
        channel->bytes += bytes;
        (void)pthread_cond_signal(&channel->arrival);
    }
    (void)pthread_mutex_unlock(&channel->mutex);
    return closed ? error_set(err, ERROR_CANCELED, "the writer takes no more answers") : 0;
}

static struct timespec moment_after(double seconds)
{
    struct timespec moment;
    (void)clock_gettime(CLOCK_MONOTONIC, &moment);
    if (seconds > 1e6)
        seconds = 1e6;
    time_t whole = (time_t)seconds;
    moment.tv_sec += whole;
    moment.tv_nsec += (long)((seconds - (double)whole) * 1e9);
    if (moment.tv_nsec >= 1000000000) {
        moment.tv_nsec -= 1000000000;
        moment.tv_sec++;
    }
    return moment;
}

int channel_pop(struct channel *channel, double seconds, struct answer_batch **out)
{
    int result = 0;
    (void)pthread_mutex_lock(&channel->mutex);
    if (channel->count == 0 && !channel->closed && seconds > 0) {
        struct timespec until = moment_after(seconds);
        while (channel->count == 0 && !channel->closed)
            if (pthread_cond_timedwait(&channel->arrival, &channel->mutex, &until) == ETIMEDOUT)
                break;
    }
    if (channel->count > 0) {
        struct answer_batch *batch = channel->batch[channel->first];
        channel->first = (channel->first + 1) % channel->limit;
        channel->count--;
        channel->bytes -= answer_batch_bytes(batch).length;
        (void)pthread_cond_broadcast(&channel->room);
        *out = batch;
        result = 1;
    } else if (channel->closed) {
        result = -1;
    }
    (void)pthread_mutex_unlock(&channel->mutex);
    return result;
}

void channel_close(struct channel *channel)
{
    (void)pthread_mutex_lock(&channel->mutex);
    channel->closed = true;
    (void)pthread_cond_broadcast(&channel->room);
    (void)pthread_cond_broadcast(&channel->arrival);
    (void)pthread_mutex_unlock(&channel->mutex);
}

size_t channel_length(const struct channel *channel)
{
    struct channel *own = (struct channel *)channel; /* only its mutex changes */
    (void)pthread_mutex_lock(&own->mutex);
    size_t count = own->count;
    (void)pthread_mutex_unlock(&own->mutex);
    return count;
}
