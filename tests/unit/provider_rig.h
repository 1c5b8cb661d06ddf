/* One network provider under test: questions in, requests out; replies in, answers out. */
#ifndef REFRESHD_TESTS_PROVIDER_RIG_H
#define REFRESHD_TESTS_PROVIDER_RIG_H

#include "geocoder/geocoder.h"

#define RIG_KEY "s3cret/Key"                             /* where a key is needed */
#define RIG_POINT ((struct point){525170365, 133888599}) /* 52.5170365, 13.3888599 */

struct provider_rig {
    struct geocoder *geocoder;
    void *session;
    struct geocoder_request request;
    char directory[64]; /* holds the key file */
    char *body;         /* of the last reply, exactly as long as it is */
    struct answer answer;
};

/* Changes nothing but what it is about. provider is required; a key file with RIG_KEY is made where
 * needed or key_file is set; without url it is http://127.0.0.1:1. */
void rig_provider_open(struct provider_rig *rig, const struct geocoder_settings *settings);
void rig_provider_close(struct provider_rig *rig);

/* "PATH?QUERY" of the request for RIG_POINT; the caller frees it. */
char *rig_ask(struct provider_rig *rig);

/* The request for RIG_POINT is this one; closes the provider. */
void rig_expect_asked(struct provider_rig *rig, const char *expected);

/* The answer to RIG_POINT by such a reply. */
const struct answer *rig_read(struct provider_rig *rig, unsigned status, const char *body);
const struct answer *rig_read_bytes(struct provider_rig *rig, unsigned status, const char *body,
                                    size_t size);

/* Assertions on the last answer; the label is unfolded. Those fields that are not named, in pairs
 * of field and text ending in -1, must be missing. */
void rig_expect_found(const struct provider_rig *rig, ...);
void rig_expect_empty(const struct provider_rig *rig);
void rig_expect_failed(const struct provider_rig *rig, enum failure_cause cause, bool transient,
                       unsigned status, const char *detail_part);

/* What every provider has to live through, given a reply with an address. */
void rig_survives(struct provider_rig *rig, const char *good);

#endif
