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
#include "stages/share_answers.h"
#include "stages/writer.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

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
    _Atomic unsigned done[SHARES], replaced[SHARES];
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

static void replaced(void *context, uint32_t share)
{
    struct bench *bench = context;
    assert_true(share < SHARES);
    atomic_fetch_add(&bench->replaced[share], 1);
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
        .answers_directory = bench->rig->answers,
        .points = COUNT,
        .shares = SHARES,
        .first_ordinal_of_tile = bench->run.first_ordinal_of_tile,
        .tiles = bench->run.tiles,
    };
    struct writer_events events = {
        .tile_ready = tile_ready,
        .share_done = share_done,
        .replaced = replaced,
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
    double end = clock_monotonic() + PATIENCE;
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
    double end = clock_monotonic() + PATIENCE;
    while (atomic_load(&bench.failures) == 0) {
        assert_true(clock_monotonic() < end);
        usleep(1000);
    }
    assert_int_equal(stop(&bench, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_int_equal(bench.failures, 1);
    tear_down(&bench);
}

/* --- whole batches --------------------------------------------------------------------------- */

/* All answers of a share, from somebody who asked a day later when `other`. */
static struct answer_batch *make_whole(const struct bench *bench, uint32_t share, bool other)
{
    struct error err;
    struct answer_batch *made, *batch;
    assert_int_equal(answer_batch_create(&made, share, &err), 0);
    for (uint64_t ordinal = share * 100; ordinal < share * 100 + 100; ordinal++) {
        struct settled_answer answer = rig_answer(&bench->run, ordinal);
        answer.answered_at += other ? 86400 : 0;
        assert_int_equal(answer_batch_add(made, &answer, &err), 0);
    }
    assert_int_equal(answer_batch_seal(made, &err), 0);
    struct slice bytes = answer_batch_bytes(made);
    assert_int_equal(answer_batch_adopt(&batch, bytes.data, bytes.length, true, "a peer", &err), 0);
    answer_batch_free(made);
    return batch;
}

static void push_whole(struct bench *bench, uint32_t share, bool other)
{
    struct error err;
    assert_int_equal(channel_push(bench->channel, make_whole(bench, share, other), &err), 0);
}

static void assert_has(const struct bench *bench, uint32_t share, bool other)
{
    struct error err;
    struct buffer record = {0};
    struct answer_batch *batch = make_whole(bench, share, other);
    struct slice bytes = answer_batch_bytes(batch);
    if (share_answers_read(bench->run.ledger, bench->rig->answers, share, 100, &record, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(record.used, bytes.length);
    assert_memory_equal(record.data, bytes.data, record.used);
    buffer_free(&record);
    answer_batch_free(batch);
}

static void assert_answers(const struct bench *bench, uint64_t answers, uint64_t shares_done)
{
    struct run_record run;
    assert_int_equal(ledger_run(bench->run.ledger, &run, NULL), 1);
    assert_int_equal(run.counts.settled[SETTLED_FOUND], answers);
    assert_int_equal(run.counts.shares_done, shares_done);
}

static void a_whole_batch_takes_the_place_of_a_part(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    rig_commit(bench.rig, &bench.run, 0, 40);
    start(&bench);
    push_whole(&bench, 0, true); /* over what the ledger has */
    push(&bench, 100, 140);
    push_whole(&bench, 1, true); /* over what the group has */
    push_whole(&bench, 2, true); /* over nothing */
    for (uint32_t share = 3; share < SHARES; share++)
        push(&bench, share * 100, share * 100 + 100);
    assert_int_equal(stop(&bench, &err), 0);
    for (uint32_t share = 0; share < SHARES; share++) {
        assert_has(&bench, share, share < 3);
        assert_int_equal(bench.done[share], 1);
        assert_int_equal(bench.replaced[share], 0);
        assert_false(has_point_file(&bench, share));
    }
    assert_answers(&bench, COUNT, SHARES);
    assert_int_equal(bench.tiles_ready, tiles_with_points(&bench));
    tear_down(&bench);
}

static void late_answers_to_it_are_dropped(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    start(&bench);
    push(&bench, 0, 30);
    push_whole(&bench, 0, true);
    push(&bench, 30, 60);
    wait_committed(&bench, 100);
    push(&bench, 60, 100);
    push_whole(&bench, 0, true);
    assert_int_equal(stop(&bench, &err), 0);
    assert_has(&bench, 0, true);
    assert_answers(&bench, 100, 1);
    assert_int_equal(bench.done[0], 1);
    assert_int_equal(bench.replaced[0], 0);
    tear_down(&bench);
}

static void a_complete_share_is_left_to_others_to_replace(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    set_up(&bench);
    start(&bench);
    push(&bench, 0, 100);
    push_whole(&bench, 0, true);
    push(&bench, 100, 200);
    push_whole(&bench, 1, false); /* the same answers */
    assert_int_equal(stop(&bench, &err), 0);
    assert_has(&bench, 0, false);
    assert_int_equal(bench.replaced[0], 1);
    assert_int_equal(bench.replaced[1], 0);
    assert_int_equal(bench.done[1], 1);
    assert_answers(&bench, 200, 2);
    const uint32_t share = 0;
    assert_int_equal(share_answers_drop(bench.run.ledger, bench.rig->answers, &share, 1, &err), 0);
    assert_int_equal(ledger_run(bench.run.ledger, &bench.run.run, NULL), 1);
    start(&bench);
    push_whole(&bench, 0, true);
    assert_int_equal(stop(&bench, &err), 0);
    assert_has(&bench, 0, true);
    assert_answers(&bench, 200, 2);
    tear_down(&bench);
}

static void a_whole_batch_of_another_size_ends_it(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct answer_batch *made, *batch;
    set_up(&bench);
    start(&bench);
    struct settled_answer answer = rig_answer(&bench.run, 0);
    assert_int_equal(answer_batch_create(&made, 0, &err), 0);
    assert_int_equal(answer_batch_add(made, &answer, &err), 0);
    assert_int_equal(answer_batch_seal(made, &err), 0);
    struct slice bytes = answer_batch_bytes(made);
    assert_int_equal(answer_batch_adopt(&batch, bytes.data, bytes.length, true, "a peer", &err), 0);
    answer_batch_free(made);
    assert_int_equal(channel_push(bench.channel, batch, &err), 0);
    assert_int_equal(stop(&bench, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
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
        cmocka_unit_test(a_whole_batch_takes_the_place_of_a_part),
        cmocka_unit_test(late_answers_to_it_are_dropped),
        cmocka_unit_test(a_complete_share_is_left_to_others_to_replace),
        cmocka_unit_test(a_whole_batch_of_another_size_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
