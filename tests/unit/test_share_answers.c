#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/pointfile.h"
#include "stages/share_answers.h"
#include "tests/unit/line_rig.h"

#define COUNT 1000
#define SHARES 10
#define SHARE_POINTS (COUNT / SHARES)

struct bench {
    struct rig *rig;
    struct rig_run run;
    struct answer_log *log;
};

static void set_up(struct bench *bench)
{
    struct error err;
    bench->rig = rig_open(COUNT);
    bench->rig->parameters.shares = SHARES;
    rig_run_open(bench->rig, &bench->run);
    assert_int_equal(
        answer_log_open(&bench->log, bench->rig->answers, bench->run.run.log_end, &err), 0);
}

static void tear_down(struct bench *bench)
{
    answer_log_close(bench->log);
    rig_run_close(&bench->run);
    rig_close(bench->rig);
}

static const struct answer_source sources[] = {
    {{"here", 4}, {"alpha", 5}, STATION_GEOCODE, 1700000000000},
    {{"here", 4}, {"beta", 4}, STATION_WRITE, 1700000000500},
    {{"here", 4}, {"alpha", 5}, STATION_GEOCODE, 1700000000250},
};

/* An answer of any kind; every third was asked twice, and failures four times. */
static struct settled_answer make_answer(const struct bench *bench, uint64_t ordinal)
{
    struct settled_answer answer = rig_answer(&bench->run, ordinal);
    answer.settled = (enum settled)(ordinal % SETTLED_COUNT);
    answer.answered_at += (uint32_t)ordinal;
    answer.measure = (struct answer_measure){.latency_us = 1000 + (uint32_t)(ordinal / 5),
                                             .waited_us = 2000,
                                             .bytes = 300,
                                             .distance_cm = MEASURE_UNKNOWN,
                                             .status = 200,
                                             .attempts = ordinal % 3 == 0 ? 2 : 1};
    answer.source = &sources[ordinal / 10 % 3];
    if (answer.settled != SETTLED_FOUND)
        memset(&answer.address, 0, sizeof answer.address);
    if (answer.settled == SETTLED_FAILED) {
        answer.cause = CAUSE_TIMEOUT;
        answer.measure.attempts = 4;
        answer.detail = (struct slice){"slow", ordinal % 8 == 3 ? 4 : 0};
    }
    return answer;
}

static void commit(struct bench *bench, struct answer_batch *batch, bool done)
{
    struct error err;
    struct committed_batch committed = {.batch = batch, .share_done = done};
    assert_int_equal(answer_batch_seal(batch, &err), 0);
    struct slice bytes = answer_batch_bytes(batch);
    assert_int_equal(
        answer_log_append(bench->log, bytes.data, bytes.length, &committed.place, NULL), 0);
    assert_int_equal(answer_log_sync(bench->log, &err), 0);
    if (ledger_commit(bench->run.ledger, &committed, 1, answer_log_end(bench->log), &err) != 0)
        fail_msg("%s", err.message);
    answer_batch_free(batch);
}

/* Answer the share with `batches` batches, each with every batches-th point. */
static void answer_share(struct bench *bench, uint32_t share, uint32_t batches)
{
    uint64_t first = point_file_first(COUNT, SHARES, share);
    uint64_t end = point_file_first(COUNT, SHARES, share + 1);
    for (uint32_t i = 0; i < batches; i++) {
        struct answer_batch *batch;
        assert_int_equal(answer_batch_create(&batch, share, NULL), 0);
        for (uint64_t ordinal = end - i; ordinal-- > first;) {
            struct settled_answer answer = make_answer(bench, ordinal);
            if ((end - 1 - ordinal) % batches == i)
                assert_int_equal(answer_batch_add(batch, &answer, NULL), 0);
        }
        commit(bench, batch, i == batches - 1);
    }
}

static struct run_record look(const struct bench *bench)
{
    struct run_record run;
    assert_int_equal(ledger_run(bench->run.ledger, &run, NULL), 1);
    return run;
}

static struct buffer read_share(const struct bench *bench, uint32_t share)
{
    struct buffer out = {0};
    struct error err;
    if (share_answers_read(bench->run.ledger, bench->rig->answers, share, SHARE_POINTS, &out,
                           &err) != 0)
        fail_msg("%s", err.message);
    return out;
}

static void drop(const struct bench *bench, const uint32_t *shares, size_t count)
{
    struct error err;
    if (share_answers_drop(bench->run.ledger, bench->rig->answers, shares, count, &err) != 0)
        fail_msg("%s", err.message);
}

static int count_failure(void *context, const struct failure *failure)
{
    (void)failure;
    ++*(unsigned *)context;
    return 0;
}

static unsigned failures(const struct bench *bench)
{
    unsigned count = 0;
    assert_int_equal(
        ledger_failures(bench->run.ledger, bench->run.run.id, count_failure, &count, NULL), 0);
    return count;
}

/* The record has what the answers of share 3 cost and where they came from. */
static void assert_costs(const struct bench *bench, const struct buffer *record)
{
    struct answer_reader reader;
    struct settled_answer got;
    uint64_t ordinal = point_file_first(COUNT, SHARES, 3);
    assert_int_equal(answer_reader_open(&reader, record->data, record->used, "record", NULL), 0);
    while (answer_reader_next(&reader, &got, NULL) == 1) {
        struct settled_answer made = make_answer(bench, ordinal++);
        assert_memory_equal(&got.measure, &made.measure, sizeof got.measure);
        assert_true(slice_equal(got.source->provider, made.source->provider));
        assert_true(slice_equal(got.source->peer, made.source->peer));
        assert_int_equal(got.source->bottleneck, made.source->bottleneck);
        assert_int_equal(got.source->sealed_at, made.source->sealed_at);
    }
    assert_int_equal(ordinal, point_file_first(COUNT, SHARES, 4));
    answer_reader_close(&reader);
}

static void the_record_depends_on_the_answers_alone(void **state)
{
    (void)state;
    struct bench bench;
    const uint32_t batches[] = {1, 2, 7, SHARE_POINTS};
    struct buffer first = {0};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        set_up(&bench);
        answer_share(&bench, 3, batches[i]);
        struct buffer record = read_share(&bench, 3);
        assert_costs(&bench, &record);
        if (i == 0) {
            first = record;
        } else {
            assert_int_equal(record.used, first.used);
            assert_memory_equal(record.data, first.data, first.used);
            buffer_free(&record);
        }
        tear_down(&bench);
    }
    buffer_free(&first);
}

static void an_adopted_record_is_read_as_it_came(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct answer_batch *batch;
    set_up(&bench);
    answer_share(&bench, 0, 5);
    struct buffer record = read_share(&bench, 0);
    struct pair_id digest = share_answers_digest(record.data, record.used);
    const uint32_t share = 0;
    drop(&bench, &share, 1);
    assert_int_equal(answer_batch_adopt(&batch, record.data, record.used, true, "a peer", &err), 0);
    commit(&bench, batch, true);
    struct buffer again = read_share(&bench, 0);
    struct pair_id same = share_answers_digest(again.data, again.used);
    assert_int_equal(again.used, record.used);
    assert_memory_equal(&same, &digest, sizeof digest);
    again.data[again.used / 2] ^= 1;
    same = share_answers_digest(again.data, again.used);
    assert_memory_not_equal(&same, &digest, sizeof digest);
    buffer_free(&again);
    buffer_free(&record);
    tear_down(&bench);
}

static void a_missing_answer_is_told(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    struct buffer out = {0};
    set_up(&bench);
    rig_commit(bench.rig, &bench.run, 0, SHARE_POINTS - 1);
    for (uint32_t share = 0; share < 2; share++) {
        assert_int_equal(share_answers_read(bench.run.ledger, bench.rig->answers, share,
                                            SHARE_POINTS, &out, &err),
                         -1);
        assert_int_equal(err.code, ERROR_MISSING);
    }
    assert_int_equal(out.used, 0);
    buffer_free(&out);
    tear_down(&bench);
}

static void tile_is_rebuilt(const struct bench *bench, uint32_t tile)
{
    struct tile_record record = {.tile = tile, .row = cache_manifest(bench->run.base)->tiles[tile]};
    record.changed = 7;
    assert_int_equal(ledger_tile_rebuilt(bench->run.ledger, &record, NULL, NULL), 0);
}

static unsigned rebuild_all(const struct bench *bench)
{
    const uint64_t *first = bench->run.first_ordinal_of_tile;
    unsigned tiles = 0;
    for (uint32_t tile = 0; tile < bench->run.tiles; tile++) {
        if (first[tile] < first[tile + 1]) {
            tile_is_rebuilt(bench, tile);
            tiles++;
        }
    }
    return tiles;
}

/* Found answers don't say how often they were asked. */
static void assert_counts(const struct run_counts *a, const struct run_counts *b)
{
    assert_memory_equal(a->settled, b->settled, sizeof a->settled);
    assert_memory_equal(a->causes, b->causes, sizeof a->causes);
    assert_int_equal(a->shares_done, b->shares_done);
    assert_int_equal(a->selected, b->selected);
    assert_int_equal(a->total, b->total);
}

static void a_dropped_share_leaves_no_trace(void **state)
{
    (void)state;
    struct bench bench;
    const uint32_t dropped[] = {7, 2};
    uint32_t answered[SHARES];
    set_up(&bench);
    for (uint32_t share = 0; share < SHARES; share++) {
        if (share != 2 && share != 7)
            answer_share(&bench, share, 3);
    }
    struct run_counts before = look(&bench).counts;
    unsigned failures_before = failures(&bench);
    answer_share(&bench, 2, 1);
    answer_share(&bench, 7, 4);
    assert_int_equal(failures(&bench), COUNT / SETTLED_COUNT);
    unsigned tiles = rebuild_all(&bench);
    drop(&bench, dropped, 2);
    struct run_counts after = look(&bench).counts;
    assert_counts(&after, &before);
    assert_int_equal(failures(&bench), failures_before);
    assert_int_equal(ledger_answered_by_share(bench.run.ledger, answered, SHARES, NULL), 0);
    for (uint32_t share = 0; share < SHARES; share++)
        assert_int_equal(answered[share], share == 2 || share == 7 ? 0 : SHARE_POINTS);
    unsigned left = 0;
    for (uint32_t tile = 0; tile < bench.run.tiles; tile++) {
        const uint64_t *first = &bench.run.first_ordinal_of_tile[tile];
        bool gone = (first[0] < 300 && first[1] > 200) || (first[0] < 800 && first[1] > 700);
        struct tile_record record;
        if (first[0] == first[1])
            continue;
        assert_int_equal(ledger_tile(bench.run.ledger, tile, &record, NULL), !gone);
        left += !gone;
    }
    assert_true(left > 0 && left < tiles);
    assert_int_equal(after.tiles_rebuilt, left);
    assert_int_equal(after.changed, 7 * left);
    answer_share(&bench, 2, 2);
    answer_share(&bench, 7, 2);
    assert_int_equal(look(&bench).counts.shares_done, SHARES);
    assert_int_equal(failures(&bench), COUNT / SETTLED_COUNT);
    tear_down(&bench);
}

static void what_is_there_in_part_can_be_dropped(void **state)
{
    (void)state;
    struct bench bench;
    const uint32_t dropped[] = {0, 1};
    set_up(&bench);
    struct run_counts before = look(&bench).counts;
    rig_commit(bench.rig, &bench.run, 10, 50);
    drop(&bench, dropped, 2);
    struct run_counts after = look(&bench).counts;
    assert_counts(&after, &before);
    assert_int_equal(after.retried, 0);
    drop(&bench, dropped, 0);
    tear_down(&bench);
}

static void nothing_is_dropped_when_a_record_is_damaged(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    char command[200];
    const uint32_t dropped[] = {0, 1};
    set_up(&bench);
    answer_share(&bench, 0, 1);
    answer_share(&bench, 1, 1);
    struct run_counts before = look(&bench).counts;
    struct placed_batch *batches;
    size_t count;
    assert_int_equal(ledger_share_batches(bench.run.ledger, 1, &batches, &count, &err), 0);
    (void)snprintf(command, sizeof command,
                   "printf X | dd of=%s/%06u.log bs=1 seek=%u conv=notrunc 2>/dev/null",
                   bench.rig->answers, batches[0].place.file,
                   (unsigned)batches[0].place.offset + 60);
    free(batches);
    assert_int_equal(system(command), 0);
    assert_int_equal(share_answers_drop(bench.run.ledger, bench.rig->answers, dropped, 2, &err),
                     -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    struct run_counts after = look(&bench).counts;
    assert_counts(&after, &before);
    tear_down(&bench);
}

static void the_same_share_twice_is_refused_whole(void **state)
{
    (void)state;
    struct bench bench;
    struct error err;
    const uint32_t dropped[] = {0, 1, 0};
    set_up(&bench);
    answer_share(&bench, 0, 1);
    answer_share(&bench, 1, 2);
    struct run_counts before = look(&bench).counts;
    assert_int_equal(share_answers_drop(bench.run.ledger, bench.rig->answers, dropped, 3, &err),
                     -1);
    assert_int_equal(err.code, ERROR_STATE);
    struct run_counts after = look(&bench).counts;
    assert_counts(&after, &before);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_depends_on_the_answers_alone),
        cmocka_unit_test(an_adopted_record_is_read_as_it_came),
        cmocka_unit_test(a_missing_answer_is_told),
        cmocka_unit_test(a_dropped_share_leaves_no_trace),
        cmocka_unit_test(what_is_there_in_part_can_be_dropped),
        cmocka_unit_test(nothing_is_dropped_when_a_record_is_damaged),
        cmocka_unit_test(the_same_share_twice_is_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
