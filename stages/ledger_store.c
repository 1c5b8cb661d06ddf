#include "stages/ledger_store.h"

#include <stdio.h>

static const char *const table_names[] = {
    [TABLE_META] = "meta",       [TABLE_RUN] = "run",           [TABLE_BATCHES] = "batches",
    [TABLE_TILES] = "tiles",     [TABLE_HISTORY] = "history",   [TABLE_TALLIES] = "tallies",
    [TABLE_REPORTS] = "reports", [TABLE_FAILURES] = "failures",
};

int store_open_table(struct work *work, enum table table, bool make)
{
    char name[32];
    if (table < TABLE_FAILURES)
        (void)snprintf(name, sizeof name, "%s", table_names[table]);
    else
        (void)snprintf(name, sizeof name, "%s-%d", table_names[TABLE_FAILURES],
                       (int)(table - TABLE_FAILURES));
    return mdb_dbi_open(work->txn, name, make ? MDB_CREATE : 0, &work->ledger->table[table]);
}

/* A table that is still to be made. */
static bool is_absent(const struct work *work, enum table table)
{
    return !work->complete && (table == TABLE_TALLIES || table == TABLE_REPORTS);
}

static int make_absent(struct work *work)
{
    int result = store_open_table(work, TABLE_TALLIES, true);
    if (result == 0)
        result = store_open_table(work, TABLE_REPORTS, true);
    work->complete = result == 0;
    return result;
}

int store_damaged(const struct ledger *ledger, const char *what, struct error *err)
{
    return environment_damaged(&ledger->environment, what, err);
}

int store_error(const struct ledger *ledger, int result, const char *action, struct error *err)
{
    return environment_error(&ledger->environment, result, action, err);
}

int work_begin(struct work *work, struct ledger *ledger, bool writes, struct error *err)
{
    /* Before a reader begins, so that it knows the tables; after a writer does, who waits for
     * another one that may have made them. */
    *work = (struct work){
        .ledger = ledger, .writes = writes, .complete = atomic_load(&ledger->complete)};
    int result = mdb_txn_begin(ledger->environment.env, NULL, writes ? 0 : MDB_RDONLY, &work->txn);
    if (writes)
        work->complete = atomic_load(&ledger->complete);
    return result == 0 ? 0 : store_error(ledger, result, "begin a transaction in", err);
}

int work_end(struct work *work, int result, struct error *err)
{
    if (!work->writes || result < 0) {
        mdb_txn_abort(work->txn);
        return result;
    }
    int committed = mdb_txn_commit(work->txn);
    if (committed == 0 && work->complete)
        atomic_store(&work->ledger->complete, true);
    return committed == 0 ? result : store_error(work->ledger, committed, "write", err);
}

int store_put(struct work *work, enum table table, const void *key, size_t key_bytes,
              struct record *record, struct error *err)
{
    int result = -1;
    if (record_seal(record, key, key_bytes, err) != 0)
        goto out;
    MDB_val name = {key_bytes, (void *)key};
    MDB_val value = {record->bytes.used, record->bytes.data};
    int put = is_absent(work, table) ? make_absent(work) : 0;
    if (put == 0)
        put = mdb_put(work->txn, work->ledger->table[table], &name, &value, 0);
    result = put == 0 ? 0 : store_error(work->ledger, put, "write", err);
out:
    record_free(record);
    return result;
}

static int open_value(struct work *work, MDB_val key, MDB_val value, unsigned version,
                      struct view *out, struct error *err)
{
    return environment_value(&work->ledger->environment, key, value, version, out, err);
}

int store_get(struct work *work, enum table table, const void *key, size_t key_bytes,
              unsigned version, struct view *out, struct error *err)
{
    MDB_val name = {key_bytes, (void *)key};
    MDB_val value;
    if (is_absent(work, table))
        return 0;
    int result = mdb_get(work->txn, work->ledger->table[table], &name, &value);
    if (result == MDB_NOTFOUND)
        return 0;
    if (result != 0)
        return store_error(work->ledger, result, "read", err);
    return open_value(work, name, value, version, out, err);
}

int store_delete(struct work *work, enum table table, const void *key, size_t key_bytes,
                 struct error *err)
{
    MDB_val name = {key_bytes, (void *)key};
    if (is_absent(work, table))
        return 0;
    int result = mdb_del(work->txn, work->ledger->table[table], &name, NULL);
    if (result == 0 || result == MDB_NOTFOUND)
        return 0;
    return store_error(work->ledger, result, "write", err);
}

int store_clear(struct work *work, enum table table, struct error *err)
{
    if (is_absent(work, table))
        return 0;
    int result = mdb_drop(work->txn, work->ledger->table[table], 0);
    return result == 0 ? 0 : store_error(work->ledger, result, "write", err);
}

int store_walk_open(struct store_walk *walk, struct work *work, enum table table, struct error *err)
{
    *walk = (struct store_walk){.work = work};
    int result = mdb_cursor_open(work->txn, work->ledger->table[table], &walk->cursor);
    return result == 0 ? 0 : store_error(work->ledger, result, "read", err);
}

int store_walk_move(struct store_walk *walk, MDB_cursor_op operation, const void *key,
                    size_t key_bytes, struct error *err)
{
    MDB_val name = {key == NULL ? 0 : key_bytes, (void *)key};
    int result = mdb_cursor_get(walk->cursor, &name, &walk->value, operation);
    if (result == MDB_NOTFOUND)
        return 0;
    if (result != 0)
        return store_error(walk->work->ledger, result, "read", err);
    if (name.mv_size != key_bytes)
        return store_damaged(walk->work->ledger, "a key has a wrong size", err);
    walk->key = name.mv_data;
    walk->key_bytes = name.mv_size;
    return 1;
}

int store_walk_value(struct store_walk *walk, unsigned version, struct view *out, struct error *err)
{
    MDB_val key = {walk->key_bytes, (void *)walk->key};
    return open_value(walk->work, key, walk->value, version, out, err);
}

void store_walk_close(struct store_walk *walk)
{
    if (walk->cursor != NULL)
        mdb_cursor_close(walk->cursor);
    walk->cursor = NULL;
}
