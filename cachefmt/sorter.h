/* Entries in any order in; tile and Morton order, each point once, out. Keeps to the memory it is
 * given: what does not fit goes to a scratch file as sorted runs that are merged (external merge
 * sort). When a point occurs more than once, the newest refreshed_at wins, then the later one.
 *
 *   sorter_create(&sorter, directory, memory, err);
 *   sorter_add(sorter, tile, &entry, err);  ...
 *   sorter_finish(sorter, err);
 *   while ((got = sorter_next(sorter, &tile, &entry, err)) == 1) ...
 *   sorter_free(sorter);
 *
 * One thread at a time. */
#ifndef REFRESHD_CACHEFMT_SORTER_H
#define REFRESHD_CACHEFMT_SORTER_H

#include "base/error.h"
#include "cachefmt/address.h"

struct sorter;

/* sorter_create: memory in bytes, 0 for 64 MB; values out of reason are brought into it. The
 * scratch file is made in directory when it is needed. */
int sorter_create(struct sorter **out, const char *directory, size_t memory, struct error *err);

/* sorter_add: copies the entry. A full disk is ERROR_DISK_FULL. */
int sorter_add(struct sorter *sorter, uint32_t tile, const struct entry *entry, struct error *err);

/* sorter_finish: no more entries; sorter_next may be called from here on. */
int sorter_finish(struct sorter *sorter, struct error *err);

/* sorter_next: 1, *tile and *out (slices valid until the next call), 0 at the end, -1. */
int sorter_next(struct sorter *sorter, uint32_t *tile, struct entry *out, struct error *err);

/* sorter_repeated: entries dropped so far because their point occurs again. */
uint64_t sorter_repeated(const struct sorter *sorter);

/* sorter_spilled: did it need the disk? */
bool sorter_spilled(const struct sorter *sorter);

void sorter_free(struct sorter *sorter); /* NULL is allowed */

#endif
