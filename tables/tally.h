/* A copy of what a set of tables has counted: each thread fills its own, copies merge.
 *
 *   tally_create(&tally, tables, err);
 *   tally_take(tally, &observed, err);          once per record
 *   tally_merge(all, tally, err);
 *   tally_json(all, err);
 */
#ifndef REFRESHD_TABLES_TALLY_H
#define REFRESHD_TABLES_TALLY_H

#include <cjson/cJSON.h>

#include "tables/observed.h"
#include "tables/tables.h"

struct tally; /* one thread at a time */

/* tally_create: tables outlives it. */
int tally_create(struct tally **out, const struct tables *tables, struct error *err);
void tally_free(struct tally *tally); /* NULL is allowed */

/* tally_take: let every table look at one record. A table whose index, values, weight or condition
 * miss something skips it and counts that. -1: out of memory; the tally is of no more use. */
int tally_take(struct tally *tally, const struct observed *observed, struct error *err);

/* tally_merge: from is unchanged; both of the same tables. */
int tally_merge(struct tally *into, const struct tally *from, struct error *err);

/* tally_write: append its bytes; a pure function of what was counted (but top's). tally_read: for
 * the same tables; every byte is checked; ERROR_CORRUPT names `name`. */
int tally_write(const struct tally *tally, struct buffer *out, struct error *err);
int tally_read(struct tally **out, const struct tables *tables, const void *data, size_t bytes,
               const char *name, struct error *err);

/* tally_json: the list of `tables` of `report --json`. NULL: out of memory, err is set. */
cJSON *tally_json(const struct tally *tally, struct error *err);

/* tally_table_json: one element of it, of tables->table[table]; they may be large. */
cJSON *tally_table_json(const struct tally *tally, size_t table, struct error *err);

/* tally_charge: bytes in use, as they are bounded. */
size_t tally_charge(const struct tally *tally);

#endif
