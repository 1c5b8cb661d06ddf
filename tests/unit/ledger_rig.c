#include "tests/unit/ledger_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "quadtree/morton.h"

char ledger_rig_directory[200];
struct ledger *ledger_rig;

static void remove_files(void)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < 2; i++) {
        char path[240];
        (void)snprintf(path, sizeof path, "%s/%s", ledger_rig_directory, names[i]);
        (void)unlink(path);
    }
}

int ledger_rig_open(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(ledger_rig_directory, sizeof ledger_rig_directory, "%s/ledger-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(ledger_rig_directory) == NULL)
        return -1;
    return ledger_open(&ledger_rig, ledger_rig_directory, NULL);
}

int ledger_rig_close(void **state)
{
    (void)state;
    ledger_close(ledger_rig);
    remove_files();
    return rmdir(ledger_rig_directory);
}

void ledger_rig_reopen(void)
{
    struct error err = {0};
    ledger_close(ledger_rig);
    ledger_rig = NULL;
    if (ledger_open(&ledger_rig, ledger_rig_directory, &err) != 0)
        fail_msg("%s", err.message);
}

struct run_record ledger_rig_run(const char *id)
{
    struct run_record run = {.base_generation = 7,
                             .generation = 8,
                             .grid = {24, 24},
                             .started_at = 1700000000,
                             .elapsed = 1.25};
    (void)snprintf(run.id, sizeof run.id, "%s", id);
    (void)snprintf(run.provider, sizeof run.provider, "gazetteer");
    run.parameters.cutoff = UINT32_MAX;
    run.parameters.shares = 4096;
    run.parameters.rate = 2.5;
    run.base_digest.bytes[3] = 9;
    return run;
}

void ledger_rig_begin(const char *id)
{
    struct run_record run = ledger_rig_run(id);
    struct error err = {0};
    if (ledger_run_begin(ledger_rig, &run, &err) != 0)
        fail_msg("%s", err.message);
}

void ledger_rig_refresh(const char *id, uint64_t points)
{
    struct run_counts counts = {.total = points + 5, .selected = points, .carried = 5};
    uint64_t by_tile[LEDGER_RIG_TILES] = {0};
    by_tile[300] = points;
    ledger_rig_begin(id);
    assert_int_equal(
        ledger_snapshot_done(ledger_rig, &counts, by_tile, NULL, LEDGER_RIG_TILES, NULL), 0);
}

void ledger_rig_end(const char *id, enum run_result result)
{
    struct run_record run = ledger_rig_run(id);
    run.result = result;
    run.ended_at = 1700000100;
    struct error err = {0};
    if (ledger_run_end(ledger_rig, &run, NULL, &err) != 0)
        fail_msg("%s", err.message);
}

struct answer_batch *ledger_rig_batch(uint32_t share, uint32_t first, uint32_t rows,
                                      enum settled settled)
{
    struct answer_batch *batch;
    assert_int_equal(answer_batch_create(&batch, share, NULL), 0);
    for (uint32_t i = 0; i < rows; i++) {
        struct settled_answer answer = {
            .ordinal = first + i,
            .code = morton_encode((struct point){(int32_t)(first + i) * 1000, 10000000}),
            .settled = settled,
            .measure.attempts = 3,
            .cause = CAUSE_TIMEOUT,
            .measure.status = 504,
            .detail = {"no answer", 9},
        };
        assert_int_equal(answer_batch_add(batch, &answer, NULL), 0);
    }
    assert_int_equal(answer_batch_seal(batch, NULL), 0);
    return batch;
}

int ledger_rig_commit(struct answer_batch *batch, uint64_t offset, bool share_done,
                      struct error *err)
{
    struct committed_batch committed = {
        batch, {.file = 0, .bytes = 100, .offset = offset}, share_done};
    struct answer_place end = {.file = 0, .offset = offset + 100};
    int result = ledger_commit(ledger_rig, &committed, 1, end, err);
    answer_batch_free(batch);
    return result;
}

struct run_record ledger_rig_active(void)
{
    struct run_record run;
    assert_int_equal(ledger_run(ledger_rig, &run, NULL), 1);
    return run;
}
