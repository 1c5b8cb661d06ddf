/* A table of learned points in a directory of its own, for the tests of stages/learned*.c and
 * lookup.c. */
#ifndef REFRESHD_TESTS_LEARNED_RIG_H
#define REFRESHD_TESTS_LEARNED_RIG_H

#include "cachefmt/cache.h"
#include "stages/learned.h"

struct learned_rig {
    char root[64];
    char table[80], cache[80]; /* directories in it; nothing is made in cache */
    struct learned *learned;
    struct learned_reader *reader;
};

void learned_rig_open(struct learned_rig *rig);
void learned_rig_close(struct learned_rig *rig); /* removes the directory */

/* learned_rig_again: close the table and open it as after a restart. */
void learned_rig_again(struct learned_rig *rig);

/* learned_entry: found, with such a street; street NULL = without an address, and outcome is as
 * given. The street's text is the caller's. */
struct entry learned_entry(struct point point, uint32_t date, const char *street,
                           enum outcome outcome);

void learned_rig_put(struct learned_rig *rig, struct entry entry);

/* learned_rig_publish: make generation `generation` of rig->cache out of entries; previous ones
 * stay. */
void learned_rig_publish(struct learned_rig *rig, uint64_t generation, const struct entry *entries,
                         size_t count);

uint64_t learned_random(uint64_t *state);

#endif
