/* A client of etcd's v3 JSON gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/), over
 * libcurl.
 *
 *   etcd_open(&etcd, &settings, err);
 *   struct etcd_txn txn;  etcd_txn_begin(&txn);
 *   etcd_compare_absent(&txn, "/refreshd/f/run");
 *   etcd_put(&txn, "/refreshd/f/run", text, 0);
 *   int won = etcd_commit(etcd, &txn, &revision, err);     1 = done, 0 = a comparison failed, -1
 *
 * A client belongs to one thread at a time; each thread has its own. Calls wait at most
 * settings.timeout for one member of the cluster and try each once, beginning with the one that
 * answered last; ERROR_UNREACHABLE when none did. After ERROR_UNREACHABLE a change may have
 * happened or not: the caller reads again before it tries again. Reads are linearizable. Keys and
 * values are text without NUL; values up to 1 MiB. */
#ifndef REFRESHD_FLEET_ETCD_H
#define REFRESHD_FLEET_ETCD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define ETCD_TXN_OPERATIONS 120 /* comparisons or changes at most; etcd takes 128 */

struct etcd_settings {
    const char *const *endpoints; /* URLs, copied */
    size_t endpoint_count;
    const char *ca_file, *cert_file, *key_file; /* for https, copied; "" = none */
    double timeout;                             /* seconds for one member; 0 = 1.5 */
};

struct etcd;

int etcd_open(struct etcd **out, const struct etcd_settings *settings, struct error *err);
void etcd_close(struct etcd *etcd); /* NULL is allowed */

/* etcd_interrupt: a call under way ends soon with ERROR_CANCELED, and so do later ones. Any thread.
 */
void etcd_interrupt(struct etcd *etcd);

struct etcd_pair {
    char *key, *value; /* NUL-terminated */
    int64_t create_revision, mod_revision;
    int64_t lease; /* 0 = none */
};
struct etcd_range {
    struct etcd_pair *pairs; /* in order of their keys */
    size_t count;
    int64_t revision; /* of the store, as the range was read */
};

/* etcd_get: one key. etcd_get_prefix: all keys that begin with prefix and were changed at
 * min_mod_revision or later (0 = all). The caller frees with etcd_range_free. */
int etcd_get(struct etcd *etcd, const char *key, struct etcd_range *out, struct error *err);
int etcd_get_prefix(struct etcd *etcd, const char *prefix, int64_t min_mod_revision,
                    struct etcd_range *out, struct error *err);
void etcd_range_free(struct etcd_range *range); /* zeroes it */

/* A transaction: all comparisons hold, or nothing is changed. Building one can fail (memory, more
 * than ETCD_TXN_OPERATIONS, a comparison of revision 0); etcd_commit then says so. The same struct
 * may be committed once; etcd_commit and etcd_txn_drop free what it holds. */
struct etcd_txn {
    struct buffer compare, success;
    unsigned comparisons, changes;
    struct error failure;
    bool failed;
};
void etcd_txn_begin(struct etcd_txn *txn);
void etcd_compare_absent(struct etcd_txn *txn, const char *key);
void etcd_compare_created(struct etcd_txn *txn, const char *key, int64_t create_revision);
void etcd_compare_modified(struct etcd_txn *txn, const char *key, int64_t mod_revision);
/* etcd_compare_read: it is as it was read: this modification revision, or 0: absent. */
void etcd_compare_read(struct etcd_txn *txn, const char *key, int64_t mod_revision);
void etcd_put(struct etcd_txn *txn, const char *key, const char *value, int64_t lease);
void etcd_delete(struct etcd_txn *txn, const char *key);
void etcd_delete_prefix(struct etcd_txn *txn, const char *prefix);
/* etcd_commit: 1 = all held and was done; 0 = a comparison failed and this call changed nothing;
 * -1. When the reply of a member was lost and the next one says that a comparison failed, it may be
 * our own doing: ERROR_UNREACHABLE. ERROR_MISSING: a lease of a put is gone. *revision (may be
 * NULL) is the store's. */
int etcd_commit(struct etcd *etcd, struct etcd_txn *txn, int64_t *revision, struct error *err);
void etcd_txn_drop(struct etcd_txn *txn);

/* Leases. seconds is rounded up to whole ones. etcd_lease_keep: 1 = it lives on, 0 = it is gone.
 * etcd_lease_revoke: ERROR_MISSING when it is gone already. */
int etcd_lease_grant(struct etcd *etcd, double seconds, int64_t *lease, struct error *err);
int etcd_lease_keep(struct etcd *etcd, int64_t lease, struct error *err);
int etcd_lease_revoke(struct etcd *etcd, int64_t lease, struct error *err);

/* etcd_watch: follow changes under prefix from revision on (0 = now), calling for each batch, until
 * the callback returns nonzero (returned), etcd_interrupt, or an error: ERROR_UNREACHABLE also when
 * the member has no leader or the stream was silent for `silence` seconds (etcd's progress
 * notifications are asked for; it sends them each 10 minutes unless told otherwise).
 * ERROR_MISSING: revision is compacted, range again. The callback's revision is that of the last
 * event: who watches again begins behind it. A watch is a hint: who follows it ranges again now and
 * then. Events of one revision come together. value is NULL for a deletion. */
struct etcd_event {
    const char *key, *value;
    int64_t mod_revision;
};
typedef int etcd_watch_callback(void *context, const struct etcd_event *events, size_t count,
                                int64_t revision);
int etcd_watch(struct etcd *etcd, const char *prefix, int64_t revision, double silence,
               etcd_watch_callback *callback, void *context, struct error *err);

#endif
