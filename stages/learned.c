#include <stdlib.h>

#include "base/durable.h"
#include "quadtree/morton.h"
#include "stages/learned_store.h"

#define DAMAGED_ADVICE                                                                             \
    "to give up the learned points, stop refreshd and remove this directory; the published cache " \
    "is not in it"
#define FULL_ADVICE "a run folds what it holds into the cache"

/* Of the table as a whole: 2 when a reader of 1 can't read it any more. */
#define LEARNED_VERSION 1
#define LEARNED_TABLES 2

static const char points_name[] = "points";
static const char meta_name[] = "meta";
static const char version_key[] = "version";

int learned_error(const struct learned *learned, int result, const char *action, struct error *err)
{
    return environment_error(&learned->environment, result, action, err);
}

static int nothing_yet(const struct learned *learned, struct error *err)
{
    return error_set(err, ERROR_MISSING, "%s has no learned points yet", learned->environment.path);
}

/* --- opening ------------------------------------------------------------------------------ */

/* The table's version: checked, and put where there is none. */
static int open_version(struct learned *learned, MDB_txn *txn, bool read_only, struct error *err)
{
    MDB_dbi meta;
    MDB_val key = {sizeof version_key - 1, (void *)version_key}, value;
    struct record record;
    struct view view;
    int result = mdb_dbi_open(txn, meta_name, read_only ? 0 : MDB_CREATE, &meta);
    if (result == 0)
        result = mdb_get(txn, meta, &key, &value);
    if (result == 0)
        return environment_value(&learned->environment, key, value, LEARNED_VERSION, &view, err) ==
                       1
                   ? 0
                   : -1;
    if (result != MDB_NOTFOUND)
        return learned_error(learned, result, "open", err);
    if (read_only)
        return nothing_yet(learned, err);
    record_begin(&record, LEARNED_VERSION);
    int sealed = record_seal(&record, version_key, sizeof version_key - 1, err);
    value = (MDB_val){record.bytes.used, record.bytes.data};
    if (sealed == 0)
        result = mdb_put(txn, meta, &key, &value, 0);
    record_free(&record);
    if (sealed != 0)
        return -1;
    return result == 0 ? 0 : learned_error(learned, result, "write", err);
}

static int open_points(struct learned *learned, MDB_txn *txn, bool read_only, uint64_t *count,
                       struct error *err)
{
    MDB_stat stat;
    int result = mdb_dbi_open(txn, points_name, read_only ? 0 : MDB_CREATE, &learned->points);
    if (result == 0)
        result = mdb_stat(txn, learned->points, &stat);
    if (result == 0) {
        *count = stat.ms_entries;
        return 0;
    }
    return result == MDB_NOTFOUND ? nothing_yet(learned, err)
                                  : learned_error(learned, result, "open", err);
}

static int open_tables(struct learned *learned, bool read_only, struct error *err)
{
    MDB_txn *txn;
    uint64_t count;
    int result = mdb_txn_begin(learned->environment.env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    if (result != 0)
        return learned_error(learned, result, "begin a transaction in", err);
    if (open_version(learned, txn, read_only, err) != 0 ||
        open_points(learned, txn, read_only, &count, err) != 0) {
        mdb_txn_abort(txn);
        return -1;
    }
    result = mdb_txn_commit(txn);
    if (result != 0)
        return learned_error(learned, result, "write", err);
    atomic_store(&learned->count, count);
    return 0;
}

static int open_all(struct learned *learned, const char *directory, bool read_only,
                    size_t map_bytes, struct error *err)
{
    int dead;
    if (read_only)
        return environment_open_reader(&learned->environment, directory, LEARNED_TABLES, err) == 0
                   ? open_tables(learned, true, err)
                   : -1;
    if (environment_open(&learned->environment, directory, LEARNED_TABLES, map_bytes, err) != 0 ||
        open_tables(learned, false, err) != 0)
        return -1;
    /* Readers that were killed would keep old pages from being used again. */
    (void)mdb_reader_check(learned->environment.env, &dead);
    return durable_sync_directory(directory, err);
}

int learned_open_sized(struct learned **out, const char *directory, bool read_only,
                       size_t map_bytes, struct error *err)
{
    struct learned *learned = calloc(1, sizeof *learned);
    if (learned == NULL)
        return error_memory(err, "the learned points");
    learned->environment.damaged = DAMAGED_ADVICE;
    learned->environment.full = FULL_ADVICE;
    (void)pthread_mutex_init(&learned->write, NULL);
    if (open_all(learned, directory, read_only, map_bytes, err) != 0) {
        learned_close(learned);
        return -1;
    }
    *out = learned;
    return 0;
}

int learned_open(struct learned **out, const char *directory, bool read_only, struct error *err)
{
    return learned_open_sized(out, directory, read_only, 0, err);
}

void learned_close(struct learned *learned)
{
    if (learned == NULL)
        return;
    environment_close(&learned->environment);
    (void)pthread_mutex_destroy(&learned->write);
    free(learned);
}

/* Acquire: who sees that entries were removed also sees the generation that has them. */
uint64_t learned_count(const struct learned *learned)
{
    return atomic_load_explicit(&learned->count, memory_order_acquire);
}

/* --- readers ------------------------------------------------------------------------------ */

int learned_reader_open(struct learned_reader **out, struct learned *learned, struct error *err)
{
    struct learned_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_memory(err, "a reader of the learned points");
    reader->learned = learned;
    int result = mdb_txn_begin(learned->environment.env, NULL, MDB_RDONLY, &reader->txn);
    if (result == 0)
        result = mdb_cursor_open(reader->txn, learned->points, &reader->cursor);
    if (result != 0) {
        learned_reader_close(reader);
        return learned_error(learned, result, "read", err);
    }
    mdb_txn_reset(reader->txn);
    *out = reader;
    return 0;
}

void learned_reader_close(struct learned_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->cursor != NULL)
        mdb_cursor_close(reader->cursor);
    if (reader->txn != NULL)
        mdb_txn_abort(reader->txn);
    free(reader);
}

int learned_begin(struct learned_reader *reader, struct error *err)
{
    int result = mdb_txn_renew(reader->txn);
    if (result == 0 && (result = mdb_cursor_renew(reader->txn, reader->cursor)) != 0)
        mdb_txn_reset(reader->txn);
    /* What the caller reads next, a generation say, is not older than this view. */
    atomic_thread_fence(memory_order_acquire);
    return result == 0 ? 0 : learned_error(reader->learned, result, "read", err);
}

void learned_end(struct learned_reader *reader)
{
    mdb_txn_reset(reader->txn);
}

int learned_at(struct learned_reader *reader, struct point point, struct entry *out,
               struct error *err)
{
    unsigned char bytes[LEARNED_KEY_BYTES];
    MDB_val key = learned_key(bytes, morton_encode(point)), value;
    int result = mdb_get(reader->txn, reader->learned->points, &key, &value);
    if (result == MDB_NOTFOUND)
        return 0;
    if (result != 0)
        return learned_error(reader->learned, result, "read", err);
    return learned_decode(reader->learned, key, value, out, err) == 0 ? 1 : -1;
}
