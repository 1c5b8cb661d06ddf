/* make_newer DIRECTORY TABLE [KEY]: give a record of a table in LMDB, by default the first, the
 * version after its own, as a refreshd of the future would. */
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

#include "stages/record.h"

static int fail(const char *what)
{
    fprintf(stderr, "make_newer: %s\n", what);
    return 1;
}

/* The record again: versions below 127 are one byte, the first. */
static int put_newer(MDB_cursor *cursor, MDB_val key, MDB_val value)
{
    struct view view;
    struct record record;
    const char *wrong = view_open(&view, key.mv_data, key.mv_size, value.mv_data, value.mv_size);
    if (wrong != NULL)
        return fail(wrong);
    record_begin(&record, view.version + 1);
    if (buffer_append(&record.bytes, view.at, (size_t)(view.end - view.at), NULL) != 0 ||
        record_seal(&record, key.mv_data, key.mv_size, NULL) != 0)
        return fail("out of memory");
    MDB_val made = {record.bytes.used, record.bytes.data};
    int result = mdb_cursor_put(cursor, &key, &made, MDB_CURRENT);
    record_free(&record);
    return result == 0 ? 0 : fail(mdb_strerror(result));
}

int main(int argc, char **argv)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    MDB_cursor *cursor;
    MDB_val key = {0, NULL}, value;
    int result;
    if (argc < 3)
        return fail("usage: make_newer DIRECTORY TABLE [KEY]");
    if (argc > 3)
        key = (MDB_val){strlen(argv[3]), argv[3]};
    if ((result = mdb_env_create(&env)) != 0 || (result = mdb_env_set_maxdbs(env, 64)) != 0 ||
        (result = mdb_env_open(env, argv[1], 0, 0640)) != 0 ||
        (result = mdb_txn_begin(env, NULL, 0, &txn)) != 0 ||
        (result = mdb_dbi_open(txn, argv[2], 0, &table)) != 0 ||
        (result = mdb_cursor_open(txn, table, &cursor)) != 0 ||
        (result = mdb_cursor_get(cursor, &key, &value, argc > 3 ? MDB_SET_KEY : MDB_FIRST)) != 0)
        return fail(mdb_strerror(result));
    if (put_newer(cursor, key, value) != 0)
        return 1;
    mdb_cursor_close(cursor);
    if ((result = mdb_txn_commit(txn)) != 0)
        return fail(mdb_strerror(result));
    mdb_env_close(env);
    return 0;
}
