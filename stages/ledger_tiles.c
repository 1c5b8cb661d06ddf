#include "stages/ledger_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define TILE_KEY_BYTES 4
#define RUN_KEY_BYTES 8
#define COUNTRIES_VERSION 1

static void put_countries(struct record *record, const struct country_count *rows, size_t count)
{
    record_number(record, count);
    for (size_t i = 0; i < count; i++) {
        record_bytes(record, rows[i].code, strnlen(rows[i].code, sizeof rows[i].code - 1));
        record_number(record, rows[i].count);
    }
}

static int get_countries(struct work *work, struct view *view, struct buffer *rows,
                         struct error *err)
{
    uint64_t count = view_number(view, UINT64_MAX);
    for (uint64_t i = 0; i < count && !view->broken; i++) {
        struct country_count row = {0};
        view_text(view, row.code, sizeof row.code);
        row.count = view_number(view, UINT64_MAX);
        if (buffer_append(rows, &row, sizeof row, err) != 0)
            return -1;
    }
    if (!view_complete(view))
        return store_damaged(work->ledger, "counts by country make no sense", err);
    return 0;
}

static int get_tile(struct work *work, uint32_t tile, struct tile_record *out, struct error *err)
{
    unsigned char key[TILE_KEY_BYTES];
    struct view view;
    bytes_put32_big(key, tile);
    int found = store_get(work, TABLE_TILES, key, sizeof key, TILE_RECORD_VERSION, &view, err);
    if (found == 1 && (!tile_record_read(&view, out) || out->tile != tile))
        return store_damaged(work->ledger, "a rebuilt tile makes no sense", err);
    return found;
}

static int put_tile(struct work *work, const struct tile_record *tile,
                    const struct country_count *changed_by_country, size_t countries,
                    struct error *err)
{
    struct run_record run;
    struct tile_record before;
    uint64_t number;
    if (active_need(work, &number, &run, err) != 0)
        return -1;
    int found = get_tile(work, tile->tile, &before, err);
    if (found < 0)
        return -1;
    run.counts.changed += tile->changed - (found == 1 ? before.changed : 0);
    run.counts.tiles_rebuilt += found == 0;
    unsigned char key[TILE_KEY_BYTES];
    struct record record;
    bytes_put32_big(key, tile->tile);
    tile_record_write(&record, tile);
    put_countries(&record, changed_by_country, countries);
    if (store_put(work, TABLE_TILES, key, sizeof key, &record, err) != 0)
        return -1;
    return active_put(work, number, &run, err);
}

int tile_drop(struct work *work, uint32_t tile, struct run_counts *counts, struct error *err)
{
    unsigned char key[TILE_KEY_BYTES];
    struct tile_record record;
    int found = get_tile(work, tile, &record, err);
    if (found != 1)
        return found;
    if (record.changed > counts->changed || counts->tiles_rebuilt == 0)
        return store_damaged(work->ledger, "rebuilt tiles and counts differ", err);
    counts->changed -= record.changed;
    counts->tiles_rebuilt--;
    bytes_put32_big(key, tile);
    return store_delete(work, TABLE_TILES, key, sizeof key, err);
}

int ledger_tile_rebuilt(struct ledger *ledger, const struct tile_record *tile,
                        const struct country_count *changed_by_country, size_t countries,
                        struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(&work, put_tile(&work, tile, changed_by_country, countries, err), err);
}

int ledger_tile(struct ledger *ledger, uint32_t tile, struct tile_record *out, struct error *err)
{
    struct work work;
    struct tile_record found_tile;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    int found = work_end(&work, get_tile(&work, tile, &found_tile, err), err);
    if (found == 1)
        *out = found_tile;
    return found;
}

static int by_code(const void *left, const void *right)
{
    const struct country_count *a = left;
    const struct country_count *b = right;
    return memcmp(a->code, b->code, sizeof a->code);
}

/* Sort by code and add up equal ones. */
static void merge_countries(struct buffer *rows)
{
    struct country_count *row = (struct country_count *)rows->data;
    size_t count = rows->used / sizeof *row;
    size_t kept = 0;
    if (count == 0)
        return;
    qsort(row, count, sizeof *row, by_code);
    for (size_t i = 1; i < count; i++) {
        if (by_code(&row[kept], &row[i]) == 0)
            row[kept].count += row[i].count;
        else
            row[++kept] = row[i];
    }
    rows->used = (kept + 1) * sizeof *row;
}

/* The sums over the tiles rebuilt so far. */
static int sum_tiles(struct work *work, struct buffer *rows, struct error *err)
{
    struct store_walk walk;
    if (store_walk_open(&walk, work, TABLE_TILES, err) != 0)
        return -1;
    int found;
    while ((found = store_walk_move(&walk, MDB_NEXT, NULL, TILE_KEY_BYTES, err)) == 1) {
        struct view view;
        struct tile_record tile;
        found = store_walk_value(&walk, TILE_RECORD_VERSION, &view, err);
        if (found == 1 && !tile_record_read(&view, &tile))
            found = store_damaged(work->ledger, "a rebuilt tile makes no sense", err);
        if (found == 1 && get_countries(work, &view, rows, err) != 0)
            found = -1;
        if (found != 1)
            break;
    }
    store_walk_close(&walk);
    merge_countries(rows);
    return found < 0 ? -1 : 0;
}

int countries_close_run(struct work *work, uint64_t number, struct error *err)
{
    unsigned char key[RUN_KEY_BYTES];
    struct record record;
    struct buffer rows = {0};
    int result = sum_tiles(work, &rows, err);
    if (result == 0) {
        bytes_put64_big(key, number);
        record_begin(&record, COUNTRIES_VERSION);
        put_countries(&record, (const struct country_count *)rows.data,
                      rows.used / sizeof(struct country_count));
        result = store_put(work, TABLE_COUNTRIES, key, sizeof key, &record, err);
    }
    if (result == 0 && number > RUNS_KEPT) {
        bytes_put64_big(key, number - RUNS_KEPT);
        result = store_delete(work, TABLE_COUNTRIES, key, sizeof key, err);
    }
    buffer_free(&rows);
    return result;
}

static int find_countries(struct work *work, const char *id, struct buffer *rows, struct error *err)
{
    struct run_record run;
    uint64_t number;
    bool active;
    int found = history_find(work, id, &number, &run, &active, err);
    if (found == 0)
        return error_set(err, ERROR_MISSING, "no run is called \"%s\"", id);
    if (found < 0 || active)
        return found < 0 ? -1 : sum_tiles(work, rows, err);
    unsigned char key[RUN_KEY_BYTES];
    struct view view;
    bytes_put64_big(key, number);
    found = store_get(work, TABLE_COUNTRIES, key, sizeof key, COUNTRIES_VERSION, &view, err);
    if (found != 1)
        return found;
    return get_countries(work, &view, rows, err);
}

int ledger_changed_by_country(struct ledger *ledger, const char *run, struct country_count **rows,
                              size_t *count, struct error *err)
{
    struct work work;
    struct buffer list = {0};
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    if (work_end(&work, find_countries(&work, run, &list, err), err) != 0) {
        buffer_free(&list);
        return -1;
    }
    *rows = (struct country_count *)list.data;
    *count = list.used / sizeof **rows;
    return 0;
}
