/* What a run's tables have counted: the tallies of its rebuilt tiles, and of the others the answers
 * that are committed, joined on the spot. */
#include "stages/line_internal.h"

#include <stdlib.h>
#include <string.h>

#include "stages/rebuild.h"

#define TRIES 3       /* a run ends once */
#define END_WITHIN 15 /* seconds that the end of a run may wait for its report */

/* What the tallies of rebuilt tiles lack, as of the moment they were read. */
struct rest {
    uint64_t *first;  /* ordinal at which the points of each tile begin; tiles + 1 of them */
    uint8_t *rebuilt; /* bool of each tile */
    uint32_t tiles;
    struct buffer batches; /* struct listed_batch */
};

static void rest_free(struct rest *rest)
{
    free(rest->first);
    free(rest->rebuilt);
    buffer_free(&rest->batches);
    *rest = (struct rest){0};
}

void run_report_free(struct run_report *report)
{
    tally_free(report->tally);
    tables_free(report->tables);
    *report = (struct run_report){0};
}

/* --- one moment of the ledger -------------------------------------------------------------- */

static int add_counted(struct run_report *report, const struct counted *counted, struct error *err)
{
    struct tally *part;
    if (counted->data == NULL)
        return 0;
    if (tally_read(&part, report->tables, counted->data, counted->bytes, "the ledger", err) != 0)
        return -1;
    int result = tally_merge(report->tally, part, err);
    if (result == 0)
        report->answers += counted->answers;
    tally_free(part);
    return result;
}

struct reading {
    struct run_report *report;
    struct rest *rest;
};

static int add_tile(void *context, uint32_t tile, const struct counted *counted, struct error *err)
{
    struct reading *reading = context;
    if (tile < reading->rest->tiles)
        reading->rest->rebuilt[tile] = true;
    return add_counted(reading->report, counted, err);
}

static int read_active(struct ledger_report *moment, struct run_report *report, struct rest *rest,
                       struct error *err)
{
    struct reading reading = {report, rest};
    rest->tiles = grid_tiles(report->run.grid);
    rest->first = calloc((size_t)rest->tiles + 1, sizeof *rest->first);
    rest->rebuilt = calloc((size_t)rest->tiles + 1, 1);
    if (rest->first == NULL || rest->rebuilt == NULL)
        return error_memory(err, "a report");
    if (ledger_report_tiles(moment, add_tile, &reading, err) != 0 ||
        ledger_report_selected(moment, rest->first + 1, rest->tiles, err) != 0 ||
        ledger_report_batches(moment, &rest->batches, err) != 0)
        return -1;
    for (uint32_t tile = 0; tile < rest->tiles; tile++)
        rest->first[tile + 1] += rest->first[tile];
    return 0;
}

static int open_tables(struct run_report *report, struct slice text, struct error *err)
{
    char *copy = strndup(text.data, text.length);
    if (copy == NULL)
        return error_memory(err, "a report");
    int result = tables_parse(&report->tables, copy, err);
    free(copy);
    return result == 0 ? tally_create(&report->tally, report->tables, err) : -1;
}

static int read_moment(struct ledger_report *moment, struct run_report *report, struct rest *rest,
                       struct error *err)
{
    struct slice text = ledger_report_tables(moment);
    report->run = *ledger_report_run(moment);
    if (text.length == 0)
        return 0;
    if (open_tables(report, text, err) != 0)
        return -1;
    if (ledger_report_is_active(moment))
        return report->run.phase == PHASE_SNAPSHOT ? 0 : read_active(moment, report, rest, err);
    struct counted sum = ledger_report_sum(moment);
    return add_counted(report, &sum, err);
}

/* 1, 0 = no such run, -1. */
static int read_ledger(struct line *line, const char *run, struct run_report *report,
                       struct rest *rest, struct error *err)
{
    struct ledger_report *moment;
    int found = ledger_report_open(&moment, line->ledger, run, err);
    if (found != 1)
        return found;
    int result = read_moment(moment, report, rest, err);
    ledger_report_close(moment);
    return result == 0 ? 1 : -1;
}

/* --- answers of tiles that are not rebuilt ---------------------------------------------------- */

/* Files that are damaged or gone: what they held can't be counted any more. */
static bool is_loss(const struct error *err)
{
    return err->code == ERROR_CORRUPT || err->code == ERROR_MISSING || err->code == ERROR_IO;
}

/* 0, 1 = some of it is lost, -1. */
static int count_tiles(const struct rebuild_settings *settings, struct run_report *report,
                       const struct rest *rest, struct error *err)
{
    struct batch_list list = {(const struct listed_batch *)rest->batches.data,
                              rest->batches.used / sizeof(struct listed_batch)};
    int lost = 0;
    for (uint32_t tile = 0; tile < rest->tiles; tile++) {
        if (rest->rebuilt[tile] ||
            rebuild_count(settings, &list, tile, report->tally, &report->answers, err) == 0)
            continue;
        if (!is_loss(err))
            return -1;
        lost = 1;
    }
    return lost;
}

/* The batches are those of the moment, whatever has become of their tiles since: their bytes stay
 * where they are until the run ends, and what the run refreshes does too. */
static int count_rest(struct line *line, struct run_report *report, const struct rest *rest,
                      const struct control *control, double until, struct pulse *pulse,
                      struct error *err)
{
    struct run_input input;
    if (rest->batches.used == 0 || report->answers >= settled_points(&report->run.counts))
        return 0;
    if (run_input_open(&input, line, &report->run, err) != 0)
        return is_loss(err) ? 1 : -1;
    struct rebuild_settings settings = {
        .answers_directory = line->answers_directory,
        .merged = &input.merged,
        .control = control,
        .pulse = pulse,
        .until = until,
        .points = report->run.counts.selected,
        .shares = report->run.parameters.shares,
        .first_ordinal_of_tile = rest->first,
        .tables = report->tables,
        .started_at = report->run.started_at,
    };
    int result = count_tiles(&settings, report, rest, err);
    run_input_close(&input);
    return result;
}

/* --- the report ------------------------------------------------------------------------------- */

/* Has the run of that moment ended since, so that its files may have gone? 1, 0, -1. */
static int has_ended(struct line *line, const struct run_record *run, struct error *err)
{
    struct run_record now;
    int found = ledger_run(line->ledger, &now, err);
    return found < 0 ? -1 : found == 0 || strcmp(now.id, run->id) != 0;
}

/* 1, 0 = no such run, 2 = the run ended meanwhile, -1. */
static int try_report(struct line *line, const char *run, struct run_report *report,
                      struct error *err)
{
    struct rest rest = {0};
    struct error own;
    int found = read_ledger(line, run, report, &rest, err);
    int counted = found == 1 ? count_rest(line, report, &rest, &line->reports, 0, NULL, &own) : 0;
    rest_free(&rest);
    if (counted == 0)
        return found;
    int ended = has_ended(line, &report->run, err);
    if (ended != 0 || counted > 0)
        return ended < 0 ? -1 : 1 + ended;
    if (err != NULL)
        *err = own;
    return -1;
}

int line_report(struct line *line, const char *run, struct run_report *out, struct error *err)
{
    for (int i = 0;; i++) {
        struct run_report report = {0};
        int found = try_report(line, run, &report, err);
        if (found == 1 || (found == 2 && i + 1 == TRIES)) {
            *out = report;
            return 1;
        }
        run_report_free(&report);
        if (found <= 0)
            return found;
    }
}

void line_end_reports(struct line *line)
{
    atomic_store(&line->reports.stop, true);
}

int report_at_end(struct line *line, struct buffer *bytes, uint64_t *answers, struct error *err)
{
    struct run_report report = {0};
    struct rest rest = {0};
    struct run_record run = run_copy(line);
    struct pulse *pulse = &line->pulses[THREAD_CONDUCTOR];
    int result = read_ledger(line, run.id, &report, &rest, err) == 1 ? 0 : -1;
    if (result == 0 && report.tally != NULL) {
        (void)count_rest(line, &report, &rest, NULL, clock_monotonic() + END_WITHIN, pulse, err);
        pulse_beat(pulse);
        result = tally_write(report.tally, bytes, err);
        *answers = report.answers;
        if (result == 0 && report.answers < settled_points(&report.run.counts))
            result = 1;
    }
    rest_free(&rest);
    run_report_free(&report);
    return result;
}

int run_tables(const char *text, char **out, struct error *err)
{
    struct tables *tables;
    if (tables_parse(&tables, text, err) != 0)
        return -1;
    char *plain = tables_text(tables);
    tables_free(tables);
    if (plain == NULL)
        return error_memory(err, "the tables");
    size_t length = strlen(plain);
    if (length > RUN_TABLES_BYTES) {
        free(plain);
        return error_set(err, ERROR_VALUE, "the tables of a run may have %d bytes, not %zu",
                         RUN_TABLES_BYTES, length);
    }
    *out = plain;
    return 0;
}
