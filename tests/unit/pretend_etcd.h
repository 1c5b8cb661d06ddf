/* etcd in memory, with the calls of fleet/etcd.h (renamed by fleet_names.h): revisions, leases,
 * transactions that compare, replies that are lost, requests that come late. */
#ifndef REFRESHD_TESTS_PRETEND_ETCD_H
#define REFRESHD_TESTS_PRETEND_ETCD_H

#include "tests/unit/fleet_names.h"

#include "fleet/etcd.h"

#define PRETEND_LATE 4 /* requests under way at most */

struct pretend_operation {
    enum {
        OPERATION_ABSENT,
        OPERATION_CREATED,
        OPERATION_MODIFIED,
        OPERATION_PUT,
        OPERATION_DELETE,
        OPERATION_DELETE_PREFIX
    } kind;
    char key[200];
    char *value;
    int64_t number; /* revision, or lease */
};

struct pretend_request {
    struct pretend_operation *operations;
    size_t count;
};

struct pretend_store {
    struct etcd_pair *pairs; /* in no order */
    size_t count, room;
    int64_t revision;
    struct pretend_request late[PRETEND_LATE];
    size_t late_count;
    /* committed: a transaction was done; called before its changes are made. */
    void (*committed)(void *context, const struct pretend_request *request);
    bool (*lease_lives)(void *context, int64_t lease);
    void *context;
};

void pretend_store_free(struct pretend_store *store);
const struct etcd_pair *pretend_find(const struct pretend_store *store, const char *key);
/* pretend_arrive: a late request reaches the store, or, when lost, never does. */
void pretend_arrive(struct pretend_store *store, size_t which, bool lost);
void pretend_lease_ends(struct pretend_store *store, int64_t lease);

/* A client. turn: before each call, and after each call that reads: whatever others do meanwhile.
 * Returns 0 = goes well, 1 = the request is lost, 2 = the reply is, 3 = the request comes late. */
struct etcd {
    struct pretend_store *store;
    int (*turn)(void *context);
    void *context;
};

#endif
