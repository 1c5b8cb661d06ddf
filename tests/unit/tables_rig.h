/* Records for tests of tables. */
#ifndef REFRESHD_TESTS_UNIT_TABLES_RIG_H
#define REFRESHD_TESTS_UNIT_TABLES_RIG_H

#include "tables/tally.h"

/* One made-up record: zero it, then rig_record_set. */
struct rig_record {
    struct entry entry, old;
    struct observed observed;
    char city[32], label[64], old_label[64], country[4];
};

/* rig_record_set: record number `number`, always the same; every fifth changed, every hundredth
 * failed. */
void rig_record_set(struct rig_record *record, uint64_t number);

struct slice rig_slice(const char *text);

/* rig_tables: fails the test when the text is wrong. */
struct tables *rig_tables(const char *text);

/* rig_tally: one that has taken records first, first + step, ... below end. */
struct tally *rig_tally(const struct tables *tables, uint64_t first, uint64_t end, uint64_t step);

uint64_t rig_random(uint64_t number);

#endif
