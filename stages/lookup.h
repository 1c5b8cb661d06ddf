/* Lookups: the published generation and the learned points as one, for many threads.
 *
 *   lookups_open(&lookups, follower, learned, err);     learned may be NULL
 *   lookup_reader_open(&reader, lookups, err);           one for each thread
 *       lookup_find(reader, point, radius, &found, err);
 *       ... found.entry ...
 *       lookup_end(reader);                              after every lookup_find, also a failed one
 *   lookup_reader_close(reader);
 *   lookups_close(lookups);                              after its readers
 *
 * Neither a switch nor the removal of learned points that a run has folded in can make a lookup
 * miss what was there before: learned points are looked at as of a moment before the generation is
 * taken, and are removed only after every new lookup sees the generation that has them.
 *
 * The nearer entry of the two is found; of two equally near the newer one, the published one when
 * the dates are equal. An entry without an address that was never confirmed (OUTCOME_UNSURE) is
 * nothing that a lookup finds: a learned one hides nothing at all, and one that is the nearest of
 * the published ones does not hide a learned entry farther away. It is a miss when nothing is
 * learned in reach: published entries behind it are not looked for. */
#ifndef REFRESHD_STAGES_LOOKUP_H
#define REFRESHD_STAGES_LOOKUP_H

#include "cachefmt/follow.h"
#include "stages/learned.h"

struct lookups;
struct lookup_reader;

enum lookup_result {
    LOOKUP_HIT,
    LOOKUP_MISS,  /* nothing in reach, or only an entry that was never confirmed either way */
    LOOKUP_KNOWN, /* the nearest entry in reach says that there is no address (OUTCOME_NONE) */
};

struct lookup_found {
    enum lookup_result result;
    bool learned;        /* not of the published generation */
    uint64_t generation; /* looked at; 0 = nothing is published */
    double distance;     /* metres; of LOOKUP_HIT and LOOKUP_KNOWN */
    struct entry entry;  /* likewise; slices valid until lookup_end */
};

/* follower and learned are not owned. */
int lookups_open(struct lookups **out, struct follower *follower, struct learned *learned,
                 struct error *err);
void lookups_close(struct lookups *lookups); /* NULL is allowed */

int lookup_reader_open(struct lookup_reader **out, struct lookups *lookups, struct error *err);
void lookup_reader_close(struct lookup_reader *reader); /* NULL is allowed */

/* The nearest entry so far. */
struct lookup_best {
    bool found;
    double distance; /* metres */
    struct entry entry;
};

/* lookup_is_unknown: an entry that was never confirmed either way: nothing that a lookup finds. */
static inline bool lookup_is_unknown(const struct entry *entry)
{
    return entry->outcome != OUTCOME_NONE && address_is_empty(&entry->address);
}

/* lookup_prefer_learned: put what is learned in the place of *best, which is published, where it is
 * nearer, or as near and newer. For those who can't use lookup_find; reader is between
 * learned_begin and learned_end. 1 = it was put there, 0, -1. */
int lookup_prefer_learned(struct learned_reader *reader, struct point point, double radius,
                          struct lookup_best *best, struct error *err);

/* lookup_find: 0 and *out, or -1 (a damaged pair or table). */
int lookup_find(struct lookup_reader *reader, struct point point, double radius,
                struct lookup_found *out, struct error *err);
void lookup_end(struct lookup_reader *reader);

#endif
