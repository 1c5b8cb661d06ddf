#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stages/channel.h"
#include "tests/unit/patience.h"

static struct answer_batch *make_batch(uint32_t share, uint32_t rows)
{
    struct answer_batch *batch;
    if (answer_batch_create(&batch, share, NULL) != 0)
        abort();
    for (uint32_t i = 0; i < rows; i++) {
        struct settled_answer answer = {.ordinal = i, .settled = SETTLED_NONE};
        if (answer_batch_add(batch, &answer, NULL) != 0)
            abort();
    }
    if (answer_batch_seal(batch, NULL) != 0)
        abort();
    return batch;
}

static struct channel *make_channel(size_t batches, size_t bytes)
{
    struct channel *channel;
    assert_int_equal(channel_create(&channel, batches, bytes, NULL), 0);
    return channel;
}

static void push(struct channel *channel, uint32_t share)
{
    assert_int_equal(channel_push(channel, make_batch(share, 1), NULL), 0);
}

/* The share of the next batch, or -1 - the result of channel_pop. */
static int pop(struct channel *channel)
{
    struct answer_batch *batch = NULL;
    int result = channel_pop(channel, 0, &batch);
    if (result != 1)
        return -1 + result;
    int share = (int)answer_batch_share(batch);
    answer_batch_free(batch);
    return share;
}

static void batches_come_in_the_order_of_pushing(void **state)
{
    (void)state;
    struct channel *channel = make_channel(3, 1 << 20);
    for (uint32_t round = 0; round < 10; round++) {
        push(channel, round);
        push(channel, round + 100);
        assert_int_equal(channel_length(channel), 2);
        assert_int_equal(pop(channel), (int)round);
        assert_int_equal(pop(channel), (int)round + 100);
        assert_int_equal(pop(channel), -1);
    }
    push(channel, 1);
    channel_free(channel);
}

static void closing_drains_and_refuses(void **state)
{
    (void)state;
    struct error err;
    struct channel *channel = make_channel(3, 1 << 20);
    push(channel, 5);
    channel_close(channel);
    struct answer_batch *batch = make_batch(6, 1);
    assert_int_equal(channel_push(channel, batch, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    answer_batch_free(batch);
    assert_int_equal(pop(channel), 5);
    assert_int_equal(pop(channel), -2);
    channel_free(channel);
}

static void pop_waits_no_longer_than_told(void **state)
{
    (void)state;
    struct answer_batch *batch = NULL;
    struct channel *channel = make_channel(1, 1);
    double start = clock_monotonic();
    assert_int_equal(channel_pop(channel, 0.05, &batch), 0);
    double took = clock_monotonic() - start;
    assert_true(took > 0.04 && took < PATIENCE);
    assert_null(batch);
    channel_free(channel);
}

struct pusher {
    struct channel *channel;
    uint32_t share;
    uint32_t rows;
    _Atomic int result; /* 2 while pushing */
};

static void *push_one(void *argument)
{
    struct pusher *pusher = argument;
    struct answer_batch *batch = make_batch(pusher->share, pusher->rows);
    int result = channel_push(pusher->channel, batch, NULL);
    if (result != 0)
        answer_batch_free(batch);
    atomic_store(&pusher->result, result);
    return NULL;
}

static void wait_for_length(struct channel *channel, size_t length)
{
    double end = clock_monotonic() + PATIENCE;
    while (channel_length(channel) != length && clock_monotonic() < end)
        sched_yield();
    assert_int_equal(channel_length(channel), length);
}

/* Start a push that has to wait. */
static pthread_t start_push(struct pusher *pusher)
{
    pthread_t thread;
    atomic_store(&pusher->result, 2);
    assert_int_equal(pthread_create(&thread, NULL, push_one, pusher), 0);
    struct timespec moment = {0, 30000000};
    (void)nanosleep(&moment, NULL);
    assert_int_equal(atomic_load(&pusher->result), 2);
    return thread;
}

static void a_full_channel_makes_the_worker_wait(void **state)
{
    (void)state;
    struct channel *channel = make_channel(2, 1 << 20);
    push(channel, 1);
    push(channel, 2);
    struct pusher pusher = {.channel = channel, .share = 3, .rows = 1};
    pthread_t thread = start_push(&pusher);
    assert_int_equal(channel_length(channel), 2);
    assert_int_equal(pop(channel), 1);
    wait_for_length(channel, 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pusher.result, 0);
    channel_free(channel);
}

static void bytes_are_bounded_too(void **state)
{
    (void)state;
    struct channel *channel = make_channel(100, 1000);
    assert_int_equal(channel_push(channel, make_batch(1, 5000), NULL), 0);
    struct pusher pusher = {.channel = channel, .share = 2, .rows = 1};
    pthread_t thread = start_push(&pusher);
    assert_int_equal(pop(channel), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pop(channel), 2);
    channel_free(channel);
}

static void closing_wakes_a_waiting_worker(void **state)
{
    (void)state;
    struct channel *channel = make_channel(1, 1 << 20);
    push(channel, 1);
    struct pusher pusher = {.channel = channel, .share = 2, .rows = 1};
    pthread_t thread = start_push(&pusher);
    channel_close(channel);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pusher.result, -1);
    channel_free(channel);
}

enum { PRODUCERS = 8, BATCHES = 500 };

static void *produce(void *argument)
{
    struct pusher *pusher = argument;
    for (uint32_t i = 0; i < BATCHES; i++)
        if (channel_push(pusher->channel, make_batch(pusher->share * BATCHES + i, 1 + i % 50),
                         NULL) != 0)
            abort();
    return NULL;
}

static void many_producers_lose_nothing(void **state)
{
    (void)state;
    struct channel *channel = make_channel(5, 400);
    struct pusher pusher[PRODUCERS];
    pthread_t thread[PRODUCERS];
    uint32_t next[PRODUCERS] = {0};
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        pusher[i] = (struct pusher){.channel = channel, .share = i};
        assert_int_equal(pthread_create(&thread[i], NULL, produce, &pusher[i]), 0);
    }
    for (size_t got = 0; got < PRODUCERS * BATCHES; got++) {
        struct answer_batch *batch;
        assert_int_equal(channel_pop(channel, 30, &batch), 1);
        uint32_t share = answer_batch_share(batch);
        assert_int_equal(share % BATCHES, next[share / BATCHES]++);
        answer_batch_free(batch);
    }
    for (size_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(pop(channel), -1);
    channel_free(channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_come_in_the_order_of_pushing),
        cmocka_unit_test(closing_drains_and_refuses),
        cmocka_unit_test(pop_waits_no_longer_than_told),
        cmocka_unit_test(a_full_channel_makes_the_worker_wait),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(closing_wakes_a_waiting_worker),
        cmocka_unit_test(many_producers_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
