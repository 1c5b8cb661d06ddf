#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stages/pointfile.h"
#include "stages/writer.h"
#include "tests/unit/line_rig.h"

#define COUNT 1000
#define SHARES 10

struct bench {
    struct rig *rig;
    struct rig_run run;
    struct answer_log *log;
    struct channel *channel;
    struct writer *writer;
    struct meter meter;
    _Atomic unsigned ready[576];
    _Atomic unsigned tiles_ready;
    _Atomic unsigned done[SHARES];
    _Atomic uint64_t committed;
    _Atomic unsigned failures;
};

static void tile_ready(void *context, uint32_t tile)
{
    struct bench *bench = context;
    atomic_fetch_add(&bench->ready[tile], 1);
    atomic_fetch_add(&bench->tiles_ready, 1);
}

static void share_done(void *context, uint32_t share)
{
    struct bench *bench = context;
    assert_true(share < SHARES);
    atomic_fetch_add(&bench->done[share], 1);
}

static void committed(void *context, const struct answer_counts *group)
{
    struct bench *bench = context;
    atomic_fetch_add(&bench->committed, group->settled[SETTLED_FOUND]);
}

static void writer_failed(void *context, const struct error *err)
{
    struct bench *bench = context;
    assert_true(err->code != ERROR_NONE);
    atomic_fetch_add(&bench->failures, 1);
}

static void set_up(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->rig = rig_open(COUNT);
    bench->rig->parameters.shares = SHARES;
    rig_run_open(bench->rig, &bench->run);
}

static void start(struct bench *bench)
{
    struct error err;
    struct writer_settings settings = {
        .points_directory = bench->rig->points,
        .points = COUNT,
        .shares = SHARES,
        .first_ordinal_of_tile = bench->run.first_ordinal_of_tile,
        .tiles = bench->run.tiles,
    };
    struct writer_events events = {
        .tile_ready = tile_ready,
        .share_done = share_done,
        .committed = committed,
        .failed = writer_failed,
        .context = bench,
    };
    assert_int_equal(
        answer_log_open(&bench->log, bench->rig->answers, bench->run.run.log_end, &err), 0);
    assert_int_equal(channel_create(&bench->channel, 16, 1 << 20, &err), 0);
    if (writer_start(&bench->writer, &settings, bench->channel, bench->run.ledger, bench->log,
                     &bench->meter, &events, &err) != 0)
        fail_msg("%s", err.message);
}

static int stop(struct bench *bench, struct error *err)
{
    channel_close(bench->channel);
    int result = writer_join(bench->writer, err);
    channel_free(bench->channel);
    answer_log_close(bench->log);
    return result;
}

static void tear_down(struct bench *bench)
{
    rig_run_close(&bench->run);
    rig_close(bench->rig);
}

/* Push answers to ordinals [first, end) of the run, all of one share. */
static void push(struct bench *bench, uint64_t first, uint64_t end)
{
    struct error err;
    struct answer_batch *batch;
    uint32_t share = point_file_share(COUNT, SHARES, first);
    assert_int_equal(answer_batch_create(&batch, share, &err), 0);
    for (uint64_t ordinal = first; ordinal < end; ordinal++) {
        struct settled_answer answer = rig_answer(&bench->run, ordinal);
        assert_int_equal(answer_batch_add(batch, &answer, &err), 0);
    }
    assert_int_equal(answer_batch_seal(batch, &err), 0);
    assert_int_equal(channel_push(bench->channel, batch, &err), 0);
}

static void wait_committed(struct bench *bench, uint64_t count)
{
    double end = clock_monotonic() + 20;
    while (atomic_load(&bench->committed) < count) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
}

static bool has_point_file(const struct bench *bench, uint32_t share)
{
    char *path = point_file_path(bench->rig->points, share);
    bool exists = rig_exists(path);
    free(path);
    return exists;
}

static unsigned tiles_with_points(const struct bench *bench)
{
    unsigned tiles = 0;
    for (uint32_t tile = 0; tile < bench->run.tiles; tile++)
        tiles +=
            bench->run.first_ordinal_of_tile[tile] < bench->run.first_ordinal_of_tile[tile + 1];
    return tiles;
}

static void answers_are_committed_by_themselves(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    uint8_t bitmap[COUNT / SHARES / 8 + 1] = {0};
    uint32_t answered = 0;
    set_up(&bench);
    start(&bench);
    push(&bench, 0, 40);
    wait_committed(&bench, 40);
    assert_int_equal(
        ledger_share_answered(bench.run.ledger, 0, bitmap, COUNT / SHARES, &answered, &err), 0);
    assert_int_equal(answered, 40);
    assert_true(has_point_file(&bench, 0));
    push(&bench, 40, 100);
    wait_committed(&bench, 100);
    assert_false(has_point_file(&bench, 0));
    assert_true(has_point_file(&bench, 1));
    assert_int_equal(stop(&bench, &err), 0);
    tear_down(&bench);
}

static void every_tile_is_ready_once_and_when_complete(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    start(&bench);
    for (uint32_t share = SHARES; share-- > 1;)
        push(&bench, share * 100, share * 100 + 100);
    wait_committed(&bench, 900);
    for (uint32_t tile = 0; tile < bench.run.tiles; tile++) {
        const uint64_t *first = &bench.run.first_ordinal_of_tile[tile];
        assert_int_equal(bench.ready[tile], first[0] < first[1] && first[0] >= 100);
    }
    push(&bench, 0, 100);
    assert_int_equal(stop(&bench, &err), 0);
    assert_int_equal(bench.committed, COUNT);
    assert_int_equal(bench.tiles_ready, tiles_with_points(&bench));
    for (uint32_t tile = 0; tile < bench.run.tiles; tile++)
        assert_true(bench.ready[tile] <= 1);
    tear_down(&bench);
}

static void what_was_committed_before_is_caught_up_with(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    for (uint32_t share = 0; share < SHARES; share++)
        rig_commit(bench.rig, &bench.run, share * 100, share * 100 + 100);
    assert_true(has_point_file(&bench, 3));
    start(&bench);
    assert_int_equal(stop(&bench, &err), 0);
    assert_false(has_point_file(&bench, 3));
    assert_int_equal(bench.tiles_ready, tiles_with_points(&bench));
    tear_down(&bench);
}

static void one_missing_answer_keeps_its_tile_waiting(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    for (uint32_t share = 0; share < SHARES; share++)
        rig_commit(bench.rig, &bench.run, share * 100 + (share == 4), share * 100 + 100);
    start(&bench);
    push(&bench, 400, 401);
    assert_int_equal(stop(&bench, &err), 0);
    assert_int_equal(bench.tiles_ready, tiles_with_points(&bench));
    assert_false(has_point_file(&bench, 4));
    for (uint32_t tile = 0; tile < bench.run.tiles; tile++)
        assert_true(bench.ready[tile] <= 1);
    tear_down(&bench);
}

static void more_answers_than_points_end_it(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    start(&bench);
    push(&bench, 0, 100);
    wait_committed(&bench, 100);
    push(&bench, 0, 1);
    double end = clock_monotonic() + 20;
    while (atomic_load(&bench.failures) == 0) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
    assert_int_equal(stop(&bench, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(bench.failures, 1);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_committed_by_themselves),
        cmocka_unit_test(every_tile_is_ready_once_and_when_complete),
        cmocka_unit_test(what_was_committed_before_is_caught_up_with),
        cmocka_unit_test(one_missing_answer_keeps_its_tile_waiting),
        cmocka_unit_test(more_answers_than_points_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
