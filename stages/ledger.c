#include "stages/ledger_store.h"

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

static int open_one(struct work *work, enum table table, bool make, struct error *err)
{
    int result = store_open_table(work, table, make);
    return result == 0 ? 0 : store_error(work->ledger, result, "open", err);
}

/* The later tables; *complete: they are there. */
static int open_later_tables(struct work *work, bool make, bool *complete, struct error *err)
{
    static const enum table later[] = {TABLE_TALLIES, TABLE_REPORTS};
    *complete = true;
    for (size_t i = 0; i < sizeof later / sizeof later[0] && *complete; i++) {
        int result = store_open_table(work, later[i], make);
        *complete = result != MDB_NOTFOUND;
        if (result != 0 && *complete)
            return store_error(work->ledger, result, "open", err);
    }
    return 0;
}

static int open_tables(struct work *work, bool *complete, struct error *err)
{
    unsigned version;
    int found = open_one(work, TABLE_META, true, err) == 0 ? get_version(work, &version, err) : -1;
    if (found < 0)
        return -1;
    for (enum table table = TABLE_META + 1; table < TABLE_COUNT; table++) {
        bool later = table == TABLE_TALLIES || table == TABLE_REPORTS;
        if (!later && open_one(work, table, true, err) != 0)
            return -1;
    }
    if (open_later_tables(work, found == 0, complete, err) != 0)
        return -1;
    return found == 0 ? put_version(work, err) : 0;
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
    bool complete = false;
    if (environment_open(&ledger->environment, directory, TABLE_COUNT, 0, err) != 0 ||
        work_begin(&work, ledger, true, err) != 0 ||
        work_end(&work, open_tables(&work, &complete, err), err) != 0)
        return -1;
    atomic_store(&ledger->complete, complete);
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
