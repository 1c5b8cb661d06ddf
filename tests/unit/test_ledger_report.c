#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/pointfile.h"
#include "tests/unit/ledger_rig.h"

#define TABLES "all = count"

static void begin(const char *id, const char *tables)
{
    struct run_record run = ledger_rig_run(id);
    struct error err;
    run.parameters.tables = tables;
    if (ledger_run_begin(ledger_rig, &run, &err) != 0)
        fail_msg("%s", err.message);
}

/* A run of 1000 points, all in tile 300. */
static void begin_refresh(const char *id, const char *tables)
{
    uint64_t selected[LEDGER_RIG_TILES] = {[300] = 1000};
    struct run_counts counts = {.total = 1000, .selected = 1000};
    begin(id, tables);
    assert_int_equal(
        ledger_snapshot_done(ledger_rig, &counts, selected, NULL, LEDGER_RIG_TILES, NULL), 0);
}

static void rebuilt(uint32_t tile, const char *tally, uint64_t answers)
{
    struct tile_record record = {.tile = tile, .changed = 1};
    struct counted counted = {answers, tally, tally != NULL ? strlen(tally) : 0};
    record.row.info.tile = tile;
    record.row.info.grid = (struct grid){24, 24};
    assert_int_equal(ledger_tile_rebuilt(ledger_rig, &record, &counted, NULL), 0);
}

static void end(const char *id, const char *tally, uint64_t answers)
{
    struct run_record run = ledger_rig_run(id);
    struct counted counted = {answers, tally, tally != NULL ? strlen(tally) : 0};
    run.result = RESULT_PUBLISHED;
    assert_int_equal(ledger_run_end(ledger_rig, &run, &counted, NULL), 0);
}

/* "300:abc(5) 301:-" */
static int print_tile(void *context, uint32_t tile, const struct counted *counted,
                      struct error *err)
{
    char *text = context;
    size_t used = strlen(text);
    (void)err;
    if (counted->data == NULL)
        (void)snprintf(text + used, 200 - used, "%u:- ", tile);
    else
        (void)snprintf(text + used, 200 - used, "%u:%.*s(%d) ", tile, (int)counted->bytes,
                       (const char *)counted->data, (int)counted->answers);
    return 0;
}

static void assert_tiles(const char *expected)
{
    struct ledger_report *report;
    char text[200] = "";
    assert_int_equal(ledger_report_open(&report, ledger_rig, "", NULL), 1);
    assert_true(ledger_report_is_active(report));
    assert_int_equal(ledger_report_tiles(report, print_tile, text, NULL), 0);
    assert_string_equal(text, expected);
    ledger_report_close(report);
}

static void assert_sum(const char *id, const char *tables, const char *tally, uint64_t answers)
{
    struct ledger_report *report;
    assert_int_equal(ledger_report_open(&report, ledger_rig, id, NULL), 1);
    assert_false(ledger_report_is_active(report));
    assert_string_equal(ledger_report_run(report)->id, id);
    struct slice text = ledger_report_tables(report);
    struct counted sum = ledger_report_sum(report);
    assert_int_equal(text.length, strlen(tables));
    if (text.length > 0)
        assert_memory_equal(text.data, tables, text.length);
    assert_int_equal(sum.bytes, strlen(tally));
    if (sum.bytes > 0)
        assert_memory_equal(sum.data, tally, sum.bytes);
    assert_int_equal(sum.answers, answers);
    ledger_report_close(report);
}

static void a_tile_is_counted_as_it_was_rebuilt_last(void **state)
{
    (void)state;
    begin_refresh("one", TABLES);
    assert_tiles("");
    rebuilt(301, "xyz", 3);
    rebuilt(300, "abc", 5);
    assert_tiles("300:abc(5) 301:xyz(3) ");
    rebuilt(300, "abcd", 6);
    ledger_rig_reopen();
    assert_tiles("300:abcd(6) 301:xyz(3) ");
    rebuilt(301, NULL, 0);
    assert_tiles("300:abcd(6) 301:- ");
}

static void what_is_taken_back_is_not_counted(void **state)
{
    (void)state;
    begin_refresh("one", TABLES);
    rebuilt(300, "abc", 5);
    rebuilt(301, "xyz", 3);
    struct dropped_share share = {
        .share = point_file_share(1000, ledger_rig_active().parameters.shares, 500)};
    assert_int_equal(ledger_drop_shares(ledger_rig, &share, 1, NULL), 0);
    assert_tiles("301:xyz(3) ");
    assert_int_equal(ledger_rig_active().counts.tiles_rebuilt, 1);
    end("one", "xyz", 3);
    begin_refresh("two", TABLES);
    assert_tiles("");
}

static void tables_are_those_of_the_start(void **state)
{
    (void)state;
    char *text;
    char longest[RUN_TABLES_BYTES + 2];
    struct error err;
    memset(longest, 'x', sizeof longest);
    longest[RUN_TABLES_BYTES + 1] = '\0';
    struct run_record run = ledger_rig_run("none");
    run.parameters.tables = longest;
    assert_int_equal(ledger_run_begin(ledger_rig, &run, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    longest[RUN_TABLES_BYTES] = '\0';
    begin("one", longest);
    ledger_rig_reopen();
    assert_int_equal(ledger_run_tables(ledger_rig, &text, NULL), 1);
    assert_string_equal(text, longest);
    free(text);
    end("one", NULL, 0);
    assert_sum("one", longest, "", 0);
    begin("two", NULL);
    assert_int_equal(ledger_run_tables(ledger_rig, &text, NULL), 0);
    end("two", "ignored", 1);
    assert_sum("two", "", "", 0);
    assert_int_equal(ledger_run_tables(ledger_rig, &text, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
}

static void ten_runs_keep_their_report(void **state)
{
    (void)state;
    struct ledger_report *report;
    char id[32], tally[64];
    for (int run = 0; run < 13; run++) {
        (void)snprintf(id, sizeof id, "run-%d", run);
        (void)snprintf(tally, sizeof tally, "tally of %s", id);
        begin(id, TABLES);
        end(id, tally, (uint64_t)run);
    }
    ledger_rig_reopen();
    for (int run = 0; run < 13; run++) {
        (void)snprintf(id, sizeof id, "run-%d", run);
        (void)snprintf(tally, sizeof tally, "tally of %s", id);
        if (run < 3)
            assert_sum(id, "", "", 0);
        else
            assert_sum(id, TABLES, tally, (uint64_t)run);
    }
    assert_int_equal(ledger_report_open(&report, ledger_rig, "another", NULL), 0);
}

static void a_report_is_of_one_moment(void **state)
{
    (void)state;
    struct ledger_report *report;
    struct buffer batches = {0};
    char text[200] = "";
    begin_refresh("one", TABLES);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(2, 10, 4, SETTLED_FOUND), 0, false, NULL),
                     0);
    rebuilt(300, "abc", 5);
    assert_int_equal(ledger_report_open(&report, ledger_rig, "one", NULL), 1);
    rebuilt(300, "abcd", 6);
    rebuilt(301, "xyz", 3);
    assert_int_equal(ledger_rig_commit(ledger_rig_batch(0, 0, 1, SETTLED_FOUND), 100, false, NULL),
                     0);
    end("one", "sum", 9);
    assert_true(ledger_report_is_active(report));
    assert_int_equal(ledger_report_tiles(report, print_tile, text, NULL), 0);
    assert_string_equal(text, "300:abc(5) ");
    assert_int_equal(ledger_report_batches(report, &batches, NULL), 0);
    const struct listed_batch *batch = (const struct listed_batch *)batches.data;
    assert_int_equal(batches.used, sizeof *batch);
    assert_int_equal(batch->share, 2);
    assert_int_equal(batch->batch.place.bytes, 100);
    assert_true(batch->batch.committed_at > 0);
    ledger_report_close(report);
    buffer_free(&batches);
    assert_sum("one", TABLES, "sum", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tile_is_counted_as_it_was_rebuilt_last, ledger_rig_open,
                                        ledger_rig_close),
        cmocka_unit_test_setup_teardown(what_is_taken_back_is_not_counted, ledger_rig_open,
                                        ledger_rig_close),
        cmocka_unit_test_setup_teardown(tables_are_those_of_the_start, ledger_rig_open,
                                        ledger_rig_close),
        cmocka_unit_test_setup_teardown(ten_runs_keep_their_report, ledger_rig_open,
                                        ledger_rig_close),
        cmocka_unit_test_setup_teardown(a_report_is_of_one_moment, ledger_rig_open,
                                        ledger_rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
