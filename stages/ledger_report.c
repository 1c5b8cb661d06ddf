/* What the tables of runs counted: the bytes of their tallies. */
#include "stages/ledger_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define REPORT_VERSION 1
#define TALLY_VERSION 1
#define RUN_KEY_BYTES 8
#define TILE_KEY_BYTES 4

/* --- one run's record ------------------------------------------------------------------- */

/* A run's record as it was read, inside the mapping. */
struct kept {
    struct slice tables;
    struct counted sum;
};

static void put_counted(struct record *record, const struct counted *counted)
{
    bool any = counted != NULL && counted->data != NULL;
    record_number(record, any ? counted->answers : 0);
    record_bytes(record, any ? counted->data : "", any ? counted->bytes : 0);
}

static struct counted get_counted(struct view *view)
{
    struct counted counted = {.answers = view_number(view, UINT64_MAX)};
    counted.bytes = view_slice(view, &counted.data, SIZE_MAX);
    if (counted.bytes == 0)
        counted.data = NULL;
    return counted;
}

static int put_kept(struct work *work, uint64_t number, struct slice tables,
                    const struct counted *counted, struct error *err)
{
    unsigned char key[RUN_KEY_BYTES];
    struct record record;
    bytes_put64_big(key, number);
    record_begin(&record, REPORT_VERSION);
    record_bytes(&record, tables.data, tables.length);
    put_counted(&record, counted);
    return store_put(work, TABLE_REPORTS, key, sizeof key, &record, err);
}

/* 1, 0 = nothing is kept of that run, -1. */
static int get_kept(struct work *work, uint64_t number, struct kept *out, struct error *err)
{
    unsigned char key[RUN_KEY_BYTES];
    struct view view;
    const void *text;
    bytes_put64_big(key, number);
    *out = (struct kept){0};
    int found = store_get(work, TABLE_REPORTS, key, sizeof key, REPORT_VERSION, &view, err);
    if (found != 1)
        return found;
    out->tables.length = (uint32_t)view_slice(&view, &text, RUN_TABLES_BYTES);
    out->tables.data = text;
    out->sum = get_counted(&view);
    if (!view_complete(&view) || out->tables.length == 0 ||
        memchr(text, '\0', out->tables.length) != NULL)
        return store_damaged(work->ledger, "a report makes no sense", err);
    return 1;
}

static int forget(struct work *work, uint64_t number, struct error *err)
{
    unsigned char key[RUN_KEY_BYTES];
    bytes_put64_big(key, number);
    return store_delete(work, TABLE_REPORTS, key, sizeof key, err);
}

int report_begin(struct work *work, uint64_t number, const char *tables, struct error *err)
{
    size_t length = tables != NULL ? strlen(tables) : 0;
    if (length > RUN_TABLES_BYTES)
        return error_set(err, ERROR_VALUE, "the tables of a run may have %d bytes, not %zu",
                         RUN_TABLES_BYTES, length);
    if (length == 0)
        return forget(work, number, err);
    return put_kept(work, number, (struct slice){tables, (uint32_t)length}, NULL, err);
}

int report_end(struct work *work, uint64_t number, const struct counted *counted, struct error *err)
{
    struct kept kept;
    int found = get_kept(work, number, &kept, err);
    if (found < 0 || (number > RUNS_KEPT && forget(work, number - RUNS_KEPT, err) != 0))
        return -1;
    if (found == 0 || counted == NULL || counted->data == NULL)
        return 0;
    /* The text is in the mapping, where a write may move it. */
    char *tables = strndup(kept.tables.data, kept.tables.length);
    if (tables == NULL)
        return error_memory(err, "a report");
    struct slice text = {tables, kept.tables.length};
    int result = put_kept(work, number, text, counted, err);
    free(tables);
    return result;
}

static int active_tables(struct work *work, char **text, struct error *err)
{
    struct run_record run;
    struct kept kept;
    uint64_t number;
    if (active_need(work, &number, &run, err) != 0)
        return -1;
    int found = get_kept(work, number, &kept, err);
    if (found != 1)
        return found;
    *text = strndup(kept.tables.data, kept.tables.length);
    return *text != NULL ? 1 : error_memory(err, "the run's tables");
}

int ledger_run_tables(struct ledger *ledger, char **text, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    return work_end(&work, active_tables(&work, text, err), err);
}

/* --- the tiles of the active run --------------------------------------------------------- */

int tally_drop(struct work *work, uint32_t tile, struct error *err)
{
    unsigned char key[TILE_KEY_BYTES];
    bytes_put32_big(key, tile);
    return store_delete(work, TABLE_TALLIES, key, sizeof key, err);
}

int tally_keep(struct work *work, uint32_t tile, const struct counted *counted, struct error *err)
{
    unsigned char key[TILE_KEY_BYTES];
    struct record record;
    if (counted == NULL || counted->data == NULL)
        return tally_drop(work, tile, err);
    bytes_put32_big(key, tile);
    record_begin(&record, TALLY_VERSION);
    put_counted(&record, counted);
    return store_put(work, TABLE_TALLIES, key, sizeof key, &record, err);
}

static int get_tally(struct work *work, uint32_t tile, struct counted *out, struct error *err)
{
    unsigned char key[TILE_KEY_BYTES];
    struct view view;
    bytes_put32_big(key, tile);
    *out = (struct counted){0};
    int found = store_get(work, TABLE_TALLIES, key, sizeof key, TALLY_VERSION, &view, err);
    if (found != 1)
        return found;
    *out = get_counted(&view);
    return view_complete(&view)
               ? 1
               : store_damaged(work->ledger, "what was counted in a tile makes no sense", err);
}

/* --- one moment --------------------------------------------------------------------------- */

struct ledger_report {
    struct work work;
    struct run_record run;
    struct kept kept;
    bool active;
};

int ledger_report_open(struct ledger_report **out, struct ledger *ledger, const char *run,
                       struct error *err)
{
    uint64_t number;
    struct ledger_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return error_memory(err, "a report");
    if (work_begin(&report->work, ledger, false, err) != 0) {
        free(report);
        return -1;
    }
    int found = history_find(&report->work, run, &number, &report->run, &report->active, err);
    if (found == 1 && get_kept(&report->work, number, &report->kept, err) < 0)
        found = -1;
    if (found == 1)
        *out = report;
    else
        ledger_report_close(report);
    return found;
}

void ledger_report_close(struct ledger_report *report)
{
    if (report == NULL)
        return;
    (void)work_end(&report->work, 0, NULL);
    free(report);
}

const struct run_record *ledger_report_run(const struct ledger_report *report)
{
    return &report->run;
}

bool ledger_report_is_active(const struct ledger_report *report)
{
    return report->active;
}

struct slice ledger_report_tables(const struct ledger_report *report)
{
    return report->kept.tables;
}

struct counted ledger_report_sum(const struct ledger_report *report)
{
    return report->kept.sum;
}

int ledger_report_tiles(struct ledger_report *report, counted_callback *callback, void *context,
                        struct error *err)
{
    struct store_walk walk;
    if (store_walk_open(&walk, &report->work, TABLE_TILES, err) != 0)
        return -1;
    int found;
    while ((found = store_walk_move(&walk, MDB_NEXT, NULL, TILE_KEY_BYTES, err)) == 1) {
        uint32_t tile = bytes_get32_big(walk.key);
        struct counted counted;
        if (get_tally(&report->work, tile, &counted, err) < 0 ||
            callback(context, tile, &counted, err) != 0) {
            found = -1;
            break;
        }
    }
    store_walk_close(&walk);
    return found;
}

int ledger_report_selected(struct ledger_report *report, uint64_t *out, size_t tiles,
                           struct error *err)
{
    return selected_get(&report->work, out, tiles, err);
}

int ledger_report_batches(struct ledger_report *report, struct buffer *out, struct error *err)
{
    return batches_list(&report->work, out, err);
}
