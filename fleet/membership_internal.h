/* What the files of membership share: the two threads, and the table of peers. */
#ifndef REFRESHD_FLEET_MEMBERSHIP_INTERNAL_H
#define REFRESHD_FLEET_MEMBERSHIP_INTERNAL_H

#include <pthread.h>

#include "fleet/membership.h"

/* --- the table of peers ---------------------------------------------------------------------- */

#define PEER_NAME_LIMIT 71    /* bytes */
#define PEER_TABLE_LIMIT 1000 /* peers; more are not kept */
#define PEER_CLOCK_SLOTS 6
#define PEER_CLOCK_SECONDS 10.0 /* of one slot */

struct peer_entry {
    char *name;
    char *live, *seen; /* texts of the documents under peers/ and seen/; NULL = none */
    int64_t live_revision, seen_revision;
    double heard; /* clock_monotonic, 0 = never */
    /* The least difference between our monotonic clock and its wall clock, in seconds, for each
     * stretch of time; slot_number says which stretch. */
    double least[PEER_CLOCK_SLOTS];
    uint64_t slot_number[PEER_CLOCK_SLOTS];
};
struct peer_table {
    struct peer_entry *entries; /* in order of names */
    size_t count;
    bool news; /* set when a document came, went, or says something else than what time it is */
};

/* peer_table_replace: what a range of peers/ or seen/ (whose keys begin with prefix) says takes the
 * place of what was known. peer_table_event: one change, which arrived at `now`. Keys that make no
 * name are passed over. */
int peer_table_replace(struct peer_table *table, const char *prefix, bool live,
                       const struct etcd_range *range, double now, struct error *err);
int peer_table_event(struct peer_table *table, const char *prefix, bool live,
                     const struct etcd_event *event, double now, struct error *err);
int peer_table_list(const struct peer_table *table, double now, double wall,
                    struct membership_peer **peers, size_t *count, struct error *err);
void peer_table_free(struct peer_table *table);

/* --- the whole ------------------------------------------------------------------------------- */

struct membership {
    struct membership_settings settings; /* its texts are ours */
    char instance[MEMBERSHIP_INSTANCE_BYTES];
    char *peers_prefix, *seen_prefix, *peer_key, *seen_key;
    struct etcd *heart_etcd, *watch_etcd;
    pthread_t heart, watch;
    bool heart_runs, watch_runs;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;  /* of both threads; monotonic */
    bool stopping, told;
    int64_t lease;    /* 0 = no member; may have ended since lease_end */
    double lease_end; /* clock_monotonic */
    uint64_t epoch;
    double answered; /* when etcd did last; 0 = never */
    struct peer_table table;
};

void *membership_heart(void *membership);
void *membership_watch(void *membership);

/* membership_answered: etcd has. membership_pause: wait until `until` (clock_monotonic), the end,
 * or (heart) membership_tell; false = the end. */
void membership_answered(struct membership *membership);
bool membership_pause(struct membership *membership, double until, bool heart);

/* membership_read_instance: of the state directory, made when there is none. */
int membership_read_instance(const char *state_directory, char out[MEMBERSHIP_INSTANCE_BYTES],
                             struct error *err);

#endif
