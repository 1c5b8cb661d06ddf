#include "stages/ledger_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"

#define CHECKSUM_BYTES 8

int store_damaged(const struct ledger *ledger, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s is damaged (%s); " LEDGER_ADVICE, ledger->path, what);
}

int store_error(const struct ledger *ledger, int result, const char *action, struct error *err)
{
    switch (result) {
    case MDB_MAP_FULL:
        return error_set(err, ERROR_IO,
                         "%s has reached its largest size; cancel the run and start it again in "
                         "parts (--tiles)",
                         ledger->path);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
        return store_damaged(ledger, mdb_strerror(result), err);
    default:
        break;
    }
    if (result > 0)
        return error_io(err, result, action, ledger->path);
    return error_set(err, ERROR_IO, "cannot %s %s: %s", action, ledger->path, mdb_strerror(result));
}

int work_begin(struct work *work, struct ledger *ledger, bool writes, struct error *err)
{
    *work = (struct work){.ledger = ledger, .writes = writes};
    int result = mdb_txn_begin(ledger->env, NULL, writes ? 0 : MDB_RDONLY, &work->txn);
    return result == 0 ? 0 : store_error(ledger, result, "begin a transaction in", err);
}

int work_end(struct work *work, int result, struct error *err)
{
    if (!work->writes || result < 0) {
        mdb_txn_abort(work->txn);
        return result;
    }
    int committed = mdb_txn_commit(work->txn);
    return committed == 0 ? result : store_error(work->ledger, committed, "write", err);
}

static uint64_t checksum_of(const void *key, size_t key_bytes, const void *data, size_t bytes)
{
    return XXH3_64bits_withSeed(data, bytes, XXH3_64bits(key, key_bytes));
}

int store_put(struct work *work, enum table table, const void *key, size_t key_bytes,
              struct record *record, struct error *err)
{
    int result = -1;
    uint64_t checksum = checksum_of(key, key_bytes, record->bytes.data, record->bytes.used);
    if (record_end(record, err) != 0 ||
        buffer_append(&record->bytes, &checksum, sizeof checksum, err) != 0)
        goto out;
    MDB_val name = {key_bytes, (void *)key};
    MDB_val value = {record->bytes.used, record->bytes.data};
    int put = mdb_put(work->txn, work->ledger->table[table], &name, &value, 0);
    result = put == 0 ? 0 : store_error(work->ledger, put, "write", err);
out:
    record_free(record);
    return result;
}

static int open_value(struct work *work, MDB_val key, MDB_val value, unsigned version,
                      struct view *out, struct error *err)
{
    if (value.mv_size <= CHECKSUM_BYTES)
        return store_damaged(work->ledger, "a record is too short", err);
    const unsigned char *data = value.mv_data;
    size_t bytes = value.mv_size - CHECKSUM_BYTES;
    if (bytes_get64(data + bytes) != checksum_of(key.mv_data, key.mv_size, data, bytes))
        return store_damaged(work->ledger, "a record does not match its checksum", err);
    struct view view = {data, data + bytes, false};
    uint64_t found = view_number(&view, UINT32_MAX);
    if (view.broken || found == 0)
        return store_damaged(work->ledger, "a record has no version", err);
    if (found > version)
        return error_set(err, ERROR_STATE,
                         "%s was made by a newer refreshd (record of version %u); install that "
                         "one again, or: " LEDGER_ADVICE,
                         work->ledger->path, (unsigned)found);
    *out = view;
    return 1;
}

int store_get(struct work *work, enum table table, const void *key, size_t key_bytes,
              unsigned version, struct view *out, struct error *err)
{
    MDB_val name = {key_bytes, (void *)key};
    MDB_val value;
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
    int result = mdb_del(work->txn, work->ledger->table[table], &name, NULL);
    if (result == 0 || result == MDB_NOTFOUND)
        return 0;
    return store_error(work->ledger, result, "write", err);
}

int store_clear(struct work *work, enum table table, struct error *err)
{
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
