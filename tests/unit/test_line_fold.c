#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/durable.h"
#include "cachefmt/generation.h"
#include "tests/unit/line_rig.h"

enum { COUNT = 600, LEARNED = 150, LEARNED_DATE = 1650000000 };
#define FORTY_YEARS (3600.0 * 24 * 365 * 40)

/* A rig with points COUNT.. learned. */
struct bench {
    struct rig *rig;
    struct learned *learned;
    char table[100], folded[100];
};

static void learn(struct bench *bench, unsigned number, uint32_t date, enum outcome outcome)
{
    char street[40];
    struct error err;
    int length = snprintf(street, sizeof street, "Learned %u", number);
    struct entry entry = {.point = rig_point(number), .outcome = outcome, .refreshed_at = date};
    if (outcome == OUTCOME_FOUND) {
        entry.address.field[FIELD_STREET] = (struct slice){street, (uint32_t)length};
        entry.address.field[FIELD_COUNTRYCODE] = (struct slice){"ol", 2};
    }
    if (learned_put(bench->learned, &entry, 1, &err) != 0)
        fail_msg("%s", err.message);
}

static void open_table(struct bench *bench)
{
    struct error err;
    if (learned_open(&bench->learned, bench->table, false, &err) != 0)
        fail_msg("%s", err.message);
    bench->rig->settings.learned = bench->learned;
}

static struct bench set_up(unsigned learned)
{
    struct bench bench = {.rig = rig_open(COUNT)};
    (void)snprintf(bench.table, sizeof bench.table, "%s/learned", bench.rig->state);
    (void)snprintf(bench.folded, sizeof bench.folded, "%s/folded", bench.rig->state);
    assert_int_equal(durable_make_directory(bench.rig->state, NULL), 0);
    open_table(&bench);
    for (unsigned i = 0; i < learned; i++)
        learn(&bench, COUNT + i, LEARNED_DATE, OUTCOME_FOUND);
    return bench;
}

static void tear_down(struct bench *bench)
{
    rig_line_close(bench->rig);
    learned_close(bench->learned);
    assert_false(rig_exists(bench->folded));
    rig_close(bench->rig);
}

static struct line_status published(struct line *line)
{
    struct line_status status;
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(status.last_run.result, RESULT_PUBLISHED);
    const struct run_counts *counts = &status.last_run.counts;
    uint64_t settled = 0;
    for (int i = 0; i < SETTLED_COUNT; i++)
        settled += counts->settled[i];
    assert_int_equal(settled, counts->selected);
    assert_int_equal(settled + counts->carried, counts->total);
    return status;
}

static void assert_street(const struct bench *bench, unsigned number, const char *before,
                          const char *after)
{
    char expected[64];
    (void)snprintf(expected, sizeof expected, "%s %u%s", before, number, after);
    assert_string_equal(rig_entry(bench->rig, number).street, expected);
}

static uint64_t entries_now(const struct bench *bench)
{
    struct manifest *manifest;
    assert_int_equal(generation_current(bench->rig->cache, &manifest, NULL), 0);
    uint64_t entries = manifest_figures(manifest).entries;
    manifest_free(manifest);
    return entries;
}

static bool nothing_to_do(struct line *line, const struct run_parameters *parameters)
{
    char id[RUN_ID_BYTES];
    struct error err;
    bool nothing = false;
    if (line_start(line, parameters, id, &nothing, &err) != 0)
        fail_msg("%s", err.message);
    return nothing;
}

static void learned_points_are_refreshed_like_others(void **state)
{
    (void)state;
    struct bench bench = set_up(LEARNED);
    struct line *line = rig_line(bench.rig);
    struct line_plan plan;
    unsigned most;
    assert_int_equal(line_plan(line, &bench.rig->parameters, &plan, NULL), 0);
    assert_int_equal(plan.points, COUNT + LEARNED);
    assert_false(rig_exists(bench.folded));
    bench.rig->count = COUNT + LEARNED;
    rig_start(bench.rig, line);
    struct run_counts counts = published(line).last_run.counts;
    assert_int_equal(counts.total, COUNT + LEARNED);
    assert_int_equal(counts.folded, LEARNED);
    assert_int_equal(counts.changed, COUNT + LEARNED);
    assert_int_equal(rig_asked(bench.rig, &most), COUNT + LEARNED);
    assert_int_equal(most, 1);
    assert_int_equal(entries_now(&bench), COUNT + LEARNED);
    for (unsigned i = 0; i < COUNT + LEARNED; i++)
        assert_street(&bench, i, "Street", " v1");
    assert_int_equal(learned_count(bench.learned), LEARNED);
    tear_down(&bench);
}

static void with_nothing_stale_they_are_folded_unasked(void **state)
{
    (void)state;
    struct bench bench = set_up(LEARNED);
    struct line *line = rig_line(bench.rig);
    struct line_plan plan;
    bench.rig->parameters.older_than = FORTY_YEARS;
    assert_int_equal(line_plan(line, &bench.rig->parameters, &plan, NULL), 0);
    assert_int_equal(plan.points, 0);
    assert_int_equal(plan.carried, COUNT + LEARNED);
    assert_true(plan.disk_bytes > 0);
    rig_start(bench.rig, line);
    struct run_counts counts = published(line).last_run.counts;
    assert_int_equal(counts.carried, COUNT + LEARNED);
    assert_int_equal(bench.rig->geocoder.requests, 0);
    assert_int_equal(rig_generation(bench.rig), 2);
    assert_int_equal(entries_now(&bench), COUNT + LEARNED);
    assert_street(&bench, COUNT - 1, "Old Street", "");
    for (unsigned i = COUNT; i < COUNT + LEARNED; i++) {
        assert_street(&bench, i, "Learned", "");
        assert_int_equal(rig_entry(bench.rig, i).refreshed_at, LEARNED_DATE);
    }
    /* They are still in the table, but the generation has them. */
    assert_int_equal(learned_count(bench.learned), LEARNED);
    assert_true(nothing_to_do(line, &bench.rig->parameters));
    assert_int_equal(rig_generation(bench.rig), 2);
    tear_down(&bench);
}

static void they_are_selected_by_their_date(void **state)
{
    (void)state;
    struct bench bench = set_up(LEARNED);
    struct line *line = rig_line(bench.rig);
    struct line_plan plan;
    bench.rig->parameters.older_than = clock_unix() - (LEARNED_DATE - 100.0);
    learn(&bench, COUNT, LEARNED_DATE - 1000, OUTCOME_NONE);
    assert_int_equal(line_plan(line, &bench.rig->parameters, &plan, NULL), 0);
    assert_int_equal(plan.points, COUNT + 1);
    rig_start(bench.rig, line);
    struct run_counts counts = published(line).last_run.counts;
    assert_int_equal(counts.selected, COUNT + 1);
    assert_int_equal(counts.carried, LEARNED - 1);
    assert_street(&bench, COUNT, "Street", " v1");
    assert_street(&bench, COUNT + 1, "Learned", "");
    assert_street(&bench, 5, "Street", " v1");
    tear_down(&bench);
}

static void the_newer_of_two_entries_stays(void **state)
{
    (void)state;
    struct bench bench = set_up(0);
    struct line *line = rig_line(bench.rig);
    bench.rig->parameters.older_than = FORTY_YEARS;
    learn(&bench, 7, RIG_OLD_DATE - 1, OUTCOME_FOUND);
    learn(&bench, 8, RIG_OLD_DATE, OUTCOME_FOUND);
    assert_true(nothing_to_do(line, &bench.rig->parameters));
    learn(&bench, 9, RIG_OLD_DATE + 1, OUTCOME_FOUND);
    learn(&bench, COUNT, LEARNED_DATE, OUTCOME_UNSURE); /* remembers a first empty answer */
    rig_start(bench.rig, line);
    struct run_counts counts = published(line).last_run.counts;
    assert_int_equal(counts.folded, 1);
    assert_int_equal(counts.total, COUNT);
    assert_int_equal(entries_now(&bench), COUNT);
    assert_street(&bench, 7, "Old Street", "");
    assert_street(&bench, 8, "Old Street", "");
    assert_street(&bench, 9, "Learned", "");
    tear_down(&bench);
}

static void name_tile(struct run_parameters *parameters, unsigned number)
{
    uint32_t tile = grid_tile((struct grid){24, 24}, rig_point(number));
    parameters->some_tiles = true;
    memset(parameters->tiles, 0, sizeof parameters->tiles);
    parameters->tiles[tile / 8] = (uint8_t)(1u << tile % 8);
}

static void other_tiles_than_the_named_stay_as_they_are(void **state)
{
    (void)state;
    struct bench bench = set_up(LEARNED);
    struct line *line = rig_line(bench.rig);
    struct manifest *manifest;
    bench.rig->parameters.older_than = FORTY_YEARS;
    name_tile(&bench.rig->parameters, 0);
    assert_true(nothing_to_do(line, &bench.rig->parameters));
    name_tile(&bench.rig->parameters, COUNT);
    uint32_t tile = grid_tile((struct grid){24, 24}, rig_point(COUNT));
    rig_start(bench.rig, line);
    struct run_counts counts = published(line).last_run.counts;
    assert_true(counts.folded > 0 && counts.folded < LEARNED);
    assert_int_equal(entries_now(&bench), COUNT + counts.folded);
    assert_int_equal(generation_current(bench.rig->cache, &manifest, NULL), 0);
    for (uint32_t i = 0; i < 576; i++)
        assert_int_equal(manifest->tiles[i].built == 2, i == tile);
    manifest_free(manifest);
    assert_int_equal(learned_count(bench.learned), LEARNED);
    tear_down(&bench);
}

static void tiles_are_shown_one_by_one(void **state)
{
    (void)state;
    struct bench bench = set_up(LEARNED);
    struct line *line = rig_line(bench.rig);
    bench.rig->parameters.publish_tiles = true;
    bench.rig->parameters.older_than = FORTY_YEARS;
    rig_start(bench.rig, line);
    (void)published(line);
    assert_int_equal(entries_now(&bench), COUNT + LEARNED);
    bench.rig->parameters.older_than = 0;
    rig_start(bench.rig, line);
    assert_int_equal(published(line).last_run.counts.total, COUNT + LEARNED);
    assert_street(&bench, COUNT + 3, "Street", " v1");
    tear_down(&bench);
}

static void failures_are_retried_and_points_folded(void **state)
{
    (void)state;
    struct bench bench = set_up(0);
    struct line *line = rig_line(bench.rig);
    bench.rig->geocoder.fail_every = 50;
    rig_start(bench.rig, line);
    (void)published(line);
    for (unsigned i = 0; i < LEARNED; i++)
        learn(&bench, COUNT + i, LEARNED_DATE, OUTCOME_FOUND);
    bench.rig->geocoder.fail_every = 0;
    bench.rig->parameters.retry_failed = true;
    rig_start(bench.rig, line);
    struct run_counts counts = published(line).last_run.counts;
    assert_int_equal(counts.selected, COUNT / 50);
    assert_int_equal(counts.folded, LEARNED);
    assert_street(&bench, 50, "Street", " v1");
    assert_street(&bench, COUNT + 1, "Learned", "");
    tear_down(&bench);
}

/* What is learned while a run is under way is the next run's; the run itself goes on with what it
 * froze, over any number of restarts. */
static void closing_at_any_time_keeps_what_was_frozen(void **state)
{
    (void)state;
    struct error err;
    unsigned most;
    struct bench bench = set_up(LEARNED);
    bench.rig->geocoder.distant = true;
    bench.rig->geocoder.latency_ms = 5;
    bench.rig->parameters.workers = 1;
    bench.rig->count = COUNT + LEARNED;
    struct line *line = rig_line(bench.rig);
    rig_start(bench.rig, line);
    bool late = false;
    useconds_t longest = 20000;
    for (useconds_t wait = 0; line_is_active(line); wait = (wait * 3 + 1500) % longest) {
        struct line_status status;
        usleep(wait);
        longest += 3000;
        line_status(line, &status);
        rig_line_close(bench.rig);
        if (!late && status.run.phase == PHASE_REFRESH) {
            late = true;
            assert_true(rig_exists(bench.folded));
            learn(&bench, COUNT + LEARNED, LEARNED_DATE, OUTCOME_FOUND);
            learn(&bench, COUNT, LEARNED_DATE + 9, OUTCOME_FOUND);
        }
        learned_close(bench.learned);
        open_table(&bench);
        line = rig_line(bench.rig);
        assert_int_equal(line_continue(line, &err), 0);
    }
    assert_true(late);
    assert_int_equal(published(line).last_run.counts.total, COUNT + LEARNED);
    assert_int_equal(rig_asked(bench.rig, &most), COUNT + LEARNED);
    assert_int_equal(most, 1);
    assert_int_equal(entries_now(&bench), COUNT + LEARNED);
    bench.rig->parameters.older_than = FORTY_YEARS;
    rig_start(bench.rig, line);
    assert_int_equal(published(line).last_run.counts.folded, 1);
    assert_street(&bench, COUNT + LEARNED, "Learned", "");
    tear_down(&bench);
}

static void cancelled_points_stay_learned(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct bench bench = set_up(LEARNED);
    bench.rig->parameters.rate = 200;
    struct line *line = rig_line(bench.rig);
    rig_start(bench.rig, line);
    do
        line_status(line, &status);
    while (status.run.counts.settled[SETTLED_FOUND] == 0);
    assert_true(rig_exists(bench.folded));
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    assert_int_equal(rig_generation(bench.rig), 1);
    assert_int_equal(learned_count(bench.learned), LEARNED);
    tear_down(&bench);
}

/* Change one byte where the text occurs, everywhere; NULL = in the middle. */
static void damage(const char *path, const char *text)
{
    char *data;
    size_t bytes;
    assert_int_equal(read_whole_file(path, (size_t)1 << 26, &data, &bytes, NULL), 0);
    if (text == NULL)
        data[bytes / 2] ^= 1;
    for (char *at = data; text != NULL && (at = memmem(at, bytes - (size_t)(at - data), text,
                                                       strlen(text))) != NULL;)
        *at ^= 1;
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, data, bytes, 0), bytes);
    close(fd);
    free(data);
}

enum spoiling { DAMAGED_PAIR, DAMAGED_MANIFEST, OTHER_POINTS, GONE, SPOILINGS };

static void spoil(struct bench *bench, enum spoiling how, char path[160])
{
    uint64_t count;
    uint32_t tile = grid_tile((struct grid){24, 24}, rig_point(COUNT));
    (void)snprintf(path, 160, "%s/MANIFEST", bench->folded);
    switch (how) {
    case DAMAGED_PAIR:
        (void)snprintf(path, 160, "%s/%03u.1.idx", bench->folded, tile);
        damage(path, NULL);
        break;
    case DAMAGED_MANIFEST:
        damage(path, NULL);
        break;
    case OTHER_POINTS:
        learn(bench, COUNT, LEARNED_DATE + 1, OUTCOME_FOUND);
        assert_int_equal(
            learned_freeze(bench->learned, (struct grid){24, 24}, bench->folded, &count, NULL), 0);
        assert_int_equal(count, LEARNED);
        break;
    default:
        assert_int_equal(durable_remove_directory(bench->folded, NULL), 0);
        break;
    }
}

static void a_spoiled_folded_set_pauses_with_its_name(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    char path[160];
    for (enum spoiling how = 0; how < SPOILINGS; how++) {
        struct bench bench = set_up(LEARNED);
        bench.rig->parameters.rate = 300;
        struct line *line = rig_line(bench.rig);
        rig_start(bench.rig, line);
        do
            line_status(line, &status);
        while (status.run.phase != PHASE_REFRESH);
        assert_int_equal(line_pause(line, "", &err), 0);
        rig_wait(line, LINE_PAUSED, &status);
        rig_line_close(bench.rig);
        spoil(&bench, how, path);
        bench.rig->parameters.rate = 0;
        line = rig_line(bench.rig);
        struct line_change faster = {0, -1, -1, -1};
        assert_int_equal(line_set(line, &faster, &err), 0);
        assert_int_equal(line_resume(line, &err), 0);
        rig_wait(line, LINE_PAUSED, &status);
        if (strstr(status.reason, path) == NULL)
            fail_msg("%s is not in: %s", path, status.reason);
        assert_int_equal(rig_generation(bench.rig), 1);
        assert_int_equal(line_cancel(line, &err), 0);
        rig_wait(line, LINE_IDLE, &status);
        tear_down(&bench);
    }
}

static void a_damaged_learned_entry_pauses_with_its_file(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    char path[140];
    struct bench bench = set_up(LEARNED);
    (void)snprintf(path, sizeof path, "%s/data.mdb", bench.table);
    learned_close(bench.learned);
    damage(path, "Learned 650");
    open_table(&bench);
    struct line *line = rig_line(bench.rig);
    rig_start(bench.rig, line);
    rig_wait(line, LINE_PAUSED, &status);
    if (strstr(status.reason, path) == NULL)
        fail_msg("%s is not in: %s", path, status.reason);
    assert_false(rig_exists(bench.folded));
    assert_int_equal(line_resume(line, &err), 0);
    rig_wait(line, LINE_PAUSED, &status);
    assert_int_equal(line_cancel(line, &err), 0);
    rig_wait(line, LINE_IDLE, &status);
    tear_down(&bench);
}

/* The freeze of an earlier process is not believed while the snapshot is not recorded. */
static void leftovers_of_a_crash_are_replaced(void **state)
{
    (void)state;
    struct error err;
    char path[140];
    struct bench bench = set_up(LEARNED);
    struct line *line = rig_line(bench.rig);
    rig_line_close(bench.rig); /* which removes what belongs to no run */
    assert_int_equal(durable_make_directory(bench.folded, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/MANIFEST", bench.folded);
    assert_int_equal(durable_write_file(path, "torn", 4, NULL), 0);
    struct ledger *ledger;
    struct run_record run = {.id = "20261121T020000Z-1f3a",
                             .parameters = bench.rig->parameters,
                             .base_generation = 1,
                             .generation = 2,
                             .grid = {24, 24},
                             .provider = "rig"};
    struct manifest *manifest;
    assert_int_equal(generation_current(bench.rig->cache, &manifest, NULL), 0);
    run.base_digest = manifest->digest;
    run.parameters.cutoff = UINT32_MAX;
    manifest_free(manifest);
    assert_int_equal(ledger_open(&ledger, bench.rig->ledger, &err), 0);
    assert_int_equal(ledger_run_begin(ledger, &run, &err), 0);
    ledger_close(ledger);
    line = rig_line(bench.rig);
    assert_int_equal(line_continue(line, &err), 0);
    assert_int_equal(published(line).last_run.counts.total, COUNT + LEARNED);
    tear_down(&bench);
}

/* Between start and freeze the points may go: the run ends well, the generation stays. */
static void a_run_that_finds_nothing_makes_no_generation(void **state)
{
    (void)state;
    struct error err;
    struct cache *empty;
    struct bench bench = set_up(0);
    struct run_record run = {.id = "20261121T020000Z-1f3a",
                             .parameters = bench.rig->parameters,
                             .base_generation = 1,
                             .generation = 2,
                             .grid = {24, 24},
                             .provider = "rig"};
    struct ledger *ledger;
    assert_int_equal(cache_open(&empty, bench.rig->cache, NULL, &err), 0);
    run.base_digest = cache_manifest(empty)->digest;
    run.parameters.cutoff = 1;
    cache_close(empty);
    assert_int_equal(ledger_open(&ledger, bench.rig->ledger, &err), 0);
    assert_int_equal(ledger_run_begin(ledger, &run, &err), 0);
    ledger_close(ledger);
    struct line *line = rig_line(bench.rig);
    assert_int_equal(line_continue(line, &err), 0);
    struct line_status status = published(line);
    assert_int_equal(status.last_run.generation, 1);
    assert_int_equal(rig_generation(bench.rig), 1);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned_points_are_refreshed_like_others),
        cmocka_unit_test(with_nothing_stale_they_are_folded_unasked),
        cmocka_unit_test(they_are_selected_by_their_date),
        cmocka_unit_test(the_newer_of_two_entries_stays),
        cmocka_unit_test(other_tiles_than_the_named_stay_as_they_are),
        cmocka_unit_test(tiles_are_shown_one_by_one),
        cmocka_unit_test(failures_are_retried_and_points_folded),
        cmocka_unit_test(closing_at_any_time_keeps_what_was_frozen),
        cmocka_unit_test(cancelled_points_stay_learned),
        cmocka_unit_test(a_spoiled_folded_set_pauses_with_its_name),
        cmocka_unit_test(a_damaged_learned_entry_pauses_with_its_file),
        cmocka_unit_test(leftovers_of_a_crash_are_replaced),
        cmocka_unit_test(a_run_that_finds_nothing_makes_no_generation),
    };
    return rig_run_tests(tests);
}
