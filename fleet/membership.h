/* Membership: this peer is live as long as its lease is. A thread keeps the lease and puts our
 * record under it; another watches the fleet's prefix, so that everybody is told of changes soon.
 *
 * Keys (PROTOCOL.md): peers/NAME under the lease, seen/NAME without; both hold the same document,
 * renewed with every heartbeat (a quarter of the lease). `clock` in it is the sender's wall clock
 * in milliseconds as it was sent: the least difference to our clock over the last minute is how
 * far its clock is ahead, plus the time of a message. A name that a live peer of another instance
 * has is refused until that one is gone ("name_taken", told once). Our own earlier process is taken
 * over with its lease, so what it claimed stays ours; who finds another process of its instance in
 * its place (a copied state directory) gives way to it.
 *
 * By our own clock the lease ends `lease` seconds after the last heartbeat that succeeded was SENT:
 * never later than by etcd's, so who is no member any more knows it first. Any thread may call. */
#ifndef REFRESHD_FLEET_MEMBERSHIP_H
#define REFRESHD_FLEET_MEMBERSHIP_H

#include <cjson/cJSON.h>

#include "fleet/etcd.h"

#define MEMBERSHIP_INSTANCE_BYTES 33

struct membership_settings {
    struct etcd_settings etcd; /* copied as etcd_open does */
    const char *prefix;        /* "/refreshd/FLEET/", copied as the next */
    const char *name, *advertise;
    const char *state_directory; /* STATE/fleet/instance: which refreshd this is; durable */
    double lease;                /* seconds */
    /* describe: add to the document what else others should know of us; the heart's thread, each
     * heartbeat and after membership_tell. changed: something under the prefix changed, or we
     * became or ceased to be a member; any thread. event as line_settings.event. */
    void (*describe)(void *context, cJSON *document);
    void (*changed)(void *context);
    void (*event)(void *context, int level, const char *name, const char *text);
    void *context;
};

struct membership;

int membership_open(struct membership **out, const struct membership_settings *settings,
                    struct error *err);
void membership_close(struct membership *membership); /* leaves the lease to end by itself */

/* membership_lease: our lease, or 0 when we are no member now. membership_epoch: another number
 * each time the lease was lost; claims of an earlier epoch may be somebody else's. */
int64_t membership_lease(struct membership *membership);
uint64_t membership_epoch(struct membership *membership);
const char *membership_instance(const struct membership *membership);

/* membership_reachable: did etcd answer within the last `lease` seconds? */
bool membership_reachable(struct membership *membership);

/* membership_tell: what `describe` says has changed: send it now. */
void membership_tell(struct membership *membership);

/* membership_peers: the documents as last read or seen by the watch, seen/ laid under peers/, in
 * order of their names; the caller frees with membership_peers_free. Never waits. */
struct membership_peer {
    char *name;
    cJSON *document;
    bool live;          /* has a lease */
    double heard;       /* clock_monotonic when it was last heard of; 0 = before our start */
    double clock_ahead; /* seconds; NAN = unknown */
};
int membership_peers(struct membership *membership, struct membership_peer **peers, size_t *count,
                     struct error *err);
void membership_peers_free(struct membership_peer *peers, size_t count);

#endif
