/* Learned points: entries that lookups missed and the geocoder knew, in LMDB under STATE/learned
 * until a run folds them into their tiles.
 *
 *   learned_open(&learned, directory, false, err);
 *   learned_put(learned, entries, n, err);              durable when it returns
 *   learned_reader_open(&reader, learned, err);         one for each thread that looks up
 *       learned_begin(reader, err);                     a view of one moment
 *       learned_nearest(reader, point, radius, &entry, &distance, err);
 *       learned_end(reader);
 *
 * The key is the Morton code, so that what is near on the map is near in the table; the value has a
 * version and a checksum. Readers never wait for writers. Any thread may put and remove; writers
 * are serialised by LMDB. Errors for a full disk are ERROR_DISK_FULL; hostile bytes are
 * ERROR_CORRUPT and name the file. */
#ifndef REFRESHD_STAGES_LEARNED_H
#define REFRESHD_STAGES_LEARNED_H

#include "cachefmt/cache.h"

struct learned;
struct learned_reader;

/* Seconds that a first empty answer is remembered; see learned_drop_published. */
#define LEARNED_MEMORY (30u * 86400)

/* learned_open: open or make it; read_only: ERROR_MISSING when there is none. One process may have
 * it open for writing, others read-only; each at most once. */
int learned_open(struct learned **out, const char *directory, bool read_only, struct error *err);
void learned_close(struct learned *learned); /* after its readers; NULL is allowed */

/* learned_count: entries now. Any thread, no transaction. */
uint64_t learned_count(const struct learned *learned);

/* learned_put: store or replace entries (label folded), one transaction. */
int learned_put(struct learned *learned, const struct entry *entries, size_t count,
                struct error *err);

/* learned_drop_published: remove what `cache` holds at the same point with the same date or a newer
 * one: a run has folded it in. *dropped may be NULL. Only tiles whose bit is set in `tiles` (tile
 * i: bit i % 8 of byte i / 8) are looked at; NULL = all. Entries without an address that were not
 * confirmed (OUTCOME_UNSURE) are forgotten after LEARNED_MEMORY as well, so that they can't fill
 * the table. */
int learned_drop_published(struct learned *learned, const struct cache *cache, const uint8_t *tiles,
                           uint64_t *dropped, struct error *err);

/* learned_freeze: write what is learned at this moment as a cache directory of its own (pairs on
 * that grid, MANIFEST; made new, durable when it returns): the learned points that a run folds in.
 * Entries without an address that were not confirmed (OUTCOME_UNSURE) are left out. *count is how
 * many; with 0 no directory is made. What was in directory before is removed first. */
int learned_freeze(struct learned *learned, struct grid grid, const char *directory,
                   uint64_t *count, struct error *err);

/* learned_each: call for each entry that a freeze would take, as of one moment, in the order of
 * their codes. Slices are valid during the call. A result other than 0 ends the walk and is
 * returned. */
typedef int learned_callback(void *context, const struct entry *entry, struct error *err);
int learned_each(struct learned *learned, learned_callback *call, void *context, struct error *err);

int learned_reader_open(struct learned_reader **out, struct learned *learned, struct error *err);
void learned_reader_close(struct learned_reader *reader); /* NULL is allowed */

/* learned_begin, learned_end: entries given between the two stay valid until learned_end. */
int learned_begin(struct learned_reader *reader, struct error *err);
void learned_end(struct learned_reader *reader);

/* learned_nearest: the entry at the least great-circle distance within radius metres. 1 = found,
 * 0 = none, -1; ties go to the lower Morton code. Over the antimeridian and the poles as
 * cache_nearest. Entries without an address that were not confirmed (OUTCOME_UNSURE) are only a
 * memory and never found here. */
int learned_nearest(struct learned_reader *reader, struct point query, double radius,
                    struct entry *out, double *distance, struct error *err);

/* learned_at: the entry at exactly this point, of any outcome. 1, 0, -1. */
int learned_at(struct learned_reader *reader, struct point point, struct entry *out,
               struct error *err);

#endif
