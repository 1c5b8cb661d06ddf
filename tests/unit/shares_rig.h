/* A fleet's refresh phase in one process: an etcd, and peers with real ledgers, writers, exchange
 * and membership, but without snapshot, geocoder and rebuild. Each peer's worker answers at once,
 * unless it is told otherwise, and differently from the others'. */
#ifndef REFRESHD_TESTS_SHARES_RIG_H
#define REFRESHD_TESTS_SHARES_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "fleet/shares.h"
#include "stages/writer.h"
#include "tests/unit/etcd_rig.h"

#define SHARES_RIG_PEERS 3
#define SHARES_RIG_RUN "20261121T020000Z-1f3a"
#define SHARES_RIG_FLEET "/refreshd/rig/"
#define SHARES_RIG_PREFIX SHARES_RIG_FLEET "r/" SHARES_RIG_RUN "/"
#define SHARES_RIG_RUN_KEY SHARES_RIG_FLEET "run"

struct shares_rig;

struct shares_peer {
    struct shares_rig *rig;
    char name[8], directory[96], points[112], answers[112], ledger_path[112], address[32];
    struct membership *membership;
    struct exchange_server *server;
    struct shares_memory *memory;
    struct ledger *ledger;
    struct control control;
    struct run_record run;
    struct answer_log *log;
    struct channel *channel;
    struct writer *writer;
    struct meter meter;
    struct claims *claims;
    pthread_t conductor, worker;
    bool open;
    pthread_mutex_t lock;  /* guards the next */
    struct shares *shares; /* of the phase */
    _Atomic bool ending, again;
    _Atomic bool settled; /* the phase has ended well */
    _Atomic unsigned phases, asked, wakes;
    _Atomic bool holds;       /* its worker answers half of what it gets */
    _Atomic unsigned holding; /* shares that it doesn't finish */
    _Atomic bool mute;        /* what it has is given to nobody */
    _Atomic unsigned given;   /* answers, to others */
    char failure[300];        /* of site.fail */
};

struct shares_rig {
    char directory[64], ca_file[100], cert_file[100], key_file[100];
    struct exchange_identity identity;
    uint64_t points;
    uint32_t shares;
    double lease, lost_after;
    _Atomic bool waits; /* phases begin when it is lowered */
    int64_t run_created;
    struct etcd *client; /* the test's own */
    struct shares_peer peers[SHARES_RIG_PEERS];
};

/* shares_rig_begin, shares_rig_end: group set-up and teardown: an etcd and certificates. */
int shares_rig_begin(void **state);
int shares_rig_end(void **state);

/* shares_rig_open: the run's key in an etcd with nothing else in it. shares_rig_etcd: that etcd,
 * which outlives the rig. */
extern struct etcd_rig shares_rig_etcd;
void shares_rig_open(struct shares_rig *rig, uint64_t points, uint32_t shares);
void shares_rig_close(struct shares_rig *rig);

/* shares_peer_start: with what its directory has from earlier. shares_peer_stop: in order, or as if
 * it was killed: its lease is over, what it committed stays on its disk. Its claims with it unless
 * `lingers`: then they stay, as after a quick restart. */
void shares_peer_start(struct shares_rig *rig, unsigned number);
enum shares_stop { SHARES_STOP_KILLED, SHARES_STOP_LINGERS };
void shares_peer_stop(struct shares_peer *peer, enum shares_stop how);

/* shares_peer_lose_disk: forget everything of a stopped peer. */
void shares_peer_lose_disk(struct shares_peer *peer);

/* shares_rig_wait: until condition(rig) holds; fails after PATIENCE. */
void shares_rig_wait(struct shares_rig *rig, bool (*condition)(struct shares_rig *rig),
                     const char *what);
bool shares_rig_settled(struct shares_rig *rig); /* all open peers are */

/* shares_rig_check: every share is done, all open peers have the answers that are named, and say
 * so; no claim is left. Returns how many shares were asked in all. */
unsigned shares_rig_check(struct shares_rig *rig);

/* shares_rig_key: the pair of a key below the run's prefix; false when there is none. The caller
 * frees *out. */
bool shares_rig_key(struct shares_rig *rig, struct etcd_range *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* shares_rig_nothing: a thread that ends at once. */
void *shares_rig_nothing(void *unused);

/* shares_rig_count: keys below the run's prefix that begin so. */
size_t shares_rig_count(struct shares_rig *rig, const char *part);

#endif
