#include "stages/ledger_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/durable.h"

#define LEDGER_VERSION 2 /* 2: answers and batches say what they cost */
#define DAMAGED_ADVICE                                                                             \
    "to give up the unfinished run and the history, stop refreshd and remove this directory; the " \
    "published cache is not in it"
#define FULL_ADVICE "cancel the run and start it again in parts (--tiles)"

const char *const run_result_names[] = {
    [RESULT_NONE] = "none",
    [RESULT_PUBLISHED] = "published",
    [RESULT_CANCELLED] = "cancelled",
    [RESULT_FAILED] = "failed",
};

static const char *const table_names[] = {
    [TABLE_META] = "meta",       [TABLE_RUN] = "run",           [TABLE_BATCHES] = "batches",
    [TABLE_TILES] = "tiles",     [TABLE_TALLIES] = "tallies",   [TABLE_HISTORY] = "history",
    [TABLE_REPORTS] = "reports", [TABLE_FAILURES] = "failures",
};

static const char version_key[] = "version";

/* 1, 0 = it is new, -1. */
static int get_version(struct work *work, unsigned *version, struct error *err)
{
    struct view view = {0};
    int found = store_get(work, TABLE_META, version_key, sizeof version_key - 1, LEDGER_VERSION,
                          &view, err);
    *version = view.version;
    return found;
}

static int put_version(struct work *work, struct error *err)
{
    struct record record;
    record_begin(&record, LEDGER_VERSION);
    return store_put(work, TABLE_META, version_key, sizeof version_key - 1, &record, err);
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
    unsigned version;
    int found = get_version(work, &version, err);
    return found == 0 ? put_version(work, err) : found < 0 ? -1 : 0;
}

int ledger_claim_version(struct work *work, struct error *err)
{
    unsigned version;
    if (get_version(work, &version, err) < 0)
        return -1;
    return version == LEDGER_VERSION ? 0 : put_version(work, err);
}

static int open_environment(struct ledger *ledger, const char *directory, struct error *err)
{
    struct work work;
    if (environment_open(&ledger->environment, directory, TABLE_COUNT, 0, err) != 0 ||
        work_begin(&work, ledger, true, err) != 0 ||
        work_end(&work, open_tables(&work, err), err) != 0)
        return -1;
    return durable_sync_directory(directory, err);
}

int ledger_open(struct ledger **out, const char *directory, struct error *err)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL)
        return error_memory(err, directory);
    ledger->environment.damaged = DAMAGED_ADVICE;
    ledger->environment.full = FULL_ADVICE;
    if (open_environment(ledger, directory, err) != 0) {
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
    environment_close(&ledger->environment);
    free(ledger);
}
