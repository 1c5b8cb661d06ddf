#include "stages/ledger_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"

#define LEDGER_VERSION 1
#define MAP_BYTES ((size_t)64 << 30) /* address space, not memory */
#define LOCK_BYTES 65536             /* room for a thousand readers */

const char *const run_result_names[] = {
    [RESULT_NONE] = "none",
    [RESULT_PUBLISHED] = "published",
    [RESULT_CANCELLED] = "cancelled",
    [RESULT_FAILED] = "failed",
};

static const char *const table_names[] = {
    [TABLE_META] = "meta",         [TABLE_RUN] = "run",         [TABLE_BATCHES] = "batches",
    [TABLE_TILES] = "tiles",       [TABLE_HISTORY] = "history", [TABLE_COUNTRIES] = "countries",
    [TABLE_FAILURES] = "failures",
};

/* LMDB writes the lock file through a mapping, where a full disk would be SIGBUS: claim its blocks
 * here, where it is an error. */
static int reserve_lock_file(const char *directory, struct error *err)
{
    char *path;
    if (asprintf(&path, "%s/lock.mdb", directory) < 0)
        return error_memory(err, directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    int reason = fd < 0 ? errno : posix_fallocate(fd, 0, LOCK_BYTES);
    int result = reason == 0 ? 0 : error_io(err, reason, "make", path);
    if (fd >= 0)
        (void)close(fd);
    free(path);
    return result;
}

static int open_tables(struct work *work, struct error *err)
{
    struct ledger *ledger = work->ledger;
    for (int i = 0; i < TABLE_COUNT; i++) {
        char name[32];
        if (i < TABLE_FAILURES)
            (void)snprintf(name, sizeof name, "%s", table_names[i]);
        else
            (void)snprintf(name, sizeof name, "%s-%d", table_names[TABLE_FAILURES],
                           i - TABLE_FAILURES);
        int result = mdb_dbi_open(work->txn, name, MDB_CREATE, &ledger->table[i]);
        if (result != 0)
            return store_error(ledger, result, "open", err);
    }
    static const char key[] = "version";
    struct view view;
    int found = store_get(work, TABLE_META, key, sizeof key - 1, LEDGER_VERSION, &view, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    struct record record;
    record_begin(&record, LEDGER_VERSION);
    return store_put(work, TABLE_META, key, sizeof key - 1, &record, err);
}

static int open_environment(struct ledger *ledger, const char *directory, struct error *err)
{
    int result = mdb_env_create(&ledger->env);
    if (result == 0)
        result = mdb_env_set_maxdbs(ledger->env, TABLE_COUNT);
    if (result == 0)
        result = mdb_env_set_mapsize(ledger->env, MAP_BYTES);
    if (result == 0)
        result = mdb_env_open(ledger->env, directory, MDB_NOTLS, 0640);
    if (result != 0)
        return store_error(ledger, result, "open", err);
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0 ||
        work_end(&work, open_tables(&work, err), err) != 0)
        return -1;
    return durable_sync_directory(directory, err);
}

int ledger_open(struct ledger **out, const char *directory, struct error *err)
{
    if (durable_make_directory(directory, err) != 0)
        return -1;
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL || asprintf(&ledger->path, "%s/data.mdb", directory) < 0) {
        free(ledger);
        return error_memory(err, directory);
    }
    if (ledger_probe(ledger, directory, err) != 0 || reserve_lock_file(directory, err) != 0 ||
        open_environment(ledger, directory, err) != 0) {
        ledger_close(ledger);
        return -1;
    }
    *out = ledger;
    return 0;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    if (ledger->env != NULL)
        mdb_env_close(ledger->env);
    free(ledger->path);
    free(ledger);
}
