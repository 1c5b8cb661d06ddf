/* What etcd's gateway replies, checked before it is used: no network here. In its JSON, 64-bit
 * numbers are texts, keys and values are base64, and what is zero, false or empty is left out.
 *
 * Readers return 0, or -1 with ERROR_CORRUPT (the reply is not etcd's) or ERROR_MEMORY. */
#ifndef REFRESHD_FLEET_ETCD_REPLY_H
#define REFRESHD_FLEET_ETCD_REPLY_H

#include "fleet/etcd.h"
#include "geocoder/json_tree.h"

#define ETCD_REPLY_LIMIT ((size_t)32 << 20) /* bytes; a longer one is refused */

struct etcd_body {
    struct json_tree *tree;
    const char *data;
    size_t size;
};

/* etcd_read_range: append the pairs of one page to range and set its revision. Their keys must be
 * in order, behind those that range has, and begin with prefix (or be it, when exact). On failure
 * range keeps what it had. */
int etcd_read_range(const struct etcd_body *body, const char *prefix, bool exact,
                    struct etcd_range *range, bool *more, struct error *err);

struct etcd_outcome {
    bool succeeded;
    int64_t revision; /* of the store */
};
int etcd_read_txn(const struct etcd_body *body, struct etcd_outcome *outcome, struct error *err);

/* etcd_read_grant: the id of a new lease. etcd_read_keep: seconds that a lease has left; 0 = it is
 * gone. */
int etcd_read_grant(const struct etcd_body *body, int64_t *lease, struct error *err);
int etcd_read_keep(const struct etcd_body *body, int64_t *seconds, struct error *err);
int etcd_read_empty(const struct etcd_body *body, struct error *err);

/* etcd_read_failure: the code (https://grpc.io/docs/guides/status-codes/) and the text of a
 * refusal, or 0 and the beginning of the body when it is none. */
struct etcd_failure {
    int code;
    char message[200]; /* printable */
};
void etcd_read_failure(const struct etcd_body *body, struct etcd_failure *failure);

/* One line of a watch. events point into the body's tree, their array is freed with
 * etcd_message_free. */
struct etcd_message {
    bool created, canceled;
    bool failed; /* failure says why; nothing else is set */
    int64_t compact_revision;
    struct etcd_event *events; /* in order of revisions */
    size_t count;
    struct etcd_failure failure;
};
int etcd_read_message(const struct etcd_body *body, const char *prefix,
                      struct etcd_message *message, struct error *err);
void etcd_message_free(struct etcd_message *message);

#endif
