/* Skewed records for tests of kinds and cells, and cells filled and merged in parts. */
#ifndef REFRESHD_TESTS_UNIT_KINDS_RIG_H
#define REFRESHD_TESTS_UNIT_KINDS_RIG_H

#include "tables/cells.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RIG_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RIG_SANITIZED 1
#endif
#endif
#ifdef RIG_SANITIZED
#define RIG_RECORDS 400000U
#else
#define RIG_RECORDS 10000000U
#endif

#define RIG_TILE 20000U   /* records */
#define RIG_CITIES 20000U /* Zipf */
#define RIG_PARTS 100U    /* most */

/* Record number `number` of a skewed lot: always the same. */
struct rig_skewed {
    uint32_t city;  /* below RIG_CITIES, 0 the most frequent */
    double latency; /* lognormal, milliseconds */
    uint32_t tile;
    uint64_t code, priority;
};

struct rig_skewed rig_skewed(uint64_t number);
struct value rig_city(uint32_t city); /* a text */

/* What a test emits of each record, into which kind. */
enum rig_what { RIG_LATENCY, RIG_CITY, RIG_CODE, RIG_ONE };
struct rig_table {
    const struct kind *kind;
    unsigned n;
    enum rig_what what;
    unsigned indexes; /* 1: by city */
};

struct cells *rig_cells(const struct rig_table *table);
void rig_emit(struct cells *cells, const struct rig_table *table, const struct rig_skewed *record);

/* rig_merged: the parts merged in an order that depends on seed: into a new one, one after the
 * other; the parts are unchanged. */
struct cells *rig_merged(const struct rig_table *table, struct cells *const *parts, unsigned count,
                         uint64_t seed);

/* rig_collapse: merge the parts pair by pair in a random tree; they are freed. */
struct cells *rig_collapse(struct cells **parts, unsigned count, uint64_t seed);

struct buffer rig_bytes(const struct cells *cells);
void rig_assert_same(const struct cells *a, const struct cells *b);

/* rig_value: the value of the only row; the caller deletes it. */
cJSON *rig_value(const struct cells *cells);

#endif
