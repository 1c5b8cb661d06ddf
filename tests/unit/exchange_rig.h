/* A peer that serves: a record of answers, a set of learned points, and the cache of cache_rig. */
#ifndef REFRESHD_TESTS_EXCHANGE_RIG_H
#define REFRESHD_TESTS_EXCHANGE_RIG_H

#include "fleet/exchange.h"
#include "fleet/exchange_name.h"

#define RIG_RUN "20261121T020000Z-1f3a"
#define RIG_SHARE 17u

struct exchange_rig {
    struct buffer record; /* served under each share's number, as RIG_SHARE's */
    struct pair_id record_digest;
    struct buffer csv; /* in the file csv_path */
    struct pair_id csv_digest;
    char directory[64], csv_path[80];
    const char *cache;      /* directory of manifests and pairs; cache_rig's at first */
    _Atomic unsigned asked; /* questions to the shelves */
    _Atomic bool fails;     /* they are errors */
    _Atomic unsigned good;  /* but for so many at first */
    struct exchange_server *server;
    char address[32];
};

/* exchange_rig_open: with a record of so many bytes; with the certificate of that NAME. */
void exchange_rig_open(struct exchange_rig *rig, size_t record_bytes, const char *certificate);
void exchange_rig_close(struct exchange_rig *rig);

/* exchange_rig_path: the path of one of its things, by its kind. Valid until the next call. */
const char *exchange_rig_path(const struct exchange_rig *rig, enum exchange_kind kind);

/* exchange_rig_fill: bytes that compress about as answers do. */
void exchange_rig_fill(struct buffer *out, size_t bytes);

/* exchange_rig_client: a client with that NAME's certificate that gives up soon. */
struct exchange_client *exchange_rig_client(const char *certificate);

#endif
