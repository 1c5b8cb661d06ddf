#include "stages/ledger_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "quadtree/morton.h"

#define FAILURE_VERSION 1
#define KEY_BYTES 12 /* tile, code */

enum table failures_table(uint64_t number)
{
    return (enum table)(TABLE_FAILURES + number % FAILURE_TABLES);
}

static void failure_key(unsigned char key[KEY_BYTES], uint32_t tile, uint64_t code)
{
    bytes_put32_big(key, tile);
    bytes_put64_big(key + 4, code);
}

/* The longest beginning of text that fits and does not end inside a UTF-8 character. */
static size_t fitting(struct slice text, size_t room)
{
    if (text.length <= room)
        return text.length;
    while (room > 0 && ((unsigned char)text.data[room] & 0xc0) == 0x80)
        room--;
    return room;
}

static int add_failure(struct work *work, uint64_t number, struct grid grid,
                       const struct settled_answer *answer, struct error *err)
{
    unsigned char key[KEY_BYTES];
    struct record record;
    failure_key(key, grid_tile(grid, morton_decode(answer->code)), answer->code);
    record_begin(&record, FAILURE_VERSION);
    record_number(&record, answer->cause);
    record_number(&record, answer->measure.status);
    record_number(&record, answer->measure.attempts);
    record_bytes(&record, answer->detail.data,
                 fitting(answer->detail, sizeof((struct failure *)0)->detail - 1));
    return store_put(work, failures_table(number), key, sizeof key, &record, err);
}

int failures_add(struct work *work, uint64_t number, struct grid grid,
                 const struct answer_batch *batch, struct error *err)
{
    if (answer_batch_counts(batch)->settled[SETTLED_FAILED] == 0)
        return 0;
    struct answer_reader reader;
    struct settled_answer answer;
    struct slice bytes = answer_batch_bytes(batch);
    if (answer_reader_open(&reader, bytes.data, bytes.length, "a batch", err) != 0)
        return -1;
    int got;
    while ((got = answer_reader_next(&reader, &answer, err)) == 1)
        if (answer.settled == SETTLED_FAILED &&
            add_failure(work, number, grid, &answer, err) != 0) {
            got = -1;
            break;
        }
    answer_reader_close(&reader);
    return got;
}

int failures_drop(struct work *work, uint64_t number, struct grid grid, uint64_t code,
                  struct error *err)
{
    unsigned char key[KEY_BYTES];
    failure_key(key, grid_tile(grid, morton_decode(code)), code);
    return store_delete(work, failures_table(number), key, sizeof key, err);
}

/* The table of a run's failures. 1, 0 = they are not kept any more, -1. */
static int find_table(struct work *work, const char *id, enum table *table, struct error *err)
{
    struct run_record run;
    uint64_t number, newest;
    bool active;
    int found = history_find(work, id, &number, &run, &active, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return error_set(err, ERROR_MISSING, "no run is called \"%s\"", id);
    *table = failures_table(number);
    if (active)
        return 1;
    if (history_last(work, &newest, err) != 0)
        return -1;
    return number + RUNS_KEPT > newest;
}

static int read_failure(struct store_walk *walk, struct failure *out, struct error *err)
{
    struct view view;
    if (store_walk_value(walk, FAILURE_VERSION, &view, err) < 0)
        return -1;
    out->point = morton_decode(bytes_get64_big(walk->key + 4));
    out->cause = (enum failure_cause)view_number(&view, CAUSE_COUNT - 1);
    out->status = (uint16_t)view_number(&view, UINT16_MAX);
    out->attempts = (uint16_t)view_number(&view, UINT16_MAX);
    view_text(&view, out->detail, sizeof out->detail);
    if (!view_complete(&view) || !point_is_valid(out->point))
        return store_damaged(walk->work->ledger, "a failure makes no sense", err);
    return 0;
}

static int list_failures(struct work *work, const char *run, failure_callback *callback,
                         void *context, struct error *err)
{
    enum table table;
    struct store_walk walk;
    int found = find_table(work, run, &table, err);
    if (found != 1)
        return found;
    if (store_walk_open(&walk, work, table, err) != 0)
        return -1;
    int result = 0;
    while (result == 0) {
        struct failure failure;
        found = store_walk_move(&walk, MDB_NEXT, NULL, KEY_BYTES, err);
        if (found != 1) {
            result = found;
            break;
        }
        result = read_failure(&walk, &failure, err);
        if (result == 0)
            result = callback(context, &failure);
    }
    store_walk_close(&walk);
    return result;
}

int ledger_failures(struct ledger *ledger, const char *run, failure_callback *callback,
                    void *context, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    return work_end(&work, list_failures(&work, run, callback, context, err), err);
}

struct failure_walk {
    struct work work;
    struct store_walk walk;
    bool standing; /* on a row of the table */
};

static int move(struct failure_walk *walk, MDB_cursor_op operation, const unsigned char *key,
                struct error *err)
{
    int found = store_walk_move(&walk->walk, operation, key, KEY_BYTES, err);
    walk->standing = found == 1;
    return found < 0 ? -1 : 0;
}

int failure_walk_open(struct failure_walk **out, struct ledger *ledger, const char *run,
                      struct error *err)
{
    enum table table;
    struct failure_walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return error_memory(err, "the failures");
    if (work_begin(&walk->work, ledger, false, err) != 0) {
        free(walk);
        return -1;
    }
    int found = find_table(&walk->work, run, &table, err);
    if (found < 0 || (found == 1 && (store_walk_open(&walk->walk, &walk->work, table, err) != 0 ||
                                     move(walk, MDB_FIRST, NULL, err) != 0))) {
        failure_walk_close(walk);
        return -1;
    }
    *out = walk;
    return 0;
}

int failure_walk_has(struct failure_walk *walk, uint32_t tile, uint64_t code, struct error *err)
{
    unsigned char key[KEY_BYTES];
    struct failure failure;
    if (!walk->standing)
        return 0;
    failure_key(key, tile, code);
    int order = memcmp(walk->walk.key, key, KEY_BYTES);
    if (order < 0) {
        if (move(walk, MDB_NEXT, NULL, err) != 0)
            return -1;
        if (walk->standing && memcmp(walk->walk.key, key, KEY_BYTES) < 0 &&
            move(walk, MDB_SET_RANGE, key, err) != 0)
            return -1;
        if (!walk->standing)
            return 0;
        order = memcmp(walk->walk.key, key, KEY_BYTES);
    }
    if (order != 0)
        return 0;
    return read_failure(&walk->walk, &failure, err) == 0 ? 1 : -1;
}

void failure_walk_close(struct failure_walk *walk)
{
    if (walk == NULL)
        return;
    store_walk_close(&walk->walk);
    (void)work_end(&walk->work, 0, NULL);
    free(walk);
}
