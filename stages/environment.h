/* What the tables kept in LMDB share: opening an environment, errors, checked values. Internal to
 * the files that keep tables (ledger*.c, learned*.c). */
#ifndef REFRESHD_STAGES_ENVIRONMENT_H
#define REFRESHD_STAGES_ENVIRONMENT_H

#include <lmdb.h>

#include "stages/record.h"

/* Set damaged and full, zero the rest, then open. Nothing here changes after opening; LMDB itself
 * serialises writers. */
struct environment {
    const char *damaged; /* what to do when it is damaged or too new, for messages */
    const char *full;    /* what to do when it has reached its largest size */
    char *path;          /* of the data file */
    MDB_env *env;
};

/* environment_open: make the directory and the files in it where missing, look at every page once,
 * open. Transactions are not bound to threads (MDB_NOTLS). map_bytes: the largest size, 0 = a
 * generous one. On failure environment_close is due all the same. */
int environment_open(struct environment *environment, const char *directory, unsigned tables,
                     size_t map_bytes, struct error *err);

/* environment_open_reader: an environment that another process may have open for writing,
 * read-only. ERROR_MISSING when there is none. */
int environment_open_reader(struct environment *environment, const char *directory, unsigned tables,
                            struct error *err);

void environment_close(struct environment *environment);

/* environment_error: turn an LMDB result into an error. Returns -1. */
int environment_error(const struct environment *environment, int result, const char *action,
                      struct error *err);

/* environment_damaged: ERROR_CORRUPT about its bytes. Returns -1. */
int environment_damaged(const struct environment *environment, const char *what, struct error *err);

/* environment_value: check a sealed record and that its version is at most `version`. 1 or -1. */
int environment_value(const struct environment *environment, MDB_val key, MDB_val value,
                      unsigned version, struct view *out, struct error *err);

/* environment_probe: read every page once in a child process: LMDB believes its pages, and damaged
 * ones may end the process that reads them. A file that doesn't exist yet is sound. Nobody may be
 * writing to it. */
int environment_probe(const struct environment *environment, const char *directory,
                      struct error *err);

#endif
