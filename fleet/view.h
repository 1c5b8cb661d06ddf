/* What etcd says of the fleet, as one peer has read it: plain data that the protocol decides on.
 * What is read is not one moment's: every change that follows from it is a transaction that
 * compares what it rests on. */
#ifndef REFRESHD_FLEET_VIEW_H
#define REFRESHD_FLEET_VIEW_H

#include "fleet/documents.h"
#include "fleet/etcd.h"

#define FLEET_PEERS_LIMIT (2 * FLEET_MEMBERS_LIMIT)
#define FLEET_KEY_BYTES 320

struct view_peer {
    fleet_name name;
    bool live, member;
    struct peer_document document;
    bool has_learned, has_ready, has_switched, out;
    int64_t out_modified;
    struct learned_document learned;
    int64_t learned_modified;
    struct pair_id ready;
    int64_t ready_modified;
    double switched;  /* unix seconds, its clock */
    char reason[200]; /* of being out */
};

struct fleet_view {
    bool known;
    bool has_run, has_wish, has_current, has_ended, has_input, has_points;
    int64_t run_created, wish_modified, current_modified, ended_modified;
    int64_t reopened_modified; /* 0 = absent */
    struct run_document run;
    struct wish_document wish; /* of the run, else absent */
    struct decision_document current;
    struct ended_document ended;
    struct input_document input;
    struct pair_id points;
    struct view_peer peers[FLEET_PEERS_LIMIT]; /* in order of their names */
    size_t peer_count;
};

/* view_peer: by name, or NULL. view_add_peer: likewise, added where missing; NULL when there is no
 * room. */
struct view_peer *view_peer(struct fleet_view *view, const char *name);
struct view_peer *view_add_peer(struct fleet_view *view, const char *name);

/* view_key: prefix and the rest, as printf. view_run_key: below "r/ID/". out has FLEET_KEY_BYTES.
 */
const char *view_key(char *out, const char *prefix, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *view_run_key(char *out, const char *prefix, const char *run, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* view_read: read all of it but the peers' own documents and whether they are live, which
 * membership knows: they are as the caller put them in. On failure *view is as it was. */
int view_read(struct fleet_view *view, struct etcd *etcd, const char *prefix, struct error *err);

#endif
