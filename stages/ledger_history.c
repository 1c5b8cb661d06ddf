#include "stages/ledger_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define KEY_BYTES 8

int history_put(struct work *work, uint64_t number, const struct run_record *run, struct error *err)
{
    unsigned char key[KEY_BYTES];
    struct record record;
    bytes_put64_big(key, number);
    run_record_write(&record, number, run);
    return store_put(work, TABLE_HISTORY, key, sizeof key, &record, err);
}

static int read_row(struct store_walk *walk, uint64_t *number, struct run_record *run,
                    struct error *err)
{
    struct view view;
    if (store_walk_value(walk, RUN_RECORD_VERSION, &view, err) < 0)
        return -1;
    if (!run_record_read(&view, number, run) || !view_complete(&view) ||
        bytes_get64_big(walk->key) != *number)
        return store_damaged(walk->work->ledger, "a run of the history makes no sense", err);
    return 1;
}

int history_last(struct work *work, uint64_t *number, struct error *err)
{
    struct store_walk walk;
    if (store_walk_open(&walk, work, TABLE_HISTORY, err) != 0)
        return -1;
    int found = store_walk_move(&walk, MDB_LAST, NULL, KEY_BYTES, err);
    if (found >= 0)
        *number = found == 1 ? bytes_get64_big(walk.key) : 0;
    store_walk_close(&walk);
    return found < 0 ? -1 : 0;
}

static int find_ended(struct work *work, const char *id, uint64_t *number, struct run_record *run,
                      struct error *err)
{
    struct store_walk walk;
    if (store_walk_open(&walk, work, TABLE_HISTORY, err) != 0)
        return -1;
    int found = store_walk_move(&walk, MDB_LAST, NULL, KEY_BYTES, err);
    while (found == 1) {
        found = read_row(&walk, number, run, err);
        if (found != 1 || id[0] == '\0' || strcmp(id, run->id) == 0)
            break;
        found = store_walk_move(&walk, MDB_PREV, NULL, KEY_BYTES, err);
    }
    store_walk_close(&walk);
    return found;
}

int history_find(struct work *work, const char *id, uint64_t *number, struct run_record *run,
                 bool *active, struct error *err)
{
    *active = true;
    int found = active_get(work, number, run, err);
    if (found < 0 || (found == 1 && (id[0] == '\0' || strcmp(id, run->id) == 0)))
        return found;
    *active = false;
    return find_ended(work, id, number, run, err);
}

int ledger_find_run(struct ledger *ledger, const char *id, struct run_record *out,
                    struct error *err)
{
    struct work work;
    struct run_record run;
    uint64_t number;
    bool active;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    int found = work_end(&work, history_find(&work, id, &number, &run, &active, err), err);
    if (found == 1)
        *out = run;
    return found;
}

static int append_row(struct buffer *rows, struct store_walk *walk, struct error *err)
{
    struct run_record run;
    uint64_t number;
    if (read_row(walk, &number, &run, err) < 0)
        return -1;
    return buffer_append(rows, &run, sizeof run, err);
}

static int list_ended(struct work *work, size_t limit, struct buffer *rows, struct error *err)
{
    struct store_walk walk;
    if (store_walk_open(&walk, work, TABLE_HISTORY, err) != 0)
        return -1;
    int found = 0;
    for (size_t i = 0; i < limit; i++) {
        found = store_walk_move(&walk, i == 0 ? MDB_LAST : MDB_PREV, NULL, KEY_BYTES, err);
        if (found == 1 && append_row(rows, &walk, err) != 0)
            found = -1;
        if (found != 1)
            break;
    }
    store_walk_close(&walk);
    return found < 0 ? -1 : 0;
}

int ledger_history(struct ledger *ledger, size_t limit, struct run_record **runs, size_t *count,
                   struct error *err)
{
    struct work work;
    struct buffer rows = {0};
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    if (work_end(&work, list_ended(&work, limit, &rows, err), err) != 0) {
        buffer_free(&rows);
        return -1;
    }
    *runs = (struct run_record *)rows.data;
    *count = rows.used / sizeof **runs;
    return 0;
}
