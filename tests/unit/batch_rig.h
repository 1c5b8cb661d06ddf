/* A provider under test with batches: many questions in one request, their answers out of one
 * reply. Point i is at latitude 40 + i, longitude 2 - i / 2. */
#ifndef REFRESHD_TESTS_BATCH_RIG_H
#define REFRESHD_TESTS_BATCH_RIG_H

#include "tests/unit/provider_rig.h"

#define BATCH_POINTS 8

struct batch_rig {
    struct provider_rig provider;
    size_t count; /* of points asked at once; 4 to begin with */
    struct point points[BATCH_POINTS];
    struct answer answers[BATCH_POINTS];
    char *body;
};

/* Changes nothing but what it is about; batch is BATCH_POINTS unless it is set. */
void batch_open(struct batch_rig *rig, const struct geocoder_settings *settings);
void batch_close(struct batch_rig *rig);

/* "PATH?QUERY|CONTENT_TYPE|BODY"; the caller frees it. */
char *batch_ask(struct batch_rig *rig);

void batch_read(struct batch_rig *rig, unsigned status, const char *body);
void batch_read_bytes(struct batch_rig *rig, unsigned status, const char *body, size_t size);

/* Assertions on answer i of the last reply. */
void batch_expect_label(struct batch_rig *rig, size_t i, const char *label);
void batch_expect_field(struct batch_rig *rig, size_t i, enum address_field field,
                        const char *text);
void batch_expect_empty(struct batch_rig *rig, size_t i);
void batch_expect_failed(struct batch_rig *rig, size_t i, enum failure_cause cause, bool transient,
                         const char *detail_part);
void batch_expect_all_failed(struct batch_rig *rig, enum failure_cause cause, bool transient,
                             const char *detail_part);

#endif
