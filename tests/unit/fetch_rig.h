/* One fetch of each kind from some sources, into a directory of its own. Includes the rig of a
 * serving peer (exchange_rig.h) and the cache of cache_rig. */
#ifndef REFRESHD_TESTS_FETCH_RIG_H
#define REFRESHD_TESTS_FETCH_RIG_H

#include "tests/unit/exchange_rig.h"

struct fetch_rig {
    struct exchange_rig peer;
    struct exchange_client *client;
    struct manifest *manifest;    /* of the peer's cache */
    struct pair_id record_digest; /* asked for by fetch_rig_answers */
    char directory[64];
    struct buffer fetched; /* by the last fetch_rig_answers */
    struct error err;      /* of the last fetch */
};
extern struct fetch_rig fetch_rig;

#define FETCH_RIG_RECORD 300000

/* For cmocka_unit_test_setup_teardown; the group's are those of certificates_rig. The teardown
 * fails when a file is in the directory that fetch_rig_path did not name. */
int fetch_rig_open(void **state);
int fetch_rig_close(void **state);

/* fetch_rig_path: of a name in the directory; valid until the next call but seven. */
const char *fetch_rig_path(const char *name);
bool fetch_rig_exists(const char *name);

/* Each from these addresses (NULL-terminated), the pair is tile 1's; what comes is compared. */
int fetch_rig_answers(const char *const *addresses);
int fetch_rig_learned(const char *const *addresses);
int fetch_rig_manifest(const char *const *addresses);
int fetch_rig_pair(const char *const *addresses);

/* fetch_rig_file: the bytes of the pair's index or data file as the peer has them; freed by the
 * caller. */
struct buffer fetch_rig_file(bool data);

#endif
