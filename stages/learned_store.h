/* The table of learned points in LMDB. Internal to stages/learned*.c.
 *
 *   table    key                      value
 *   meta     "version"                nothing but the record's version
 *   points   Morton code, big-endian  outcome, date, FIELD_COUNT texts
 *
 * Values are records (record.h). */
#ifndef REFRESHD_STAGES_LEARNED_STORE_H
#define REFRESHD_STAGES_LEARNED_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "stages/environment.h"
#include "stages/learned.h"

#define LEARNED_KEY_BYTES 8

struct learned {
    struct environment environment;
    MDB_dbi points;
    pthread_mutex_t write; /* held over every writing transaction, so that count follows them in
                            * their order; guards broken */
    bool broken;           /* a commit failed for another reason than a full disk: what the disk
                            * has is unknown, nothing is written any more */
    _Atomic uint64_t count;
};

struct learned_reader {
    struct learned *learned;
    MDB_txn *txn; /* reset while not reading */
    MDB_cursor *cursor;
};

/* learned_open_sized: learned_open with the largest size of the table; 0 = a generous one. */
int learned_open_sized(struct learned **out, const char *directory, bool read_only,
                       size_t map_bytes, struct error *err);

/* learned_error: turn an LMDB result into an error. Returns -1. */
int learned_error(const struct learned *learned, int result, const char *action, struct error *err);

/* learned_is_memory: an entry that only remembers a first empty answer. */
static inline bool learned_is_memory(const struct entry *entry)
{
    return entry->outcome == OUTCOME_UNSURE && address_is_empty(&entry->address);
}

/* --- learned_entry.c: bytes -------------------------------------------------------------- */

MDB_val learned_key(unsigned char key[LEARNED_KEY_BYTES], uint64_t code);

/* learned_code: the code of a key found in the table. */
int learned_code(const struct learned *learned, MDB_val key, uint64_t *out, struct error *err);

/* learned_encode: the value of an entry; free it with record_free, also after a failure. */
int learned_encode(struct record *record, const struct entry *entry, struct error *err);

/* learned_decode: a row; slices point into the mapping. */
int learned_decode(const struct learned *learned, MDB_val key, MDB_val value, struct entry *out,
                   struct error *err);

/* --- learned_write.c ---------------------------------------------------------------------- */

/* learned_write_begin: begin a writing transaction. learned_write_end commits it when result is 0
 * and gives it up when it is -1; returns 0, or -1 also when the commit failed. */
int learned_write_begin(struct learned *learned, MDB_txn **txn, struct error *err);
int learned_write_end(struct learned *learned, MDB_txn *txn, int result, struct error *err);

#endif
